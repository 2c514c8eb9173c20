import Directory
import Foundation
import Kernel
import Postgres
import Web

/// What stands in the profile about the second step, consents and what is kept.
struct ProfileSafety: Encodable, Sendable {
    struct Link: Encodable, Sendable {
        let title: String
        let address: String
    }

    struct Consent: Encodable, Sendable {
        let purpose: String
        /// «получено» (ID-38).
        let state: String
        let isOpen: Bool
    }

    struct Child: Encodable, Sendable {
        let name: String
        let consents: String
        let export: String
        let deletion: String
    }

    let factor: String
    let isFactorMissing: Bool
    let consents: [Consent]
    let children: [Child]
    /// That a СНИЛС was entered for sign-in through Gosuslugi, when and by whom; never which.
    let snils: String?

    init(
        _ visit: Visit, _ factor: SecondFactor, _ consents: [ConsentLine], children: [(id: UUID, name: PersonName)],
        snils entry: SnilsBook.Entry? = nil
    ) {
        snils = entry.map { entry in
            let day = visit.format.date(visit.zone.day(of: entry.enteredAt), thisYear: visit.today.year)
            return entry.by.map { visit.tr("SNILS for Gosuslugi: entered on %@ by %@", day, $0.initials) }
                ?? visit.tr("SNILS for Gosuslugi: entered on %@ by the operator", day)
        }
        self.factor = factor.since.map { visit.tr("Switched on since %@.", visit.format.date(visit.zone.day(of: $0), thisYear: visit.today.year)) }
            ?? visit.tr("Switched off.")
        isFactorMissing = !factor.isOn
        self.consents = consents.map {
            Consent(purpose: visit.tr($0.purpose.text), state: visit.tr($0.state.text), isOpen: $0.state == .open || $0.state == .outdated)
        }
        self.children = children.map { child in
            let base = "/identity/children/\(child.id.text)"
            return Child(
                name: child.name.given, consents: base + "/consents", export: base + "/export", deletion: base + "/deletion")
        }
    }

    /// The children for whom a guardian answers.
    static func answered(by guardian: UUID, in transaction: borrowing Transaction) throws -> [UUID] {
        try transaction.rows(
            "select child_id from guardianship where guardian_id = \(guardian) and source <> 'family' and not ended", as: UUID.self)
    }

    /// Where the other services show what they keep of a family.
    static func elsewhere(_ visit: Visit) -> [Link] {
        let all = [
            ("Diary", "/journal/diary"), ("Attendance", "/access/attendance"), ("Meals", "/canteen/meals"), ("Money", "/ledger/money"),
            ("Letters", "/notifier/letters"),
        ]
        return all.filter { !visit.viewer.isPupil || !["/ledger/money", "/notifier/letters"].contains($0.1) }
            .map { Link(title: visit.tr($0.0), address: $0.1) }
    }
}
