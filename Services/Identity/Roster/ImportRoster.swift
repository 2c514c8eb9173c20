import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// The school's lists become schools, classes, people, places, guardianships and roles.
///
/// Repeatable: the same numbers are the same people, a changed line changes them, a line that says what it said last
/// time does nothing, and who is missing stays unless the import is called complete. A bad line is reported and the
/// rest goes on. Each batch is one transaction with its events.
struct ImportRoster: Sendable {
    let roster: Roster
    /// Whether who is missing from a file has left: for the schools and the kinds of file that are there.
    var isComplete = false
    /// Lines per transaction.
    var batch = 1000

    /// What was done.
    struct Report: Sendable, Equatable, Codable {
        struct Count: Sendable, Equatable, Codable {
            var added = 0
            var changed = 0
            var unchanged = 0
            var ended = 0
        }
        var schools = Count()
        var classes = Count()
        var pupils = Count()
        var guardians = Count()
        var staff = Count()
        var badLines: [BadLine] = []
    }

    /// - Throws: only what stops the whole import, such as a lost database; bad lines are in the report.
    func run(_ database: Database, _ outbox: Outbox) async throws -> Report {
        var report = Report(badLines: roster.bad)
        let roster = roster
        try await database.transaction { transaction in
            try ImportSchools(roster: roster).run(in: transaction, outbox)
        }.add(to: &report)

        for lines in batches(of: roster.pupils, by: \.person.number) {
            try await database.transaction { try ImportPupils(lines: lines).run(in: $0, outbox) }.add(to: &report)
        }
        for lines in batches(of: roster.guardians, by: \.person.number) {
            try await database.transaction { try ImportGuardians(lines: lines).run(in: $0, outbox) }.add(to: &report)
        }
        for lines in batches(of: roster.staff, by: \.person.number) {
            try await database.transaction { try ImportStaff(lines: lines).run(in: $0, outbox) }.add(to: &report)
        }
        if isComplete {
            try await database.transaction { try EndMissing(roster: roster).run(in: $0, outbox) }.add(to: &report)
        }
        report.badLines.sort { ($0.file, $0.line) < ($1.file, $1.line) }
        let done = report
        try await database.transaction { try note(done, in: $0) }
        return report
    }

    /// One line in the log of every school that the files name.
    private func note(_ report: Report, in transaction: borrowing Transaction) throws {
        let named = Set(
            roster.schools.map(\.content.code) + roster.classes.map(\.content.school) + roster.pupils.map(\.content.school)
                + roster.staff.map(\.content.school))
        let known = try RosterKnown.schools(in: transaction)
        func sum(_ count: (Report.Count) -> Int) -> String {
            "\([report.pupils, report.guardians, report.staff].map(count).reduce(0, +))"
        }
        for code in named.sorted() {
            guard let school = known[code] else { continue }
            try Audit.note(
                .rosterImported, by: nil, school: school,
                detail: [
                    "added": sum(\.added), "changed": sum(\.changed), "ended": sum(\.ended), "lines refused": "\(report.badLines.count)",
                ], at: Date(), in: transaction)
        }
    }

    /// Slices of the lines in which all lines about one person are together.
    private func batches<Content>(
        of lines: [Roster.Line<Content>], by number: (Content) -> String
    ) -> [[Roster.Line<Content>]] {
        var order: [String] = []
        var groups: [String: [Roster.Line<Content>]] = [:]
        for line in lines {
            let key = number(line.content)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(line)
        }
        var result: [[Roster.Line<Content>]] = []
        var current: [Roster.Line<Content>] = []
        for key in order {
            let group = groups[key] ?? []
            if !current.isEmpty, current.count + group.count > batch {
                result.append(current)
                current = []
            }
            current += group
        }
        if !current.isEmpty { result.append(current) }
        return result
    }
}

/// What one step of an import did.
struct ImportStep: Sendable {
    var report = ImportRoster.Report()

    func add(to whole: inout ImportRoster.Report) {
        func add(_ path: WritableKeyPath<ImportRoster.Report, ImportRoster.Report.Count>) {
            whole[keyPath: path].added += report[keyPath: path].added
            whole[keyPath: path].changed += report[keyPath: path].changed
            whole[keyPath: path].unchanged += report[keyPath: path].unchanged
            whole[keyPath: path].ended += report[keyPath: path].ended
        }
        add(\.schools)
        add(\.classes)
        add(\.pupils)
        add(\.guardians)
        add(\.staff)
        whole.badLines += report.badLines
    }
}

/// Schools, their classes and contacts: few, so one transaction.
struct ImportSchools: Sendable {
    let roster: Roster

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws -> ImportStep {
        var step = ImportStep()
        var touched = TouchedPeople()
        for line in roster.schools {
            let school = line.content
            let says = "\(school.name)|\(school.zone.identifier)|\(school.modules.joined(separator: ";"))|"
                + (school.allowsPasswordSigns.map { "\($0)" } ?? "") + (school.needsSecondFactor.map { "|\($0)" } ?? "")
            let proposed = UUID.v7()
            let changed = try transaction.first(
                """
                insert into school as s (id, code, name, time_zone, modules, password_signs, second_factor, roster_line)
                values (\(proposed), \(school.code), \(school.name), \(school.zone.identifier), \(school.modules),
                        coalesce(\(school.allowsPasswordSigns), false), coalesce(\(school.needsSecondFactor), false), \(says))
                on conflict (code) do update set name = excluded.name, time_zone = excluded.time_zone,
                    modules = excluded.modules, roster_line = excluded.roster_line, ended = false,
                    password_signs = coalesce(\(school.allowsPasswordSigns), s.password_signs),
                    second_factor = coalesce(\(school.needsSecondFactor), s.second_factor), version = s.version + 1
                where s.roster_line is distinct from excluded.roster_line or s.ended
                returning s.id
                """,
                as: UUID.self)
            switch changed {
            case proposed?: step.report.schools.added += 1
            case .some: step.report.schools.changed += 1
            case nil: step.report.schools.unchanged += 1
            }
            if let changed { touched.schools.insert(changed) }
        }
        let schools = try RosterKnown.schools(in: transaction)
        for line in roster.classes {
            guard let school = schools[line.content.school] else {
                step.report.badLines.append(line.refused("there is no school «\(line.content.school)»"))
                continue
            }
            let proposed = UUID.v7()
            let name = line.content.name
            let changed = try transaction.first(
                """
                insert into class as c (id, school_id, grade, letter)
                values (\(proposed), \(school), \(name.grade), \(name.letter))
                on conflict (school_id, grade, letter) do update set ended = false, version = c.version + 1
                where c.ended
                returning c.id
                """,
                as: UUID.self)
            switch changed {
            case proposed?: step.report.classes.added += 1
            case .some: step.report.classes.changed += 1
            case nil: step.report.classes.unchanged += 1
            }
            if let changed { touched.classes.insert(changed) }
        }
        var contacts: [UUID: [SchoolContact]] = [:]
        for line in roster.contacts {
            guard let school = schools[line.content.school] else {
                step.report.badLines.append(line.refused("there is no school «\(line.content.school)»"))
                continue
            }
            contacts[school, default: []].append(line.content.contact)
        }
        for (school, list) in contacts {
            let changed = try transaction.execute(
                """
                update school set contacts = \(JSON(list)), version = version + 1
                where id = \(school) and contacts <> \(JSON(list))
                """)
            if changed == 1 { touched.schools.insert(school) }
        }
        try touched.publish(to: outbox, in: transaction)
        return step
    }
}

/// What the database knows of the names that a roster uses.
enum RosterKnown {
    struct Person {
        let id: UUID
        let kind: String
        /// Whether the number was another account's before two became one (ID-29).
        var isMerged = false
    }

    struct ClassKey: Hashable {
        let school: UUID
        let name: ClassName
    }

    static func schools(in transaction: borrowing Transaction) throws -> [String: UUID] {
        Dictionary(
            try transaction.rows("select code, id from school where not ended", as: String.self, UUID.self),
            uniquingKeysWith: { first, _ in first })
    }

    static func classes(in transaction: borrowing Transaction) throws -> [ClassKey: UUID] {
        var known: [ClassKey: UUID] = [:]
        for (id, school, grade, letter) in try transaction.rows(
            "select id, school_id, grade, letter from class where not ended",
            as: UUID.self, UUID.self, Int.self, String.self)
        {
            known[ClassKey(school: school, name: ClassName(grade: grade, letter: letter))] = id
        }
        return known
    }

    static func people(_ numbers: [String], in transaction: borrowing Transaction) throws -> [String: Person] {
        var known: [String: Person] = [:]
        for (number, id, kind, isMerged) in try transaction.rows(
            """
            select roster_number, coalesce(merged_into, id), kind, merged_into is not null
            from person where roster_number = any(\(numbers))
            """,
            as: String.self, UUID.self, String.self, Bool.self)
        {
            known[number] = Person(id: id, kind: kind, isMerged: isMerged)
        }
        return known
    }
}
