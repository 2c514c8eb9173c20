import AsyncHTTPClient
import Foundation
import Kernel
import NIOCore
import NIOHTTP1

/// The acquirer ЮKassa by its API v3: JSON over HTTPS, user and secret of a shop, a key of idempotence with every change.
struct YooKassa: Acquirer {
    /// `https://api.yookassa.ru/v3`.
    let address: String
    let shop: String
    let secret: String
    /// Whether money is taken at once, or held on the card until it is captured.
    var capturesAtOnce = true
    var timeout = TimeAmount.seconds(10)

    private static let mostBytes = 1 << 18

    func create(_ order: CardOrder) async throws(AcquirerFailure) -> AcquirerPayment {
        let body = NewPayment(
            amount: Amount(order.total), capture: capturesAtOnce,
            confirmation: .init(type: "redirect", return_url: order.returnAddress), description: order.description,
            metadata: ["order": order.id.text], receipt: order.receipt.map { Receipt($0, order.total) })
        return try await send(.POST, "/payments", body, key: order.id, Payment.self).told
    }

    func payment(_ id: String) async throws(AcquirerFailure) -> AcquirerPayment {
        try await send(.GET, "/payments/\(Self.escaped(id))", Nothing?.none, key: nil, Payment.self).told
    }

    func capture(_ id: String, amount: Money, key: UUID) async throws(AcquirerFailure) -> AcquirerPayment {
        try await send(.POST, "/payments/\(Self.escaped(id))/capture", Capture(amount: Amount(amount)), key: key, Payment.self).told
    }

    func cancel(_ id: String, key: UUID) async throws(AcquirerFailure) -> AcquirerPayment {
        try await send(.POST, "/payments/\(Self.escaped(id))/cancel", Nothing(), key: key, Payment.self).told
    }

    func refund(
        _ id: String, amount: Money, reason: String, receipt: CardReceipt?, key: UUID
    ) async throws(AcquirerFailure) -> AcquirerRefund {
        let body = NewRefund(
            payment_id: id, amount: Amount(amount), description: String(reason.prefix(250)),
            receipt: receipt.map { Receipt($0, amount) })
        return try await send(.POST, "/refunds", body, key: key, Refund.self).told
    }

    func refund(_ id: String) async throws(AcquirerFailure) -> AcquirerRefund {
        try await send(.GET, "/refunds/\(Self.escaped(id))", Nothing?.none, key: nil, Refund.self).told
    }

    /// Only what an id of the acquirer may hold goes into an address.
    private static func escaped(_ id: String) -> String {
        id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-"))) ?? ""
    }

    /// What their answers mean: 200 is done; 401 and 403 speak of us and not of the payment; any other 4xx but 429 was not and will not be; all else, no answer too, is not
    /// known, and is asked again with the same key and body.
    private func send<Answer: Decodable & Sendable>(
        _ method: HTTPMethod, _ path: String, _ body: (some Encodable)?, key: UUID?, _ type: Answer.Type
    ) async throws(AcquirerFailure) -> Answer {
        var request = HTTPClientRequest(url: address + path)
        request.method = method
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "authorization", value: "Basic \(Data("\(shop):\(secret)".utf8).base64EncodedString())")
        if let key { request.headers.add(name: "idempotence-key", value: key.text) }
        if let body {
            let encoder = JSONEncoder()
            // The same body to the byte, whenever it is sent again.
            encoder.outputFormatting = [.sortedKeys]
            guard let data = try? encoder.encode(body) else { throw .refused(code: "unwritable", "the request cannot be written") }
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: data))
        }
        let status: UInt
        let data: Data
        do {
            let response = try await HTTPClient.shared.execute(request, deadline: .now() + timeout)
            status = response.status.code
            data = Data(try await response.body.collect(upTo: Self.mostBytes).readableBytesView)
        } catch {
            throw .unknown("no answer from the acquirer: \(error)")
        }
        switch status {
        case 200:
            guard let answer = try? JSONDecoder().decode(type, from: data) else {
                throw .unknown("the acquirer answers something that cannot be read")
            }
            return answer
        case 404: throw .notFound
        case 401, 403: throw .notTrusted((try? JSONDecoder().decode(Refusal.self, from: data))?.code ?? "\(status)")
        case 400..<500 where status != 429 && status != 408:
            let refusal = try? JSONDecoder().decode(Refusal.self, from: data)
            throw .refused(
                code: refusal?.code ?? "\(status)",
                [refusal?.description, refusal?.parameter].compactMap(\.self).joined(separator: "; "))
        default: throw .unknown("the acquirer answers \(status)")
        }
    }
}

// MARK: - As they write it

extension YooKassa {
    struct Amount: Codable, Sendable {
        let value: String
        let currency: String

        /// Always with kopecks: `100.00`.
        init(_ money: Money) {
            value = "\(money)"
            currency = "RUB"
        }

        var money: Money? { currency == "RUB" ? PartnerWords.amount(value) : nil }
    }

    private struct Nothing: Encodable {}

    private struct NewPayment: Encodable {
        struct Confirmation: Encodable {
            let type: String
            let return_url: String
        }
        let amount: Amount
        let capture: Bool
        let confirmation: Confirmation
        let description: String
        let metadata: [String: String]
        let receipt: Receipt?
    }

    private struct Capture: Encodable { let amount: Amount }

    private struct NewRefund: Encodable {
        let payment_id: String
        let amount: Amount
        let description: String
        let receipt: Receipt?
    }

    /// One line, an advance: what is put on the account pays for meals later.
    private struct Receipt: Encodable {
        struct Customer: Encodable { let email: String }
        struct Item: Encodable {
            let description: String
            let quantity: String
            let amount: Amount
            let vat_code: Int
            let payment_mode: String
            let payment_subject: String
        }
        let customer: Customer
        let tax_system_code: Int
        let items: [Item]

        init(_ receipt: CardReceipt, _ total: Money) {
            customer = Customer(email: receipt.email)
            tax_system_code = receipt.taxSystem
            items = [
                Item(
                    description: String(receipt.line.prefix(128)), quantity: "1.0", amount: Amount(total), vat_code: receipt.vat,
                    payment_mode: "advance", payment_subject: "payment")
            ]
        }
    }

    private struct Payment: Decodable, Sendable {
        struct Confirmation: Decodable, Sendable { let confirmation_url: String? }
        struct Method: Decodable, Sendable {
            struct Card: Decodable, Sendable { let last4: String? }
            let card: Card?
        }
        struct Cancellation: Decodable, Sendable { let reason: String? }
        let id: String
        let status: AcquirerStatus
        let amount: Amount
        let metadata: [String: String]?
        let confirmation: Confirmation?
        let payment_method: Method?
        let cancellation_details: Cancellation?

        var told: AcquirerPayment {
            AcquirerPayment(
                id: id, status: status.value, total: amount.money, order: metadata?["order"].flatMap(UUID.init(uuidString:)),
                payAt: confirmation?.confirmation_url, card: payment_method?.card?.last4, reason: cancellation_details?.reason)
        }
    }

    private struct AcquirerStatus: Decodable, Sendable {
        let value: AcquirerPayment.Status

        init(from decoder: any Decoder) throws {
            let text = try decoder.singleValueContainer().decode(String.self)
            guard let value = AcquirerPayment.Status(rawValue: text) else {
                throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "unknown status \(text)"))
            }
            self.value = value
        }
    }

    private struct Refund: Decodable, Sendable {
        struct Cancellation: Decodable, Sendable { let reason: String? }
        let id: String
        let status: String
        let cancellation_details: Cancellation?

        var told: AcquirerRefund {
            // A status that we do not know is waited out.
            AcquirerRefund(id: id, status: .init(rawValue: status) ?? .pending, reason: cancellation_details?.reason)
        }
    }

    private struct Refusal: Decodable {
        let code: String?
        let description: String?
        let parameter: String?
    }
}
