import Directory
import Events
import Foundation
import Kernel
import Postgres

/// What a set of guardians' letters is told from.
struct LetterMaterial: Sendable {
    struct Child: Sendable {
        let record: ChildRecord
        let sharing: Sharing
    }

    let day: DayMaterial
    private let families: [UUID: [Child]]
    private let changes: [UUID: [(notice: Notice, changedAt: Date)]]
    private let schoolNames: [UUID: String]
    private let staffRoles: [UUID: [RoleHeld]]
    private let staffChanges: [(notice: StaffNotice, changedAt: Date)]
    let staffNames: StaffNames

    init(of guardians: [DueGuardian], on day: Day, until: Date, in tx: borrowing Transaction) throws {
        let grants = try tx.rows(
            """
            select guardian_id, child_id, topics from directory_guardianship
            where guardian_id = any(\(guardians.map(\.personID))) and (until_on is null or until_on >= \(day))
            """, as: UUID.self, UUID.self, [String].self)
        // ID-38: of a child whose parents have taken their consent back no letter tells.
        let silent = try WhenConsentIsDecided.withdrawn(Array(Set(grants.map(\.1))), in: tx)
        let children = try Directory.children(Array(Set(grants.map(\.1))), in: tx).filter { !$0.hasLeft && !silent.contains($0.id) }
        let known = Dictionary(children.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var families: [UUID: [Child]] = [:]
        for (guardian, child, topics) in grants {
            guard let record = known[child] else { continue }
            families[guardian, default: []].append(
                Child(record: record, sharing: Sharing(guardianWith: Set(topics.compactMap(Topic.init)))))
        }
        // The eldest first, as everywhere.
        self.families = families.mapValues { family in
            family.sorted {
                ($1.record.className?.grade ?? 0, $0.record.name?.given ?? "", $0.record.id.uuidString)
                    < ($0.record.className?.grade ?? 0, $1.record.name?.given ?? "", $1.record.id.uuidString)
            }
        }
        let since = guardians.map(\.since).min() ?? until
        changes = Dictionary(
            grouping: try Notice.changes(of: children.map(\.id), after: since, upTo: until, in: tx), by: \.notice.childID)
        self.day = try DayMaterial(of: children, on: day, in: tx)
        let held = try tx.rows(
            """
            select id, roles from directory_rights
            where id = any(\(guardians.map(\.personID))) and not ended and roles <> '[]'
            """, as: UUID.self, JSON<[RoleHeld]>.self)
        staffRoles = Dictionary(held.map { ($0.0, $0.1.value) }, uniquingKeysWith: { first, _ in first })
        let staffSchools = Array(Set(held.flatMap { $0.1.value.map(\.schoolID) }))
        staffChanges = staffSchools.isEmpty ? [] : try StaffNotice.changes(at: staffSchools, after: since, upTo: until, in: tx)
        staffNames = try StaffNames(for: staffChanges.map(\.notice), in: tx)
        schoolNames = Dictionary(
            try Directory.schools(Array(Set(children.map(\.schoolID) + staffSchools)), in: tx).map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first })
    }

    func children(of guardian: UUID) -> [Child] { families[guardian] ?? [] }

    /// What changed about a child since a letter, oldest first, as far as its reader may know it.
    func changed(of child: Child, since: Date) -> [Notice] {
        (changes[child.record.id] ?? []).filter { $0.changedAt > since }.map(\.notice).filter {
            // What came and was taken back between two letters was never told of.
            child.sharing.shows($0) && (!$0.isEnded || $0.at <= since)
        }
    }

    /// Who came and went in the classes and schools of one of the staff since a letter, oldest first.
    func comings(for person: UUID, since: Date) -> [StaffNotice] {
        guard let roles = staffRoles[person] else { return [] }
        return StaffNotice.unique(staffChanges.filter { $0.changedAt > since }.map(\.notice), for: roles)
    }

    func schools(of children: [Child], and notices: [StaffNotice]) -> String {
        Set(children.map(\.record.schoolID) + notices.map(\.schoolID)).compactMap { schoolNames[$0] }.sorted().joined(separator: ", ")
    }
}
