public import Events
import Foundation
import Kernel
public import Postgres

/// A state as it was told: with the epoch of its owner, which grows when the owner is restored from a backup. The
/// higher epoch wins, within an epoch the higher version.
public struct Told<E: VersionedEvent>: Sendable {
    public let event: E
    public let epoch: Int64
    /// When it was said: what is older than a republication and not named in it has ended.
    public let at: Date

    public init(_ event: E, epoch: Int64 = 1, at: Date = Date()) {
        self.event = event
        self.epoch = epoch
        self.at = at
    }
}

/// Writes states into the service's tables, a whole batch in one statement; only newer ones apply, whatever the order.
///
/// The hearing does so for every service. Identity, which knows first, may apply its own in the transaction of the
/// change.
extension Directory {
    public static func apply(_ told: [Told<SchoolChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        try tx.execute(
            """
            insert into directory_school as t (id, name, time_zone, modules, contacts, ended, epoch, version, told_at)
            select id, name, time_zone, array(select jsonb_array_elements_text(modules)), contacts, ended, epoch,
                version, told_at
            from unnest(
                \(events.map(\.schoolID)), \(events.map(\.name)), \(events.map(\.timeZone)),
                \(events.map { JSON($0.modules) }), \(events.map { JSON($0.contacts) }), \(events.map(\.ended)),
                \(states.map(\.epoch)), \(events.map(\.version)), \(states.map(\.at))
            ) as s (id, name, time_zone, modules, contacts, ended, epoch, version, told_at)
            on conflict (id) do update set
                name = excluded.name, time_zone = excluded.time_zone, modules = excluded.modules,
                contacts = excluded.contacts, ended = excluded.ended, epoch = excluded.epoch,
                version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            """)
    }

    public static func apply(_ told: [Told<ClassChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        try tx.execute(
            """
            insert into directory_class as t (id, school_id, grade, letter, ended, epoch, version, told_at)
            select * from unnest(
                \(events.map(\.classID)), \(events.map(\.schoolID)), \(events.map { Int32(clamping: $0.grade) }),
                \(events.map(\.letter)), \(events.map(\.ended)), \(states.map(\.epoch)), \(events.map(\.version)),
                \(states.map(\.at)))
            on conflict (id) do update set
                school_id = excluded.school_id, grade = excluded.grade, letter = excluded.letter,
                ended = excluded.ended, epoch = excluded.epoch, version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            """)
    }

    public static func apply(_ told: [Told<PersonChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        try tx.execute(
            """
            insert into directory_person as t (
                id, surname, given_name, patronymic, gender, accent, roster_number, school_id, class_id, is_pupil,
                ended, epoch, version, told_at)
            select * from unnest(
                \(events.map(\.personID)), \(events.map(\.name.surname)), \(events.map(\.name.given)),
                \(events.map(\.name.patronymic)), \(events.map(\.gender.rawValue)), \(events.map(\.accent.rawValue)),
                \(events.map(\.rosterNumber)), \(events.map(\.schoolID)), \(events.map(\.classID)),
                \(events.map(\.isPupil)), \(events.map(\.ended)), \(states.map(\.epoch)), \(events.map(\.version)),
                \(states.map(\.at)))
            on conflict (id) do update set
                surname = excluded.surname, given_name = excluded.given_name, patronymic = excluded.patronymic,
                gender = excluded.gender, accent = excluded.accent, roster_number = excluded.roster_number,
                school_id = excluded.school_id, class_id = excluded.class_id, is_pupil = excluded.is_pupil,
                ended = excluded.ended, epoch = excluded.epoch, version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            """)
    }

    public static func apply(_ told: [Told<PupilChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        try tx.execute(
            """
            insert into directory_pupil as t (
                id, school_id, class_id, account_number, pupil_code, roster_number, ended, epoch, version, told_at)
            select * from unnest(
                \(events.map(\.personID)), \(events.map(\.schoolID)), \(events.map(\.classID)),
                \(events.map(\.accountNumber)), \(events.map(\.pupilCode)), \(events.map(\.rosterNumber)),
                \(events.map(\.ended)), \(states.map(\.epoch)), \(events.map(\.version)), \(states.map(\.at)))
            on conflict (id) do update set
                school_id = excluded.school_id, class_id = excluded.class_id,
                account_number = excluded.account_number, pupil_code = excluded.pupil_code,
                roster_number = excluded.roster_number, ended = excluded.ended, epoch = excluded.epoch,
                version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            """)
    }

    public static func apply(_ told: [Told<RightsChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        let changed = try tx.rows(
            """
            insert into directory_rights as t (id, roles, children, ended, epoch, version, told_at)
            select * from unnest(
                \(events.map(\.personID)), \(events.map { JSON($0.roles) }), \(events.map { JSON($0.children) }),
                \(events.map(\.ended)), \(states.map(\.epoch)), \(events.map(\.version)), \(states.map(\.at)))
            on conflict (id) do update set
                roles = excluded.roles, children = excluded.children, ended = excluded.ended, epoch = excluded.epoch,
                version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            returning id
            """, as: UUID.self)
        try turnRound(guardians: changed, in: tx)
    }

    public static func apply(_ told: [Told<SigningKeyChanged>], in tx: borrowing Transaction) throws {
        let states = newest(told)
        guard !states.isEmpty else { return }
        let events = states.map(\.event)
        try tx.execute(
            """
            insert into directory_signing_key as t (
                id, algorithm, public_key, valid_from, valid_until, ended, epoch, version, told_at)
            select * from unnest(
                \(events.map(\.keyID)), \(events.map(\.algorithm)), \(events.map(\.publicKey)),
                \(events.map(\.validFrom)), \(events.map(\.validUntil)), \(events.map(\.ended)),
                \(states.map(\.epoch)), \(events.map(\.version)), \(states.map(\.at)))
            on conflict (id) do update set
                algorithm = excluded.algorithm, public_key = excluded.public_key, valid_from = excluded.valid_from,
                valid_until = excluded.valid_until, ended = excluded.ended, epoch = excluded.epoch,
                version = excluded.version, told_at = excluded.told_at
            where (excluded.epoch, excluded.version) > (t.epoch, t.version)
            """)
    }

    /// Notes that sessions have ended, and forgets those whose tokens have long expired.
    public static func apply(ended sessions: [SessionEnded], in tx: borrowing Transaction) throws {
        guard !sessions.isEmpty else { return }
        try tx.execute(
            """
            insert into directory_ended_session (id, person_id, ended_at)
            select * from unnest(
                \(sessions.map(\.sessionID)), \(sessions.map(\.personID)), \(sessions.map(\.at)))
            on conflict do nothing
            """)
        // A token lives five minutes; a day leaves room for any clock.
        try tx.execute("delete from directory_ended_session where ended_at < now() - interval '1 day'")
    }

    /// The newest of each id, in the order of the ids: one row twice in a statement is an error, and copies that
    /// write at the same time in different orders block each other.
    private static func newest<E>(_ told: [Told<E>]) -> [Told<E>] {
        var newest: [UUID: Told<E>] = [:]
        for state in told {
            if let known = newest[state.event.aggregate],
                (known.epoch, known.event.version) >= (state.epoch, state.event.version)
            {
                continue
            }
            newest[state.event.aggregate] = state
        }
        return newest.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Rewrites who the guardians of children are from the rights of these guardians.
    private static func turnRound(guardians: [UUID], in tx: borrowing Transaction) throws {
        guard !guardians.isEmpty else { return }
        try tx.pipeline([
            "delete from directory_guardianship where guardian_id = any(\(guardians))",
            """
            insert into directory_guardianship (guardian_id, child_id, topics, is_primary, until_on)
            select r.id, (c ->> 'childID')::uuid, array(select jsonb_array_elements_text(c -> 'topics')),
                (c ->> 'isPrimary')::boolean, (c ->> 'until')::date
            from directory_rights r cross join jsonb_array_elements(r.children) c
            where r.id = any(\(guardians)) and not r.ended
            order by r.id
            on conflict do nothing
            """,
        ])
    }
}
