import Directory
import Events
import Foundation
import Postgres

/// Who writes in a class's gradebook: a subject teacher in his own lessons, a class teacher in all of his class, heads everywhere.
///
/// This narrows `.enterLessons`, which every subject teacher of a school holds about all its classes.
struct MayWrite: Sendable {
    private let person: UUID
    private let schoolClass: UUID
    private let timetable: SchoolTimetable
    private let hasWholeClass: Bool

    /// - Parameter places: where the viewer holds `.enterLessons`.
    init(_ viewer: Viewer, _ places: [RoleHeld], _ schoolClass: UUID, _ timetable: SchoolTimetable) {
        person = viewer.personID
        self.schoolClass = schoolClass
        self.timetable = timetable
        hasWholeClass = places.contains { held in
            held.schoolID == timetable.school
                && (held.classID == schoolClass || (held.classID == nil && held.role != .subjectTeacher))
        }
    }

    init(
        _ viewer: Viewer, _ schoolClass: UUID, _ timetable: SchoolTimetable, in transaction: borrowing Transaction
    ) throws {
        self.init(viewer, try Directory.places(of: viewer, .enterLessons, in: transaction), schoolClass, timetable)
    }

    func allows(subject: String) -> Bool { hasWholeClass || timetable.teaches(person, subject, to: schoolClass) }

    func allows(_ slot: SchoolTimetable.Slot) -> Bool { slot.teachers.contains(person) || allows(subject: slot.subject) }

    /// Whether he may write about the pupils of the class: he has it, or teaches it anything.
    var allowsWords: Bool { timetable.subjects(of: schoolClass).contains(where: allows(subject:)) || hasWholeClass }
}
