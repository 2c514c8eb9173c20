import Logging
import Support
import Testing

@testable import Postgres

private func answering(_ answer: String, revision: Int) -> (name: String, text: String) {
    ("answer", "-- revision \(revision)\n-- What is asked.\ncreate or replace function answer() returns text language sql as $$ select '\(answer)' $$;\n")
}

private func series(_ functions: (name: String, text: String)..., files: [(name: String, text: String)]? = nil) -> [Migrations] {
    [Migrations("a", files: files ?? [("001-one", "create table one (id bigint)")], functions: functions)]
}

/// Each case has a schema of its own, made by nobody before.
@Suite("Functions with one living text", .database([])) struct LivingTextTests {
    private let database = TestDatabase.current.database

    private func answer() async throws -> String? { try await database.rows("select answer()", as: String.self).first }

    @Test("they come after the numbered files, once, by several copies at once") func applied() async throws {
        let first = series(
            ("b_view", "-- revision 1\ncreate or replace view b_view as select answer() as answer, (select count(*) from one) as ones;"),
            answering("one", revision: 1))
        await #expect(throws: Migrations.Refused.pending(["a/001-one", "a/answer", "a/b_view"])) {
            try await Migrations.verify(first, in: database)
        }
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 { group.addTask { try await Migrations.apply(first, to: database) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == ["a/001-one", "a/answer", "a/b_view"])
        #expect(try await database.rows("select answer from b_view", as: String.self) == ["one"])
        try await Migrations.verify(first, in: database)
        #expect(try await Migrations.apply(first, to: database).isEmpty)
    }

    @Test("a text of a higher revision takes the place of the one before; nobody's rights change") func raised() async throws {
        try await Migrations.apply(series(answering("one", revision: 1)), to: database)
        try await database.execute("revoke all on function answer() from public")
        let rights: SQL = "select proowner::bigint, proacl::text from pg_proc where proname = 'answer'"
        let before = try await database.rows(rights, as: Int.self, String?.self)
        let next = series(answering("two", revision: 2))
        await #expect(throws: Migrations.Refused.pending(["a/answer"])) { try await Migrations.verify(next, in: database) }
        #expect(try await Migrations.apply(next, to: database) == ["a/answer"])
        #expect(try await answer() == "two")
        try await Migrations.verify(next, in: database)
        let after = try await database.rows(rights, as: Int.self, String?.self)
        #expect(before.count == 1 && after.count == 1 && before[0] == after[0])
    }

    @Test("an older program is refused and changes nothing: neither by migrate nor by starting") func older() async throws {
        let now = series(answering("two", revision: 2), ("more", "-- revision 1\ncreate or replace view more as select 1 as one;"))
        try await Migrations.apply(now, to: database)
        for (old, refusal) in [
            (series(answering("one", revision: 1), ("more", now[0].functions[1].text)), Migrations.Refused.olderFunction("a/answer", has: 2, brings: 1)),
            (series(answering("two", revision: 2)), .unknownFunction("a/more")),
            // It would bring a numbered file too: what is refused is refused with nothing done.
            (
                series(
                    answering("one", revision: 1), ("more", now[0].functions[1].text),
                    files: [("001-one", "create table one (id bigint)"), ("002-two", "create table two ()")]),
                .olderFunction("a/answer", has: 2, brings: 1)
            ),
        ] {
            await #expect(throws: refusal) { try await Migrations.apply(old, to: database) }
            await #expect(throws: refusal) { try await Migrations.verify(old, in: database) }
        }
        #expect(try await answer() == "two")
        #expect(try await database.rows("select to_regclass('two') is null", as: Bool.self) == [true])
        try await Migrations.verify(now, in: database)
    }

    @Test("a changed text without a higher revision is refused, and the message says what to do") func unraised() async throws {
        try await Migrations.apply(series(answering("one", revision: 3)), to: database)
        let changed = series(answering("two", revision: 3))
        let refusal = Migrations.Refused.unraisedFunction("a/answer", revision: 3)
        await #expect(throws: refusal) { try await Migrations.apply(changed, to: database) }
        await #expect(throws: refusal) { try await Migrations.verify(changed, in: database) }
        #expect(refusal.description.contains("a/answer.sql was changed") && refusal.description.contains("raise the number"))
        #expect(try await answer() == "one")
    }

    @Test("when one of them fails, none is applied, and the same run goes through after it was mended") func halfApplied() async throws {
        try await Migrations.apply(series(answering("one", revision: 1)), to: database)
        func next(_ last: String) -> [Migrations] { series(answering("two", revision: 2), ("z_view", "-- revision 1\n\(last)")) }
        let failure = await #expect(throws: Migrations.Failure.self) {
            try await Migrations.apply(next("create or replace view z_view as select nothing from nowhere;"), to: database)
        }
        #expect(failure?.file == "a/z_view" && failure?.cause.sqlState == "42P01")
        #expect(try await answer() == "one")
        #expect(try await database.rows("select revision from living_text", as: Int.self) == [1])
        #expect(try await Migrations.apply(next("create or replace view z_view as select answer() as a;"), to: database) == ["a/answer", "a/z_view"])
        #expect(try await answer() == "two")
    }

    @Test("the last numbered file and they are one: what it leaves to them is nobody's for no moment") func withTheLast() async throws {
        try await Migrations.apply(series(answering("one", revision: 1)), to: database)
        let files = [("001-one", "create table one (id bigint)"), ("002-two", "create table two ()"), ("003-less", "drop function answer")]
            .map { (name: $0.0, text: $0.1) }
        let broken = ("z_view", "-- revision 1\ncreate or replace view z_view as select nothing from nowhere;")
        let failure = await #expect(throws: Migrations.Failure.self) {
            try await Migrations.apply(series(answering("one", revision: 1), broken, files: files), to: database)
        }
        #expect(failure?.file == "a/z_view")
        // Files before the last stay, each with its own transaction.
        #expect(try await database.rows("select name from migration order by number", as: String.self) == ["001-one", "002-two"])
        #expect(try await answer() == "one")
        let mended = ("z_view", "-- revision 1\ncreate or replace view z_view as select answer() as a;")
        let applied = try await Migrations.apply(series(answering("one", revision: 1), mended, files: files), to: database)
        #expect(applied == ["a/003-less", "a/answer", "a/z_view"])
        #expect(try await answer() == "one")
    }

    @Test("whatever a numbered file does to a function, its living text comes after it") func afterNumbered() async throws {
        try await Migrations.apply(series(answering("one", revision: 1)), to: database)
        let files = [
            (name: "001-one", text: "create table one (id bigint)"),
            (name: "002-habit", text: "create or replace function answer() returns text language sql as $$ select 'history' $$"),
        ]
        let next = series(answering("one", revision: 1), files: files)
        #expect(try await Migrations.apply(next, to: database) == ["a/002-habit", "a/answer"])
        #expect(try await answer() == "one")
        #expect(try await Migrations.apply(next, to: database).isEmpty)
    }

    @Test("a function whose result changes is dropped and made in the same transaction") func otherResult() async throws {
        try await Migrations.apply(series(answering("1", revision: 1)), to: database)
        let next = series(
            ("answer", "-- revision 2\ndrop function if exists answer();\ncreate function answer() returns bigint language sql as $$ select 2 $$;"))
        // Without «or replace» it could not be repeated.
        await #expect(throws: Migrations.Refused.self) { try await Migrations.apply(next, to: database) }
        let mended = series(("answer", next[0].functions[0].text.replacing("create function", with: "create or replace function")))
        try await Migrations.apply(mended, to: database)
        #expect(try await database.rows("select answer()", as: Int.self) == [2])
    }

    @Test("a text without a revision, or with a statement that cannot be repeated, is refused", arguments: [
        "create or replace function f() returns int language sql as $$ select 1 $$;",
        "-- revision 0\ncreate or replace view v as select 1;",
        "-- revision x\ncreate or replace view v as select 1;",
        "-- revision 1\ncreate table t ();",
        "-- revision 1\ncreate function f() returns int language sql as $$ select 1 $$;",
        "-- revision 1\ncreate or replace view v as select 1; delete from one;",
        "-- revision 1\n/* ; */ drop view v;",
        "-- revision 1\ncreate or replace view v as select ';' as \"a;b\"; grant all on v to public;",
    ]) func refused(_ text: String) async throws {
        await #expect {
            try await Migrations.apply(series(("f", text)), to: database)
        } throws: {
            guard case .badFunction("a/f", _) = $0 as? Migrations.Refused else { return false }
            return true
        }
        #expect(try await database.rows("select to_regclass('one') is null", as: Bool.self) == [true])
    }

    @Test("statements are told apart whatever stands in comments, quotes and bodies") func statements() {
        let text = """
            -- revision 4
            -- create table no; 'not this'
            create or replace   function f(a text default 'x;''y') returns text language plpgsql as $body$
            begin perform 1; return $$;$$; end $body$;
            /* drop table; */ CREATE OR REPLACE VIEW "v;w" AS select 1;
            drop function if exists g(int)
            """
        #expect(LivingText.statements(of: text) == [
            "create or replace function f(a text default '…''…') returns text language plpgsql as $…$",
            "create or replace view \"…\" as select 1", "drop function if exists g(int)",
        ])
        #expect(LivingText(name: "f", text: text).stranger == nil)
        #expect(LivingText(name: "f", text: text).revision == 4)
    }
}
