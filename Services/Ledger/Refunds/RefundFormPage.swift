import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// The form by which a guardian or a cashier says that a charge was a mistake, with what became of earlier requests (AC-12).
struct RefundFormPage: Page {
    struct Request: Encodable, Sendable, Equatable {
        let id: UUID
        let state: RefundState
        let amount: Money
        let text: String
        /// What was asked and why, and what was answered.
        let reason: String
        let answer: String?
        let isWaiting: Bool
    }

    static let template = "refund/ask"
    let title: String
    let section = "money"
    let chargeID: UUID
    let account: String
    let what: String
    let when: String
    let amount: Money
    let amountText: String
    let left: Money
    let leftText: String
    let id: UUID
    let action: String
    let sum: Field
    let reason: Field
    let wrong: String?
    /// Whether a request can be made: something is left and none waits.
    let isOpen: Bool
    let requests: [Request]
    let hasRequests: Bool
    let backPath: String
}

/// A charge as a refund needs it.
struct ChargeOfAccount: Equatable {
    let id: UUID
    let saleID: UUID
    let what: String
    let at: Date
    let amount: Money
    let refunded: Money
    let isPosted: Bool
}

/// A request for a refund as its readers need it.
struct RefundRequest: Equatable {
    let id: UUID
    let chargeID: UUID
    let child: UUID
    let schoolID: UUID
    let amount: Money
    let reason: String
    let askedBy: UUID
    let askedAt: Date
    let state: RefundState
    let decidedBy: UUID?
    let decidedAt: Date?
    let answer: String?
    let what: String
    let chargedAt: Date
    let chargeAmount: Money
    let accountNumber: String
    let pupilCode: String
}

/// Which requests to read.
enum RefundKey {
    /// Charges of one account.
    case charges([UUID], of: UUID)
    /// Those that wait, and those decided since a moment.
    case schools([UUID], since: Date)
}

extension Transaction {
    func chargeOfAccount(_ id: UUID, of child: UUID) throws -> ChargeOfAccount? {
        try first(
            """
            select id, sale_id, what, decided_at, amount, refunded, state = 'posted' from charge
            where id = \(id) and account_id = \(Account.id(of: child)) and state in ('posted', 'reversed')
            """, as: UUID.self, UUID.self, String.self, Date.self, Money.self, Money.self, Bool.self
        ).map {
            ChargeOfAccount(id: $0.0, saleID: $0.1, what: $0.2, at: $0.3, amount: $0.4, refunded: $0.5, isPosted: $0.6)
        }
    }

    /// Requests for refunds, newest first.
    func refundRequests(_ key: RefundKey) throws -> [RefundRequest] {
        let condition: SQL =
            switch key {
            case .charges(let charges, let account): "r.account_id = \(account) and r.charge_id = any(\(charges))"
            case .schools(let schools, let since):
                "r.school_id = any(\(schools)) and (r.state = 'asked' or r.decided_at >= \(since))"
            }
        return try rows(
            """
            select r.id, r.charge_id, m.person_id, r.school_id, r.amount, r.reason, r.asked_by, r.asked_at, r.state,
                r.decided_by, r.decided_at, r.answer, k.what, k.decided_at, k.amount, m.number, m.pupil_code
            from refund_request r
            join charge k on k.id = r.charge_id
            join meals_account m on m.id = r.account_id
            where \(condition)
            order by r.asked_at desc, r.id limit 500
            """,
            as: UUID.self, UUID.self, UUID.self, UUID.self, Money.self, String.self, UUID.self, Date.self, String.self,
            UUID?.self, Date?.self, String?.self, String.self, Date.self, Money.self, String.self, String.self
        ).map { row in
            RefundRequest(
                id: row.0, chargeID: row.1, child: row.2, schoolID: row.3, amount: row.4, reason: row.5, askedBy: row.6,
                askedAt: row.7, state: RefundState(rawValue: row.8) ?? .asked, decidedBy: row.9, decidedAt: row.10, answer: row.11,
                what: row.12, chargedAt: row.13, chargeAmount: row.14, accountNumber: row.15, pupilCode: row.16)
        }
    }
}

extension RefundFormPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let child = try visit.uuid("child")
        let chargeID = try visit.uuid("charge")
        let form = try await visit.form()
        let (charge, account, requests, seesMoney) = try await database.read { tx in
            (
                try tx.chargeOfAccount(chargeID, of: child), try tx.account(of: child, at: visit.now),
                try tx.refundRequests(.charges([chargeID], of: Account.id(of: child))),
                try Directory.decide(visit.viewer, .seeMoney, about: .child(child), on: visit.today, in: tx) == .allowed
            )
        }
        guard let charge, let account else { throw Problem.notFound }
        let left = charge.isPosted ? charge.amount - charge.refunded : .zero
        self.init(
            title: visit.tr("Refund of a mistaken charge"), chargeID: charge.id, account: visit.childName(account), what: charge.what,
            when: visit.format.moment(charge.at, now: visit.now), amount: charge.amount, amountText: visit.money(charge.amount),
            left: left, leftText: visit.money(left),
            id: wrong["id"] == nil ? form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
            action: visit.path,
            sum: .money(
                "amount", visit.tr("How much to give back"), value: form["amount"] ?? left.typed,
                hint: visit.tr("Up to %@.", visit.money(left)), wrong: wrong["amount"], isRequired: true),
            reason: .area(
                "reason", visit.tr("What went wrong"), value: form["reason"] ?? "",
                hint: visit.tr("A tutor reads it and confirms the refund or says why not."), wrong: wrong["reason"],
                most: AskRefund.longestReason, isRequired: true),
            wrong: wrong["id"], isOpen: left > .zero && !requests.contains { $0.state == .asked },
            requests: requests.map { visit.words($0) }, hasRequests: !requests.isEmpty,
            backPath: seesMoney ? "/ledger/children/\(child.text)/statement#line-\(charge.id.text)" : "/ledger/refunds")
    }
}

extension Visit {
    /// A request and its answer in the reader's words.
    func words(_ request: RefundRequest) -> RefundFormPage.Request {
        let text =
            switch request.state {
            case .asked: tr("%@ asked on %@, waits for a tutor", money(request.amount), format.moment(request.askedAt, now: now))
            case .confirmed: tr("%@ given back, confirmed on %@", money(request.amount), format.moment(request.decidedAt ?? now, now: now))
            case .refused: tr("%@ not given back, decided on %@", money(request.amount), format.moment(request.decidedAt ?? now, now: now))
            }
        return .init(
            id: request.id, state: request.state, amount: request.amount, text: text, reason: request.reason, answer: request.answer,
            isWaiting: request.state == .asked)
    }
}

/// Asking from the form or by a program.
struct RefundForm {
    let database: Database
    let outbox: Outbox

    func ask(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let charge = try visit.uuid("charge")
        let form = try await visit.form()
        var wrong = FieldErrors()
        let amount = form["amount"].flatMap { Money($0.trimmed) }
        if amount.map({ $0 <= .zero }) ?? true { wrong["amount"] = visit.tr("Write a sum above zero.") }
        let reason = form["reason"]?.trimmed ?? ""
        if reason.isEmpty || reason.count > AskRefund.longestReason { wrong["reason"] = visit.tr("Say in a sentence what went wrong.") }
        try wrong.throwIfAny()
        guard let amount else { return .noContent }
        let ask = AskRefund(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), chargeID: charge, child: child, amount: amount,
            reason: reason, by: visit.viewer.personID)
        do {
            try await database.once { try ask.run(in: $0, at: visit.now) }
        } catch let refusal as RefundRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther(visit.path)
    }

    func confirm(_ visit: Visit) async throws -> Answer { try await decide(visit, refusal: nil) }

    func refuse(_ visit: Visit) async throws -> Answer {
        let words = try await visit.form()["answer"]?.trimmed ?? ""
        guard !words.isEmpty, words.count <= AskRefund.longestReason else {
            throw FieldErrors(["answer": visit.tr("Say in a sentence why the money is not given back.")])
        }
        return try await decide(visit, refusal: words)
    }

    private func decide(_ visit: Visit, refusal: String?) async throws -> Answer {
        let decision = DecideRefund(
            id: try visit.uuid("refund"), child: try visit.uuid("child"), refusal: refusal, by: visit.viewer.personID)
        do {
            try await database.once { [outbox] in try decision.run(in: $0, outbox, at: visit.now) }
        } catch let refusal as RefundRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/refunds")
    }

    private static func errors(_ refusal: RefundRefused, _ visit: Visit) throws -> FieldErrors {
        switch refusal {
        case .noCharge, .noRequest: throw Problem.notFound
        case .notAnAmount: FieldErrors(["amount": visit.tr("Write a sum above zero.")])
        case .tooMuch(let left): FieldErrors(["amount": visit.tr("Only %@ of this charge can still be given back.", visit.money(left))])
        case .noReason: FieldErrors(["reason": visit.tr("Say in a sentence what went wrong.")])
        case .waitsAlready: FieldErrors(["id": visit.tr("A request about this charge waits for a tutor already.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was asked a second time.")])
        case .idTaken:
            FieldErrors(["id": visit.tr("Its number belongs to another movement. Refuse it and have it asked for once more; nothing was given back.")])
        case .ownRequest: FieldErrors(["answer": visit.tr("You asked for it yourself: another tutor must decide.")])
        }
    }
}
