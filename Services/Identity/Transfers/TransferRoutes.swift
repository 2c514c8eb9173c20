import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// Transfers: the family asks, the receiving school decides, the sending school reads that it is so (SC-01, SC-02).
struct TransferRoutes: Sendable {
    let cabinet: Cabinet
    /// How long a decided transfer stands in the list.
    private static let remembered: TimeInterval = 60 * 86_400

    /// The school that decides; the sending one has no say, and finds nothing here.
    private static let receiver = RouteSubject.resolved { visit, transaction in
        try transaction.first("select to_school_id from transfer where id = \(visit.uuid("transfer"))", as: UUID.self).map { .school($0) }
    }

    func add(to book: inout RouteBook) {
        let child = RouteSubject.child(parameter: "child")
        book.page("/identity/children/{child}/transfer", .askTransfer, about: child) { visit in
            try await childPage(visit, done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.form(
            "/identity/children/{child}/transfer", .askTransfer, about: child,
            again: { visit, errors in try await childPage(visit, typed: visit.form(), errors: errors) }
        ) { visit in
            let (id, by, now, outbox) = (try visit.uuid("child"), visit.viewer.personID, visit.now, cabinet.outbox)
            guard let target = (try await visit.form())["class"].flatMap(UUID.init(uuidString:)) else {
                throw FieldErrors(["class": visit.tr(TransferRefused.noSuchClass.text)])
            }
            do {
                let command = AskTransfer(childID: id, classID: target, by: by, now: now)
                _ = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch let refused as TransferRefused {
                throw FieldErrors(["class": visit.tr(refused.text)])
            }
            return .seeOther("/identity/children/\(id.text)/transfer?done=asked")
        }
        book.post("/identity/children/{child}/transfer/withdrawal", .askTransfer, about: child) { visit in
            let (id, outbox) = (try visit.uuid("child"), cabinet.outbox)
            let command = WithdrawTransfer(childID: id, by: visit.viewer.personID, now: visit.now)
            do {
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch let refused as TransferRefused {
                return .page(try await childPage(visit, done: visit.tr(refused.text)), .conflict)
            }
            return .seeOther("/identity/children/\(id.text)/transfer?done=withdrawn")
        }
        book.page("/identity/transfers", .confirmTransfers, about: .anySchool) { visit in
            let (viewer, since) = (visit.viewer, visit.now.addingTimeInterval(-Self.remembered))
            let found = try await cabinet.database.read { transaction -> ([TransferRecord], [UUID]) in
                let mine = try Directory.schools(of: viewer, .confirmTransfers, in: transaction).map(\.id)
                return (try TransferRecord.at(schools: mine, since: since, in: transaction), mine)
            }
            return TransfersPage(visit, found.0, mine: Set(found.1))
        }
        book.page("/identity/transfers/{transfer}", .confirmTransfers, about: Self.receiver) { visit in
            try await transferPage(visit, done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.post("/identity/transfers/{transfer}/confirmation", .confirmTransfers, about: Self.receiver) { visit in
            let (id, outbox) = (try visit.uuid("transfer"), cabinet.outbox)
            let command = ConfirmTransfer(id: id, by: visit.viewer.personID, now: visit.now)
            do {
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch let refused as TransferRefused {
                return .page(try await transferPage(visit, refused: visit.tr(refused.text)), .conflict)
            }
            return .seeOther("/identity/transfers/\(id.text)?done=confirmed")
        }
        book.post("/identity/transfers/{transfer}/reminder", .confirmTransfers, about: Self.receiver) { visit in
            let (id, outbox) = (try visit.uuid("transfer"), cabinet.outbox)
            let command = AskPartsAgain(id: id, by: visit.viewer.personID, now: visit.now)
            do {
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch let refused as TransferRefused {
                return .page(try await transferPage(visit, refused: visit.tr(refused.text)), .conflict)
            }
            return .seeOther("/identity/transfers/\(id.text)?done=reminded")
        }
        book.form(
            "/identity/transfers/{transfer}/refusal", .confirmTransfers, about: Self.receiver,
            again: { visit, errors in try await transferPage(visit, typed: visit.form(), errors: errors) }
        ) { visit in
            let (id, outbox) = (try visit.uuid("transfer"), cabinet.outbox)
            let reason = (try await visit.form())["reason"] ?? ""
            let command = RefuseTransfer(id: id, reason: reason, by: visit.viewer.personID, now: visit.now)
            do {
                try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            } catch TransferRefused.noReason {
                throw FieldErrors(["reason": visit.tr(TransferRefused.noReason.text)])
            } catch let refused as TransferRefused {
                return .page(try await transferPage(visit, refused: visit.tr(refused.text)), .conflict)
            }
            return .seeOther("/identity/transfers/\(id.text)?done=refused")
        }
    }

    /// What stands above the page after a step, by the word in its address.
    static let done = [
        "asked": "Your request is with the receiving school. Until it confirms nothing changes.",
        "withdrawn": "The request is withdrawn.", "confirmed": "The pupil is taken in. The family reads it at once.",
        "refused": "The request is refused. The family reads the reason.",
        "reminded": "The services that have not answered are asked again.",
    ]

    private func childPage(
        _ visit: Visit, done: String? = nil, typed: Form? = nil, errors: FieldErrors = FieldErrors()
    ) async throws -> ChildTransferPage {
        let (child, viewer, today) = (try visit.uuid("child"), visit.viewer, visit.today)
        let school = (typed?["school"] ?? visit.query("school")).flatMap(UUID.init(uuidString:))
        let read = try await cabinet.database.read {
            try ChildTransferPage.Reading.read(child, school: school, for: viewer, on: today, in: $0)
        }
        guard let read else { throw Problem.notFound }
        return ChildTransferPage(visit, read, done: done, typed: typed, errors: errors)
    }

    private func transferPage(
        _ visit: Visit, done: String? = nil, refused: String? = nil, typed: Form? = nil, errors: FieldErrors = FieldErrors()
    ) async throws -> TransferPage {
        let id = try visit.uuid("transfer")
        guard let record = try await cabinet.database.read({ try TransferRecord.one(id, in: $0) }) else { throw Problem.notFound }
        return TransferPage(visit, record, done: done, refused: refused, typed: typed, errors: errors)
    }
}
