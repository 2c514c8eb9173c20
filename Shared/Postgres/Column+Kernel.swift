import Kernel

extension Money: Column {
    public static var postgresType: PostgresType { .int8 }
    public func encode(into bytes: inout [UInt8]) -> Bool { kopecks.encode(into: &bytes) }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Money {
        Money(kopecks: try Int64.decode(bytes, type: type))
    }
}

extension Day: Column {
    /// Days from 1970 to 2000, where the server's calendar begins.
    private static var epochOffset: Int { 10_957 }

    public static var postgresType: PostgresType { .date }
    public func encode(into bytes: inout [UInt8]) -> Bool { Int32(daysSince1970 - Self.epochOffset).encode(into: &bytes) }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> Day {
        Day(daysSince1970: Int(try Int32.decode(bytes, type: type)) + epochOffset)
    }
}

extension TimeOfDay: Column {
    public static var postgresType: PostgresType { .time }
    public func encode(into bytes: inout [UInt8]) -> Bool { (Int64(minutes) * 60_000_000).encode(into: &bytes) }
    public static func decode(_ bytes: UnsafeRawBufferPointer?, type: PostgresType) throws(ColumnMismatch) -> TimeOfDay {
        let minutes = Int(try Int64.decode(bytes, type: type) / 60_000_000)
        guard let time = TimeOfDay(minutes: minutes) else { throw ColumnMismatch("is no time of a day") }
        return time
    }
}
