import Crypto
import Foundation
import Logging

/// A numbered series of plain SQL files that make and change a schema: `001-people.sql`, `002-sign-in.sql` …
///
/// Forward only. A file that has been applied never changes; what it did is changed by the next one. Schema names do not
/// stand in the files: the connection's search path says where they go.
public struct Migrations: Sendable {
    /// Which series: `messaging`, `directory`, or the service's name.
    public let name: String
    let files: [File]
    private var unreadable: String?

    struct File: Sendable, Equatable {
        let number: Int
        let name: String
        let text: String

        var checksum: String {
            SHA256.hash(data: Data(text.utf8)).map { String($0, radix: 16).leftPadded(to: 2) }.joined()
        }
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

        public var description: String {
            switch self {
            case .changed(let file):
                "migration \(file) was changed after it had been applied: restore it and write the change as a new one"
            case .unknown(let file): "the database has migration \(file), which this program does not know: it is too old"
            case .pending(let files):
                "the database lacks \(files.joined(separator: ", ")): run the migrate command"
            case .badName(let file): "«\(file)» is no name of a migration: NNN-what.sql, each number once"
            case .unreadable(let path): "\(path) cannot be read: install the program together with its resources"
            }
        }
    }

    /// Reads the files of a folder in a bundle.
    public init(_ name: String, in bundle: Bundle, folder: String = "Migrations") {
        let root = bundle.bundleURL.appendingPathComponent(folder)
        self.name = name
        let found = try? FileManager.default.contentsOfDirectory(atPath: root.path)
        // Told when they are applied or verified: a series without its files must never pass for an empty one.
        var unreadable = found == nil ? root.path : nil
        files = (found ?? []).filter { $0.hasSuffix(".sql") }.sorted().map { file in
            let path = root.appendingPathComponent(file)
            let text = try? String(contentsOf: path, encoding: .utf8)
            if text == nil { unreadable = path.path }
            return File(
                number: Int(file.prefix { $0.isNumber }) ?? -1, name: String(file.dropLast(4)), text: text ?? "")
        }
        self.unreadable = unreadable
    }

    /// A series written in the program, for tests.
    public init(_ name: String, files: [(name: String, text: String)]) {
        self.name = name
        self.files = files.map { File(number: Int($0.name.prefix { $0.isNumber }) ?? -1, name: $0.name, text: $0.text) }
    }

    /// Twenty letters that are the same for the same files: a copy of a migrated database is remembered by them.
    public static func fingerprint(of series: [Migrations]) -> String {
        let identity = series.map { $0.name + $0.files.map { "/\($0.name)@\($0.checksum)" }.joined() }.joined(separator: "+")
        return SHA256.hash(data: Data(identity.utf8)).prefix(10).map { String($0, radix: 16).leftPadded(to: 2) }.joined()
    }

    /// Applies what is missing, in order, each file in a transaction; gives the names of what was applied.
    ///
    /// Safe to run from several copies at once: one works, the others wait and find nothing to do.
    @discardableResult
    public static func apply(_ series: [Migrations], to database: Database) async throws -> [String] {
        var done: [String] = []
        // Each file in a transaction of its own: what one makes (a value of an enum, say) the next may use.
        while true {
            let name: String? = try await database.transaction { try applyNext(of: series, in: $0) }
            guard let name else { return done }
            done.append(name)
        }
    }

    /// Applies the first file that is missing and gives its name, nil when none is.
    private static func applyNext(of series: [Migrations], in transaction: borrowing Transaction) throws -> String? {
        // A big table's index takes its time, and so does waiting for another copy that makes it.
        try transaction.script("set local statement_timeout = 0")
        // Held to the end of the transaction. The schema's own lock: another service's migration need not wait.
        try transaction.execute("select pg_advisory_xact_lock(hashtextextended('zvonok migrations ' || current_schema(), 0))")
        try transaction.script(
            """
            create table if not exists migration (
                series text not null, number integer not null, name text not null, checksum text not null,
                applied_at timestamptz not null default now(), primary key (series, number))
            """)
        let applied = try applied(in: transaction)
        // All are looked at before one is applied: what is refused is refused with nothing done.
        let missing = try series.flatMap { one in try one.missing(from: applied).map { (one.name, $0) } }
        guard let (name, file) = missing.first else { return nil }
        do {
            try transaction.script(file.text)
        } catch let error as PostgresError {
            throw Failure(file: "\(name)/\(file.name)", cause: error)
        }
        try transaction.execute(
            """
            insert into migration (series, number, name, checksum)
            values (\(name), \(file.number), \(file.name), \(file.checksum))
            """)
        return "\(name)/\(file.name)"
    }

    /// Throws ``Refused`` unless the schema is exactly what the program expects.
    public static func verify(_ series: [Migrations], in database: Database) async throws {
        let pending = try await database.read { transaction -> [String] in
            let exists = try transaction.first("select to_regclass('migration') is not null", as: Bool.self) ?? false
            let applied = exists ? try applied(in: transaction) : [:]
            return try series.flatMap { one in try one.missing(from: applied).map { "\(one.name)/\($0.name)" } }
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

extension String {
    fileprivate func leftPadded(to length: Int) -> String {
        count >= length ? self : String(repeating: "0", count: length - count) + self
    }
}
