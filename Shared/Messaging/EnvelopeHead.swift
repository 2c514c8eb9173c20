import Foundation
import Kernel

/// The attributes of an envelope and where its data lies, found without a decoder.
///
/// A service reads tens of thousands of these a second, and a decoder spends as much time on the dozen attributes as on the
/// data. It takes what our own writers write, in any order of the attributes; of everything else it says nothing, and the
/// decoder has the last word.
struct EnvelopeHead {
    private(set) var specversion = ""
    private(set) var id: UUID?
    private(set) var source = ""
    private(set) var type = ""
    private(set) var time: Date?
    private(set) var sequence: String?
    private(set) var correlationID: String?
    private(set) var traceParent: String?
    private(set) var isRepublished = false
    /// Where the data lies in the body.
    private(set) var data = 0..<0

    /// Nil for what has to be left to a decoder: escapes, letters beyond ASCII, nested attributes, broken text.
    init?(_ body: [UInt8]) {
        let isRead = body.withUnsafeBufferPointer { bytes -> Bool in
            var scanner = Scanner(bytes: bytes)
            return read(&scanner)
        }
        guard isRead, id != nil, !specversion.isEmpty, !source.isEmpty, !type.isEmpty, !data.isEmpty else { return nil }
    }

    private mutating func read(_ scanner: inout Scanner) -> Bool {
        guard scanner.skip(UInt8(ascii: "{")) else { return false }
        repeat {
            guard let name = scanner.string(), scanner.skip(UInt8(ascii: ":")) else { return false }
            if scanner.equals(name, "data") {
                guard let range = scanner.object() else { return false }
                data = range
            } else if scanner.isAtString {
                guard let value = scanner.string(), take(name, value, scanner) else { return false }
            } else if scanner.skip(word: "true") {
                if scanner.equals(name, "republished") { isRepublished = true }
            } else if scanner.skip(word: "false") {
                if scanner.equals(name, "republished") { isRepublished = false }
            } else if !scanner.skip(word: "null") {
                return false
            }
        } while scanner.skip(UInt8(ascii: ","))
        return scanner.skip(UInt8(ascii: "}")) && scanner.isAtEnd
    }

    /// False when a value is not what its attribute asks for.
    private mutating func take(_ name: Range<Int>, _ value: Range<Int>, _ scanner: Scanner) -> Bool {
        if scanner.equals(name, "id") {
            id = UUID(ascii: scanner.bytes[value])
            return id != nil
        } else if scanner.equals(name, "time") {
            time = Date(canonical: scanner.bytes[value]) ?? Date(iso8601: scanner.text(value))
            return time != nil
        } else if scanner.equals(name, "type") {
            type = scanner.text(value)
        } else if scanner.equals(name, "source") {
            source = scanner.text(value)
        } else if scanner.equals(name, "sequence") {
            sequence = scanner.text(value)
        } else if scanner.equals(name, "specversion") {
            specversion = scanner.text(value)
        } else if scanner.equals(name, "correlationid") {
            correlationID = scanner.text(value)
        } else if scanner.equals(name, "traceparent") {
            traceParent = scanner.text(value)
        }
        return true
    }
}

/// Walks through JSON without understanding more of it than where things end.
private struct Scanner {
    let bytes: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 32 || (bytes[at] >= 9 && bytes[at] <= 13) { at += 1 }
    }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return at == bytes.count
        }
    }

    var isAtString: Bool {
        mutating get {
            skipSpace()
            return at < bytes.count && bytes[at] == UInt8(ascii: "\"")
        }
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func skip(word: StaticString) -> Bool {
        skipSpace()
        guard equals(at..<min(at + word.utf8CodeUnitCount, bytes.count), word) else { return false }
        at += word.utf8CodeUnitCount
        return true
    }

    /// The range of a text's letters; nil when one of them is not plain.
    mutating func string() -> Range<Int>? {
        guard skip(UInt8(ascii: "\"")) else { return nil }
        let start = at
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                at += 1
                return start..<at - 1
            }
            guard byte >= 32, byte < 128, byte != UInt8(ascii: "\\") else { return nil }
            at += 1
        }
        return nil
    }

    /// The range of an object with its braces; what is in it is for its decoder to judge.
    mutating func object() -> Range<Int>? {
        skipSpace()
        let start = at
        guard skip(UInt8(ascii: "{")) else { return nil }
        var depth = 1
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0 {
                    at += 1
                    return start..<at
                }
            case UInt8(ascii: "\""):
                at += 1
                while at < bytes.count, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
            default: break
            }
            at += 1
        }
        return nil
    }

    func equals(_ range: Range<Int>, _ word: StaticString) -> Bool {
        range.count == word.utf8CodeUnitCount
            && UnsafeBufferPointer(rebasing: bytes[range]).elementsEqual(
                UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

extension UUID {
    /// Reads the 36 letters of an identifier, in either case; Foundation's reader goes through `sscanf`.
    init?(ascii text: Slice<UnsafeBufferPointer<UInt8>>) {
        guard text.count == 36 else { return nil }
        var uuid: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let isRead = withUnsafeMutableBytes(of: &uuid) { bytes -> Bool in
            var at = text.startIndex
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    guard text[at] == UInt8(ascii: "-") else { return false }
                    at += 1
                }
                guard let high = Self.digit(text[at]), let low = Self.digit(text[at + 1]) else { return false }
                bytes[index] = high << 4 | low
                at += 2
            }
            return true
        }
        guard isRead else { return nil }
        self.init(uuid: uuid)
    }

    /// The same from a text.
    init?(ascii text: String) {
        var text = text
        let uuid: UUID? = text.withUTF8 { UUID(ascii: $0[...]) }
        guard let uuid else { return nil }
        self = uuid
    }

    private static func digit(_ letter: UInt8) -> UInt8? {
        switch letter {
        case 48...57: letter - 48
        case 97...102: letter - 87
        case 65...70: letter - 55
        default: nil
        }
    }
}

extension Date {
    /// Reads `2026-11-20T05:03:12.450Z`, the form in which we write moments, up to the 28th of a month, and nothing else.
    init?(canonical text: Slice<UnsafeBufferPointer<UInt8>>) {
        guard text.count == 24 else { return nil }
        let start = text.startIndex
        var isRead = true
        func number(_ from: Int, _ count: Int) -> Int {
            var number = 0
            for index in start + from..<start + from + count {
                let digit = Int(text[index]) - 48
                if digit < 0 || digit > 9 { isRead = false }
                number = number * 10 + digit
            }
            return number
        }
        func mark(_ at: Int, _ letter: UInt8) { if text[start + at] != letter { isRead = false } }
        let (year, month, day) = (number(0, 4), number(5, 2), number(8, 2))
        let (hour, minute, second, millisecond) = (number(11, 2), number(14, 2), number(17, 2), number(20, 3))
        mark(4, UInt8(ascii: "-"))
        mark(7, UInt8(ascii: "-"))
        mark(10, UInt8(ascii: "T"))
        mark(13, UInt8(ascii: ":"))
        mark(16, UInt8(ascii: ":"))
        mark(19, UInt8(ascii: "."))
        mark(23, UInt8(ascii: "Z"))
        guard isRead, (1...12).contains(month), (1...28).contains(day), hour < 24, minute < 60, second < 60 else { return nil }
        // Days since 1970 of the proleptic Gregorian calendar, years beginning in March.
        let shifted = month > 2 ? year : year - 1
        let days =
            365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
            + day - 719_469
        self.init(
            timeIntervalSince1970: Double(((days * 24 + hour) * 60 + minute) * 60 + second) + Double(millisecond) / 1000)
    }
}
