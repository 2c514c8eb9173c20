import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// A family and the adults it lets in (ID-30, BY-10).
struct FamilyRoutes: Sendable {
    let cabinet: Cabinet

    /// An invitation of the reader's own; another's does not exist.
    private static let invitation = RouteSubject.resolved { visit, transaction in
        let (id, reader) = (try visit.uuid("invitation"), visit.viewer.personID)
        let isHis = try transaction.first(
            "select exists (select from invitation where id = \(id) and kind = 'family' and issued_by = \(reader))", as: Bool.self)
        return isHis == true ? .oneself : nil
    }

    func add(to book: inout RouteBook) {
        book.page("/identity/family", .seeFamily, about: .oneself) { visit in
            FamilyPage(visit, try await access(visit), done: visit.query("done").flatMap { Self.done[$0] }.map { visit.tr($0) })
        }
        book.post("/identity/family/invitations", .shareAccess, about: .oneself) { try await invite($0) }
        book.post("/identity/family/invitations/{invitation}/revocation", .shareAccess, about: Self.invitation) { visit in
            let command = RevokeFamilyInvitation(id: try visit.uuid("invitation"), giverID: visit.viewer.personID, now: visit.now)
            try await cabinet.database.transaction { try command.run(in: $0) }
            return .seeOther("/identity/family?done=withdrawn")
        }
        book.page("/identity/children/{child}/adults/{adult}", .shareAccess, about: .child(parameter: "child")) { visit in
            let (child, adult) = try await grant(visit)
            return GrantPage(visit, child, adult)
        }
        book.post("/identity/children/{child}/adults/{adult}", .shareAccess, about: .child(parameter: "child")) {
            try await change($0)
        }
        book.post("/identity/children/{child}/adults/{adult}/revocation", .shareAccess, about: .child(parameter: "child")) { visit in
            let command = RevokeGrant(
                childID: try visit.uuid("child"), adultID: try visit.uuid("adult"), by: visit.viewer.personID, now: visit.now)
            let outbox = cabinet.outbox
            let isDone = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            guard isDone else { throw Problem.notFound }
            return .seeOther("/identity/family?done=revoked")
        }
    }

    private static let done = [
        "withdrawn": "The invitation opens nothing any more.", "changed": "The access is changed.",
        "revoked": "The access is taken away.",
    ]

    private func access(_ visit: Visit) async throws -> FamilyAccess {
        let (reader, now) = (visit.viewer.personID, visit.now)
        return try await cabinet.database.read { try FamilyAccess.read(for: reader, now: now, in: $0) }
    }

    private func invite(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let children = form.all("child")
        let ids = children.compactMap { UUID(uuidString: $0) }
        let command = InviteAdult(
            giverID: visit.viewer.personID, children: ids.count == children.count ? Array(Set(ids)) : [],
            terms: TypedTerms(topics: Array(Set(form.all("topic"))), until: form["until"] ?? ""), label: form["label"] ?? "",
            now: visit.now)
        do {
            let issued = try await command.run(cabinet.database, cabinet.bench)
            return .page(try FamilySheetPage(visit, issued, publicAddress: cabinet.publicAddress)).with(.cacheControl, "no-store")
        } catch let refused as ProfileRefused {
            let page = FamilyPage(visit, try await access(visit), typed: form, wrong: refused.fields)
            return .page(page, .unprocessableContent)
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
    }

    /// The child and the adult of the path; not found unless the family let him in.
    private func grant(_ visit: Visit) async throws -> (FamilyAccess.Child, FamilyAccess.Adult) {
        let (childID, adultID) = (try visit.uuid("child"), try visit.uuid("adult"))
        guard let child = try await access(visit).children.first(where: { $0.id == childID && $0.isMine }),
            let adult = child.others.first(where: { $0.id == adultID && $0.origin == .family })
        else { throw Problem.notFound }
        return (child, adult)
    }

    private func change(_ visit: Visit) async throws -> Answer {
        let (child, adult) = try await grant(visit)
        let form = try await visit.form()
        let outbox = cabinet.outbox
        do {
            let typed = TypedTerms(topics: Array(Set(form.all("topic"))), until: form["until"] ?? "")
            let command = ChangeGrant(
                childID: child.id, adultID: adult.id, terms: try typed.checked(today: visit.today), by: visit.viewer.personID,
                now: visit.now)
            let isDone = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
            guard isDone else { throw Problem.notFound }
            return .seeOther("/identity/family?done=changed")
        } catch let refused as ProfileRefused {
            return .page(GrantPage(visit, child, adult, typed: form, wrong: refused.fields), .unprocessableContent)
        }
    }
}
