import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// Mistaken charges at a school: a tutor decides what waits for him, a cashier finds the sale and asks (AC-12).
///
/// Names are never shown here (D-05).
struct RefundsPage: Page {
    struct Waiting: Encodable, Sendable, Equatable {
        let id: UUID
        let child: UUID
        let accountNumber: String
        let pupilCode: String
        let what: String
        let charged: String
        let asked: String
        let reason: String
        let amount: Money
        let amountText: String
        let askedBy: String
        let mayDecide: Bool
        let confirmPath: String
        let refusePath: String
        let answer: Field
    }

    struct Decided: Encodable, Sendable, Equatable {
        let id: UUID
        let accountNumber: String
        let what: String
        let text: String
        let reason: String
        let answer: String?
    }

    struct Sale: Encodable, Sendable, Equatable {
        let id: UUID
        let time: String
        let accountNumber: String
        let pupilCode: String
        let what: String
        let amountText: String
        let askPath: String
    }

    static let template = "refund/list"
    let title: String
    let section = "refunds"
    let waiting: [Waiting]
    let hasWaiting: Bool
    let decided: [Decided]
    let hasDecided: Bool
    /// Sales of today and yesterday, for who may ask.
    let sales: [Sale]
    let maySell: Bool
    /// Whether he may look at what the children of a class have (AC-15).
    let mayWatch: Bool
    let hasSales: Bool
    let wrong: String?
}

extension RefundsPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let typed = wrong.messages.isEmpty ? nil : try await visit.form()["answer"]
        let wrongID = wrong.messages.isEmpty ? nil : try? visit.uuid("refund")
        let read = try await database.read { tx -> Reading in
            let seen = Self.reach(try Directory.places(of: visit.viewer, .seeRefunds, in: tx))
            let decides = Self.reach(try Directory.places(of: visit.viewer, .confirmRefund, in: tx))
            let sells = Set(try Directory.places(of: visit.viewer, .sellAtTill, in: tx).filter { $0.classID == nil }.map(\.schoolID))
            let requests = try tx.refundRequests(.schools(Array(Set(seen.map(\.school))), since: visit.now - 7 * 86_400))
            let classes = try tx.classes(of: requests.map(\.child))
            func covers(_ places: [Place], _ request: RefundRequest) -> Bool {
                places.contains { $0.school == request.schoolID && ($0.schoolClass == nil || $0.schoolClass == classes[request.child]) }
            }
            var roles: [UUID: Role] = [:]
            for request in requests {
                roles[request.askedBy] = try Directory.roles(of: request.askedBy, in: tx).first { $0.schoolID == request.schoolID }?.role
            }
            return Reading(
                requests: requests.filter { covers(seen, $0) },
                decidable: Set(requests.filter { covers(decides, $0) && $0.askedBy != visit.viewer.personID }.map(\.id)), roles: roles,
                sales: sells.isEmpty ? [] : try tx.salesToRefund(of: Array(sells), at: visit.now), maySell: !sells.isEmpty,
                mayWatch: try !Directory.places(of: visit.viewer, .watchBalances, in: tx).isEmpty)
        }
        let waiting = read.requests.filter { $0.state == .asked }.map { request in
            let path = "/ledger/children/\(request.child.text)/refunds/\(request.id.text)"
            return Waiting(
                id: request.id, child: request.child, accountNumber: request.accountNumber.spacedNumber, pupilCode: request.pupilCode,
                what: request.what, charged: visit.tr("charged %@ on %@", visit.money(request.chargeAmount), visit.format.moment(request.chargedAt, now: visit.now)),
                asked: visit.format.moment(request.askedAt, now: visit.now), reason: request.reason, amount: request.amount,
                amountText: visit.money(request.amount),
                askedBy: request.askedBy == visit.viewer.personID
                    ? visit.tr("you") : read.roles[request.askedBy].map { visit.words($0) } ?? visit.tr("a guardian"),
                mayDecide: read.decidable.contains(request.id), confirmPath: path + "/confirmation", refusePath: path + "/refusal",
                answer: .text(
                    "answer", visit.tr("Why not"), value: request.id == wrongID ? typed ?? "" : "",
                    wrong: request.id == wrongID ? wrong["answer"] : nil, most: AskRefund.longestReason,
                    id: "answer-\(request.id.text)"))
        }
        let decided = read.requests.filter { $0.state != .asked }.map { request in
            let words = visit.words(request)
            return Decided(
                id: request.id, accountNumber: request.accountNumber.spacedNumber, what: request.what, text: words.text,
                reason: words.reason, answer: words.answer)
        }
        let sales = read.sales.map { sale in
            Sale(
                id: sale.id, time: visit.format.moment(sale.at, now: visit.now), accountNumber: sale.number.spacedNumber,
                pupilCode: sale.code, what: sale.what, amountText: visit.plain(sale.amount),
                askPath: "/ledger/children/\(sale.child.text)/charges/\(sale.id.text)/refund")
        }
        self.init(
            title: visit.tr("Mistaken charges"), waiting: waiting, hasWaiting: !waiting.isEmpty, decided: decided,
            hasDecided: !decided.isEmpty, sales: sales, maySell: read.maySell, mayWatch: read.mayWatch, hasSales: !sales.isEmpty,
            wrong: wrong["amount"] ?? wrong["id"])
    }

    private struct Place {
        let school: UUID
        let schoolClass: UUID?
    }

    private static func reach(_ roles: [RoleHeld]) -> [Place] { roles.map { Place(school: $0.schoolID, schoolClass: $0.classID) } }

    private struct Reading: Sendable {
        let requests: [RefundRequest]
        let decidable: Set<UUID>
        let roles: [UUID: Role]
        let sales: [SaleToRefund]
        let maySell: Bool
        let mayWatch: Bool
    }
}

/// A sale that a cashier may find again, without a name.
struct SaleToRefund: Equatable {
    let id: UUID
    let child: UUID
    let at: Date
    let number: String
    let code: String
    let what: String
    let amount: Money
}

extension Transaction {
    /// The classes of pupils, as Directory knows them.
    fileprivate func classes(of children: [UUID]) throws -> [UUID: UUID] {
        let found = try Directory.children(Array(Set(children)), in: self)
        return Dictionary(
            found.compactMap { child in child.classID.map { (child.id, $0) } }, uniquingKeysWith: { $1 })
    }

    /// What was sold at the tills of these schools today and yesterday and was not given back yet, newest first.
    fileprivate func salesToRefund(of schools: [UUID], at now: Date) throws -> [SaleToRefund] {
        try rows(
            """
            select k.id, k.person_id, k.decided_at, m.number, m.pupil_code, k.what, k.amount - k.refunded
            from meals_account m
            join charge k on k.account_id = m.id
            where m.school_id = any(\(schools)) and k.state = 'posted' and k.decided_at >= \(now - 2 * 86_400)
                and k.amount > k.refunded and k.device_id is not null
            order by k.decided_at desc, k.id limit 300
            """, as: UUID.self, UUID.self, Date.self, String.self, String.self, String.self, Money.self
        ).map {
            SaleToRefund(id: $0.0, child: $0.1, at: $0.2, number: $0.3, code: $0.4, what: $0.5, amount: $0.6)
        }
    }
}
