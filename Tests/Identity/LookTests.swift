import Events
import Foundation
import Kernel
import Postgres
import Support
import Testing

@testable import Identity

@Suite("Who looked", .database(School.migrations)) struct LookTests {
    let school = School(database: TestDatabase.current.database)

    private func record(_ looks: [ChildLook], from service: String = "journal") async throws {
        let report = RecordLooks(batchID: .v7(), service: service, looks: looks)
        try await school.database.transaction { try WhenChildrenAreLookedAt.record([report], in: $0) }
    }

    @Test("BY-10: looks of a day are one line with its first and last moment; the role is that of the day")
    func lines() async throws {
        try await school.open()
        let (anna, teacher, nina) = (try await school.id("P1"), try await school.id("S2"), try await school.letGrandmotherIn())
        let zone = SchoolZone.moscow
        let noon = zone.date(try #require(Day("2026-11-18")), .midnight.adding(minutes: 720))
        func look(_ viewer: UUID, _ from: TimeInterval, _ to: TimeInterval, times: Int = 1, guardian: Bool = false) -> ChildLook {
            ChildLook(
                viewerID: viewer, childID: anna, permission: "seeDiary", asGuardian: guardian, firstAt: noon.addingTimeInterval(from),
                lastAt: noon.addingTimeInterval(to), times: times)
        }
        try await record([look(teacher, 0, 60, times: 2), look(teacher, -600, -500), look(nina, 5, 5, guardian: true)])
        try await record([look(teacher, 3000, 3000)])
        // The next day begins at midnight of the school.
        try await record([look(teacher, 12 * 3600, 12 * 3600)])
        // Somebody nobody knows, and a child nobody knows.
        try await record([ChildLook(viewerID: .v7(), childID: .v7(), permission: "x", asGuardian: false, firstAt: noon, lastAt: noon, times: 1)])
        let days = LooksMonth.days(of: try #require(LooksMonth.day("2026-11")))
        #expect(days.lowerBound.iso == "2026-11-01" && days.upperBound.iso == "2026-11-30")
        let looks = try await school.database.read { try WhoLooked(childID: anna, days: days).read(in: $0) }
        #expect(looks.map { "\($0.day.iso) \($0.times) \($0.asGuardian)" } == ["2026-11-19 1 false", "2026-11-18 4 false", "2026-11-18 1 true"])
        #expect(looks[1].firstAt == noon.addingTimeInterval(-600) && looks[1].lastAt == noon.addingTimeInterval(3000))
        #expect(looks[1].roles == [.classTeacher, .subjectTeacher] && looks[2].roles == [])
        let late = noon.addingTimeInterval(Double(WhoLooked.keptDays + 1) * 86_400)
        try await school.database.transaction { try WhoLooked.sweep(now: late, in: $0) }
        let left = try await school.database.read { try WhoLooked(childID: anna, days: days).read(in: $0) }
        #expect(left.map(\.day.iso) == ["2026-11-19"])
    }
}
