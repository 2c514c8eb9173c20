import AsyncHTTPClient
import Foundation
import Kernel
import NIOCore
import NIOHTTP1
import Support
import Testing

@testable import Ledger

/// The acquirer as it may behave on a bad day, in memory: keeps keys of idempotence, and loses questions and answers.
actor BadAcquirer: Acquirer {
    struct Made {
        var payment: AcquirerPayment
        var refunds = 0
        var given = Money.zero
    }

    private(set) var made: [UUID: [String]] = [:]
    private(set) var payments: [String: Made] = [:]
    private var keys: [UUID: String] = [:]
    private var given: [String: AcquirerRefund] = [:]
    private var parts: [String: (payment: String, amount: Money)] = [:]
    private var refundsTakeTime = false
    private var refusesRefunds = false
    private var dice: SeededGenerator
    /// Of ten questions, how many are lost before they are done, and how many answers after.
    private var losses: Int
    private let capturesAtOnce: Bool

    init(seed: UInt64, losses: Int, capturesAtOnce: Bool = true) {
        dice = SeededGenerator(seed: seed)
        self.losses = losses
        self.capturesAtOnce = capturesAtOnce
    }

    /// What happens to the next questions, before chance has its say.
    enum Loss: CaseIterable { case nothing, question, answer }
    private var planned: [Loss] = []
    func plan(_ losses: [Loss]) { planned = losses }

    func beGood() { losses = 0 }
    func lose(_ losses: Int) { self.losses = losses }

    private func question() throws(AcquirerFailure) {
        if planned.first == .question {
            planned.removeFirst()
            throw .unknown("the question was lost")
        }
        if Int.random(in: 0..<10, using: &dice) < losses { throw .unknown("the question was lost") }
    }

    private func answer<Value>(_ value: Value) throws(AcquirerFailure) -> Value {
        if !planned.isEmpty, planned.removeFirst() == .answer { throw .unknown("the answer was lost") }
        if Int.random(in: 0..<10, using: &dice) < losses { throw .unknown("the answer was lost") }
        return value
    }

    func create(_ order: CardOrder) throws(AcquirerFailure) -> AcquirerPayment {
        try question()
        if let known = keys[order.id], let kept = payments[known] { return try answer(kept.payment) }
        let id = "p-\(order.id.text)"
        keys[order.id] = id
        made[order.id, default: []].append(id)
        let payment = AcquirerPayment(
            id: id, status: .pending, total: order.total, order: order.id, payAt: "https://bank.example/\(id)", card: nil, reason: nil)
        payments[id] = Made(payment: payment)
        return try answer(payment)
    }

    func payment(_ id: String) throws(AcquirerFailure) -> AcquirerPayment {
        try question()
        guard let kept = payments[id] else { throw .notFound }
        return try answer(kept.payment)
    }

    func capture(_ id: String, amount: Money, key: UUID) throws(AcquirerFailure) -> AcquirerPayment {
        try question()
        if keys[key] == nil, payments[id]?.payment.status == .waitingForCapture { set(id, .succeeded, card: "4477") }
        keys[key] = id
        guard let kept = payments[id] else { throw .notFound }
        return try answer(kept.payment)
    }

    func cancel(_ id: String, key: UUID) throws(AcquirerFailure) -> AcquirerPayment {
        try question()
        if keys[key] == nil, payments[id]?.payment.status == .waitingForCapture { set(id, .canceled, card: nil) }
        keys[key] = id
        guard let kept = payments[id] else { throw .notFound }
        return try answer(kept.payment)
    }

    func refund(_ id: String, amount: Money, reason: String, receipt: CardReceipt?, key: UUID) throws(AcquirerFailure) -> AcquirerRefund {
        try question()
        if let known = keys[key], let kept = given[known] { return try answer(kept) }
        guard let paid = payments[id], paid.payment.status == .succeeded, let total = paid.payment.total, paid.given + amount <= total,
            !refusesRefunds
        else { throw .refused(code: "invalid_request", "it cannot be refunded") }
        let refund = AcquirerRefund(id: "r-\(given.count + 1)", status: refundsTakeTime ? .pending : .succeeded, reason: nil)
        keys[key] = refund.id
        given[refund.id] = refund
        parts[refund.id] = (id, amount)
        payments[id]?.refunds += 1
        payments[id]?.given += amount
        return try answer(refund)
    }

    func refund(_ id: String) throws(AcquirerFailure) -> AcquirerRefund {
        try question()
        guard let kept = given[id] else { throw .notFound }
        return try answer(kept)
    }

    /// What the acquirer thinks of refunds from now on.
    func refunds(takeTime: Bool = false, areRefused: Bool = false) {
        refundsTakeTime = takeTime
        refusesRefunds = areRefused
    }

    /// Everything that waits is done, or not.
    func finishRefunds(well: Bool = true) {
        for (id, refund) in given where refund.status == .pending {
            if !well, let part = parts[id] { payments[part.payment]?.given -= part.amount }
            given[id] = AcquirerRefund(id: id, status: well ? .succeeded : .canceled, reason: well ? nil : "insufficient_funds")
        }
    }

    /// What has come to the card of a payment.
    func doneRefunds(of order: UUID) -> Money {
        given.values.filter { $0.status == .succeeded }.compactMap { refund in
            parts[refund.id].flatMap { $0.payment == made[order]?.last ? $0.amount : nil }
        }.total
    }

    /// Given back, or on its way.
    func given(of order: UUID) -> Money { made[order]?.last.flatMap { payments[$0]?.given } ?? .zero }

    /// The payer says yes or no on the acquirer's page.
    func payer(_ order: UUID, says yes: Bool) {
        guard let id = made[order]?.last, payments[id]?.payment.status == .pending else { return }
        set(id, yes ? (capturesAtOnce ? .succeeded : .waitingForCapture) : .canceled, card: yes ? "4477" : nil)
    }

    func status(of order: UUID) -> AcquirerPayment.Status? { made[order]?.last.flatMap { payments[$0]?.payment.status } }
    func refunds(of order: UUID) -> Int { made[order]?.last.flatMap { payments[$0]?.refunds } ?? 0 }

    private func set(_ id: String, _ status: AcquirerPayment.Status, card: String?) {
        guard let payment = payments[id]?.payment else { return }
        payments[id]?.payment = AcquirerPayment(
            id: id, status: status, total: payment.total, order: payment.order, payAt: nil, card: card,
            reason: status == .canceled ? "general_decline" : nil)
    }

    /// As if the acquirer had mixed something up.
    func falsify(_ order: UUID, total: Money) {
        guard let id = made[order]?.last, let payment = payments[id]?.payment else { return }
        payments[id]?.payment = AcquirerPayment(
            id: id, status: .succeeded, total: total, order: order, payAt: nil, card: nil, reason: payment.reason)
    }
}

/// The acquirer's emulator in a process of its own, ended with the value.
final class Emulator: Sendable {
    static let (shop, secret) = ("100500", "test_secret")
    private let program: ServingProgram

    init(notify: String = "") async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        program = try await ServingProgram(
            try TestServers.python,
            [
                root.appendingPathComponent("deploy/demo/acquirer.py").path, "--shop", Self.shop, "--secret", Self.secret, "--notify", notify,
                "--until-input-ends",
            ])
    }

    var address: String { program.address }

    func client(capturesAtOnce: Bool = true, secret: String = Emulator.secret) -> YooKassa {
        YooKassa(address: address + "/v3", shop: Self.shop, secret: secret, capturesAtOnce: capturesAtOnce, timeout: .seconds(5))
    }

    /// The payer presses a button of the bank's page; gives where he is sent then.
    @discardableResult
    func payer(_ page: String, says answer: String) async throws -> String? {
        var request = HTTPClientRequest(url: page)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: "answer=\(answer)"))
        let response = try await Self.staying.execute(request, timeout: .seconds(5))
        return response.headers.first(name: "location")
    }

    func trouble(_ json: String) async throws {
        var request = HTTPClientRequest(url: address + "/emulator/trouble")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: json))
        _ = try await Self.staying.execute(request, timeout: .seconds(5)).body.collect(upTo: 10_000)
    }

    /// Follows nobody: lives as long as the process.
    private static let staying = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
}
