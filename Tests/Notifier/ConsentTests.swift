import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Notifier

@Suite("Letters and consents", .database(NotifierService.migrations)) struct ConsentTests {
    let school = SchoolOfTests()

    private func decide(_ person: UUID, _ holds: Bool, version: Int64, kind: ConsentKind = .personalData) async throws {
        let event = ConsentChanged(
            consentID: .derived(from: person, kind.rawValue), version: version, personID: person, kind: kind, holds: holds, at: Date())
        try await school.database.transaction { try WhenConsentIsDecided.remember([Received(event)], in: $0) }
    }

    private func letters() async throws -> [Digest] {
        let digests = Digests(pages: try await school.parts.pages, publicAddress: "https://school.test", lag: -5)
        let zone = SchoolZone.moscow
        let evening = zone.date(zone.day(of: Date()), TimeOfDay(hour: 23, minute: 59) ?? .midnight)
        return try await school.database.transaction { try digests.build(at: evening, in: $0) }.letters
    }

    @Test("ID-38: whatever order decisions come in, a letter goes out only while the consents hold that it stands on", arguments: 0..<16)
    func stands(seed: Int) async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        try await school.tell(school.mark("4", of: school.egor))
        let (own, masha, egor, isReversed) = (seed & 1 == 0, seed & 2 == 0, seed & 4 == 0, seed & 8 != 0)
        for (person, holds) in [(school.mother, own), (school.masha, masha), (school.egor, egor)] {
            let decisions: [(Bool, Int64)] = [(!holds, 1), (holds, 2)]
            for (decision, version) in isReversed ? decisions.reversed() : decisions { try await decide(person, decision, version: version) }
        }
        let text = try await letters().first?.text ?? ""
        #expect(text.contains("Маша") == (own && masha))
        #expect(text.contains("Егор") == (own && egor))
    }

    @Test("ID-38: who has never decided, and who has taken another consent back, gets his letter; the page says why none comes")
    func others() async throws {
        try await school.open()
        try await school.tell(school.mark("5"))
        try await decide(school.masha, false, version: 1, kind: .photos)
        #expect(try await letters().count == 1)
        try await decide(school.mother, false, version: 1)
        let school = school
        try await school.withClient { client in
            let (status, page) = try await school.get(client, "/notifier/letters", school.mother)
            #expect(status == .ok && page.contains("Вы отозвали согласие"))
        }
    }
}
