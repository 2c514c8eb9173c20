import ArgumentParser
import Directory
import Events
import Foundation
import Messaging
import Service
import ServiceLifecycle
import Web

/// Who people are: schools, classes, pupils, guardians and staff, what they may do, and how they come in.
///
/// Of the others it hears only what goes with a pupil who moves; its own Directory is filled by its own events, so that the
/// one decision is the same here as everywhere. Everything it knows leaves as whole states with versions; tokens leave in a cookie.
@main struct IdentityService: SchoolService {
    static let name = "identity"
    static let bundle = Bundle.module

    static func main() async { await run() }

    static let settings = PortalSettings.keys + [
        SecretBox.setting,
        Setting("contract.agent", "Name of the payment agent in printed contracts (SC-08)", default: Cabinet.standardAgent)
    ]

    static func checks(_ parts: Parts) -> [ReadinessCheck] { [ConfiguredPortal.check(parts)] }

    static func hearings(_ parts: Parts) -> [Hearing] {
        [DirectoryParts.hearing(queue: "identity.directory"), WhenPartIsTransferred.hearing, WhenChildrenAreLookedAt.hearing, WhenBankDetailsChange.hearing]
    }

    static func routes(_ parts: Parts) -> RouteBook {
        let cabinet = Cabinet(parts)
        var book = RouteBook(service: name)
        SignInRoutes(cabinet: cabinet).add(to: &book)
        GosuslugiRoutes(cabinet: cabinet, signIn: SignInRoutes(cabinet: cabinet)).add(to: &book)
        SnilsRoutes(cabinet: cabinet).add(to: &book)
        RegistrationRoutes(cabinet: cabinet).add(to: &book)
        RecoveryRoutes(cabinet: cabinet).add(to: &book)
        ProfileRoutes(cabinet: cabinet).add(to: &book)
        ConfirmationRoutes(cabinet: cabinet).add(to: &book)
        PeopleRoutes(cabinet: cabinet).add(to: &book)
        InvitationRoutes(cabinet: cabinet).add(to: &book)
        TransferRoutes(cabinet: cabinet).add(to: &book)
        KioskRoutes(cabinet: cabinet).add(to: &book)
        TerminalRoutes(cabinet: cabinet).add(to: &book)
        ContractRoutes(cabinet: cabinet).add(to: &book)
        SecondStepRoutes(cabinet: cabinet).add(to: &book)
        SecondFactorRoutes(cabinet: cabinet).add(to: &book)
        StaffRoutes(cabinet: cabinet).add(to: &book)
        GuessRoutes(cabinet: cabinet).add(to: &book)
        AuditRoutes(cabinet: cabinet).add(to: &book)
        ConsentRoutes(cabinet: cabinet).add(to: &book)
        ExportRoutes(cabinet: cabinet).add(to: &book)
        CertificateRoutes(cabinet: cabinet).add(to: &book)
        ModuleRoutes(cabinet: cabinet).add(to: &book)
        FamilyRoutes(cabinet: cabinet).add(to: &book)
        LookRoutes(cabinet: cabinet).add(to: &book)
        MergingRoutes(cabinet: cabinet).add(to: &book)
        return book
    }

    static let republications: [Republication] = [
        .of(SchoolChanged.self) { try PeopleFacts.schools(.page(after: $1, limit: $2), in: $0) },
        .of(ClassChanged.self) { try PeopleFacts.classes(.page(after: $1, limit: $2), in: $0) },
        .of(PersonChanged.self) { try PeopleFacts.people(.page(after: $1, limit: $2), in: $0) },
        .of(PupilChanged.self) { try PeopleFacts.pupils(.page(after: $1, limit: $2), in: $0) },
        .of(RightsChanged.self) { try PeopleFacts.rights(.page(after: $1, limit: $2), in: $0) },
        .of(ContactChanged.self) { try PeopleFacts.contacts(.page(after: $1, limit: $2), in: $0) },
        .of(TransferChanged.self) { try TransferFacts.page(after: $1, limit: $2, in: $0) },
        .of(ConsentChanged.self) { try ConsentFacts.page(after: $1, limit: $2, in: $0) },
        .of(PersonErased.self) { try ErasePerson.facts(after: $1, limit: $2, in: $0) },
        .of(SigningKeyChanged.self) { try SigningKeys.facts(nil, after: $1, limit: $2, in: $0) },
    ]

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [Housekeeping(database: parts.database, outbox: parts.outbox, logger: parts.logger)]
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        ImportRosterCommand.self, InviteCommand.self, SetPasswordCommand.self,
        ImportSnilsCommand.self, WaitingTransfersCommand.self,
    ]
}
