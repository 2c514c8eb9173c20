import Foundation
import Kernel
import Postgres

/// Where a pupil was before he moved, so that the old weeks of his diary show the lessons he had.
struct PastPlaces: Sendable, Equatable {
    struct Place: Sendable, Equatable, Hashable {
        let schoolID: UUID
        let classID: UUID
    }

    /// Each with the first day in the place after it, oldest first.
    private let past: [(place: Place, until: Day)]
    private let present: Place

    init(_ past: [(place: Place, until: Day)], present: Place) {
        self.past = past.sorted { $0.until < $1.until }
        self.present = present
    }

    func place(on day: Day) -> Place { past.first { day < $0.until }?.place ?? present }

    /// The places of a stretch of days, each once.
    func places(from: Day, to: Day) -> [Place] {
        var found: [Place] = []
        var day = from
        while day <= to {
            let place = place(on: day)
            if !found.contains(place) { found.append(place) }
            day = day + 1
        }
        return found
    }

    static func of(_ person: UUID, present: Place, in transaction: borrowing Transaction) throws -> PastPlaces {
        let rows = try transaction.rows(
            "select school_id, class_id, until_on from past_place where person_id = \(person) order by until_on, transfer_id", as: UUID.self, UUID.self, Day.self)
        return PastPlaces(rows.map { (Place(schoolID: $0.0, classID: $0.1), $0.2) }, present: present)
    }

    static func == (one: PastPlaces, other: PastPlaces) -> Bool {
        one.present == other.present && one.past.elementsEqual(other.past) { $0.place == $1.place && $0.until == $1.until }
    }
}
