/// The fields of an object.
struct QuickFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let document: QuickDocument
    let node: Int
    var codingPath: [any CodingKey] { [] }

    var allKeys: [Key] { document.names(of: node).compactMap(Key.init(stringValue:)) }

    private func find(_ key: Key) -> Int? { document.field(key.stringValue, of: node) }

    private func field(_ key: Key) throws -> Int {
        guard let found = find(key) else { throw QuickDecoder.NotQuick() }
        return found
    }

    /// A field that may be missing or null.
    private func present(_ key: Key) -> Int? { find(key).flatMap { document.isNull($0) ? nil : $0 } }

    func contains(_ key: Key) -> Bool { find(key) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { document.isNull(try field(key)) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try document.bool(try field(key)) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try document.string(try field(key)) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { throw QuickDecoder.NotQuick() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { throw QuickDecoder.NotQuick() }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try document.integer(try field(key), as: type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try document.integer(try field(key), as: type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try document.integer(try field(key), as: type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try document.integer(try field(key), as: type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try document.integer(try field(key), as: type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try document.integer(try field(key), as: type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try document.integer(try field(key), as: type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try document.integer(try field(key), as: type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try document.integer(try field(key), as: type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try document.integer(try field(key), as: type) }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try document.value(try field(key), as: type) }

    // One search instead of three.
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try present(key).map(document.bool) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try present(key).map(document.string) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try present(key).map { try document.integer($0, as: type) }
    }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        try present(key).map { try document.integer($0, as: type) }
    }
    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        try present(key).map { try document.value($0, as: type) }
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try QuickDecoder(document: document, node: try field(key)).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try QuickDecoder(document: document, node: try field(key)).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { throw QuickDecoder.NotQuick() }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw QuickDecoder.NotQuick() }
}

/// The elements of an array.
struct QuickElements: UnkeyedDecodingContainer {
    let document: QuickDocument
    private let end: Int
    private var at: Int
    private(set) var currentIndex = 0
    let count: Int?
    var codingPath: [any CodingKey] { [] }
    var isAtEnd: Bool { at >= end }

    init(document: QuickDocument, node: Int) {
        self.document = document
        end = document.next(node)
        at = node + 1
        var count = 0
        var next = at
        while next < end {
            next = document.next(next)
            count += 1
        }
        self.count = count
    }

    /// The element here; goes on to the next once it has been read.
    private mutating func element<T>(_ read: (QuickDocument, Int) throws -> T) throws -> T {
        guard !isAtEnd else { throw QuickDecoder.NotQuick() }
        let value = try read(document, at)
        at = document.next(at)
        currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd else { throw QuickDecoder.NotQuick() }
        guard document.isNull(at) else { return false }
        return try element { _, _ in true }
    }
    mutating func decode(_ type: Bool.Type) throws -> Bool { try element { try $0.bool($1) } }
    mutating func decode(_ type: String.Type) throws -> String { try element { try $0.string($1) } }
    mutating func decode(_ type: Double.Type) throws -> Double { throw QuickDecoder.NotQuick() }
    mutating func decode(_ type: Float.Type) throws -> Float { throw QuickDecoder.NotQuick() }
    mutating func decode(_ type: Int.Type) throws -> Int { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try element { try $0.integer($1, as: type) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try element { try $0.integer($1, as: type) } }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try element { try $0.value($1, as: type) } }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try element { try QuickDecoder(document: $0, node: $1).container(keyedBy: type) }
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try element { try QuickDecoder(document: $0, node: $1).unkeyedContainer() }
    }
    mutating func superDecoder() throws -> any Decoder { throw QuickDecoder.NotQuick() }
}

/// One value.
struct QuickValue: SingleValueDecodingContainer {
    let document: QuickDocument
    let node: Int
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { document.isNull(node) }
    func decode(_ type: Bool.Type) throws -> Bool { try document.bool(node) }
    func decode(_ type: String.Type) throws -> String { try document.string(node) }
    func decode(_ type: Double.Type) throws -> Double { throw QuickDecoder.NotQuick() }
    func decode(_ type: Float.Type) throws -> Float { throw QuickDecoder.NotQuick() }
    func decode(_ type: Int.Type) throws -> Int { try document.integer(node, as: type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try document.integer(node, as: type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try document.integer(node, as: type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try document.integer(node, as: type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try document.integer(node, as: type) }
    func decode(_ type: UInt.Type) throws -> UInt { try document.integer(node, as: type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try document.integer(node, as: type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try document.integer(node, as: type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try document.integer(node, as: type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try document.integer(node, as: type) }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try document.value(node, as: type) }
}
