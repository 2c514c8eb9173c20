import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// The modules that a school has connected (SC-03, SC-04).
///
/// A school that has named none has said nothing, and everything is open (so it came from its lists); what is written
/// here always names school management, which every school has, so that «nothing else» can be said.
struct ConnectModules: Sendable {
    /// What every school has.
    static let base = "management"

    let schoolID: UUID
    /// Of those that are known; what the lists named besides stays.
    let modules: Set<String>
    let by: UUID
    let now: Date

    /// The modules to write: what is ticked, and what this installation does not know and the lists had named.
    static func written(_ ticked: Set<String>, before: [String], known: [String]) -> [String] {
        [base] + known.filter(ticked.contains) + before.filter { $0 != base && !known.contains($0) }
    }

    /// Whether a module is connected.
    static func isConnected(_ module: String, in modules: [String]) -> Bool { modules.isEmpty || modules.contains(module) }

    func run(in transaction: borrowing Transaction, _ outbox: Outbox) throws {
        let before = try transaction.first("select modules from school where id = \(schoolID) for update", as: [String].self)
        guard let before else { return }
        let written = Self.written(modules, before: before, known: SchoolModule.all.map(\.key))
        guard written != before else { return }
        try transaction.execute("update school set modules = \(written), version = version + 1 where id = \(schoolID)")
        try Audit.note(.schoolRulesChanged, by: by, school: schoolID, at: now, in: transaction)
        try TouchedPeople(schools: [schoolID]).publish(to: outbox, in: transaction)
    }
}
