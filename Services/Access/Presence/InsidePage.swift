import Directory
import Foundation
import Kernel
import Postgres
import Web

/// Who is inside now, class by class; the list that is printed when the building is cleared (BY-09).
struct InsideList: Encodable, Sendable, Equatable {
    struct Somebody: Encodable, Sendable, Equatable {
        let name: String
        let since: String
        /// Where a pupil's cards are; nil for the staff.
        let address: String?
    }

    struct Group: Encodable, Sendable, Equatable {
        /// Of the page's part, so that what is folded stays folded.
        let id: String
        let name: String
        let count: Int
        let of: String
        let people: [Somebody]
        let hasPeople: Bool
    }

    struct Oddity: Encodable, Sendable, Equatable {
        let time: String
        let text: String
    }

    let count: String
    let asOf: String
    let groups: [Group]
    let oddities: [Oddity]
    let hasOddities: Bool
}

extension InsideList {
    init(for visit: Visit, _ database: Database) async throws {
        let school = try visit.uuid("school")
        let today = visit.today
        let read = try await database.read { tx in
            (
                inside: try Presence.inside(school: school, on: today, in: tx),
                pupils: try Directory.pupils(ofSchool: school, in: tx),
                unknown: try tx.rows(
                    """
                    select reading.received_at, coalesce(reading.card, ''), device.place from reading join device on device.id = device_id
                    where outcome = 'unknownCard' and device.school_id = \(school) and reading.received_at > \(visit.now.addingTimeInterval(-3600))
                    order by reading.received_at desc limit 10
                    """, as: Date.self, String.self, String.self),
                odd: try tx.rows(
                    """
                    select received_at, device_name, outcome from raw_reading
                    where outcome <> 'readings' and received_at > \(visit.now.addingTimeInterval(-86_400))
                    order by received_at desc limit 10
                    """, as: Date.self, String.self, String.self)
            )
        }
        let pupils = Set(read.pupils.map(\.id))
        let others = try await database.read { try Directory.people(Array(Set(read.inside.keys).subtracting(pupils)), in: $0) }
        let byClass = Dictionary(grouping: read.pupils, by: \.className)
        let classes = byClass.sorted { ($0.key ?? ClassName(grade: 99, letter: "")) < ($1.key ?? ClassName(grade: 99, letter: "")) }.map {
            name, pupils in
            let inside = pupils.compactMap { pupil in
                read.inside[pupil.id].map {
                    Somebody(
                        name: pupil.name?.listed ?? pupil.pupilCode, since: visit.format.time($0),
                        address: "/access/children/\(pupil.id.text)/cards")
                }
            }
            return Group(
                id: "class-\(name.map { "\($0.grade)\($0.letter)" } ?? "none")", name: name?.description ?? visit.tr("without a class"), count: inside.count,
                of: visit.tr("of %@", pupils.count), people: inside, hasPeople: !inside.isEmpty)
        }
        let staff = read.inside.compactMap { id, since in
            others[id].map { Somebody(name: $0.name.listed, since: visit.format.time(since), address: nil) }
        }.sorted { $0.name < $1.name }
        let ofStaff = Group(
            id: "staff", name: visit.tr("Staff"), count: staff.count, of: "", people: staff, hasPeople: !staff.isEmpty)
        groups = classes + (staff.isEmpty ? [] : [ofStaff])
        let inside = pupils.intersection(read.inside.keys).count
        count = visit.trn(inside, "%d pupil is inside", "%d pupils are inside")
        asOf = visit.format.moment(Date(), now: Date())
        oddities =
            read.unknown.map { Oddity(time: visit.format.time($0.0), text: visit.tr("unknown card %@, %@", $0.1, $0.2)) }
            + read.odd.map { Oddity(time: visit.format.time($0.0), text: visit.tr("device %@ sent what cannot be understood: %@", $0.1, $0.2)) }
        hasOddities = !oddities.isEmpty
    }
}

/// The guard's page, which follows by itself.
struct InsidePage: Page {
    static let template = "inside/show"
    let title: String
    let section = "gate"
    let list: InsideList
    let liveAddress: String
}

extension InsidePage {
    init(for visit: Visit, _ database: Database) async throws {
        title = visit.tr("Who is inside now")
        list = try await InsideList(for: visit, database)
        liveAddress = "/access/schools/\(try visit.uuid("school").text)/inside/live"
    }
}
