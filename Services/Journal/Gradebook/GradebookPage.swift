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
                for schoolClass in try Directory.classes(ofSchool: school, in: tx) {
                    let may = MayWrite(viewer, places, schoolClass.id, timetable)
                    let subjects = timetable.subjects(of: schoolClass.id).filter(may.allows(subject:))
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
                Link(title: "\(schoolClass.name) \($0)", detail: "", address: Self.address(schoolClass.id, $0, nil, nil))
            }
        }
        hasClasses = !self.classes.isEmpty
    }

    static func address(_ schoolClass: UUID, _ subject: String, _ day: Day?, _ number: Int?) -> String {
        let name = subject.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return "/journal/classes/\(schoolClass.text)/gradebook?subject=\(name)" + (day.map { "&day=\($0)" } ?? "") + (number.map { "&number=\($0)" } ?? "")
    }
}

/// The gradebook of a class and subject: pupils down, lessons across, one lesson open for writing.
struct GradebookPage: Page {
    struct Column: Encodable, Sendable, Equatable {
        let day: String
        let month: String
        let work: String?
        let isHeavy: Bool
        let address: String
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
        /// What the cell said when the page was made: only what was changed since is saved.
        let was: String
        let wasField: String
        let value: String
        let error: String?
        let remarks: String
        let average: String
        /// A mark with words behind it, which needs another type.
        let isLong: Bool
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
    /// Topic, homework, what the marks are for and how much they weigh.
    let fields: [Field]
    let address: String
    let lessons: Pager
    let openDayNumber: String
    let openMonth: String
    let saved: String?
    let alarm: String?
}

extension GradebookPage {
    /// The lessons shown beside the open one.
    private static let shown = 12

    init(
        for visit: Visit, _ database: Database, key given: LessonKey? = nil, typed: Form? = nil, errors: [UUID: String] = [:],
        weightError: String? = nil
    ) async throws {
        let schoolClass = try visit.uuid("class")
        let day = given?.day ?? visit.day("day") ?? visit.today
        let asked = given?.number ?? visit.query("number").flatMap { Int($0) }
        let wanted = visit.query("subject") ?? typed?["subject"]
        let viewer = visit.viewer
        let read = try await database.read { tx -> Reading in
            guard let record = try Directory.schoolClass(schoolClass, in: tx) else { throw Problem.notFound }
            let timetable = try SchoolTimetable.of(school: record.schoolID, only: schoolClass, in: tx)
            let may = try MayWrite(viewer, schoolClass, timetable, in: tx)
            guard let (key, slot) = timetable.lesson(of: schoolClass, near: day, number: asked, where: { may.allows($0) && (wanted == nil || $0.subject == wanted) })
            else { throw Problem.notFound }
            let before = try WrittenLesson.before(key, subject: slot.subject, limit: Self.shown, in: tx)
            let own = { (other: SchoolTimetable.Slot) in other.subject == slot.subject }
            return Reading(
                earlier: timetable.step(from: key, by: -1, where: own), later: timetable.step(from: key, by: 1, where: own),
                record: record, slot: slot, key: key, pupils: try Directory.pupils(of: schoolClass, in: tx), before: before,
                open: try WrittenLesson.find(key.lessonID, in: tx), cells: try LessonCells.of(before.map(\.id) + [key.lessonID], in: tx))
        }
        title = visit.tr("Gradebook")
        className = read.record.name.description
        subject = read.slot.subject
        openDay = visit.format.longDate(read.key.day)
        openNumber = read.slot.number
        func address(_ key: LessonKey) -> String { LessonsPage.address(schoolClass, read.slot.subject, key.day, key.number) }
        columns = read.before.map {
            Column(
                day: "\($0.day.day)", month: Self.month($0.day, visit), work: $0.work, isHeavy: $0.weight > 1,
                address: address(LessonKey(classID: schoolClass, day: $0.day, number: $0.number)))
        }
        openDayNumber = "\(read.key.day.day)"
        openMonth = Self.month(read.key.day, visit)
        lessons = Pager(
            visit.tr("Lessons"), visit.format.date(read.key.day), before: read.earlier.map(address), visit.tr("The lesson before"),
            after: read.later.map(address), visit.tr("The lesson after"))
        rows = read.pupils.enumerated().map { index, pupil in
            let marks = (read.before.map { ($0.id, $0.weight) } + [(read.key.lessonID, read.open?.weight ?? 1)]).compactMap { id, weight in
                read.cells[id]?[pupil.id]?.mark.flatMap { Int($0.value) }.map { ($0, weight) }
            }
            let weights = marks.reduce(0) { $0 + $1.1 }
            // In hundredths, rounded half up, as a paper gradebook does; whole numbers all the way.
            let hundredths = weights == 0 ? 0 : (marks.reduce(0) { $0 + $1.0 * $1.1 } * 200 + weights) / (2 * weights)
            let value = typed?["cell-\(pupil.id.text)"] ?? read.cells[read.key.lessonID]?[pupil.id]?.entry.text ?? ""
            return Row(
                number: index + 1, name: pupil.name?.listed ?? pupil.pupilCode, field: "cell-\(pupil.id.text)",
                cells: read.before.map { Self.cell(read.cells[$0.id]?[pupil.id]) },
                was: typed?["was-\(pupil.id.text)"] ?? read.cells[read.key.lessonID]?[pupil.id]?.entry.text ?? "",
                wasField: "was-\(pupil.id.text)", value: value,
                error: errors[pupil.id], remarks: "/journal/children/\(pupil.id.text)/remarks",
                average: weights == 0 ? "" : "\(hundredths / 100),\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)",
                isLong: value.count > 2)
        }
        fields = [
            .text("topic", visit.tr("Topic"), value: typed?["topic"] ?? read.open?.topic ?? "", autocomplete: "off", most: 500),
            .text("homework", visit.tr("Homework"), value: typed?["homework"] ?? read.open?.homework ?? "", autocomplete: "off", most: 500),
            .text("work", visit.tr("What the marks are for"), value: typed?["work"] ?? read.open?.work ?? "", autocomplete: "off", most: 200),
            .text(
                "weight", visit.tr("Weight"), value: typed?["weight"] ?? "\(read.open?.weight ?? 1)", wrong: weightError, autocomplete: "off",
                inputMode: "numeric", most: 2),
        ]
        self.address = "/journal/classes/\(schoolClass.text)/lessons/\(read.key.day)/\(read.slot.number)"
        saved = visit.query("saved") == nil ? nil : visit.tr("Saved")
        alarm = errors.isEmpty && weightError == nil
            ? nil : visit.tr("Some cells cannot be read. Nothing was saved; what you typed is still here.")
    }

    /// `ноя`.
    private static func month(_ day: Day, _ visit: Visit) -> String {
        String(visit.format.date(day).split(separator: "\u{A0}").last?.prefix(3) ?? "")
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
        let earlier: LessonKey?
        let later: LessonKey?
        let record: ClassRecord
        let slot: SchoolTimetable.Slot
        let key: LessonKey
        let pupils: [ChildRecord]
        let before: [WrittenLesson]
        let open: WrittenLesson?
        let cells: [UUID: [UUID: LessonCells]]
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
            // What stayed as the page showed it is nobody's wish: meanwhile another may have written there.
            guard let pupil = UUID(uuidString: String(name.dropFirst(5))), form["was-\(pupil.text)"] != values.first else { continue }
            do throws(CellEntry.Refused) { cells[pupil] = try CellEntry(values.first ?? "") } catch {
                errors[pupil] =
                    switch error {
                    case .absentWithMark: visit.tr("Whoever was absent has no mark.")
                    case .commentTooLong: visit.tr("The comment is too long.")
                    case .notUnderstood: visit.tr("A mark from 2 to 5, н, нб or оп.")
                    }
            }
        }
        let weight = Int(form["weight"] ?? "1")
        let weightError = weight.map { (1...10).contains($0) } ?? false ? nil : visit.tr("A weight from 1 to 10.")
        guard errors.isEmpty, weightError == nil, let weight else {
            let again = try await GradebookPage(
                for: visit, database, key: key, typed: form, errors: errors, weightError: weightError)
            return .page(again, .unprocessableContent)
        }
        func text(_ name: String) -> String? {
            let text = (form[name] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
            return text.isEmpty ? nil : String(text.prefix(500))
        }
        let (topic, homework, work) = (text("topic"), text("homework"), text("work"))
        let entries = cells
        let subject = try await database.transaction { [outbox] tx -> String in
            guard let record = try Directory.schoolClass(schoolClass, in: tx) else { throw Problem.notFound }
            let timetable = try SchoolTimetable.of(school: record.schoolID, only: schoolClass, in: tx)
            guard let slot = timetable.slots(of: schoolClass, on: day).first(where: { $0.number == number }) else { throw Problem.notFound }
            guard try MayWrite(visit.viewer, schoolClass, timetable, in: tx).allows(slot) else { throw Problem.notFound }
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
