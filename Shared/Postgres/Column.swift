import Foundation

/// A value that can be sent to Postgres in its binary form.
public protocol Bindable: Sendable {
    /// The type under which the server gets it.
    static var postgresType: PostgresType { get }
    /// Writes the binary form; gives false, having written nothing, for null.
    func encode(into bytes: inout [UInt8]) -> Bool
}

/// A value that can be read from a column of a row, too.
public protocol Column: Bindable {
    /// The server's types that hold such a value.
    static var readableTypes: [PostgresType] { get }
    /// Reads the binary form; nil bytes are null.
    static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Self
}

/// Why a column could not be read as the type asked for; the statement's error names the column.
public struct ColumnMismatch: Error {
    let reason: String

    public init(_ reason: String) { self.reason = reason }
    static let null = ColumnMismatch("is null")
    static let length = ColumnMismatch("has an unexpected length")
}

extension Column {
    public static var readableTypes: [PostgresType] { [postgresType] }
}

/// A type of the server by its object identifier (`pg_type.oid`), as far as we speak of it.
public struct PostgresType: Sendable, Hashable {
    public let oid: UInt32
    /// The array of it.
    public let arrayOID: UInt32

    public init(oid: UInt32, arrayOID: UInt32 = 0) {
        self.oid = oid
        self.arrayOID = arrayOID
    }

    public static let bool = PostgresType(oid: 16, arrayOID: 1000)
    public static let bytea = PostgresType(oid: 17, arrayOID: 1001)
    public static let name = PostgresType(oid: 19, arrayOID: 1003)
    public static let int8 = PostgresType(oid: 20, arrayOID: 1016)
    public static let int2 = PostgresType(oid: 21, arrayOID: 1005)
    public static let int4 = PostgresType(oid: 23, arrayOID: 1007)
    public static let text = PostgresType(oid: 25, arrayOID: 1009)
    public static let json = PostgresType(oid: 114, arrayOID: 199)
    public static let float4 = PostgresType(oid: 700, arrayOID: 1021)
    public static let float8 = PostgresType(oid: 701, arrayOID: 1022)
    public static let bpchar = PostgresType(oid: 1042, arrayOID: 1014)
    public static let varchar = PostgresType(oid: 1043, arrayOID: 1015)
    public static let date = PostgresType(oid: 1082, arrayOID: 1182)
    public static let time = PostgresType(oid: 1083, arrayOID: 1183)
    public static let timestamptz = PostgresType(oid: 1184, arrayOID: 1185)
    public static let uuid = PostgresType(oid: 2950, arrayOID: 2951)
    public static let jsonb = PostgresType(oid: 3802, arrayOID: 3807)

    /// For messages: the types that people meet, also those that we do not read.
    static let commonNames: [UInt32: String] = [
        16: "boolean", 17: "bytea", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 114: "json", 700: "real",
        701: "double precision", 1043: "varchar", 1082: "date", 1083: "time", 1114: "timestamp without time zone",
        1184: "timestamptz", 1186: "interval", 1700: "numeric (cast it: ::bigint)", 2950: "uuid", 3802: "jsonb",
    ]

    public static func == (left: PostgresType, right: PostgresType) -> Bool { left.oid == right.oid }
    public func hash(into hasher: inout Hasher) { hasher.combine(oid) }
}

// MARK: - Numbers and truth

extension FixedWidthInteger {
    fileprivate func append(to bytes: inout [UInt8]) {
        withUnsafeBytes(of: bigEndian) { bytes.append(contentsOf: $0) }
    }

    fileprivate static func read(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) throws(ColumnMismatch) -> Self {
        guard bytes.count >= offset + MemoryLayout<Self>.size else { throw .length }
        return Self(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Self.self))
    }
}

/// Any whole number that the server has, widened.
private func wholeNumber(_ bytes: UnsafeRawBufferPointer?) throws(ColumnMismatch) -> Int64 {
    guard let bytes else { throw .null }
    switch bytes.count {
    case 8: return try Int64.read(bytes)
    case 4: return Int64(try Int32.read(bytes))
    case 2: return Int64(try Int16.read(bytes))
    default: throw .length
    }
}

extension Int: Column {
    public static var postgresType: PostgresType { .int8 }
    public static var readableTypes: [PostgresType] { [.int8, .int4, .int2] }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        Int64(self).append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Int {
        Int(try wholeNumber(bytes))
    }
}

extension Int64: Column {
    public static var postgresType: PostgresType { .int8 }
    public static var readableTypes: [PostgresType] { [.int8, .int4, .int2] }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Int64 {
        try wholeNumber(bytes)
    }
}

extension Int32: Column {
    public static var postgresType: PostgresType { .int4 }
    public static var readableTypes: [PostgresType] { [.int4, .int2] }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Int32 {
        Int32(truncatingIfNeeded: try wholeNumber(bytes))
    }
}

extension Int16: Column {
    public static var postgresType: PostgresType { .int2 }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Int16 {
        Int16(truncatingIfNeeded: try wholeNumber(bytes))
    }
}

extension Bool: Column {
    public static var postgresType: PostgresType { .bool }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(self ? 1 : 0)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Bool {
        guard let bytes else { throw .null }
        guard bytes.count == 1 else { throw .length }
        return bytes[0] != 0
    }
}

extension Double: Column {
    public static var postgresType: PostgresType { .float8 }
    public static var readableTypes: [PostgresType] { [.float8, .float4] }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bitPattern.append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Double {
        guard let bytes else { throw .null }
        if bytes.count == 4 { return Double(Float(bitPattern: try UInt32.read(bytes))) }
        return Double(bitPattern: try UInt64.read(bytes))
    }
}

// MARK: - Texts and bytes

extension String: Column {
    public static var postgresType: PostgresType { .text }
    public static var readableTypes: [PostgresType] { [.text, .varchar, .bpchar, .name] }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(contentsOf: utf8)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> String {
        guard let bytes else { throw .null }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Data: Column {
    public static var postgresType: PostgresType { .bytea }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(contentsOf: self)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Data {
        guard let bytes else { throw .null }
        return Data(bytes)
    }
}

/// Bytes without Foundation's `Data`, for bodies of messages.
public struct Bytes: Column, Hashable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static var postgresType: PostgresType { .bytea }
    public func encode(into buffer: inout [UInt8]) -> Bool {
        buffer.append(contentsOf: bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Bytes {
        guard let bytes else { throw .null }
        return Bytes(Array(bytes))
    }
}

extension UUID: Column {
    public static var postgresType: PostgresType { .uuid }
    public func encode(into bytes: inout [UInt8]) -> Bool {
        withUnsafeBytes(of: uuid) { bytes.append(contentsOf: $0) }
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> UUID {
        guard let bytes else { throw .null }
        guard bytes.count == 16 else { throw .length }
        return UUID(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

/// A value kept as `jsonb`.
public struct JSON<Value: Codable & Sendable>: Column {
    public let value: Value

    public init(_ value: Value) { self.value = value }

    public static var postgresType: PostgresType { .jsonb }
    public static var readableTypes: [PostgresType] { [.jsonb, .json] }

    public func encode(into bytes: inout [UInt8]) -> Bool {
        // The binary form of jsonb is a version byte and the text.
        bytes.append(1)
        do {
            bytes.append(contentsOf: try JSONEncoder().encode(value))
        } catch {
            // Only a value with a non-finite number or a failing conformance gets here: null lets the column refuse it.
            bytes.removeLast()
            return false
        }
        return true
    }

    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> JSON {
        guard let bytes else { throw .null }
        let text = type == .jsonb ? bytes.dropFirst() : bytes[...]
        do {
            return JSON(try JSONDecoder().decode(Value.self, from: Data(text)))
        } catch {
            throw ColumnMismatch("is JSON of another shape: \(error)")
        }
    }
}

// MARK: - Time

/// Seconds from 1970 to 2000, where the server's clock begins.
private let epochOffset: Int64 = 946_684_800

extension Date: Column {
    public static var postgresType: PostgresType { .timestamptz }
    /// Microseconds; what is finer is cut.
    public func encode(into bytes: inout [UInt8]) -> Bool {
        let seconds = timeIntervalSince1970 - Double(epochOffset)
        Int64((max(-2e11, min(9e12, seconds)) * 1_000_000).rounded()).append(to: &bytes)
        return true
    }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Date {
        guard let bytes else { throw .null }
        let microseconds = try Int64.read(bytes)
        guard microseconds != .max, microseconds != .min else { throw ColumnMismatch("is infinite") }
        return Date(timeIntervalSince1970: Double(microseconds) / 1_000_000 + Double(epochOffset))
    }
}

// MARK: - Nothing and many

extension Optional: Bindable where Wrapped: Bindable {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public func encode(into bytes: inout [UInt8]) -> Bool { self?.encode(into: &bytes) ?? false }
}

extension Optional: Column where Wrapped: Column {
    public static var readableTypes: [PostgresType] { Wrapped.readableTypes }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Wrapped? {
        bytes == nil ? nil : try Wrapped.decode(bytes, type: type)
    }
}

extension Array: Bindable where Element: Bindable {
    public static var postgresType: PostgresType { PostgresType(oid: Element.postgresType.arrayOID) }

    /// One dimension, counted from one, as `unnest` and `any` want it.
    public func encode(into bytes: inout [UInt8]) -> Bool {
        let header = bytes.count
        Int32(isEmpty ? 0 : 1).append(to: &bytes)
        Int32(0).append(to: &bytes)
        Element.postgresType.oid.append(to: &bytes)
        if isEmpty { return true }
        Int32(count).append(to: &bytes)
        Int32(1).append(to: &bytes)
        var hasNull = false
        for element in self {
            let at = bytes.count
            Int32(-1).append(to: &bytes)
            guard element.encode(into: &bytes) else {
                hasNull = true
                continue
            }
            let length = Int32(bytes.count - at - 4).bigEndian
            Swift.withUnsafeBytes(of: length) { for index in 0..<4 { bytes[at + index] = $0[index] } }
        }
        if hasNull { bytes[header + 7] = 1 }
        return true
    }
}

extension Array: Column where Element: Column {
    public static var readableTypes: [PostgresType] { Element.readableTypes.map { PostgresType(oid: $0.arrayOID) } }

    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> [Element] {
        guard let bytes else { throw .null }
        let dimensions = try Int32.read(bytes)
        if dimensions == 0 { return [] }
        guard dimensions == 1 else { throw ColumnMismatch("has \(dimensions) dimensions") }
        let element = PostgresType(oid: try UInt32.read(bytes, at: 8))
        let count = Int(try Int32.read(bytes, at: 12))
        var elements: [Element] = []
        elements.reserveCapacity(count)
        var offset = 20
        for _ in 0..<count {
            let length = Int(try Int32.read(bytes, at: offset))
            offset += 4
            guard length >= 0 else {
                elements.append(try Element.decode(nil, type: element))
                continue
            }
            guard offset + length <= bytes.count else { throw .length }
            elements.append(
                try Element.decode(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), type: element))
            offset += length
        }
        return elements
    }
}
