import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The accountant's page: requests for money by their deadline, and what pupils who have left still have (BY-04).
///
/// Names are never shown here (D-05).
struct CashOutsPage: Page {
    struct Request: Encodable, Sendable, Equatable {
        let id: UUID
        let accountNumber: String
        let pupilCode: String
        let amount: Money
        let amountText: String
        let text: String
        let way: String
        let details: String
        let isOverdue: Bool
        let answer: String?
        let payPath: String
        let refusePath: String
        let paperField: Field
        let answerField: Field
    }

    struct Leaver: Encodable, Sendable, Equatable {
        let accountNumber: String
        let pupilCode: String
        let balance: Money
        let balanceText: String
        let isDebt: Bool
        /// Whether a request of the family waits.
        let isAsked: Bool
    }

    static let template = "cashout/list"
    let title: String
    let section = "desk"
    let waiting: [Request]
    let hasWaiting: Bool
    let ended: [Request]
    let hasEnded: Bool
    let leavers: [Leaver]
    let hasLeavers: Bool
    let leaversTotal: Money
    let leaversTotalText: String
    let wrong: String?
}

extension CashOutsPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let typed = wrong.messages.isEmpty ? nil : try await visit.form()
        let wrongID = wrong.messages.isEmpty ? nil : try? visit.uuid("request")
        let (requests, leavers) = try await database.read { tx in
            let schools = Array(
                Set(try Directory.places(of: visit.viewer, .topUpAtDesk, in: tx).filter { $0.classID == nil }.map(\.schoolID)))
            return (
                try tx.cashOuts(.schools(schools, since: visit.now - 30 * 86_400)), try tx.leavers(of: schools)
            )
        }
        let shown = requests.map { request in
            let path = "/ledger/schools/\(request.schoolID.text)/cash-outs/\(request.id.text)"
            let isWrong = request.id == wrongID
            return (
                request.state == .asked,
                Request(
                    id: request.id, accountNumber: request.accountNumber.spacedNumber, pupilCode: request.pupilCode,
                    amount: request.amount, amountText: visit.money(request.amount), text: visit.words(request),
                    way: visit.words(request.way), details: request.details,
                    isOverdue: request.state == .asked && request.dueOn < visit.today, answer: request.answer,
                    payPath: path + "/payment", refusePath: path + "/refusal",
                    paperField: .text(
                        "paper", visit.tr("Number of the order"), value: isWrong ? typed?["paper"] ?? "" : "",
                        wrong: isWrong ? wrong["paper"] : nil, most: 40, id: "paper-\(request.id.text)"),
                    answerField: .text(
                        "answer", visit.tr("Why not"), value: isWrong ? typed?["answer"] ?? "" : "",
                        wrong: isWrong ? wrong["answer"] : nil, most: AskRefund.longestReason, id: "answer-\(request.id.text)"))
            )
        }
        let waiting = shown.filter(\.0).map(\.1)
        let ended = shown.filter { !$0.0 }.map(\.1)
        let total = leavers.reduce(Money.zero) { $0 + $1.balance }
        self.init(
            title: visit.tr("Money back"), waiting: waiting, hasWaiting: !waiting.isEmpty, ended: ended, hasEnded: !ended.isEmpty,
            leavers: leavers.map { leaver in
                Leaver(
                    accountNumber: leaver.number.spacedNumber, pupilCode: leaver.code, balance: leaver.balance,
                    balanceText: visit.plain(leaver.balance), isDebt: leaver.balance < .zero, isAsked: leaver.isAsked)
            },
            hasLeavers: !leavers.isEmpty, leaversTotal: total, leaversTotalText: visit.money(total), wrong: wrong["id"])
    }
}

extension Transaction {
    /// Accounts of pupils who have left, with something on them or a debt; the largest first.
    fileprivate func leavers(
        of schools: [UUID]
    ) throws -> [(number: String, code: String, balance: Money, isAsked: Bool)] {
        try rows(
            """
            select m.number, m.pupil_code, m.balance,
                exists (select from cash_out c where c.account_id = m.id and c.state = 'asked')
            from meals_account m
            where m.school_id = any(\(schools)) and not m.is_open and m.balance <> 0
            order by m.balance desc, m.number limit 1000
            """, as: String.self, String.self, Money.self, Bool.self
        ).map { (number: $0.0, code: $0.1, balance: $0.2, isAsked: $0.3) }
    }
}
