import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// A service reports who looked at whom: one line per child, viewer, part and day of the child's school.
enum WhenChildrenAreLookedAt {
    static let hearing = Hearing(
        queue: "identity.looks", exchange: .commands, batch: 50,
        [.batch(RecordLooks.self) { reports, transaction, _ in try record(reports.map(\.event), in: transaction) }])

    static func record(_ reports: [RecordLooks], in transaction: borrowing Transaction) throws {
        let looks = reports.flatMap { report in report.looks.map { (service: report.service, look: $0) } }
            .filter { $0.look.times > 0 && $0.look.firstAt <= $0.look.lastAt }
        guard !looks.isEmpty else { return }
        // In the order of the key, so that two copies never wait for each other.
        try transaction.execute(
            """
            insert into look as l (child_id, day_on, viewer_id, permission, service, as_guardian, roles, first_at, last_at, times)
            select t.child, t.day, t.viewer, t.permission, t.service, t.as_guardian,
                case when t.as_guardian then '{}'::text[] else coalesce((
                    select array_agg(distinct r.role order by r.role) from role_held r
                    where r.person_id = t.viewer and r.school_id = t.school and not r.ended), '{}') end,
                t.first_at, t.last_at, t.times
            from (
                select s.child, (s.first_at at time zone coalesce(o.time_zone, 'Europe/Moscow'))::date as day, s.viewer,
                    s.permission, s.service, s.as_guardian, u.school_id as school, min(s.first_at) as first_at,
                    max(s.last_at) as last_at, sum(s.times)::integer as times
                from unnest(
                    \(looks.map(\.look.childID)), \(looks.map(\.look.viewerID)), \(looks.map(\.look.permission)),
                    \(looks.map(\.service)), \(looks.map(\.look.asGuardian)), \(looks.map(\.look.firstAt)),
                    \(looks.map(\.look.lastAt)), \(looks.map { Int32(clamping: $0.look.times) })
                ) as s (child, viewer, permission, service, as_guardian, first_at, last_at, times)
                    left join pupil u on u.person_id = s.child left join school o on o.id = u.school_id
                group by s.child, day, s.viewer, s.permission, s.service, s.as_guardian, u.school_id
            ) t
            order by t.child, t.day, t.viewer, t.permission, t.service, t.as_guardian
            on conflict (child_id, day_on, viewer_id, permission, service, as_guardian) do update set
                first_at = least(l.first_at, excluded.first_at), last_at = greatest(l.last_at, excluded.last_at),
                times = l.times + excluded.times, roles = excluded.roles
            """)
    }
}
