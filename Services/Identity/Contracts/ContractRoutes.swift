import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The contract route (ID-31, ID-32): printed, signed, entered; then account number, PIN, ИДН and the code for the first sign-in.
struct ContractRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        let child = RouteSubject.child(parameter: "child")
        book.page("/identity/children/{child}/contract", .keepContracts, about: child) { visit in
            ContractPage(visit, try await facts(visit))
        }
        book.page("/identity/children/{child}/contract/print", .keepContracts, about: child) { visit in
            let facts = try await facts(visit)
            let asked = visit.query("guardian").flatMap(UUID.init(uuidString:))
            guard let guardian = facts.guardians.first(where: { $0.id == asked }) ?? facts.guardians.first else { throw Problem.notFound }
            return ContractPrintPage(visit, facts, guardian, agent: cabinet.agent)
        }
        book.form(
            "/identity/children/{child}/contract", .keepContracts, about: child,
            again: { visit, errors in ContractPage(visit, try await facts(visit), typed: try await visit.form(), errors: errors) }
        ) { visit in
            let form = try await visit.form()
            let (id, by, now, today) = (try visit.uuid("child"), visit.viewer.personID, visit.now, visit.today)
            guard let guardian = form["guardian"].flatMap(UUID.init(uuidString:)) else {
                throw FieldErrors(["guardian": visit.tr(EnterSignature.Refused.notGuardian.text)])
            }
            guard let day = form["signed"].flatMap({ Day($0) }) else {
                throw FieldErrors(["signed": visit.tr("Write the day of the signature.")])
            }
            let command = EnterSignature(childID: id, guardianID: guardian, signedOn: day, by: by, now: now)
            do {
                try await cabinet.database.transaction { try command.run(in: $0, today: today) }
            } catch let refused as EnterSignature.Refused {
                throw FieldErrors([refused == .notGuardian ? "guardian" : "signed": visit.tr(refused.text)])
            }
            return try await credentials(visit, guardian: guardian)
        }
        book.post("/identity/children/{child}/contract/pin", .keepContracts, about: child) { visit in
            try await credentials(visit, guardian: nil)
        }
        book.page("/identity/children/{child}/pin", .setPin, about: child) { visit in
            PinPage(visit, try await facts(visit), done: visit.query("done") != nil)
        }
        book.form(
            "/identity/children/{child}/pin", .setPin, about: child,
            again: { visit, errors in PinPage(visit, try await facts(visit), errors: errors) }
        ) { visit in
            let form = try await visit.form()
            let id = try visit.uuid("child")
            guard let pin = Pin((form["pin"] ?? "").trimmed) else {
                throw FieldErrors(["pin": visit.tr(SetPin.Refused.notFourDigits.text)])
            }
            guard form["repeated"]?.trimmed == pin.digits else {
                throw FieldErrors(["repeated": visit.tr(SetPin.Refused.differ.text)])
            }
            do {
                try await SetPin(childID: id, pin: pin, by: visit.viewer.personID, now: visit.now).run(cabinet.database, cabinet.bench)
            } catch let refused as SetPin.Refused {
                throw FieldErrors(["pin": visit.tr(refused.text)])
            } catch is HashingBusy {
                throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
            }
            return .seeOther("/identity/children/\(id.text)/pin?done=1")
        }
    }

    private func facts(_ visit: Visit) async throws -> ContractFacts {
        let id = try visit.uuid("child")
        guard let facts = try await cabinet.database.read({ try ContractFacts.read(id, in: $0) }) else { throw Problem.notFound }
        return facts
    }

    /// A new PIN, and for a guardian who has not registered a code for the first sign-in; shown this once.
    private func credentials(_ visit: Visit, guardian: UUID?) async throws -> Answer {
        let facts = try await facts(visit)
        let (by, now) = (visit.viewer.personID, visit.now)
        let pin: Pin
        var issued: IssuedInvitation?
        do {
            pin = try await SetPin.random(for: facts.childID, by: by, now: now, cabinet.database, cabinet.bench)
            if let guardian, let classID = facts.classID {
                var command = IssueInvitations(circle: .schoolClass(classID), kinds: [.guardian], issuedBy: by, now: now)
                command.only = [facts.childID]
                command.guardian = guardian
                issued = try await command.run(cabinet.database, cabinet.bench).first
            }
        } catch is HashingBusy {
            throw Problem(.serviceUnavailable, "Too many people sign in at this moment. Try again in a minute.")
        }
        return .page(
            CredentialsPage(
                title: visit.tr("For the family"), child: facts.childID, name: facts.childName.full, accountNumber: facts.spacedNumber,
                pin: pin.digits, pupilCode: facts.pupilCode, code: issued?.code.text,
                codeUntil: issued.map { visit.format.date(visit.zone.day(of: $0.expiresAt), thisYear: visit.today.year) },
                address: cabinet.publicAddress + "/identity/registration")
        ).with(.cacheControl, "no-store")
    }
}
