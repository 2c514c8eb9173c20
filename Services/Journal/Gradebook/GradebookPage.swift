import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// Where a teacher begins: today's lessons, and every class and subject he may write in.
struct LessonsPage: Page {
    struct Link: Encodable, Sendable, Equatable {
        let title: String
        let detail: String
        let address: String
    }

    static let template = "gradebook/index"
    let title: String
    let section = "gradebook"
    let day: String
    let today: [Link]
    let hasToday: Bool
    let classes: [Link]
    let hasClasses: Bool
}

extension LessonsPage {
    init(for visit: Visit, _ database: Database) async throws {
        let day = visit.day("day") ?? visit.today
        let viewer = visit.viewer
        let (lessons, classes) = try await database.read { tx -> ([(SchoolTimetable.Slot, ClassRecord, SchoolTimetable.Bell?)], [(ClassRecord, [String])]) in
            var lessons: [(SchoolTimetable.Slot, ClassRecord, SchoolTimetable.Bell?)] = []
            var classes: [(ClassRecord, [String])] = []
            let places = try Directory.places(of: viewer, .enterLessons, in: tx)
            for school in Set(places.map(\.schoolID)) {
                let timetable = try SchoolTimetable.of(school: school, in: tx)
                let seesAll = places.contains { $0.schoolID == school && $0.role != .subjectTeacher && $0.classID == nil }
                for schoolClass in try Directory.classes(ofSchool: school, in: tx) {
                    let isOwn = places.contains { $0.classID == schoolClass.id }
                    let subjects = timetable.subjects(of: schoolClass.id).filter {
                        seesAll || isOwn || timetable.teaches(viewer.personID, $0, to: schoolClass.id)
                    }
                    if !subjects.isEmpty { classes.append((schoolClass, subjects)) }
                    for slot in timetable.slots(of: schoolClass.id, on: day) where slot.teachers.contains(viewer.personID) {
                        lessons.append((slot, schoolClass, timetable.bells[slot.number]))
                    }
                }
            }
            return (lessons.sorted { $0.0.number < $1.0.number }, classes)
        }
        title = visit.tr("Gradebook")
        self.day = visit.format.longDate(day)
        today = lessons.map { slot, schoolClass, bell in
            Link(
                title: "\(schoolClass.name) \(slot.subject)",
                detail: "\(slot.number). \(bell.map { "\($0.starts.text)–\($0.ends.text)" } ?? "")",
                address: Self.address(schoolClass.id, slot.subject, day, slot.number))
        }
        hasToday = !today.isEmpty
        self.classes = classes.flatMap { schoolClass, subjects in
            subjects.map {
                Link(title: "\(schoolClass.name) \($0)", detail: "", address: Self.address(schoolClass.id, $0, day, nil))
            }
        }
        hasClasses = !self.classes.isEmpty
    }

    static func address(_ schoolClass: UUID, _ subject: String, _ day: Day, _ number: Int?) -> String {
        let name = subject.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return "/journal/classes/\(schoolClass.text)/gradebook?subject=\(name)&day=\(day)" + (number.map { "&number=\($0)" } ?? "")
    }
}

/// The gradebook of a class and subject: pupils down, lessons across, one lesson open for writing.
struct GradebookPage: Page {
    struct Column: Encodable, Sendable, Equatable {
        let day: String
        let month: String
        let work: String?
    }

    struct Cell: Encodable, Sendable, Equatable {
        let text: String
        let isBad: Bool
        let isAbsence: Bool
        let note: String?
    }

    struct Row: Encodable, Sendable, Equatable {
        let number: Int
        let name: String
        let field: String
        let cells: [Cell]
        let value: String
        let error: String?
        let remarks: String
        let average: String
    }

    static let template = "gradebook/show"
    let title: String
    let section = "gradebook"
    let className: String
    let subject: String
    let openDay: String
    let openNumber: Int
    let columns: [Column]
    let rows: [Row]
    let topic: String
    let homework: String
    let work: String
    let weight: String
    let address: String
    let saved: String?
    let error: String?
    let hasErrors: Bool
}

extension GradebookPage {
    /// The lessons shown beside the open one.
    private static let shown = 12

    init(
        for visit: Visit, _ database: Database, key given: LessonKey? = nil, typed: Form? = nil, errors: [UUID: String] = [:]
    ) async throws {
        let schoolClass = try visit.uuid("class")
        let day = given?.day ?? visit.day("day") ?? visit.today
        let asked = given?.number ?? visit.query("number").flatMap { Int($0) }
        let wanted = visit.query("subject") ?? typed?["subject"]
        let viewer = visit.viewer
        let read = try await database.read { tx -> Reading in
            guard let record = try Directory.schoolClass(schoolClass, in: tx) else { throw Problem.notFound }
            let timetable = try SchoolTimetable.of(school: record.schoolID, only: schoolClass, in: tx)
            let slots = timetable.slots(of: schoolClass, on: day)
            guard let slot = slots.first(where: { slot in asked.map { slot.number == $0 } ?? (wanted == nil || slot.subject == wanted) })
                ?? slots.first(where: { $0.subject == wanted })
            else { throw Problem(.notFound, "This class has no such lesson on this day") }
            try MayWrite.check(viewer, slot, schoolClass, timetable, in: tx)
            let key = LessonKey(classID: schoolClass, day: day, number: slot.number)
            let before = try WrittenLesson.before(key, subject: slot.subject, limit: Self.shown, in: tx)
            return Reading(
                record: record, slot: slot, key: key, pupils: try Directory.pupils(of: schoolClass, in: tx), before: before,
                open: try WrittenLesson.find(key.lessonID, in: tx), cells: try LessonCells.of(before.map(\.id) + [key.lessonID], in: tx))
        }
        title = visit.tr("Gradebook")
        className = read.record.name.description
        subject = read.slot.subject
        openDay = visit.format.longDate(day)
        openNumber = read.slot.number
        columns = read.before.map { Column(day: "\($0.day.day)", month: visit.format.date($0.day), work: $0.work) }
        rows = read.pupils.enumerated().map { index, pupil in
            let marks = (read.before.map { ($0.id, $0.weight) } + [(read.key.lessonID, read.open?.weight ?? 1)]).compactMap { id, weight in
                read.cells[id]?[pupil.id]?.mark.flatMap { Int($0.value) }.map { ($0, weight) }
            }
            let weights = marks.reduce(0) { $0 + $1.1 }
            // In hundredths, rounded half up, as a paper gradebook does; whole numbers all the way.
            let hundredths = weights == 0 ? 0 : (marks.reduce(0) { $0 + $1.0 * $1.1 } * 200 + weights) / (2 * weights)
            return Row(
                number: index + 1, name: pupil.name?.listed ?? pupil.pupilCode, field: "cell-\(pupil.id.text)",
                cells: read.before.map { Self.cell(read.cells[$0.id]?[pupil.id]) },
                value: typed?["cell-\(pupil.id.text)"] ?? read.cells[read.key.lessonID]?[pupil.id]?.entry.text ?? "",
                error: errors[pupil.id], remarks: "/journal/children/\(pupil.id.text)/remarks",
                average: weights == 0 ? "" : "\(hundredths / 100),\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)")
        }
        topic = typed?["topic"] ?? read.open?.topic ?? ""
        homework = typed?["homework"] ?? read.open?.homework ?? ""
        work = typed?["work"] ?? read.open?.work ?? ""
        weight = typed?["weight"] ?? "\(read.open?.weight ?? 1)"
        address = "/journal/classes/\(schoolClass.text)/lessons/\(day)/\(read.slot.number)"
        saved = visit.query("saved") == nil ? nil : visit.tr("Saved")
        error = errors.isEmpty ? nil : visit.tr("Some cells cannot be read. Nothing was saved; what you typed is still here.")
        hasErrors = !errors.isEmpty
    }

    private static func cell(_ cells: LessonCells?) -> Cell {
        let absence: String? =
            switch cells?.attendance?.state {
            case .absent: "н"
            case .excused: "нб"
            case .late: cells?.mark == nil ? "оп" : nil
            default: nil
            }
        return Cell(
            text: cells?.mark?.value ?? absence ?? "", isBad: cells?.mark?.value == "2", isAbsence: cells?.mark == nil && absence != nil,
            note: cells?.mark?.comment)
    }

    private struct Reading {
        let record: ClassRecord
        let slot: SchoolTimetable.Slot
        let key: LessonKey
        let pupils: [ChildRecord]
        let before: [WrittenLesson]
        let open: WrittenLesson?
        let cells: [UUID: [UUID: LessonCells]]
    }
}

/// Who writes in which lesson: a subject teacher in his own, a class teacher in all of his class, heads everywhere.
enum MayWrite {
    static func check(
        _ viewer: Viewer, _ slot: SchoolTimetable.Slot, _ schoolClass: UUID, _ timetable: SchoolTimetable, in transaction: borrowing Transaction
    ) throws {
        let places = try Directory.places(of: viewer, .enterLessons, in: transaction).filter { $0.schoolID == timetable.school }
        let isHead = places.contains { $0.classID == nil && $0.role != .subjectTeacher }
        let isClassTeacher = places.contains { $0.classID == schoolClass }
        guard isHead || isClassTeacher || slot.teachers.contains(viewer.personID)
            || timetable.teaches(viewer.personID, slot.subject, to: schoolClass)
        else { throw Problem.notFound }
    }
}

/// Saving the open lesson.
struct GradebookForm {
    let database: Database
    let outbox: Outbox

    func save(_ visit: Visit) async throws -> Answer {
        let schoolClass = try visit.uuid("class")
        guard let day = Day(try visit.parameter("day")), let number = Int(try visit.parameter("number")) else { throw Problem.notFound }
        let key = LessonKey(classID: schoolClass, day: day, number: number)
        let form = try await visit.form()
        var cells: [UUID: CellEntry] = [:]
        var errors: [UUID: String] = [:]
        for (name, values) in form.values where name.hasPrefix("cell-") {
            guard let pupil = UUID(uuidString: String(name.dropFirst(5))) else { continue }
            do throws(CellEntry.Refused) { cells[pupil] = try CellEntry(values.first ?? "") } catch {
                errors[pupil] =
                    switch error {
                    case .absentWithMark: visit.tr("Whoever was absent has no mark.")
                    case .commentTooLong: visit.tr("The comment is too long.")
                    case .notUnderstood: visit.tr("A mark from 2 to 5, н, нб or оп.")
                    }
            }
        }
        guard errors.isEmpty else {
            return .page(try await GradebookPage(for: visit, database, key: key, typed: form, errors: errors), .unprocessableContent)
        }
        func text(_ name: String) -> String? {
            let text = (form[name] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            return text.isEmpty ? nil : String(text.prefix(500))
        }
        let (topic, homework, work) = (text("topic"), text("homework"), text("work"))
        let weight = form["weight"].flatMap { Int($0) }.map { max(1, min(10, $0)) } ?? 1
        let entries = cells
        let subject = try await database.transaction { [outbox] tx -> String in
            guard let record = try Directory.schoolClass(schoolClass, in: tx) else { throw Problem.notFound }
            let timetable = try SchoolTimetable.of(school: record.schoolID, only: schoolClass, in: tx)
            guard let slot = timetable.slots(of: schoolClass, on: day).first(where: { $0.number == number }) else { throw Problem.notFound }
            try MayWrite.check(visit.viewer, slot, schoolClass, timetable, in: tx)
            // Cells of people who are not in the class are nobody's.
            let pupils = Set(try Directory.pupils(of: schoolClass, in: tx).map(\.id))
            let name = try Directory.person(visit.viewer.personID, in: tx)?.name.initials ?? visit.viewer.name
            try RecordLesson(
                slot: key, school: record.schoolID, subject: slot.subject, topic: topic, homework: homework, work: work, weight: weight,
                cells: entries.filter { pupils.contains($0.key) }, teacher: visit.viewer.personID, teacherName: name
            ).run(at: visit.now, in: tx, outbox: outbox)
            return slot.subject
        }
        return .seeOther(LessonsPage.address(schoolClass, subject, day, number) + "&saved=1")
    }
}
