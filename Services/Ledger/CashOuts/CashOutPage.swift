import Directory
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// A request to pay money out, as its readers need it.
struct CashOutRequest: Equatable {
    let id: UUID
    let schoolID: UUID
    let accountNumber: String
    let pupilCode: String
    let amount: Money
    let way: CashOutWay
    let details: String
    let askedAt: Date
    let dueOn: Day
    let state: CashOutState
    let endedAt: Date?
    let paper: String?
    let answer: String?
}

/// Which requests to read.
enum CashOutKey {
    case account(UUID)
    /// Those that wait, and those ended since a moment.
    case schools([UUID], since: Date)
}

extension Transaction {
    /// Requests for money, newest first; those that wait by their deadline for a school.
    func cashOuts(_ key: CashOutKey) throws -> [CashOutRequest] {
        let condition: SQL =
            switch key {
            case .account(let account): "c.account_id = \(account) order by c.asked_at desc, c.id"
            case .schools(let schools, let since):
                "c.school_id = any(\(schools)) and (c.state = 'asked' or c.ended_at >= \(since)) order by c.due_on, c.asked_at, c.id"
            }
        return try rows(
            """
            select c.id, c.school_id, m.number, m.pupil_code, c.amount, c.way, c.details, c.asked_at, c.due_on, c.state,
                c.ended_at, c.paper, c.answer
            from cash_out c join meals_account m on m.id = c.account_id
            where \(condition) limit 500
            """,
            as: UUID.self, UUID.self, String.self, String.self, Money.self, String.self, String.self, Date.self, Day.self,
            String.self, Date?.self, String?.self, String?.self
        ).map { row in
            CashOutRequest(
                id: row.0, schoolID: row.1, accountNumber: row.2, pupilCode: row.3, amount: row.4,
                way: CashOutWay(rawValue: row.5) ?? .cashDesk, details: row.6, askedAt: row.7, dueOn: row.8,
                state: CashOutState(rawValue: row.9) ?? .asked, endedAt: row.10, paper: row.11, answer: row.12)
        }
    }
}

/// The guardian's page: asks for money back, sees every request with its state and deadline, takes one back (BY-04).
struct CashOutPage: Page {
    struct Request: Encodable, Sendable, Equatable {
        let id: UUID
        let state: CashOutState
        let amount: Money
        let amountText: String
        let text: String
        let way: String
        let answer: String?
        let dueOn: Day
        let isWaiting: Bool
        let isOverdue: Bool
        let withdrawPath: String
    }

    static let template = "cashout/child"
    let title: String
    let section = "money"
    let purse: Purse
    let id: UUID
    let action: String
    let available: Money
    let amount: Field
    let way: Field
    let details: Field
    let wrong: String?
    /// Whether a request can be made: there is something, and none waits.
    let isOpen: Bool
    let requests: [Request]
    let hasRequests: Bool
}

extension CashOutPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let (account, lunch, requests) = try await database.read { tx in
            (
                try tx.account(of: child, at: visit.now), try tx.usualLunch(of: Account.id(of: child)),
                try tx.cashOuts(.account(Account.id(of: child)))
            )
        }
        guard let account else { throw Problem.notFound }
        let path = "/ledger/children/\(child.text)/cash-outs"
        self.init(
            title: visit.tr("Take money back"), purse: Purse(account, lunch: lunch, for: visit),
            id: wrong["id"] == nil ? form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
            action: path, available: account.available,
            amount: .money(
                "amount", visit.tr("Sum"), value: form["amount"] ?? "",
                hint: visit.tr("Up to %@. It is held from now on and cannot be spent.", visit.money(max(account.available, .zero))),
                wrong: wrong["amount"], isRequired: true),
            way: .choice(
                "way", visit.tr("How"),
                CashOutWay.allCases.map { Field.Choice($0.rawValue, visit.words($0), isChosen: form["way"] == $0.rawValue) }),
            details: .area(
                "details", visit.tr("For a bank: whose account, its number and the bank's code (БИК)"), value: form["details"] ?? "",
                wrong: wrong["details"], most: AskCashOut.longestDetails),
            wrong: wrong["id"], isOpen: account.available > .zero && !requests.contains { $0.state == .asked },
            requests: requests.map { request in
                Request(
                    id: request.id, state: request.state, amount: request.amount, amountText: visit.money(request.amount),
                    text: visit.words(request), way: visit.words(request.way), answer: request.answer, dueOn: request.dueOn,
                    isWaiting: request.state == .asked, isOverdue: request.state == .asked && request.dueOn < account.today,
                    withdrawPath: path + "/\(request.id.text)/withdrawal")
            }, hasRequests: !requests.isEmpty)
    }
}

extension Visit {
    func words(_ way: CashOutWay) -> String {
        switch way {
        case .cashDesk: tr("in cash at the school's desk")
        case .bank: tr("to a bank account")
        }
    }

    /// How a request stands, with the day that matters.
    func words(_ request: CashOutRequest) -> String {
        let ended = format.moment(request.endedAt ?? now, now: now)
        return switch request.state {
        case .asked: tr("asked on %@, to be answered by %@", format.moment(request.askedAt, now: now), date(request.dueOn))
        case .paid: tr("paid on %@, order no. %@", ended, request.paper ?? "")
        case .refused: tr("refused on %@", ended)
        case .withdrawn: tr("taken back on %@", ended)
        }
    }
}

/// Asking, withdrawing, paying and refusing, from the forms or by a program.
struct CashOutForm {
    let database: Database
    let outbox: Outbox

    func ask(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let way = form["way"].flatMap(CashOutWay.init) ?? .cashDesk
        let details = form["details"]?.trimmed ?? ""
        var wrong = FieldErrors()
        let amount = form["amount"].flatMap { Money($0.trimmed) }
        if amount.map({ $0 <= .zero || $0 > TransferInFamily.most }) ?? true {
            wrong["amount"] = visit.tr("Write a sum above zero and up to %@.", visit.money(TransferInFamily.most))
        }
        if way == .bank, details.isEmpty || details.count > AskCashOut.longestDetails {
            wrong["details"] = visit.tr("Write where the bank is to send it.")
        }
        try wrong.throwIfAny()
        guard let amount else { return .noContent }
        let child = try visit.uuid("child")
        let ask = AskCashOut(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), child: child, amount: amount, way: way,
            details: way == .bank ? details : "", by: visit.viewer.personID)
        return try await run(visit, then: "/ledger/children/\(child.text)/cash-outs") { try ask.run(in: $0, outbox, at: visit.now) }
    }

    func withdraw(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let end = EndCashOut(id: try visit.uuid("request"), end: .withdrawn, by: visit.viewer.personID, child: child)
        return try await run(visit, then: "/ledger/children/\(child.text)/cash-outs") { try end.run(in: $0, outbox, at: visit.now) }
    }

    func pay(_ visit: Visit) async throws -> Answer {
        let paper = try await visit.form()["paper"]?.trimmed ?? ""
        guard !paper.isEmpty, paper.count <= 40 else {
            throw FieldErrors(["paper": visit.tr("Write the number of the order by which it is paid.")])
        }
        return try await end(visit, .paid(paper: paper))
    }

    func refuse(_ visit: Visit) async throws -> Answer {
        let words = try await visit.form()["answer"]?.trimmed ?? ""
        guard !words.isEmpty, words.count <= AskRefund.longestReason else {
            throw FieldErrors(["answer": visit.tr("Say in a sentence why the money is not paid out.")])
        }
        return try await end(visit, .refused(words))
    }

    private func end(_ visit: Visit, _ end: EndCashOut.End) async throws -> Answer {
        let end = EndCashOut(
            id: try visit.uuid("request"), end: end, by: visit.viewer.personID, school: try visit.uuid("school"))
        return try await run(visit, then: "/ledger/cash-outs") { try end.run(in: $0, outbox, at: visit.now) }
    }

    private func run(
        _ visit: Visit, then path: String, _ act: @escaping @Sendable (borrowing Transaction) throws -> Void
    ) async throws -> Answer {
        do {
            try await database.once { try act($0) }
        } catch let refusal as CashOutRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther(path)
    }

    private static func errors(_ refusal: CashOutRefused, _ visit: Visit) throws -> FieldErrors {
        switch refusal {
        case .noAccount, .noRequest: throw Problem.notFound
        case .notAnAmount:
            FieldErrors(["amount": visit.tr("Write a sum above zero and up to %@.", visit.money(TransferInFamily.most))])
        case .notEnough(let available):
            FieldErrors(["amount": visit.tr("There is not so much free on the account: %@ can be taken.", visit.money(max(available, .zero)))])
        case .waitsAlready: FieldErrors(["id": visit.tr("A request of this account waits already.")])
        case .noDetails: FieldErrors(["details": visit.tr("Write where the bank is to send it.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was asked a second time.")])
        case .idTaken:
            FieldErrors(["id": visit.tr("Its number belongs to another movement. Refuse it and have it asked for once more; nothing was paid.")])
        case .hasEnded: FieldErrors(["id": visit.tr("This request has been paid, refused or taken back meanwhile.")])
        case .noPaper: FieldErrors(["paper": visit.tr("Write the number of the order by which it is paid.")])
        case .noReason: FieldErrors(["answer": visit.tr("Say in a sentence why the money is not paid out.")])
        case .dayClosed:
            FieldErrors(["paper": visit.tr("The day of this desk is closed already. Pay it out tomorrow, or through a bank.")])
        case .noLongerThere(let balance):
            FieldErrors([
                "paper": visit.tr(
                    "A sale without a connection left only %@ on the account. Refuse the request; a smaller one can be made.",
                    visit.money(balance))
            ])
        }
    }
}
