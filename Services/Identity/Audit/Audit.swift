import Foundation
import Kernel
import Postgres

/// What was done. The raw value stands in the log for good; the words are shown through the catalogue.
enum AuditAction: String, CaseIterable, Sendable, Codable {
    case roleGiven = "role-given"
    case roleTaken = "role-taken"
    case passwordGiven = "password-given"
    case loginGiven = "login-given"
    case passwordChanged = "password-changed"
    case loginChanged = "login-changed"
    case nameChanged = "name-changed"
    case addressChanged = "address-changed"
    case accessRecovered = "access-recovered"
    case registered
    case childAdded = "child-added"
    case invitationsIssued = "invitations-issued"
    case invitationRevoked = "invitation-revoked"
    case secondFactorOn = "second-factor-on"
    case secondFactorOff = "second-factor-off"
    case secondFactorReset = "second-factor-reset"
    case recoveryCodesMade = "recovery-codes-made"
    case recoveryCodeUsed = "recovery-code-used"
    case signedOutEverywhere = "signed-out-everywhere"
    case guessesForgotten = "guesses-forgotten"
    case schoolRulesChanged = "school-rules-changed"
    case rosterImported = "roster-imported"
    case accessShared = "access-shared"
    case accessChanged = "access-changed"
    case accessRevoked = "access-revoked"
    case merged
    case mergeUndone = "merge-undone"
    case transferRequested = "transfer-requested"
    case transferConfirmed = "transfer-confirmed"
    case transferRefused = "transfer-refused"
    case transferWithdrawn = "transfer-withdrawn"
    case contractMade = "contract-made"
    case pinGiven = "pin-given"
    case terminalRegistered = "terminal-registered"
    case terminalRevoked = "terminal-revoked"
    case identityLinked = "identity-linked"
    case identityUnlinked = "identity-unlinked"
    case consentGiven = "consent-given"
    case consentWithdrawn = "consent-withdrawn"
    case consentTextPublished = "consent-text-published"
    case exported
    case deletionRequested = "deletion-requested"
    case deletionCancelled = "deletion-cancelled"
    case erased

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .roleGiven: "A role was given"
        case .roleTaken: "A role was taken away"
        case .passwordGiven: "A one-time password was given"
        case .loginGiven: "A login was given"
        case .passwordChanged: "The own password was changed"
        case .loginChanged: "The own login was changed"
        case .nameChanged: "The own name was changed"
        case .addressChanged: "The own e-mail address was changed"
        case .accessRecovered: "A new password was chosen by letter"
        case .registered: "Registered by a code"
        case .childAdded: "A child was added by a code"
        case .invitationsIssued: "Invitations were issued"
        case .invitationRevoked: "An invitation was revoked"
        case .secondFactorOn: "The second step was switched on"
        case .secondFactorOff: "The second step was switched off"
        case .secondFactorReset: "The second step was reset"
        case .recoveryCodesMade: "New recovery codes were made"
        case .recoveryCodeUsed: "A recovery code was used"
        case .signedOutEverywhere: "Signed out everywhere"
        case .guessesForgotten: "Wrong attempts were forgotten"
        case .schoolRulesChanged: "The school's rules were changed"
        case .rosterImported: "The school's lists were imported"
        case .accessShared: "Access to a child was shared"
        case .accessChanged: "Access to a child was changed"
        case .accessRevoked: "Access to a child was revoked"
        case .merged: "Two accounts were merged"
        case .mergeUndone: "A merge was undone"
        case .transferRequested: "A transfer was asked for"
        case .transferConfirmed: "A transfer was confirmed"
        case .transferRefused: "A transfer was refused"
        case .transferWithdrawn: "A transfer was withdrawn"
        case .contractMade: "A contract was made"
        case .pinGiven: "A PIN was given"
        case .terminalRegistered: "A terminal was registered"
        case .terminalRevoked: "A terminal was revoked"
        case .identityLinked: "An account of Gosuslugi was linked"
        case .identityUnlinked: "An account of Gosuslugi was unlinked"
        case .consentGiven: "A consent was given"
        case .consentWithdrawn: "A consent was withdrawn"
        case .consentTextPublished: "A text of consent was published"
        case .exported: "Everything kept was handed out"
        case .deletionRequested: "Deletion was asked for"
        case .deletionCancelled: "Deletion was cancelled"
        case .erased: "Personal data were erased"
        }
    }
}

/// The log of who changed what about whom. It is written in the transaction of the change, so that neither is without the other.
enum Audit {
    /// Writes one line.
    ///
    /// - Parameters:
    ///   - by: who did it; nil for the installation itself or its operator at the command line.
    ///   - about: whom it concerns.
    ///   - school: whose affair it is besides the schools that the person has to do with at this moment.
    ///   - detail: facts by an English word that the catalogue translates: `["role": "cashier", "class": "7 «Б»"]`. Never a name,
    ///     telephone, address, login or secret: the log outlives those whom it is about.
    static func note(
        _ action: AuditAction, by: UUID?, about: UUID? = nil, school: UUID? = nil, detail: [String: String] = [:], at: Date,
        in transaction: borrowing Transaction
    ) throws {
        var schools = Set([school].compactMap(\.self))
        if let about { schools.formUnion(try SchoolsOf.person(about, in: transaction)) }
        try transaction.execute(
            """
            insert into audit (id, at, action, by_person_id, about_person_id, schools, detail)
            values (\(UUID.v7(at: at)), \(at), \(action.rawValue), \(by), \(about), \(schools.sorted { $0.text < $1.text }),
                    \(JSON(detail)))
            """)
    }
}
