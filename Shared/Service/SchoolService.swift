import ArgumentParser
import Configuration
import Foundation
import Logging
import Messaging
import Postgres
import ServiceLifecycle
import Web

/// One of the six services: what it is called, what it hears, serves and does in the background.
///
/// A service's main type conforms, and `run()` makes a process of it:
///
/// ```swift
/// @main struct LedgerService: SchoolService {
///     static let name = "ledger"
///     static let bundle = Bundle.module
///     static func main() async { await run() }
///     …
/// }
/// ```
public protocol SchoolService: Sendable {
    /// `ledger`: schema, role, prefix of addresses and of queues.
    static var name: String { get }
    /// Where the service's own `Migrations` and `Views` are: `.module`.
    static var bundle: Bundle { get }
    /// The service's own configuration keys beside `Setting.common`.
    static var settings: [Setting] { get }
    /// What it listens to: one hearing per queue.
    static func hearings(_ parts: Parts) -> [Hearing]
    /// Every address it serves.
    static func routes(_ parts: Parts) -> RouteBook
    /// What it can say again from its present state.
    static var republications: [Republication] { get }
    /// Loops that run beside requests and messages; each ends when graceful shutdown begins.
    static func work(_ parts: Parts) -> [any ServiceLifecycle.Service]
    /// What `check` looks at beside configuration, database and broker.
    static func checks(_ parts: Parts) -> [ReadinessCheck]
    /// Administration commands of its own.
    static var commands: [any AsyncParsableCommand.Type] { get }
}

extension SchoolService {
    public static var settings: [Setting] { [] }
    public static var republications: [Republication] { [] }
    public static func work(_ parts: Parts) -> [any ServiceLifecycle.Service] { [] }
    public static func checks(_ parts: Parts) -> [ReadinessCheck] { [] }
    public static var commands: [any AsyncParsableCommand.Type] { [] }

    /// All keys the service understands.
    static var allSettings: [Setting] { Setting.common + settings }
}
