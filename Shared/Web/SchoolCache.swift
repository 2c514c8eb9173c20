import Directory
import Events
import Foundation
import Kernel
import Postgres
import Synchronization

/// Remembers for a while which schools matter to a reader and which zone a child or class lives in: both hardly ever change,
/// and every page asks.
final class SchoolCache: Sendable {
    private struct Kept<Value: Sendable>: Sendable {
        let value: Value
        let readAt: Date
    }

    /// How long a change of a school may go unseen on pages.
    private static let seconds: TimeInterval = 300
    /// A bound, not a policy: a city's families fit many times over.
    private static let most = 50_000

    private let zones = Mutex<[UUID: Kept<SchoolZone>]>([:])
    private let homes = Mutex<[UUID: Kept<[SchoolRecord]>]>([:])

    /// The reader's schools and the zone of a subject, when both are remembered.
    func kept(for viewer: Viewer, about subject: Subject, at now: Date) -> (schools: [SchoolRecord], zone: SchoolZone)? {
        guard let schools = keptSchools(of: viewer, at: now) else { return nil }
        switch subject {
        case .oneself, .anySchool: return (schools, schools.first?.zone ?? .moscow)
        case .child(let id), .schoolClass(let id), .school(let id): return keptZone(id, at: now).map { (schools, $0) }
        }
    }

    private func keptZone(_ id: UUID, at now: Date) -> SchoolZone? {
        guard let kept = zones.withLock({ $0[id] }), now.timeIntervalSince(kept.readAt) < Self.seconds else { return nil }
        return kept.value
    }

    private func keptSchools(of viewer: Viewer, at now: Date) -> [SchoolRecord]? {
        guard let kept = homes.withLock({ $0[viewer.personID] }), now.timeIntervalSince(kept.readAt) < Self.seconds else { return nil }
        return kept.value
    }

    /// The zone of the school that a subject belongs to; of the reader's own school when it is about no one in particular.
    func zone(
        of subject: Subject, for viewer: Viewer, at now: Date, in transaction: borrowing Transaction
    ) throws -> SchoolZone {
        let key: UUID
        switch subject {
        case .child(let id), .schoolClass(let id), .school(let id): key = id
        case .oneself, .anySchool: return try schools(of: viewer, at: now, in: transaction).first?.zone ?? .moscow
        }
        if let kept = keptZone(key, at: now) { return kept }
        let school: UUID?
        switch subject {
        case .schoolClass(let id): school = try Directory.schoolClass(id, in: transaction)?.schoolID
        case .child(let id): school = try Directory.child(id, in: transaction)?.schoolID
        default: school = key
        }
        guard let school else { return .moscow }
        let zone = try Directory.zone(of: school, in: transaction)
        zones.withLock { zones in
            if zones.count > Self.most { zones.removeAll() }
            zones[key] = Kept(value: zone, readAt: now)
        }
        return zone
    }

    /// The schools of a reader's children, or of himself: those whose names and telephones stand below his pages.
    func schools(of viewer: Viewer, at now: Date, in transaction: borrowing Transaction) throws -> [SchoolRecord] {
        if let kept = keptSchools(of: viewer, at: now) { return kept }
        let pupils = viewer.children.map(\.id) + (viewer.isPupil ? [viewer.personID] : [])
        var ids = try Directory.children(pupils, in: transaction).map(\.schoolID)
        ids += try Directory.roles(of: viewer.personID, in: transaction).map(\.schoolID)
        guard !ids.isEmpty else { return [] }
        let schools = try Directory.schools(Array(Set(ids)), in: transaction)
        homes.withLock { homes in
            if homes.count > Self.most { homes.removeAll() }
            homes[viewer.personID] = Kept(value: schools, readAt: now)
        }
        return schools
    }
}
