import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Support
import Testing

@testable import Identity

@Suite("What is kept and forgotten", .database(School.migrations)) struct ErasureTests {
    let school = School(database: TestDatabase.current.database)

    /// Tables that every service has and that hold copies of what is said; they are looked into all the same after an erasure.
    private func ownTables() async throws -> [String] {
        try await school.database.read { transaction in
            try transaction.rows(
                """
                select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where n.nspname = current_schema() and c.relkind in ('r', 'p') order by 1
                """,
                as: String.self)
        }
    }

    @Test("Every table that speaks of a person says what he is shown of it and what becomes of it")
    func complete() async throws {
        let columns = try await school.database.read { transaction in
            try transaction.rows(
                """
                select distinct c.table_name::text, c.column_name::text from information_schema.columns c
                where c.table_schema = current_schema() and c.data_type = 'uuid' and c.table_name not like 'directory_%'
                  and (c.column_name ~ '(person_id|guardian_id|child_id|pupil_id|_by)$'
                       or exists (
                           select from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attnum = any(k.conkey)
                           where k.contype = 'f' and k.confrelid = 'person'::regclass and k.conrelid::regclass::text = c.table_name
                             and a.attname = c.column_name))
                order by 1, 2
                """,
                as: String.self, String.self)
        }
        let records = Dictionary(grouping: PersonalRecord.all, by: \.table)
        #expect(columns.count > 20)
        for (table, column) in columns {
            let known = records[table]?.first
            #expect(known != nil, "\(table) speaks of people (\(column)): say in PersonalRecord what is shown of it and what becomes of it")
            if let known, table != "person" {
                #expect((known.about + known.merely).contains(column), "\(table).\(column) is neither `about` nor `merely` in PersonalRecord")
            }
        }
        let tables = Set(try await ownTables())
        for record in PersonalRecord.all { #expect(tables.contains(record.table), "\(record.table) is no table") }
    }

    @Test("An export has every part of what is kept, and no secret")
    func export() async throws {
        try await school.open()
        let code = try await school.code(for: "G1", child: "P1", in: "7Б")
        guard case .registered = try await school.register(school.registration(code: code)) else { Issue.record("refused"); return }
        guard case .signedIn(let session, let device) = try await school.signIn("o.vetrova") else { Issue.record("not in"); return }
        let (olga, now) = (try await school.id("G1"), school.now)
        try await school.database.transaction { transaction in
            let text = try ConsentsOf.read(olga, in: transaction)[0]
            _ = try DecideConsent(personID: olga, textID: text.textID, isGiven: true, by: olga, now: now).run(in: transaction, Outbox(service: "identity"))
        }
        let export = try await school.database.read { try PersonalExport.read(olga, in: $0) }
        let shown = String(decoding: try JSONEncoder().encode(export), as: UTF8.self)
        for text in ["Ветрова", "o.vetrova", "+79160000009", "olga.v@example.org", "Firefox Linux", "10.0.0.1"] {
            #expect(shown.contains(text), "\(text)")
        }
        #expect(Set(export.parts.map(\.table)).isSuperset(of: ["person", "contact", "login", "guardianship", "session", "device", "invitation", "consent", "audit"]))
        let hash = try await school.database.read { try $0.rows("select password_hash from login", as: String.self) }
        for secret in hash + [session.renewal.text, device.text] { #expect(!shown.contains(secret)) }
        // ID-11: of the child's other parent the name, and not how he is reached.
        let anna = try await school.id("P1")
        let child = try await school.database.read { try PersonalExport.read(anna, in: $0) }
        let childShown = String(decoding: try JSONEncoder().encode(child), as: UTF8.self)
        #expect(childShown.contains("Ветров Михаил") && !childShown.contains("misha@example.org") && !childShown.contains("7916"))
    }

    /// Texts that are nobody else's, so that whatever is left of somebody is found.
    private struct Invented {
        let number: String
        let surname: String
        let given: String
        let patronymic: String
        let email: String
        let newEmail: String
        let phone: String
        let login: String
        var all: [String] { [surname, given, patronymic, email, newEmail, phone, login, number] }

        init(_ index: Int, _ chance: inout SeededGenerator) {
            func word(_ length: Int, _ letters: String) -> String {
                let letters = Array(letters)
                return String((0..<length).map { _ in letters[chance.below(letters.count)] })
            }
            let cyrillic = "бвгджзклмнпрстфхцчшщ"
            number = "N\(index)Q\(word(8, "0123456789"))"
            surname = word(12, cyrillic).capitalized
            given = word(11, cyrillic).capitalized
            patronymic = word(13, cyrillic).capitalized
            email = "\(word(12, "abcdefghijk"))@example.org"
            newEmail = "\(word(12, "lmnopqrstuv"))@example.org"
            phone = "+79\(word(9, "0123456789"))"
            login = word(14, "bcdfghjkmnp")
        }
    }

    /// Where a text stands in any column of any table, as text or in bytes.
    private func places(of text: String) async throws -> [String] {
        var found: [String] = []
        for table in try await ownTables() {
            let columns = try await school.database.read { transaction in
                try transaction.rows(
                    """
                    select column_name::text, data_type::text from information_schema.columns
                    where table_schema = current_schema() and table_name = \(table)
                    """,
                    as: String.self, String.self)
            }
            for (column, type) in columns {
                let condition = type == "bytea"
                    ? "position(convert_to('\(text)', 'UTF8') in \"\(column)\") > 0" : "strpos(lower(\"\(column)\"::text), lower('\(text)')) > 0"
                let count = try await school.database.read { transaction -> Int64 in
                    try transaction.first("select count(*) from \(unescaped: table) where \(unescaped: condition)", as: Int64.self) ?? 0
                }
                if count > 0 { found.append("\(table).\(column)") }
            }
        }
        return found
    }

    @Test("After deletion no name, mail, phone or login of anybody generated is left in any table", arguments: 0..<5 as Range<UInt64>)
    func erased(_ seed: UInt64) async throws {
        var chance = SeededGenerator(seed: seed)
        let pupil = Invented(0, &chance)
        let guardian = Invented(1, &chance)
        let worker = Invented(2, &chance)
        let stays = Invented(3, &chance)
        func files(pupils: Bool) -> [(name: String, text: String)] {
            [
                ("school.csv", "school,name,time_zone,modules\ndemo,Школа,Europe/Moscow,\n"), ("classes.csv", "school,class\ndemo,7Б\n"),
                (
                    "pupils.csv",
                    "school,class,pupil_number,surname,given_name,patronymic,gender,birth_date\n"
                        + (pupils ? "demo,7Б,\(pupil.number),\(pupil.surname),\(pupil.given),\(pupil.patronymic),f,2013-03-07\n" : "")
                        + "demo,7Б,P9,Остающийся,Пётр,,m,2013-03-08\n"
                ),
                (
                    "guardians.csv",
                    "pupil_number,guardian_number,relation,surname,given_name,patronymic,gender,phone,email\n"
                        + "\(pupil.number),\(guardian.number),мать,\(guardian.surname),\(guardian.given),\(guardian.patronymic),f,\(guardian.phone),\(guardian.email)\n"
                        + "P9,\(stays.number),мать,\(stays.surname),\(stays.given),\(stays.patronymic),f,\(stays.phone),\(stays.email)\n"
                ),
                (
                    "staff.csv",
                    "school,staff_number,surname,given_name,patronymic,gender,role,class,subject,phone,email\n"
                        + "demo,S1,Савина,Инна,Петровна,f,curator,,,,\n"
                        + "demo,\(worker.number),\(worker.surname),\(worker.given),\(worker.patronymic),m,subjectTeacher,,Физика,\(worker.phone),\(worker.email)\n"
                ),
            ]
        }
        try await school.open(files(pupils: true))
        let (database, now, box, letters, outbox) = (school.database, school.now, school.box, school.letters, school.outbox)
        let curator = try await school.id("S1")
        let everybody = [pupil, guardian, worker, stays]
        _ = try await school.codes("7Б")
        for person in everybody {
            try await school.give(person.number, login: person.login)
            let id = try await school.id(person.number)
            _ = try await school.signIn(person.login, address: "10.1.2.3")
            _ = try await school.signIn(person.login, "wrongpass", address: "10.1.2.4")
            try await database.transaction { transaction in
                let contact = try transaction.execute("insert into contact (person_id) values (\(id)) on conflict do nothing")
                #expect(contact >= 0)
                if let email = EmailAddress(person.newEmail) {
                    try NewAddress(personID: id, email: email, now: now).enter(in: transaction, letters)
                }
                let set = SetUpSecondFactor(personID: id, now: now)
                if let code = try set.begin(box, in: transaction), coin(seed, person.number) {
                    _ = try set.confirm(code.code(step: TimeCode.step(at: now)), keeping: nil, box, letters, in: transaction)
                }
                for line in try ConsentsOf.read(id, in: transaction) {
                    _ = try DecideConsent(personID: id, textID: line.textID, isGiven: coin(seed, line.textID.text), by: id, now: now).run(in: transaction, Outbox(service: "identity"))
                }
                try Audit.note(.nameChanged, by: id, about: id, at: now, in: transaction)
            }
        }
        _ = try await SetOneTimePassword(personID: try await school.id(guardian.number), by: curator, now: now).run(database, outbox, school.bench)
        // The pupil leaves and the teacher stops working; till then neither may be deleted.
        let gone = [pupil, guardian, worker]
        let ids = [try await school.id(pupil.number), try await school.id(guardian.number), try await school.id(worker.number)]
        for id in [ids[0], ids[2]] {
            await #expect(throws: DeletionRefused.self) {
                try await database.transaction { try RequestDeletion(personID: id, by: id, now: now).run(in: $0) }
            }
        }
        try await school.open(files(pupils: false), complete: true)
        let teaching = try await database.read { try HeldRole.of(ids[2], in: $0).first?.id }
        try await database.transaction { transaction in
            if let teaching { _ = try TakeRole(roleID: teaching, by: curator, now: now).run(in: transaction, outbox) }
        }
        for (index, id) in ids.enumerated() {
            try await database.transaction { try RequestDeletion(personID: id, by: index == 0 ? ids[1] : id, now: now).run(in: $0) }
        }
        // Not a day too early.
        #expect(try await CarryOutDeletions(now: now.addingTimeInterval(DeletionRule.term - 1)).run(database, outbox) == 0)
        // What was said before has left by then.
        try await school.forget()
        _ = try await database.execute("delete from guess")
        #expect(try await CarryOutDeletions(now: now.addingTimeInterval(DeletionRule.term)).run(database, outbox) == 3)
        #expect(try await CarryOutDeletions(now: now.addingTimeInterval(DeletionRule.term)).run(database, outbox) == 0)
        for person in gone {
            for text in person.all { #expect(try await places(of: text) == [], "seed \(seed): \(text)") }
        }
        // And it does find what is there.
        for text in [stays.surname, stays.login, stays.phone, stays.newEmail] { #expect(try await !places(of: text).isEmpty, "\(text)") }
        // Everybody is told that they have ended, without a name; the account number stays for the books.
        let said = try await database.read { try PeopleFacts.people(.ids(ids), in: $0) }
        #expect(said.count == 3 && said.allSatisfy { $0.ended && $0.name.surname == ErasePerson.surname && $0.rosterNumber == nil })
        #expect(try await database.read { try PeopleFacts.rights(.ids(ids), in: $0) }.allSatisfy { $0.ended && $0.roles.isEmpty && $0.children.isEmpty })
        #expect(try await database.read { try PeopleFacts.contacts(.ids(ids), in: $0) }.allSatisfy { $0.ended && $0.email == nil && $0.phone == nil && $0.newEmail == nil })
        #expect(try await school.said(PersonChanged.name) == 3)
        #expect(try await school.said(PupilChanged.name) == 1)
        #expect(try await database.read { try PeopleFacts.pupils(.ids(ids), in: $0) }.allSatisfy { $0.ended && $0.accountNumber.count == 10 })
        guard case .wrong = try await school.signIn(guardian.login) else { Issue.record("came in"); return }
    }

    /// The same for the same words.
    private func coin(_ seed: UInt64, _ text: String) -> Bool {
        text.utf8.reduce(seed) { $0 &* 31 &+ UInt64($1) }.nonzeroBitCount.isMultiple(of: 2)
    }

    @Test("A deletion that is cancelled in its thirty days does not happen, and one may ask again")
    func cancelled() async throws {
        try await school.open()
        try await school.give("G1", login: "olga")
        let (olga, now, database, outbox) = (try await school.id("G1"), school.now, school.database, school.outbox)
        try await database.transaction { try RequestDeletion(personID: olga, by: olga, now: now).run(in: $0) }
        await #expect(throws: DeletionRefused.alreadyAsked) {
            try await database.transaction { try RequestDeletion(personID: olga, by: olga, now: now).run(in: $0) }
        }
        #expect(try await database.read { try DeletionState.read(olga, in: $0) }.open?.dueAt == now.addingTimeInterval(30 * 86_400))
        try await database.transaction { try CancelDeletion(personID: olga, by: olga, now: now.addingTimeInterval(86_400)).run(in: $0) }
        #expect(try await CarryOutDeletions(now: now.addingTimeInterval(90 * 86_400)).run(database, outbox) == 0)
        guard case .signedIn = try await school.signIn("olga") else { Issue.record("not in"); return }
        try await database.transaction { try RequestDeletion(personID: olga, by: olga, now: now.addingTimeInterval(100 * 86_400)).run(in: $0) }
    }

    @Test("Whoever has begun to work at a school meanwhile is not forgotten when his day comes")
    func refusedLate() async throws {
        try await school.open()
        let (irina, curator, now, database, outbox) = (try await school.id("G3"), try await school.id("S1"), school.now, school.database, school.outbox)
        try await database.transaction { transaction in
            try RequestDeletion(personID: irina, by: irina, now: now).run(in: transaction)
            guard let id = try transaction.first("select id from school", as: UUID.self) else { return }
            try GiveRole(personID: irina, school: id, role: .nurse, className: "", subject: "", by: curator, now: now).run(in: transaction, outbox)
        }
        #expect(try await CarryOutDeletions(now: now.addingTimeInterval(31 * 86_400)).run(database, outbox) == 0)
        #expect(try await database.read { try $0.rows("select coalesce(refused, '') from deletion_request", as: String.self) } == ["works"])
        #expect(try await school.id("G3") == irina)
    }
}
