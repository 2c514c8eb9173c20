import CLibPQ

/// A running transaction, lent to a closure that cannot suspend.
///
/// It cannot be copied or kept, and inside the closure there is nothing to `await`: while rows are locked nobody can wait
/// for a network, another connection or a person.
public struct Transaction: ~Copyable {
    let connection: Connection
    let hooks: CommitHooks
    /// Whether the closure ran before and all that it did was undone: it takes no chances now (``RunAgain``).
    public let isRepeat: Bool

    init(_ connection: Connection, hooks: CommitHooks, isRepeat: Bool) {
        self.connection = connection
        self.hooks = hooks
        self.isRepeat = isRepeat
    }

    /// Runs a statement and gives how many rows it touched.
    ///
    /// - Throws: ``PostgresError``; the constraint's name tells a refused row's reason.
    @discardableResult
    public func execute(_ sql: SQL) throws -> Int {
        try connection.run(sql) { Rows.touched($0) }
    }

    /// Runs a statement and gives its rows, their columns read as the named types, in order.
    ///
    /// - Throws: ``PostgresError``, or ``RowMismatch`` when a column is of another type or unexpectedly null.
    public func rows<each C: Column>(_ sql: SQL, as types: repeat (each C).Type) throws -> [(repeat each C)] {
        try connection.run(sql) { try Rows.read($0, as: repeat each types) }
    }

    /// Like ``rows(_:as:)``, but only the first row, nil when there is none.
    public func first<each C: Column>(_ sql: SQL, as types: repeat (each C).Type) throws -> (repeat each C)? {
        try connection.run(sql) { try Rows.read($0, limit: 1, as: repeat each types).first }
    }

    /// Runs statements whose rows nobody needs in one round trip.
    public func pipeline(_ statements: [SQL]) throws { try connection.pipeline(statements) }

    /// Runs plain text of one or several statements without values.
    public func script(_ text: String) throws { try connection.script(text) }

    /// Fires a signal once the transaction has been committed; never when it has not.
    public func afterCommit(_ signal: CommitSignal) { hooks.add(signal) }

    /// Runs a part that may fail on its own: its failure undoes what the part did and nothing before it.
    public func savepoint<T>(_ body: () throws -> T) throws -> T {
        try connection.script("SAVEPOINT part")
        do {
            let result = try body()
            try connection.script("RELEASE SAVEPOINT part")
            return result
        } catch {
            // When the connection is gone this fails too, and the first error is the one that says so.
            try? connection.script("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            throw error
        }
    }
}

/// Thrown by the closure of a transaction that took a chance and lost it: a refused statement ends the whole transaction. What was
/// done is undone, and the closure runs again, with ``Transaction/isRepeat``.
public struct RunAgain: Error, Sendable {
    public init() {}
}

/// A column was not what the program took it for: the statement and the program disagree.
public struct RowMismatch: Error, Sendable, CustomStringConvertible {
    public let column: String
    public let expected: String
    public let reason: String
    public var description: String { "column «\(column)» read as \(expected): \(reason)" }
}

/// Signals collected during a transaction; lives on the connection's queue.
final class CommitHooks {
    private(set) var signals: [CommitSignal] = []

    func add(_ signal: CommitSignal) {
        if !signals.contains(where: { $0 === signal }) { signals.append(signal) }
    }
}

/// Reading of libpq's results.
enum Rows {
    static func touched(_ result: OpaquePointer?) -> Int {
        PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    static func read<each C: Column>(
        _ result: OpaquePointer?, limit: Int = .max, as types: repeat (each C).Type
    ) throws -> [(repeat each C)] {
        let count = min(Int(PQntuples(result)), limit)
        let columns = Int(PQnfields(result))
        var wanted = 0
        for type in repeat each types {
            try checkType(type, result, column: wanted, of: columns)
            wanted += 1
        }
        guard wanted == columns else {
            throw RowMismatch(column: "(all)", expected: "\(wanted) columns", reason: "the statement gives \(columns)")
        }
        var rows: [(repeat each C)] = []
        rows.reserveCapacity(count)
        for row in 0..<count {
            var column = 0
            func next<T: Column>(_ type: T.Type) throws -> T {
                defer { column += 1 }
                return try cell(type, result, row: row, column: column)
            }
            rows.append((repeat try next(each types)))
        }
        return rows
    }

    private static func checkType<T: Column>(
        _ type: T.Type, _ result: OpaquePointer?, column: Int, of columns: Int
    ) throws {
        guard column < columns else { return }
        let oid = PQftype(result, Int32(column))
        guard T.postgresType.oid == oid || T.readableTypes.contains(where: { $0.oid == oid }) else {
            throw RowMismatch(
                column: name(result, column), expected: "\(T.self)",
                reason: "the server's type is \(PostgresType.commonNames[oid] ?? "number \(oid)")")
        }
    }

    private static func cell<T: Column>(_ type: T.Type, _ result: OpaquePointer?, row: Int, column: Int) throws -> T {
        let (row, index) = (Int32(row), Int32(column))
        let oid = PostgresType(oid: PQftype(result, index))
        do throws(ColumnMismatch) {
            if PQgetisnull(result, row, index) == 1 { return try T.decode(nil, type: oid) }
            let bytes = UnsafeRawBufferPointer(
                start: PQgetvalue(result, row, index), count: Int(PQgetlength(result, row, index)))
            return try T.decode(bytes, type: oid)
        } catch {
            throw RowMismatch(column: name(result, column), expected: "\(T.self)", reason: error.reason)
        }
    }

    private static func name(_ result: OpaquePointer?, _ column: Int) -> String {
        PQfname(result, Int32(column)).map { String(cString: $0) } ?? "\(column)"
    }
}
