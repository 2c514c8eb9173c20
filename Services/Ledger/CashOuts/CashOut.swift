import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Where a request to pay money out of an account stands (BY-04).
enum CashOutState: String, Encodable, Sendable {
    case asked, paid, refused, withdrawn
}

/// How a guardian wants his money.
enum CashOutWay: String, CaseIterable, Encodable, Sendable {
    case cashDesk, bank
}

/// The day by which a request must be answered: ten days, as consumers' law gives for money paid in advance.
enum CashOutDeadline {
    static let days = 10

    static func due(askedOn day: Day) -> Day { day + days }
}

/// Why money was not held, paid or given free.
enum CashOutRefused: Error, Equatable {
    case noAccount
    case notAnAmount
    /// What can be asked for; what is held already does not count.
    case notEnough(Money)
    /// One request of an account at a time.
    case waitsAlready
    case noDetails
    case repeatedWithOtherContents
    /// Another movement has its id: it can be refused only.
    case idTaken
    case noRequest
    /// It has been paid, refused or withdrawn before.
    case hasEnded
    case noPaper
    case noReason
    /// A sale without a connection has left less than was held.
    case noLongerThere(Money)
    /// The desk has been counted and closed for today.
    case dayClosed
}

/// A guardian asks for money of the account; it is held from this moment, so it is never spent meanwhile (BY-04).
struct AskCashOut {
    let id: UUID
    let child: UUID
    let amount: Money
    let way: CashOutWay
    /// Where a bank is to send it; not needed at the cash desk.
    let details: String
    let by: UUID

    static let longestDetails = 500

    /// - Throws: `CashOutRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        guard amount > .zero, amount <= TransferInFamily.most else { throw CashOutRefused.notAnAmount }
        guard way != .bank || !details.isEmpty, details.count <= Self.longestDetails else { throw CashOutRefused.noDetails }
        let accountID = Account.id(of: child)
        guard try transaction.lock(accounts: [accountID]).contains(accountID) else { throw CashOutRefused.noAccount }
        if let (account, sum, kind, words) = try transaction.first(
            "select account_id, amount, way, details from cash_out where id = \(id)",
            as: UUID.self, Money.self, String.self, String.self)
        {
            guard account == accountID, sum == amount, kind == way.rawValue, words == details else {
                throw CashOutRefused.repeatedWithOtherContents
            }
            return
        }
        guard let account = try transaction.account(of: child, at: now) else { throw CashOutRefused.noAccount }
        guard amount <= account.available else { throw CashOutRefused.notEnough(account.available) }
        guard try !transaction.isPosted(id) else { throw CashOutRefused.repeatedWithOtherContents }
        guard
            try transaction.execute(
                """
                insert into cash_out (id, account_id, school_id, amount, way, details, asked_by, asked_at, due_on)
                values (\(id), \(accountID), \(account.schoolID), \(amount), \(way.rawValue), \(details), \(by), \(now),
                    \(CashOutDeadline.due(askedOn: account.today)))
                on conflict (account_id) where state = 'asked' do nothing
                """) == 1
        else { throw CashOutRefused.waitsAlready }
        try transaction.execute(
            "update meals_account set held = held + \(amount), version = version + 1 where id = \(accountID)")
        try transaction.tell(child, outbox, at: now)
    }
}

/// How a request ends: the accountant pays or refuses, the guardian takes it back. What was held is free or gone.
struct EndCashOut {
    enum End: Equatable {
        /// With the number of the order by which it was paid.
        case paid(paper: String)
        case refused(String)
        case withdrawn
    }

    let id: UUID
    let end: End
    let by: UUID
    /// The school that the accountant answers for; nil for the guardian, who names the child.
    var school: UUID?
    var child: UUID?

    /// Ending twice the same way changes nothing.
    /// - Throws: `CashOutRefused`.
    func run(in transaction: borrowing Transaction, _ outbox: Outbox, at now: Date) throws {
        guard
            let (accountID, person, wanted, desk) = try transaction.first(
                """
                select c.account_id, m.person_id, c.way, c.school_id from cash_out c join meals_account m on m.id = c.account_id
                where c.id = \(id) and (\(school)::uuid is null or c.school_id = \(school))
                    and (\(child)::uuid is null or m.person_id = \(child))
                """, as: UUID.self, UUID.self, String.self, UUID.self)
        else { throw CashOutRefused.noRequest }
        if case .paid = end, wanted == CashOutWay.cashDesk.rawValue {
            try transaction.numberAtDesk(by, of: OrganisationAccount.cashDesk.id(of: desk))
        }
        _ = try transaction.lock(accounts: [accountID])
        guard
            let (state, amount, way, schoolID, asker, paper, answer) = try transaction.first(
                "select state, amount, way, school_id, asked_by, paper, answer from cash_out where id = \(id)",
                as: String.self, Money.self, String.self, UUID.self, UUID.self, String?.self, String?.self),
            let account = try transaction.account(of: person, at: now)
        else { throw CashOutRefused.noRequest }
        guard state == CashOutState.asked.rawValue else {
            guard isSame(state, paper, answer) else { throw CashOutRefused.hasEnded }
            return
        }
        switch end {
        case .paid(let paper):
            guard !paper.isEmpty, paper.count <= 40 else { throw CashOutRefused.noPaper }
            guard amount <= account.balance else { throw CashOutRefused.noLongerThere(account.balance) }
            guard try !transaction.isPosted(id) else { throw CashOutRefused.idTaken }
            if way == CashOutWay.cashDesk.rawValue {
                // A closing that is under way is waited for.
                try transaction.execute("select from school_books where school_id = \(schoolID) for share")
                guard try !transaction.isDeskDayClosed(account.today, of: schoolID) else { throw CashOutRefused.dayClosed }
            }
            let source =
                way == CashOutWay.cashDesk.rawValue
                ? OrganisationAccount.cashDesk.id(of: schoolID) : try transaction.open(.payouts, of: schoolID, at: now)
            try transaction.post(
                Posting(
                    id: id, kind: .payout, accountID: accountID, amount: amount, day: account.today, by: by, askedBy: asker,
                    receipt: paper, legs: [.meals(accountID, -amount), .organisation(source, amount)]),
                at: now)
        case .refused(let words):
            guard !words.isEmpty, words.count <= AskRefund.longestReason else { throw CashOutRefused.noReason }
        case .withdrawn: break
        }
        try transaction.execute(
            """
            update cash_out set state = \(ending(end).rawValue), ended_by = \(by), ended_at = \(now), paper = \(self.paper),
                answer = \(self.answer)
            where id = \(id)
            """)
        try transaction.execute(
            "update meals_account set held = held - \(amount), version = version + 1 where id = \(accountID)")
        try transaction.tell(person, outbox, at: now)
    }

    private var paper: String? { if case .paid(let paper) = end { paper } else { nil } }
    private var answer: String? { if case .refused(let words) = end { words } else { nil } }

    private func ending(_ end: End) -> CashOutState {
        switch end {
        case .paid: .paid
        case .refused: .refused
        case .withdrawn: .withdrawn
        }
    }

    private func isSame(_ state: String, _ paper: String?, _ answer: String?) -> Bool {
        state == ending(end).rawValue && paper == self.paper && answer == self.answer
    }
}

extension Transaction {
    /// Says how a child's account stands now.
    func tell(_ child: UUID, _ outbox: Outbox, at now: Date) throws {
        guard let account = try account(of: child, at: now) else { return }
        try outbox.publish(AccountChanged(account: account.state), in: self)
    }
}
