import ArgumentParser
import Directory
import Events
import Foundation
import Messaging
import Service
import ServiceLifecycle
import Web

/// Lessons: when they are, what was done in them, who was there and how he did.
///
/// Hears of people from Identity; serves the family's diary and the teacher's gradebook; tells everyone of lessons, marks, absences,
/// remarks and comments.
@main struct JournalService: SchoolService {
    static let name = "journal"
    static let bundle = Bundle.module

    static func main() async { await run() }

    static func hearings(_ parts: Parts) -> [Hearing] { [
        DirectoryParts.hearing(queue: "journal.directory"), arrivals, WhenPupilIsTransferred.hearing, WhatIsKept.hearing,
    ] }

    /// Lines of lists wait for their pupil: here he comes.
    static let arrivals = Hearing(
        queue: "journal.pupils",
        [
            .each(PupilChanged.self) { received, tx, outbox in
                let pupil = received.event
                guard !pupil.ended, let number = pupil.rosterNumber, let schoolClass = pupil.classID else { return }
                let listed = ListedPupil(id: pupil.personID, school: pupil.schoolID, schoolClass: schoolClass)
                _ = try WaitingLines.apply(
                    school: pupil.schoolID, arrived: (number, listed), at: Date(), in: tx, outbox: outbox)
            }
        ])

    static func routes(_ parts: Parts) -> RouteBook { JournalRoutes(database: parts.database, outbox: parts.outbox).book }

    static let republications = JournalStates.all

    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] {
        [HourlyRound(database: parts.database, outbox: parts.outbox, logger: parts.logger)]
    }

    static let commands: [any AsyncParsableCommand.Type] = [
        ImportBellsCommand.self, ImportTermsCommand.self, ImportCalendarCommand.self, ImportTimetableCommand.self, ImportXHSTTCommand.self,
        ImportMarksCommand.self, ImportAbsencesCommand.self,
    ]
}
