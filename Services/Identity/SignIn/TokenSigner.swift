import Directory
import Events
import Foundation
import JWTKit
import Kernel
import Postgres
import Web

/// Makes the five-minute tokens with which all services know who asks.
actor TokenSigner {
    private let signingKeys: SigningKeys
    private var prepared: (id: UUID, keys: JWTKeyCollection)?

    init(_ signingKeys: SigningKeys) { self.signingKeys = signingKeys }

    /// - Returns: the token, signed with the key that is current.
    func token(for person: SignedInPerson, session: UUID, now: Date) async throws -> String {
        try await sign(SessionToken(
            person: person.id, session: session, rights: person.rightsNumber, name: person.name.full,
            kids: person.children.map { SessionToken.Kid(id: $0.id, name: $0.name, accent: $0.accent.rawValue) },
            language: person.language, isPupil: person.isPupil, sections: StaffSections.of(person.roles), now: now),
            now: now)
    }

    /// - Returns: the token of a terminal's cabinet, for a minute and a half.
    func token(for guest: KioskGuest, now: Date) async throws -> String {
        try await sign(
            KioskToken(pupil: guest.pupil, session: guest.session, code: guest.code, language: guest.language, now: now), now: now)
    }

    private func sign(_ payload: some JWTPayload, now: Date) async throws -> String {
        let key = try await signingKeys.current(now: now)
        let keys: JWTKeyCollection
        if let prepared, prepared.id == key.id {
            keys = prepared.keys
        } else {
            keys = JWTKeyCollection()
            await keys.add(ecdsa: try ES256PrivateKey(pem: key.privateKey), kid: JWKIdentifier(string: key.id.text))
            prepared = (key.id, keys)
        }
        return try await keys.sign(payload, kid: JWKIdentifier(string: key.id.text))
    }
}

/// The pages that a role opens, as the navigation names them; they follow from the list of permissions.
enum StaffSections {
    private static let all: [(section: String, permission: Permission)] = [
        ("gradebook", .enterLessons), ("till", .sellAtTill), ("menu", .editMenu), ("gate", .watchGate), ("desk", .topUpAtDesk),
        ("refunds", .seeRefunds), ("subsidies", .manageSubsidies), ("catalogue", .manageServices), ("class-services", .chargeServices),
        ("people", .managePeople), ("invitations", .issueInvitations), ("transfers", .confirmTransfers), ("arrivals", .seeArrivals),
        ("devices", .manageDevices), ("staff", .administer), ("meals", .seeMenu), ("consents", .seeConsents),
    ]

    static func of(_ roles: [Role]) -> [String] {
        all.filter { entry in roles.contains { entry.permission.roles[$0] != nil } }.map(\.section)
    }

    /// Where somebody begins: at the family's home, or at his own work.
    static func start(of person: SignedInPerson, at schools: [SchoolRecord]) -> String {
        person.isPupil || !person.children.isEmpty ? "/" : FirstPage.ofStaff(of(person.roles), at: schools)
    }
}
