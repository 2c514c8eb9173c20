import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Journal

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").standardized

@Suite struct JournalRulesTests {
    @Test("a cell says what its teacher typed, whatever it is") func cells() throws {
        for mark in [nil, "5", "4", "3", "2"] {
            for comment in [nil, "за доску", "5 из 5"] where mark != nil || comment == nil {
                for attendance in [AttendanceState.present, .late] {
                    for minutes in attendance == .late ? [nil, 10, 90] : [nil] {
                        let entry = CellEntry(mark: mark, comment: comment, attendance: attendance, lateMinutes: minutes)
                        #expect(try CellEntry(entry.text) == entry, "\(entry.text)")
                    }
                }
            }
        }
        for attendance in [AttendanceState.absent, .excused] {
            let entry = CellEntry(mark: nil, comment: nil, attendance: attendance, lateMinutes: nil)
            #expect(try CellEntry(entry.text) == entry)
        }
        #expect(try CellEntry("  ") == .empty)
        #expect(throws: CellEntry.Refused.absentWithMark) { try CellEntry("н 4") }
        for bad in ["6", "1", "пять", "оп 200", "4-"] { #expect(throws: CellEntry.Refused.self) { try CellEntry(bad) } }
    }

    @Test("a day follows its weekday, a moved day another, a holiday none") func calendar() throws {
        let day = { (text: String) in Day(text)! }
        let calendar = SchoolCalendar(
            terms: [.init(name: "2", starts: day("2026-11-02"), ends: day("2026-12-30"))],
            unusual: [
                day("2026-11-04"): .init(worksAs: nil, name: "праздник"), day("2026-11-21"): .init(worksAs: 5, name: "перенос"),
                day("2026-10-31"): .init(worksAs: 1, name: "до четверти"),
            ])
        #expect(calendar.weekday(followedOn: day("2026-11-20")) == 5)
        #expect(calendar.weekday(followedOn: day("2026-11-04")) == nil)
        #expect(calendar.weekday(followedOn: day("2026-11-21")) == 5)
        #expect(calendar.weekday(followedOn: day("2026-10-31")) == 1)
        #expect(calendar.weekday(followedOn: day("2026-10-30")) == nil)
        #expect(calendar.week(of: day("2026-11-20")) == 3)
    }

    @Test("a real school's XHSTT archive: twenty classes of thirty lessons, none in two places at once") func xhstt() throws {
        let data = try Data(contentsOf: root.appendingPathComponent("deploy/demo/data/timetables/xhstt-ES-SS-08.xml"))
        let timetable = try XHSTTTimetable(data)
        var lessons: [String: Int] = [:]
        var taken: Set<String> = []
        for placement in timetable.placements {
            for resource in placement.resources where timetable.resourceTypes[resource] == "Class" {
                lessons[resource, default: 0] += 1
                #expect(taken.insert("\(resource) \(placement.dayNumber)/\(placement.number)").inserted)
            }
            #expect((1...5).contains(placement.dayNumber) && (1...7).contains(placement.number))
        }
        #expect(lessons.count == 20 && lessons.values.allSatisfy { $0 == 30 }, "\(lessons)")
        #expect(throws: XHSTTTimetable.Refused.noSolution) { try XHSTTTimetable(data, solution: 3) }
        #expect(throws: XHSTTTimetable.Refused.self) { try XHSTTTimetable(Data("<HighSchool".utf8)) }
    }

    @Test("every text of the pages has its Russian") func catalogue() throws {
        #expect(try CatalogueCheck.missing(in: root.appendingPathComponent("Services/Journal").path) == [])
    }
}

@Suite(.database(JournalService.migrations)) struct LessonTests {
    let database = TestDatabase.current.database
    let outbox = Outbox(service: "journal")
    let schoolClass = UUID.v7()

    private func record(_ cells: [UUID: CellEntry], topic: String? = "Листья", at now: Date = Date()) async throws -> RecordLesson.Outcome {
        let lesson = RecordLesson(
            slot: LessonKey(classID: schoolClass, day: try #require(Day("2026-11-20")), number: 3), school: UUID(), subject: "Биология", topic: topic,
            homework: nil, work: nil, weight: 1, cells: cells, teacher: nil, teacherName: "А. М. Ветрова")
        let outbox = outbox
        return try await database.transaction { try lesson.run(at: now, in: $0, outbox: outbox) }
    }

    private func told() async throws -> Int { try await database.rows("select count(*) from outbox", as: Int.self)[0] }

    @Test("whatever is saved twice changes and tells nothing the second time; what is read back is what was typed") func twice() async throws {
        let pupils = (0..<12).map { _ in UUID.v7() }
        let texts = ["", "5", "4 за доску", "н", "нб", "оп", "оп 10", "оп 15 3", "2"]
        var expected: [UUID: CellEntry] = [:]
        for round in 0..<12 {
            var cells: [UUID: CellEntry] = [:]
            for pupil in pupils where Bool.random() { cells[pupil] = try CellEntry(texts.randomElement() ?? "") }
            expected.merge(cells) { $1 }
            _ = try await record(cells, topic: "Тема \(round / 2)")
            let before = try await told()
            let again = try await record(cells, topic: "Тема \(round / 2)")
            let after = try await told()
            #expect(again == RecordLesson.Outcome() && after == before)
            let key = LessonKey(classID: schoolClass, day: try #require(Day("2026-11-20")), number: 3)
            let written = try await database.read { try LessonCells.of(key.lessonID, in: $0) }
            for pupil in pupils { #expect(written[pupil]?.entry ?? .empty == expected[pupil] ?? .empty) }
        }
    }

    @Test("BY-14: a corrected mark keeps the old one, and one taken away and given again is newer still") func corrections() async throws {
        let pupil = UUID.v7()
        _ = try await record([pupil: try CellEntry("3")])
        _ = try await record([pupil: try CellEntry("4")])
        let corrected = try await database.rows("select value || ' ' || previous from mark", as: String.self)
        #expect(corrected == ["4 3"])
        _ = try await record([pupil: .empty])
        _ = try await record([pupil: try CellEntry("5")])
        let versions: [Int] = try await database.rows("select version from mark where not ended", as: Int.self)
        #expect(versions == [4])
    }

    @Test("JR-15: whatever is written, a pupil reads comments only; JR-16: his parents read both") func remarks() async throws {
        let pupil = UUID.v7()
        let outbox = outbox
        let day = try #require(Day("2026-11-20"))
        var secrets: [String] = []
        for index in 0..<30 {
            let isForParentsOnly = Bool.random()
            let text = (isForParentsOnly ? "тайна" : "всем") + " \(index)"
            if isForParentsOnly { secrets.append(text) }
            let write = WriteRemark(
                id: .v7(), school: UUID(), person: pupil, day: day, subject: nil, text: text, isForParentsOnly: isForParentsOnly, by: UUID(), byName: "Учитель")
            for _ in 0..<2 { try await database.transaction { try write.run(at: Date(), in: $0, outbox: outbox) } }
        }
        let (own, parents) = try await database.read { tx in
            (
                try Remark.of([pupil], from: day, to: day, withRemarks: false, in: tx), try Remark.of([pupil], from: day, to: day, withRemarks: true, in: tx)
            )
        }
        #expect(parents.count == 30 && own.allSatisfy { !$0.isForParentsOnly && !$0.text.contains("тайна") })
        let said = try await told()
        #expect(said == 30)
        let public_ = try await database.rows("select convert_from(body, 'UTF8') from outbox where type <> 'journal.remark.changed.v1'", as: String.self)
        #expect(public_.allSatisfy { body in !secrets.contains { body.contains($0) } })
    }
}
