import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// What Notifier listens to: everything that happens to a child, and who is who.
enum NotifierHearings {
    static var all: [Hearing] { [DirectoryParts.hearing(queue: "notifier.directory"), feed, letters, WhatIsKept.hearing] }

    /// Copies compete: a letter is one by its identifier, whoever takes the command.
    private static let letters = Hearing(
        queue: "notifier.letters", exchange: .commands, order: .competing, prefetch: 100, batch: 50,
        afterBatch: { _ in AccessLetterWorker.asked.fire() },
        [.batch(SendAccessLetter.self) { commands, tx, _ in try AccessLetters.take(commands.map(\.event), in: tx) }])

    private static let feed = Hearing(
        queue: "notifier.feed", prefetch: 400, batch: 100, afterBatch: { await LiveFeed.afterBatch($0) },
        [
            told(PassageRecorded.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(SaleCompleted.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(SaleRefused.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(MarkChanged.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(AttendanceChanged.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(RemarkChanged.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(CommentChanged.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            .batch(TopUpPosted.self) { received, tx, _ in
                try tell(received, in: tx) { WhenSomethingHappens.notice(of: $0.event, day: $0.event.account.day, version: $0.version) }
                try remember(accounts: received.map { ($0.event.account, $0.epoch) }, in: tx)
            },
            .batch(RefundPosted.self) { received, tx, _ in
                try tell(received, in: tx) { WhenSomethingHappens.notice(of: $0.event, day: $0.event.account.day, version: $0.version) }
                try remember(accounts: received.map { ($0.event.account, $0.epoch) }, in: tx)
            },
            told(SubscriptionChanged.self) {
                WhenSomethingHappens.notice(of: $0.event, day: SchoolZone.moscow.day(of: $0.event.at), version: $0.version)
            },
            told(ServiceCharged.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(ServiceDeclined.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(ServiceRefunded.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            told(BalanceLow.self) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) },
            .batch(ConsentChanged.self) { received, tx, _ in try WhenConsentIsDecided.remember(received, in: tx) },
            .batch(TransferChanged.self) { received, tx, _ in try WhenPupilMoves.react(to: received, in: tx) },
            .batch(ChargeAccepted.self) { received, tx, _ in
                try remember(accounts: received.map { ($0.event.account, $0.epoch) }, in: tx)
            },
            .batch(ChargeWithdrawn.self) { received, tx, _ in
                try remember(accounts: received.compactMap { one in one.event.account.map { ($0, one.epoch) } }, in: tx)
            },
            .batch(AccountChanged.self) { received, tx, _ in
                try remember(accounts: received.map { ($0.event.account, $0.epoch) }, in: tx)
            },
            .batch(ClassDayChanged.self) { received, tx, _ in try remember(days: received, in: tx) },
            .batch(LessonRecorded.self) { received, tx, _ in try remember(lessons: received, in: tx) },
            .batch(ContactChanged.self) { received, tx, _ in try remember(contacts: received, in: tx) },
        ])

    private static func told<E: Event>(_ type: E.Type, _ notice: @escaping @Sendable (Received<E>) -> Notice?) -> Subscription {
        .batch(type) { received, tx, _ in try tell(received, in: tx, notice) }
    }

    /// Writes the notices of a batch and wakes the pages of their children.
    static func tell<E: Event>(
        _ received: [Received<E>], in tx: borrowing Transaction, _ notice: (Received<E>) -> Notice?
    ) throws {
        let notices = received.compactMap { one -> Notice? in
            guard var told = notice(one) else { return nil }
            told.isOld = one.isRepublished
            return told
        }
        try Notice.tell(notices, in: tx)
        LiveFeed.touch(notices.map(\.childID))
    }

    static func remember(accounts: [(state: AccountState, epoch: Int64)], in tx: borrowing Transaction) throws {
        let newest = newest(accounts.map { ($0.state.personID, $0.epoch << 40 | $0.state.version, $0.state) })
        guard !newest.isEmpty else { return }
        let states = newest.map(\.value)
        try tx.execute(
            """
            insert into child_account as known (child_id, balance_kopecks, daily_limit_kopecks, spent_kopecks, day, version)
            select * from unnest(\(states.map(\.personID)), \(states.map(\.balance)), \(states.map(\.dailyLimit)),
                \(states.map(\.spentToday)), \(states.map(\.day)), \(newest.map(\.version)))
            on conflict (child_id) do update set balance_kopecks = excluded.balance_kopecks,
                daily_limit_kopecks = excluded.daily_limit_kopecks, spent_kopecks = excluded.spent_kopecks,
                day = excluded.day, version = excluded.version
            where excluded.version > known.version
            """)
        LiveFeed.touch(states.map(\.personID))
    }

    static func remember(days: [Received<ClassDayChanged>], in tx: borrowing Transaction) throws {
        let newest = newest(days.map { ("\($0.event.classID.text) \($0.event.day.iso)", $0.version, $0.event) })
        guard !newest.isEmpty else { return }
        let events = newest.map(\.value)
        try tx.execute(
            """
            insert into class_day as known (class_id, day, lessons, term_name, term_starts, version)
            select * from unnest(\(events.map(\.classID)), \(events.map(\.day)),
                \(events.map { JSON($0.ended ? [] : $0.lessons) }), \(events.map(\.termName)), \(events.map(\.termStarts)), \(newest.map(\.version)))
            on conflict (class_id, day) do update set lessons = excluded.lessons, term_name = excluded.term_name,
                term_starts = case when excluded.term_name = known.term_name
                    then coalesce(excluded.term_starts, known.term_starts) else excluded.term_starts end,
                version = excluded.version
            where excluded.version > known.version
            """)
        try touchPupils(of: events.map { ($0.classID, $0.day) }, in: tx)
    }

    static func remember(lessons: [Received<LessonRecorded>], in tx: borrowing Transaction) throws {
        let newest = newest(lessons.map { ($0.event.lessonID, $0.version, ($0.event, $0.isRepublished)) })
        guard !newest.isEmpty else { return }
        let events = newest.map(\.value.0)
        try tx.execute(
            """
            insert into lesson_record as known (lesson_id, class_id, day, number, subject, topic, homework, version)
            select * from unnest(\(events.map(\.lessonID)), \(events.map(\.classID)), \(events.map(\.day)),
                \(events.map(\.number)), \(events.map(\.subject)), \(events.map { $0.ended ? nil : $0.topic }),
                \(events.map { $0.ended ? nil : $0.homework }), \(newest.map(\.version)))
            on conflict (lesson_id) do update set class_id = excluded.class_id, day = excluded.day,
                number = excluded.number, subject = excluded.subject, topic = excluded.topic,
                homework = excluded.homework, version = excluded.version, changed_at = clock_timestamp()
            where excluded.version > known.version
            """)
        try touchPupils(of: events.map { ($0.classID, $0.day) }, in: tx)
    }

    /// Wakes the pages of classes whose lessons of these days changed, as far as a page of today can show them.
    private static func touchPupils(of days: [(classID: UUID, day: Day)], in tx: borrowing Transaction) throws {
        let today = SchoolZone.moscow.day(of: Date())
        let classes = Set(days.filter { today.adding(days: -15) < $0.day && $0.day < today.adding(days: 9) }.map(\.classID))
        guard !classes.isEmpty else { return }
        LiveFeed.touch(
            try tx.rows("select id from directory_pupil where class_id = any(\(Array(classes))) and not ended", as: UUID.self))
    }

    static func remember(contacts: [Received<ContactChanged>], in tx: borrowing Transaction) throws {
        let newest = newest(contacts.map { ($0.event.personID, $0.version, $0.event) })
        guard !newest.isEmpty else { return }
        let events = newest.map(\.value)
        try tx.execute(
            """
            insert into contact as known (person_id, email, email_confirmed, email_from_school, new_email, language, version)
            select * from unnest(\(events.map(\.personID)), \(events.map { $0.ended ? nil : $0.email }),
                \(events.map(\.emailConfirmed)), \(events.map { $0.emailFromSchool ?? false }),
                \(events.map { $0.ended ? nil : $0.newEmail }), \(events.map(\.language)), \(newest.map(\.version)))
            on conflict (person_id) do update set email = excluded.email, email_confirmed = excluded.email_confirmed,
                email_from_school = excluded.email_from_school, new_email = excluded.new_email, language = excluded.language, version = excluded.version
            where excluded.version > known.version
            """)
    }

    /// One row of each in a statement, in an order that is the same in every copy, so that copies never wait in a ring.
    private static func newest<Key: Hashable, Value>(
        _ all: [(key: Key, version: Int64, value: Value)]
    ) -> [(key: Key, version: Int64, value: Value)] {
        var newest: [Key: (key: Key, version: Int64, value: Value)] = [:]
        for one in all where (newest[one.key]?.version ?? .min) < one.version { newest[one.key] = one }
        return newest.values.sorted { "\($0.key)" < "\($1.key)" }
    }
}
