import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Service
import Support
import Testing

@testable import Access
@testable import Canteen
@testable import Journal
@testable import Ledger
@testable import Notifier

/// Somebody is forgotten by every service, and by no service more than the law allows.
@Suite("Everybody forgets") struct ErasureTests {
    /// Columns that hold a person's id in tables of a service's own.
    private static let ofPeople = "(^|_)(person_id|child_id|guardian_id|pupil_id|viewer_id)$|_by$"

    private func columns(_ database: Database) async throws -> [(table: String, column: String)] {
        try await database.rows(
            """
            select c.table_name::text, c.column_name::text from information_schema.columns c
            join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name and t.table_type = 'BASE TABLE'
            where c.table_schema = current_schema() and c.data_type = 'uuid' and c.table_name not like 'directory_%'
                and c.column_name ~ \(Self.ofPeople) and c.column_name <> 'claimed_by'
            order by 1, 2
            """, as: String.self, String.self
        ).map { (table: $0.0, column: $0.1) }
    }

    private func isComplete(_ book: KeptBook) async throws {
        let columns = try await columns(TestDatabase.current.database)
        #expect(!columns.isEmpty)
        let known = Dictionary(grouping: book.tables, by: \.name)
        for (table, column) in columns {
            guard let kept = known[table]?.first else {
                Issue.record("\(table) speaks of people (\(column)): say in WhatIsKept what becomes of it when one is forgotten")
                continue
            }
            #expect((kept.about + kept.merely).contains(column), "\(table).\(column) is neither `about` nor `merely` in WhatIsKept")
        }
        for table in book.tables {
            for column in table.about + table.merely { #expect(columns.contains { $0 == (table.name, column) }, "\(table.name).\(column) is no column") }
        }
    }

    @Test("every table of Canteen that speaks of people", .database(CanteenService.migrations)) func canteen() async throws { try await isComplete(Canteen.WhatIsKept.book) }
    @Test("every table of Access that speaks of people", .database(AccessService.migrations)) func access() async throws { try await isComplete(Access.WhatIsKept.book) }
    @Test("every table of Journal that speaks of people", .database(JournalService.migrations)) func journal() async throws { try await isComplete(Journal.WhatIsKept.book) }
    @Test("every table of Notifier that speaks of people", .database(NotifierService.migrations)) func notifier() async throws { try await isComplete(Notifier.WhatIsKept.book) }

    @Test("Access forgets passages, presence and cards of one and of nobody else; once more changes nothing", .database(AccessService.migrations))
    func accessForgets() async throws {
        let database = TestDatabase.current.database
        let (one, other, school, device) = (UUID.v7(), UUID.v7(), UUID.v7(), UUID.v7())
        try await database.transaction { tx in
            try tx.execute("insert into device (id, school_id, name, place, password_hash) values (\(device), \(school), 'door', 'Вход', 'x')")
            for (index, person) in [one, other].enumerated() {
                try tx.execute(
                    """
                    insert into card (id, person_id, number, value, mask, low16, kind, status)
                    values (\(UUID.v7()), \(person), \("000\(index)"), 1, 65535, 1, 'serviceCard', 'active')
                    """)
                try tx.execute(
                    """
                    insert into passage (id, school_id, device_id, person_id, direction, occurred_at, received_at, day, repaired)
                    values (\(UUID.v7()), \(school), \(device), \(person), 'entered', now(), now(), current_date, false)
                    """)
                try tx.execute(
                    """
                    insert into reading (device_id, key, card, person_id, occurred_at, received_at, outcome)
                    values (\(device), \("k\(index)"), '0001', \(person), now(), now(), 'passed')
                    """)
            }
            for _ in 1...2 { try Access.WhatIsKept.book.forget(one, in: tx) }
        }
        for table in ["card", "passage", "reading"] {
            #expect(try await database.rows("select count(*) from \(unescaped: table) where person_id = \(one)", as: Int.self) == [0], "\(table)")
            #expect(try await database.rows("select count(*) from \(unescaped: table) where person_id = \(other)", as: Int.self) == [1], "\(table)")
        }
        #expect(try await database.rows("select count(*) from reading where card is null", as: Int.self) == [1])
    }

    @Test("Notifier forgets letters, notices and addresses of one and of nobody else", .database(NotifierService.migrations))
    func notifierForgets() async throws {
        let database = TestDatabase.current.database
        let (one, other) = (UUID.v7(), UUID.v7())
        try await database.transaction { tx in
            for person in [one, other] {
                let mark = MarkChanged(
                    markID: .v7(), version: 1, personID: person, classID: .v7(), lessonID: .v7(), day: Day(daysSince1970: 20_777), lessonNumber: 1,
                    subject: "Алгебра", value: "5", weight: 1, by: "А. М. Ветрова", at: Date())
                try NotifierHearings.tell([Received(mark)], in: tx) { WhenSomethingHappens.notice(of: $0.event, version: $0.version) }
                try NotifierHearings.remember(
                    contacts: [
                        Received(
                            ContactChanged(
                                personID: person, version: 1, email: "a@example.org", emailConfirmed: true, phone: nil, language: "ru", ended: false))
                    ], in: tx)
            }
            for _ in 1...2 { try Notifier.WhatIsKept.book.forget(one, in: tx) }
        }
        #expect(try await database.rows("select child_id from notice", as: UUID.self) == [other])
        #expect(try await database.rows("select person_id from contact", as: UUID.self) == [other])
    }

    @Test("D-10: the file that a pupil takes along has no remark in it, his parent's has", .database(JournalService.migrations), arguments: 0..<8)
    func pupilsFile(seed: Int) async throws {
        let database = TestDatabase.current.database
        let (child, classmate) = (UUID.v7(), UUID.v7())
        try await database.transaction { tx in
            for (index, person) in [child, classmate].enumerated() {
                for number in 0...(seed % 3) {
                    for table in ["remark", "comment"] {
                        try tx.execute(
                            """
                            insert into \(unescaped: table) (id, school_id, person_id, day, body, written_by, written_by_name, written_at)
                            values (\(UUID.v7()), \(UUID.v7()), \(person), current_date, \("\(table) \(index) \(seed) \(number)"), \(UUID.v7()), 'А. М.', now())
                            """)
                    }
                }
            }
        }
        let (own, parents) = try await database.read { tx in
            (
                try Journal.WhatIsKept.book.file(of: child, service: "journal", isForPupil: true, in: tx),
                try Journal.WhatIsKept.book.file(of: child, service: "journal", isForPupil: false, in: tx)
            )
        }
        let (mine, theirs) = (String(decoding: try JSONEncoder().encode(own), as: UTF8.self), String(decoding: try JSONEncoder().encode(parents), as: UTF8.self))
        #expect(!mine.contains("remark") && mine.contains("comment 0 \(seed)"))
        #expect(theirs.contains("remark 0 \(seed) 0") && !theirs.contains("remark 1 ") && !mine.contains("comment 1 "))
    }

    @Test("No file has a secret in it", .database(NotifierService.migrations)) func secrets() async throws {
        let database = TestDatabase.current.database
        let (person, token) = (UUID.v7(), UUID())
        try await database.transaction { tx in
            try tx.execute("insert into letter_choice (person_id, rhythm, send_at, unsubscribe_token) values (\(person), 'daily', '19:00', \(token))")
            try tx.execute(
                """
                insert into access_letter (id, person_id, kind, email, language, greeting, link)
                values (\(UUID.v7()), \(person), 'confirmAddress', 'a@example.org', 'ru', 'Ольга', 'https://school.test/identity/confirmation/secret')
                """)
        }
        let file = try await database.read { try Notifier.WhatIsKept.book.file(of: person, service: "notifier", isForPupil: false, in: $0) }
        let text = String(decoding: try JSONEncoder().encode(file), as: UTF8.self)
        #expect(text.contains("a@example.org") && text.contains("19:00") && !text.contains("secret") && !text.lowercased().contains(token.uuidString.lowercased()))
    }

    @Test("D-05: Ledger keeps no column in which a name, an address or a telephone could be", .database(LedgerService.migrations))
    func ledgerKnowsNobody() async throws {
        let columns = try await TestDatabase.current.database.rows(
            """
            select table_name || '.' || column_name from information_schema.columns
            where table_schema = current_schema() and column_name ~ '(surname|given_name|patronymic|email|phone|birth)'
                and table_name <> 'directory_person'
            """, as: String.self)
        #expect(columns == [])
    }
}
