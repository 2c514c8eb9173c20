import Foundation
import HTTPTypes
import Kernel
import Logging
import Messaging
import Postgres
import Web

/// Where payment terminals and banks knock: who asks is found out, and what is asked is answered in his dialect.
struct PartnerDoor {
    let database: Database
    let outbox: Outbox
    let logger: Logger

    /// Answers with status 200 whatever the result, as the protocols want it; only a stranger gets another.
    func answer(_ visit: Visit) async throws -> Answer {
        let name = try visit.parameter("partner")
        let fields = try await Self.fields(visit)
        let partner: Partner
        do {
            guard let found = try await database.read({ try $0.partner(named: name) }), found.mayAsk(from: visit.address) else {
                return .bytes(Data(), type: "text/plain", status: .forbidden)
            }
            partner = found
        } catch {
            logger.warning("a partner could not be answered", metadata: ["partner": "\(name)", "error": "\(error)"])
            // Who it is cannot be found out now; "ask again later" tells nobody anything.
            let speech: any PartnerSpeech = 
                switch fields["action"] {
                case nil: TerminalSpeech(hasOwnDate: false)
                case .some where fields["number"] != nil || fields["receipt"] != nil: CounterSpeech()
                case .some: BankSpeech()
                }
            return Self.document(speech.document(.refused(.temporary), to: fields, zone: .moscow, codes: [:]))
        }
        guard partner.isProven(by: visit.head[.authorization], fields) else {
            logger.warning("a partner gave a wrong password or signature", metadata: ["partner": "\(name)", "address": "\(visit.address)"])
            return Answer.bytes(Data(), type: "text/plain", status: .unauthorized)
                .with(.wwwAuthenticate, "Basic realm=\"partner\", charset=\"UTF-8\"")
        }
        let speech = partner.speech
        let answer: PartnerAnswer
        do {
            answer = try await self.answer(try speech.question(fields, zone: partner.zone), of: partner, at: visit.now)
        } catch let refusal as PartnerRefusal {
            answer = .refused(refusal)
        }
        return Self.document(speech.document(answer, to: fields, zone: partner.zone, codes: partner.codes))
    }

    /// Decides what is asked.
    func answer(_ question: PartnerQuestion, of partner: Partner, at now: Date) async throws -> PartnerAnswer {
        do {
            switch question {
            case .check(let number):
                guard PartnerWords.isAccount(number) else { return .refused(.accountFormat) }
                guard let account = try await database.read({ try $0.accounts(.code(number), at: now).first }) else {
                    return .refused(.accountNotFound)
                }
                return account.isOpen ? .open(balance: partner.tellsBalance ? account.balance : nil) : .refused(.accountClosed)
            case .pay(let payment):
                let take = TakePartnerPayment(partner: partner, payment: payment)
                return .credited(try await database.transaction { [outbox] in try take.run(in: $0, outbox, at: now) })
            case .status(let number):
                return .credited(try await database.read { try $0.partnerPayment(number, of: partner) })
            case .cancel(let cancel):
                let revoke = CancelPartnerPayment(partner: partner, cancel: cancel)
                return .cancelled(try await database.transaction { [outbox] in try revoke.run(in: $0, outbox, at: now) })
            }
        } catch let refusal as PartnerRefusal {
            if refusal == .differs, case .pay(let payment) = question { await alarm(payment, of: partner, at: now) }
            return .refused(refusal)
        } catch {
            // Whatever it was: nothing is decided, and the partner asks again with the same number.
            logger.error("a partner's request failed", metadata: ["partner": "\(partner.name)", "error": "\(error)"])
            return .refused(.temporary)
        }
    }

    private func alarm(_ payment: PartnerPay, of partner: Partner, at now: Date) async {
        logger.critical(
            "alarm: a payment came again with other contents and was refused",
            metadata: ["partner": "\(partner.name)", "number": "\(payment.number)"])
        try? await database.transaction { try $0.noteConflict(payment, of: partner, at: now) }
    }

    private static func document(_ markup: Markup) -> Answer {
        .bytes(Data(markup.document.utf8), type: "text/xml; charset=utf-8")
    }

    /// Everything that was sent, names in lower case; of a name that comes twice the first counts.
    private static func fields(_ visit: Visit) async throws -> [String: String] {
        var fields: [String: String] = [:]
        for form in [visit.queries, try await visit.form()] {
            for name in form.values.keys.sorted() where fields[name.lowercased()] == nil {
                fields[name.lowercased()] = form[name]?.trimmed
            }
        }
        return fields
    }
}
