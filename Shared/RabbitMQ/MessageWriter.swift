import CRabbitMQ
import Foundation

/// Writes messages onto a channel without allocating for each.
///
/// Every short text has a place of 256 bytes of its own that is only rewritten when the text changes: in a batch that
/// is the routing key and the identifier, while exchange, type and content type are encoded once.
final class MessageWriter {
    /// The longest short text of the protocol, in bytes.
    static let longestText = 255

    private enum Place: Int, CaseIterable {
        case exchange, routingKey, messageID, type, contentType, correlationID, appID, expiration
    }

    private let texts = UnsafeMutableRawBufferPointer.allocate(byteCount: Place.allCases.count * 256, alignment: 16)
    private var written = [String?](repeating: nil, count: Place.allCases.count)
    private var lengths = [Int](repeating: 0, count: Place.allCases.count)
    private var headers: [String: HeaderValue] = [:]
    private var table = HeaderTable([:])

    deinit { texts.deallocate() }

    /// - Throws: `PublishFailure.unacceptable` when a text of the message is longer than the protocol allows.
    static func check(_ message: borrowing BrokerMessage, index: Int) throws {
        let longest = max(
            message.exchange.utf8.count, message.routingKey.utf8.count, message.messageID?.utf8.count ?? 0,
            message.type?.utf8.count ?? 0, message.contentType?.utf8.count ?? 0,
            max(message.correlationID?.utf8.count ?? 0, message.appID?.utf8.count ?? 0))
        let isKeyLong = !message.headers.isEmpty && message.headers.keys.contains { $0.utf8.count > longestText }
        if longest > longestText || isKeyLong {
            throw PublishFailure.unacceptable(index: index, "a text of more than \(longestText) bytes")
        }
    }

    /// Writes one message with `mandatory`; answers librabbitmq's status.
    func write(_ message: borrowing BrokerMessage, to connection: Connection) -> Int32 {
        var properties = amqp_basic_properties_t()
        var flags = AMQP_BASIC_DELIVERY_MODE_FLAG
        properties.delivery_mode = message.isPersistent ? 2 : 1
        if let text = message.messageID {
            properties.message_id = bytes(text, .messageID)
            flags |= AMQP_BASIC_MESSAGE_ID_FLAG
        }
        if let text = message.type {
            properties.type = bytes(text, .type)
            flags |= AMQP_BASIC_TYPE_FLAG
        }
        if let text = message.contentType {
            properties.content_type = bytes(text, .contentType)
            flags |= AMQP_BASIC_CONTENT_TYPE_FLAG
        }
        if let text = message.correlationID {
            properties.correlation_id = bytes(text, .correlationID)
            flags |= AMQP_BASIC_CORRELATION_ID_FLAG
        }
        if let text = message.appID {
            properties.app_id = bytes(text, .appID)
            flags |= AMQP_BASIC_APP_ID_FLAG
        }
        if let expiration = message.expiration {
            properties.expiration = bytes(String(max(0, Int64(expiration / .milliseconds(1)))), .expiration)
            flags |= AMQP_BASIC_EXPIRATION_FLAG
        }
        if let timestamp = message.timestamp {
            properties.timestamp = UInt64(max(0, timestamp.timeIntervalSince1970))
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
        }
        if !message.headers.isEmpty {
            if message.headers != headers {
                headers = message.headers
                table = HeaderTable(headers)
            }
            properties.headers = table.amqp
            flags |= AMQP_BASIC_HEADERS_FLAG
        }
        properties._flags = amqp_flags_t(bitPattern: flags)
        let exchange = bytes(message.exchange, .exchange)
        let routingKey = bytes(message.routingKey, .routingKey)
        return message.body.withUnsafeBytes { body in
            // librabbitmq only reads the body; its type has no const.
            amqp_basic_publish(
                connection.state, Connection.channel, exchange, routingKey, 1, 0, &properties,
                amqp_bytes_t(len: body.count, bytes: UnsafeMutableRawPointer(mutating: body.baseAddress)))
        }
    }

    private func bytes(_ text: String, _ place: Place) -> amqp_bytes_t {
        let index = place.rawValue
        let start = (texts.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1)).map { $0 + index * 256 }
        if written[index] != text {
            written[index] = text
            lengths[index] = min(text.utf8.count, Self.longestText)
            let target = UnsafeMutableRawBufferPointer(start: start, count: lengths[index])
            target.copyBytes(from: text.utf8.prefix(lengths[index]))
        }
        return amqp_bytes_t(len: lengths[index], bytes: start)
    }
}

/// A table of headers in librabbitmq's form, with the memory it points into.
final class HeaderTable {
    private let text: UnsafeMutableRawBufferPointer
    private let entries: UnsafeMutableBufferPointer<amqp_table_entry_t>

    init(_ headers: [String: HeaderValue]) {
        let size = headers.reduce(0) { $0 + $1.key.utf8.count + ($1.value.text?.utf8.count ?? 0) }
        text = .allocate(byteCount: max(1, size), alignment: 1)
        entries = .allocate(capacity: headers.count)
        var used = 0
        func keep(_ string: String) -> amqp_bytes_t {
            let place = UnsafeMutableRawBufferPointer(rebasing: text[used..<(used + string.utf8.count)])
            place.copyBytes(from: string.utf8)
            used += place.count
            return amqp_bytes_t(len: place.count, bytes: place.baseAddress)
        }
        for (index, (key, value)) in headers.enumerated() {
            var entry = amqp_table_entry_t()
            entry.key = keep(key)
            switch value {
            case .text(let string):
                entry.value.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
                entry.value.value.bytes = keep(string)
            case .number(let number):
                entry.value.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
                entry.value.value.i64 = number
            case .flag(let flag):
                entry.value.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
                entry.value.value.boolean = flag ? 1 : 0
            }
            entries.initializeElement(at: index, to: entry)
        }
    }

    deinit {
        text.deallocate()
        entries.deallocate()
    }

    var amqp: amqp_table_t { amqp_table_t(num_entries: Int32(entries.count), entries: entries.baseAddress) }
}
