/// What went wrong between us and the database.
public struct PostgresError: Error, Sendable, CustomStringConvertible {
    /// The five characters of the SQL standard and of Postgres' appendix A; `08006` when the connection broke.
    public let sqlState: String
    /// The server's words, without the values of the statement.
    public let message: String
    /// The name of the constraint that refused a row, if one did.
    public let constraint: String?
    /// The server's further detail; may carry values, so it is for logs of the database's operator only.
    public let detail: String?

    init(sqlState: String, message: String, constraint: String? = nil, detail: String? = nil) {
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
        self.detail = detail
    }

    /// A serialization failure or a deadlock: the same transaction may succeed when it is run again.
    public var isRetryable: Bool { sqlState == "40001" || sqlState == "40P01" }

    /// A row with the same key is there already; the constraint's name says which key.
    public var isDuplicate: Bool { sqlState == "23505" }

    /// The connection is gone; whether a commit that was under way took place is not known.
    public var isConnectionLost: Bool { sqlState.hasPrefix("08") || ["57P01", "57P02", "57P03"].contains(sqlState) }

    /// The statement was cancelled, by us or by its time limit.
    public var isCancelled: Bool { sqlState == "57014" }

    /// What the operator should do about it.
    public var advice: String {
        switch sqlState {
        case "28P01", "28000": "check the user and password in postgres.url"
        case "3D000": "create the database named in postgres.url, or run the migrate command with --admin"
        case "3F000", "42P01": "run the migrate command: the schema is older than the program"
        case "53300": "too many connections: lower the pools or raise max_connections"
        case "53100": "the database's disk is full"
        case "57P03": "the server is starting or recovering; it will be tried again"
        case "57014": "a statement took longer than its limit"
        case "42501": "this role has no right to it: run the migrate command with --admin"
        case _ where sqlState.hasPrefix("08"), "57P01", "57P02": "check that the server of postgres.url runs and can be reached"
        default: "see the server's log for state \(sqlState)"
        }
    }

    public var description: String { "\(message) (\(sqlState)): \(advice)" }
}

/// The database was closed: the program is shutting down.
public struct DatabaseClosed: Error, Sendable {}

/// No connection of the pool came free in time: too much is asked of the database, or something holds connections.
public struct PoolExhausted: Error, Sendable, CustomStringConvertible {
    public let size: Int
    public let waited: Duration
    public var description: String {
        "none of \(size) connections came free within \(waited): the database is too slow for the load or the pool too small"
    }
}
