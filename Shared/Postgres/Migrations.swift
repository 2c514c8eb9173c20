import Foundation

/// A numbered series of plain SQL files that make and change a schema: `001-people.sql`, `002-sign-in.sql` …
///
/// Forward only. A file that has been applied never changes; what it did is changed by the next one. Schema names do not
/// stand in the files: the connection's search path says where they go.
///
/// Functions and views beside them have one living text each, changed in its place (``LivingText``): they are applied
/// after the numbered files whenever they are not what the schema has.
public struct Migrations: Sendable {
    /// Which series: `messaging`, `directory`, or the service's name.
    public let name: String
    let files: [File]
    let functions: [LivingText]
    private var unreadable: String?

    struct File: Sendable, Equatable {
        let number: Int
        let name: String
        let text: String

        init(name: String, text: String) {
            number = Int(name.prefix { $0.isNumber }) ?? -1
            self.name = name
            self.text = text
        }

        var checksum: String { text.checksum }
    }

    /// Why the schema and the program do not fit together.
    public enum Refused: Error, Equatable, CustomStringConvertible {
        /// An applied file was changed afterwards.
        case changed(String)
        /// The database knows a file that the program does not: the program is older than the schema.
        case unknown(String)
        /// The program brings files that have not been applied.
        case pending([String])
        /// Two files with one number, or a name without a number.
        case badName(String)
        /// A folder or file that the program was built with is not there.
        case unreadable(String)
        /// A living text without its revision, or with a statement that cannot be repeated; and why.
        case badFunction(String, String)
        /// A living text was changed and its revision is what the database has.
        case unraisedFunction(String, revision: Int)
        /// The database has a later revision than the program: the program is older than the schema.
        case olderFunction(String, has: Int, brings: Int)
        /// The database has a living text that the program does not know: the program is older than the schema.
        case unknownFunction(String)

        public var description: String {
            switch self {
            case .changed(let file):
                "migration \(file) was changed after it had been applied: restore it and write the change as a new one"
            case .unknown(let file): "the database has migration \(file), which this program does not know: it is too old"
            case .pending(let files):
                "the database lacks \(files.joined(separator: ", ")): run the migrate command"
            case .badName(let file): "«\(file)» is no name of a migration: NNN-what.sql, each number once"
            case .unreadable(let path): "\(path) cannot be read: install the program together with its resources"
            case .badFunction(let file, let why): "\(file).sql cannot be applied again and again: \(why)"
            case .unraisedFunction(let file, let revision):
                """
                \(file).sql was changed and is still revision \(revision), which the database has with another text: \
                raise the number in its first line
                """
            case .olderFunction(let file, let has, let brings):
                "the database has revision \(has) of \(file), this program brings revision \(brings): it is too old"
            case .unknownFunction(let file): "the database has function \(file), which this program does not know: it is too old"
            }
        }
    }

    /// Reads the files of a bundle: the numbered ones of a folder, and as living texts those beside the folder.
    public init(_ name: String, in bundle: Bundle, folder: String = "Migrations") {
        self.name = name
        var unreadable: String?
        func read(_ folder: URL) -> [(name: String, text: String)] {
            guard let found = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
                unreadable = folder.path
                return []
            }
            return found.filter { $0.hasSuffix(".sql") }.sorted().map { file in
                let path = folder.appendingPathComponent(file)
                let text = try? String(contentsOf: path, encoding: .utf8)
                if text == nil { unreadable = path.path }
                return (String(file.dropLast(4)), text ?? "")
            }
        }
        files = read(bundle.bundleURL.appendingPathComponent(folder)).map(File.init)
        functions = read(bundle.bundleURL).map(LivingText.init)
        // Told when they are applied or verified: a series without its files must never pass for an empty one.
        self.unreadable = unreadable
    }

    /// A series written in the program, for tests.
    public init(_ name: String, files: [(name: String, text: String)], functions: [(name: String, text: String)] = []) {
        self.name = name
        self.files = files.map(File.init)
        self.functions = functions.map(LivingText.init).sorted { $0.name < $1.name }
    }

    /// Twenty letters that are the same for the same files: a copy of a migrated database is remembered by them.
    public static func fingerprint(of series: [Migrations]) -> String {
        let identity = series.map { one in
            one.name + one.files.map { "/\($0.name)@\($0.checksum)" }.joined()
                + one.functions.map { "&\($0.name)@\($0.checksum)" }.joined()
        }.joined(separator: "+")
        return String(identity.checksum.prefix(20))
    }

    /// Applies what is missing, in order, each numbered file in a transaction, the last of them together with the living texts; gives
    /// the names of what was applied.
    ///
    /// So a file can move into a function what the schema asked until then: nobody writes between the two.
    /// Safe to run from several copies at once: one works, the others wait and find nothing to do.
    @discardableResult
    public static func apply(_ series: [Migrations], to database: Database) async throws -> [String] {
        var done: [String] = []
        // Each file in a transaction of its own: what one makes (a value of an enum, say) the next may use.
        while true {
            let names = try await database.transaction { try applyNext(of: series, in: $0) }
            guard !names.isEmpty else { return done }
            done += names
        }
    }

    /// Applies the first file that is missing, and when no other is all living texts; gives the names of what was applied.
    private static func applyNext(of series: [Migrations], in transaction: borrowing Transaction) throws -> [String] {
        // A big table's index takes its time, and so does waiting for another copy that makes it.
        try transaction.script("set local statement_timeout = 0")
        // Held to the end of the transaction. The schema's own lock: another service's migration need not wait.
        try transaction.execute("select pg_advisory_xact_lock(hashtextextended('zvonok migrations ' || current_schema(), 0))")
        try transaction.script(
            """
            create table if not exists migration (
                series text not null, number integer not null, name text not null, checksum text not null,
                applied_at timestamptz not null default now(), primary key (series, number));
            create table if not exists living_text (
                series text not null, name text not null, revision integer not null, checksum text not null,
                is_latest boolean not null, applied_at timestamptz not null default now(), primary key (series, name))
            """)
        let applied = try applied(in: transaction)
        // All are looked at before one is applied: what is refused is refused with nothing done.
        let missing = try series.flatMap { one in try one.missing(from: applied).map { (one.name, $0) } }
        let functions = try missingFunctions(of: series, in: transaction)
        guard let (name, file) = missing.first else { return try apply(functions, in: transaction) }
        try run(file.text, of: "\(name)/\(file.name)", in: transaction)
        try transaction.execute(
            """
            insert into migration (series, number, name, checksum)
            values (\(name), \(file.number), \(file.name), \(file.checksum))
            """)
        // Whatever it did to a function, the living text comes after it.
        try transaction.execute("update living_text set is_latest = false where is_latest")
        let done = ["\(name)/\(file.name)"]
        return missing.count > 1 ? done : try done + apply(missingFunctions(of: series, in: transaction), in: transaction)
    }

    private static func missingFunctions(of series: [Migrations], in transaction: borrowing Transaction) throws -> [(String, LivingText)] {
        let living = try living(in: transaction)
        return try series.flatMap { one in try one.missingFunctions(from: living).map { (one.name, $0) } }
    }

    /// Gives the names of what was applied.
    private static func apply(_ functions: [(String, LivingText)], in transaction: borrowing Transaction) throws -> [String] {
        for (name, function) in functions { try apply(function, of: name, in: transaction) }
        return functions.map { "\($0)/\($1.name)" }
    }

    private static func apply(_ function: LivingText, of series: String, in transaction: borrowing Transaction) throws {
        try run(function.text, of: "\(series)/\(function.name)", in: transaction)
        try transaction.execute(
            """
            insert into living_text (series, name, revision, checksum, is_latest)
            values (\(series), \(function.name), \(function.revision ?? 0), \(function.checksum), true)
            on conflict (series, name) do update set revision = excluded.revision, checksum = excluded.checksum,
                is_latest = true, applied_at = now()
            """)
    }

    private static func run(_ text: String, of file: String, in transaction: borrowing Transaction) throws {
        do {
            try transaction.script(text)
        } catch let error as PostgresError {
            throw Failure(file: file, cause: error)
        }
    }

    /// Throws ``Refused`` unless the schema is exactly what the program expects.
    public static func verify(_ series: [Migrations], in database: Database) async throws {
        let pending = try await database.read { transaction -> [String] in
            let tables = try transaction.first(
                "select to_regclass('migration') is not null, to_regclass('living_text') is not null", as: Bool.self, Bool.self)
            let applied = tables?.0 == true ? try applied(in: transaction) : [:]
            let living = tables?.1 == true ? try living(in: transaction) : [:]
            let files = try series.flatMap { one in try one.missing(from: applied).map { "\(one.name)/\($0.name)" } }
            return try files + series.flatMap { one in try one.missingFunctions(from: living).map { "\(one.name)/\($0.name)" } }
        }
        guard pending.isEmpty else { throw Refused.pending(pending) }
    }

    /// A file that the database refused.
    public struct Failure: Error, CustomStringConvertible {
        public let file: String
        public let cause: PostgresError
        public var description: String { "migration \(file) failed: \(cause.message) (\(cause.sqlState))" }
    }

    private struct Applied {
        let name: String
        let checksum: String
    }

    private static func applied(in transaction: borrowing Transaction) throws -> [String: [Int: Applied]] {
        var applied: [String: [Int: Applied]] = [:]
        let rows = try transaction.rows(
            "select series, number, name, checksum from migration", as: String.self, Int.self, String.self, String.self)
        for (series, number, name, checksum) in rows {
            applied[series, default: [:]][number] = Applied(name: name, checksum: checksum)
        }
        return applied
    }

    private static func living(in transaction: borrowing Transaction) throws -> [String: [String: LivingText.Applied]] {
        var living: [String: [String: LivingText.Applied]] = [:]
        let rows = try transaction.rows(
            "select series, name, revision, checksum, is_latest from living_text",
            as: String.self, String.self, Int.self, String.self, Bool.self)
        for (series, name, revision, checksum, isLatest) in rows {
            living[series, default: [:]][name] = LivingText.Applied(revision: revision, checksum: checksum, isLatest: isLatest)
        }
        return living
    }

    private func missingFunctions(from all: [String: [String: LivingText.Applied]]) throws -> [LivingText] {
        try LivingText.missing(functions, of: name, from: all[name] ?? [:])
    }

    private func missing(from all: [String: [Int: Applied]]) throws -> [File] {
        if let unreadable { throw Refused.unreadable(unreadable) }
        let applied = all[name] ?? [:]
        var numbers: Set<Int> = []
        for file in files {
            guard file.number > 0, numbers.insert(file.number).inserted else { throw Refused.badName("\(name)/\(file.name)") }
        }
        for (number, known) in applied.sorted(by: { $0.key < $1.key }) {
            guard let file = files.first(where: { $0.number == number }) else {
                throw Refused.unknown("\(name)/\(known.name)")
            }
            guard file.checksum == known.checksum else { throw Refused.changed("\(name)/\(file.name)") }
        }
        return files.filter { applied[$0.number] == nil }.sorted { $0.number < $1.number }
    }
}
