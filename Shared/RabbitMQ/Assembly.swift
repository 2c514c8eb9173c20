import CRabbitMQ
import Foundation

/// Puts a message together from its frames: method, header, body pieces.
///
/// librabbitmq's own reader waits for the rest of a message that has begun, and allocates seven times for each; this
/// keeps what has come and waits for nothing, and texts that repeat are copied once.
struct Assembly {
    /// A whole message.
    enum Message {
        case delivered(Delivery)
        case returned(ReturnedMessage)
    }

    private enum Origin {
        case delivered(tag: UInt64, isRedelivered: Bool)
        case returned(code: UInt16, text: String)
    }

    private let generation: Int
    private var origin: Origin?
    private var properties = MessageProperties()
    private var body: [UInt8] = []
    private var size = 0
    private var exchange = Repeated()
    private var routingKey = Repeated()
    private var type = Repeated()
    private var contentType = Repeated()
    private var appID = Repeated()

    init(generation: Int) { self.generation = generation }

    /// Whether a message has begun and its end has not come.
    var isOpen: Bool { origin != nil }

    /// Takes one frame; answers with the message it completes.
    ///
    /// - Throws: `BrokerError` when the frames are out of order.
    mutating func take(_ frame: borrowing amqp_frame_t) throws -> Message? {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD:
            begin(frame.payload.method)
            return nil
        case AMQP_FRAME_HEADER:
            guard origin != nil else { throw BrokerError(.connectionLost, "a header without a message") }
            size = Int(frame.payload.properties.body_size)
            properties = MessageProperties()
            if let decoded = frame.payload.properties.decoded {
                read(decoded.assumingMemoryBound(to: amqp_basic_properties_t.self))
            }
            body = []
            body.reserveCapacity(size)
            return size == 0 ? finish() : nil
        case AMQP_FRAME_BODY:
            guard origin != nil else { throw BrokerError(.connectionLost, "a body without a message") }
            let piece = frame.payload.body_fragment
            body.append(contentsOf: UnsafeRawBufferPointer(start: piece.bytes, count: piece.len))
            return body.count >= size ? finish() : nil
        default:
            return nil
        }
    }

    private mutating func begin(_ method: amqp_method_t) {
        guard let decoded = method.decoded else { return }
        switch method.id {
        case zvonok_basic_deliver:
            let deliver = decoded.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee
            origin = .delivered(tag: deliver.delivery_tag, isRedelivered: deliver.redelivered != 0)
            exchange.read(deliver.exchange)
            routingKey.read(deliver.routing_key)
        case zvonok_basic_get_ok:
            let got = decoded.assumingMemoryBound(to: amqp_basic_get_ok_t.self).pointee
            origin = .delivered(tag: got.delivery_tag, isRedelivered: got.redelivered != 0)
            exchange.read(got.exchange)
            routingKey.read(got.routing_key)
        case zvonok_basic_return:
            let back = decoded.assumingMemoryBound(to: amqp_basic_return_t.self).pointee
            origin = .returned(code: back.reply_code, text: String(back.reply_text))
            exchange.read(back.exchange)
            routingKey.read(back.routing_key)
        default:
            break
        }
    }

    /// The answer of `basic.get` comes as a method that librabbitmq has already taken off the wire.
    mutating func takeGot(_ method: amqp_method_t) { begin(method) }

    private mutating func finish() -> Message? {
        defer { origin = nil }
        switch origin {
        case .delivered(let tag, let isRedelivered):
            let whole = body
            body = []
            return .delivered(
                Delivery(
                    tag: tag, generation: generation, isRedelivered: isRedelivered, exchange: exchange.text,
                    routingKey: routingKey.text, body: whole, properties: properties))
        case .returned(let code, let text):
            return .returned(
                ReturnedMessage(
                    index: -1, messageID: properties.messageID, exchange: exchange.text, routingKey: routingKey.text,
                    code: code, reason: text))
        case nil:
            return nil
        }
    }

    private mutating func read(_ source: UnsafePointer<amqp_basic_properties_t>) {
        let flags = Int32(bitPattern: source.pointee._flags)
        if flags & AMQP_BASIC_MESSAGE_ID_FLAG != 0 { properties.messageID = String(source.pointee.message_id) }
        if flags & AMQP_BASIC_TYPE_FLAG != 0 { properties.type = type.read(source.pointee.type) }
        if flags & AMQP_BASIC_CONTENT_TYPE_FLAG != 0 {
            properties.contentType = contentType.read(source.pointee.content_type)
        }
        if flags & AMQP_BASIC_APP_ID_FLAG != 0 { properties.appID = appID.read(source.pointee.app_id) }
        if flags & AMQP_BASIC_CORRELATION_ID_FLAG != 0 {
            properties.correlationID = String(source.pointee.correlation_id)
        }
        if flags & AMQP_BASIC_TIMESTAMP_FLAG != 0 {
            properties.timestamp = Date(timeIntervalSince1970: TimeInterval(source.pointee.timestamp))
        }
        if flags & AMQP_BASIC_DELIVERY_MODE_FLAG != 0 { properties.isPersistent = source.pointee.delivery_mode == 2 }
        if flags & AMQP_BASIC_HEADERS_FLAG != 0 {
            properties.headers = Self.headers(source.pointee.headers)
            properties.firstRoutingKey = Self.firstRoutingKey(source.pointee.headers)
        }
    }

    /// The broker puts each of its moves before the earlier ones; the last has the keys that the publisher gave.
    private static func firstRoutingKey(_ table: amqp_table_t) -> String? {
        guard let deaths = field("x-death", of: table), deaths.kind == UInt8(AMQP_FIELD_KIND_ARRAY.rawValue),
            deaths.value.array.num_entries > 0
        else { return nil }
        let first = deaths.value.array.entries[Int(deaths.value.array.num_entries) - 1]
        guard first.kind == UInt8(AMQP_FIELD_KIND_TABLE.rawValue), let keys = field("routing-keys", of: first.value.table),
            keys.kind == UInt8(AMQP_FIELD_KIND_ARRAY.rawValue), keys.value.array.num_entries > 0
        else { return nil }
        return HeaderValue(keys.value.array.entries[0])?.text
    }

    private static func field(_ name: String, of table: amqp_table_t) -> amqp_field_value_t? {
        for index in 0..<Int(table.num_entries) where String(table.entries[index].key) == name {
            return table.entries[index].value
        }
        return nil
    }

    private static func headers(_ table: amqp_table_t) -> [String: HeaderValue] {
        var headers: [String: HeaderValue] = [:]
        for index in 0..<Int(table.num_entries) {
            let entry = table.entries[index]
            if let value = HeaderValue(entry.value) { headers[String(entry.key)] = value }
        }
        return headers
    }
}

/// A text that mostly is the same as the last time; then it is not copied again.
private struct Repeated {
    private(set) var text = ""

    @discardableResult
    mutating func read(_ bytes: amqp_bytes_t) -> String {
        let isSame = text.withUTF8 { old in
            guard old.count == bytes.len, let old = old.baseAddress, let new = bytes.bytes else { return bytes.len == 0 && old.isEmpty }
            return memcmp(old, new, bytes.len) == 0
        }
        if !isSame { text = String(bytes) }
        return text
    }
}

extension HeaderValue {
    init?(_ field: amqp_field_value_t) {
        switch UInt32(field.kind) {
        case UInt32(AMQP_FIELD_KIND_UTF8.rawValue), UInt32(AMQP_FIELD_KIND_BYTES.rawValue):
            self = .text(String(field.value.bytes))
        case UInt32(AMQP_FIELD_KIND_BOOLEAN.rawValue): self = .flag(field.value.boolean != 0)
        case UInt32(AMQP_FIELD_KIND_I8.rawValue): self = .number(Int64(field.value.i8))
        case UInt32(AMQP_FIELD_KIND_U8.rawValue): self = .number(Int64(field.value.u8))
        case UInt32(AMQP_FIELD_KIND_I16.rawValue): self = .number(Int64(field.value.i16))
        case UInt32(AMQP_FIELD_KIND_U16.rawValue): self = .number(Int64(field.value.u16))
        case UInt32(AMQP_FIELD_KIND_I32.rawValue): self = .number(Int64(field.value.i32))
        case UInt32(AMQP_FIELD_KIND_U32.rawValue): self = .number(Int64(field.value.u32))
        case UInt32(AMQP_FIELD_KIND_I64.rawValue): self = .number(field.value.i64)
        case UInt32(AMQP_FIELD_KIND_TIMESTAMP.rawValue): self = .number(Int64(clamping: field.value.u64))
        default: return nil
        }
    }
}
