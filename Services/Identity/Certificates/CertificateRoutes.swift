import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// «Сертификат» of a child: the e-mail for access, the consents, what applications need, and the certificate itself (ID-36 to ID-39).
struct CertificateRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        let child = RouteSubject.child(parameter: "child")
        book.page("/identity/children/{child}/certificate", .keepParticulars, about: child) { visit in
            try await page(visit, done: visit.query("done") == nil ? nil : visit.tr("The particulars are saved."))
        }
        book.form(
            "/identity/children/{child}/certificate/particulars", .keepParticulars, about: child,
            again: { visit, errors in try await page(visit, typed: visit.form(), errors: errors) }
        ) { visit in
            let form = try await visit.form()
            let (id, viewer, now) = (try visit.uuid("child"), visit.viewer.personID, visit.now)
            let particulars: Particulars
            do {
                particulars = try Particulars { form[$0.rawValue] }
            } catch let error as Particulars.TooLong {
                throw FieldErrors([error.item.rawValue: visit.tr("That is longer than %@ characters.", Particulars.most)])
            }
            try await cabinet.database.transaction { try particulars.save(guardian: viewer, child: id, now: now, in: $0) }
            return .seeOther("/identity/children/\(id.text)/certificate?done=1")
        }
        book.form(
            "/identity/children/{child}/certificate", .keepParticulars, about: child,
            again: { visit, errors in try await page(visit, errors: errors) }
        ) { visit in try await sheet(visit) }
    }

    private func sheet(_ visit: Visit) async throws -> Answer {
        let id = try visit.uuid("child")
        let command = PrintCertificate(
            childID: id, guardianID: visit.viewer.personID, sessionID: visit.viewer.sessionID,
            password: (try await visit.form())["password"] ?? "", now: visit.now)
        let printed: PrintCertificate.Printed
        do {
            printed = try await command.run(cabinet.database, cabinet.outbox, cabinet.bench, cabinet.common)
        } catch let refused as ProfileRefused {
            throw FieldErrors(refused.fields.mapValues(visit.sentence))
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
        guard let card = try await cabinet.database.read({ try PersonCard.read(id, in: $0) }) else { throw Problem.notFound }
        let read = try await reading(visit)
        return .page(
            CertificateSheetPage(
                title: visit.tr("Certificate"), child: id, number: printed.number, pupil: card.name.full,
                birthDate: card.birthDate.map { visit.format.date($0, thisYear: 0) },
                school: [card.className?.description, card.schoolName].compactMap(\.self).joined(separator: ", "),
                representative: read.representative, address: cabinet.publicAddress, login: printed.login, password: printed.password,
                date: visit.format.date(visit.today, thisYear: 0))
        ).with(.cacheControl, "no-store")
    }

    private func reading(_ visit: Visit) async throws -> CertificatePage.Reading {
        let (id, viewer) = (try visit.uuid("child"), visit.viewer.personID)
        let (reader, today) = (visit.viewer, visit.today)
        let read = try await cabinet.database.read { transaction -> CertificatePage.Reading? in
            guard let record = try Directory.child(id, in: transaction), let name = record.name,
                let own = try transaction.first(
                    """
                    select p.surname, p.given_name, p.patronymic, coalesce(c.new_email, c.email), coalesce(c.email_confirmed and c.new_email is null, false),
                        (select number from certificate where child_id = \(id))
                    from person p left join contact c on c.person_id = p.id where p.id = \(viewer)
                    """,
                    as: String.self, String.self, String?.self, String?.self, Bool.self, String?.self)
            else { return nil }
            let answers = try Directory.decide(reader, .representChild, about: .child(id), on: today, in: transaction) == .allowed
            let consent = try ConsentsOf.read(answers ? id : viewer, in: transaction).first { $0.purpose == .personalData }
            return CertificatePage.Reading(
                child: id, name: name.full, accent: record.accent.rawValue, number: own.5,
                representative: PersonName(surname: own.0, given: own.1, patronymic: own.2).full, email: own.3, isEmailConfirmed: own.4, consent: consent?.state,
                consents: answers ? "/identity/children/\(id.text)/consents" : "/identity/profile/consents",
                particulars: try Particulars.read(guardian: viewer, child: id, in: transaction))
        }
        guard let read else { throw Problem.notFound }
        return read
    }

    private func page(
        _ visit: Visit, done: String? = nil, typed: Form? = nil, errors: FieldErrors = FieldErrors()
    ) async throws -> CertificatePage {
        CertificatePage(visit, try await reading(visit), done: done, typed: typed, errors: errors)
    }
}
