import Foundation
import Kernel
import Logging
import Postgres
import Service

/// Asks the acquirer about payments and refunds that wait, at growing intervals: a notification that never came changes nothing.
///
/// Copies share the work: whoever takes a payment moves its time forward in the same statement.
struct AskAboutPayments: RepeatedWork {
    static let name = "card payments asked about"
    let settle: SettleCardPayment
    let logger: Logger
    var pause = Duration.seconds(1)

    func round() async throws -> Int {
        var count = 0
        while true {
            let asked = try await round(at: Date())
            count += asked
            // Full hands go on at once.
            if asked < Self.most { return count }
        }
    }

    static let most = 10

    /// - Returns: how many payments and refunds were asked about.
    @discardableResult
    func round(at now: Date) async throws -> Int {
        let (due, back) = try await settle.database.transaction { tx in
            let due = try tx.rows(
                """
                update card_payment set ask_at = \(now + 30)
                where id in (
                    select id from card_payment where ask_at <= \(now) order by ask_at limit \(Self.most) for update skip locked)
                returning id
                """, as: UUID.self)
            let back = try tx.rows(
                """
                update card_refund set ask_at = \(now + 30)
                where id in (
                    select id from card_refund where ask_at <= \(now) order by ask_at limit \(Self.most) for update skip locked)
                returning id
                """, as: UUID.self)
            return (due, back)
        }
        await withTaskGroup(of: Void.self) { group in
            for id in due { group.addTask { await go(id) { _ = try await settle.run(id, at: now) } } }
            for id in back { group.addTask { await go(id) { _ = try await settle.refunds.run(id, at: now) } } }
        }
        return due.count + back.count
    }

    /// One that cannot be brought forward is said and comes again at its time; it does not hold up the others.
    private func go(_ id: UUID, _ step: () async throws -> Void) async {
        do { try await step() } catch where !Task.isCancelled {
            logger.error("a payment or refund was not brought forward", metadata: ["id": "\(id.text)", "error": "\(error)"])
        } catch {
            // The process leaves; it comes again at its time.
        }
    }
}
