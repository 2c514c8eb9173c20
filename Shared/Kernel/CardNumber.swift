/// The number inside a card, bracelet or fob, as far as a reader or a print shows it.
///
/// The same 40-bit identifier reaches us cut and rewritten in a dozen ways: a reader sends 24 bits, the print on
/// the plastic has ten digits of 32 bits, an old list says «series,number». What all forms share are the low bits,
/// so a number is kept as its bits together with a mask of the bits that are known, and two numbers are the same
/// card when they agree on everything both know.
///
/// Layouts: H10301 (26-bit Wiegand), its 34-bit analogue, and the EM4100 presentations DEZ 8, DEZ 10, DEZ 14, 5.5,
/// 3.5A, 3.5B and 3.5C.
public struct CardNumber: Sendable, Hashable, Codable {
    /// The bits, lowest last; unknown ones are zero.
    public let value: UInt64
    /// One for every bit that is known.
    public let mask: UInt64

    /// The least that two numbers must share before they may be called the same card: a 26-bit reader's 24 bits.
    static let leastSharedBits = 24

    public init(value: UInt64, mask: UInt64) {
        self.value = value & mask
        self.mask = mask
    }

    /// The low 16 bits, which every notation knows: what a store indexes.
    public var low16: Int { Int(value & 0xFFFF) }

    /// Whether both can be the same card: they share at least 24 known bits and agree on all they share.
    public func matches(_ other: CardNumber) -> Bool {
        let shared = mask & other.mask
        return shared.nonzeroBitCount >= Self.leastSharedBits && value & shared == other.value & shared
    }

    /// How a number was written or sent.
    public enum Notation: String, Sendable, CaseIterable, Codable {
        /// Hexadecimal bytes, most significant first, with or without `:`; a known gap is written `?`.
        case hex
        /// 8 decimal digits of the low 24 bits.
        case dez8
        /// 10 decimal digits of the low 32 bits, as printed on most cards.
        case dez10
        /// 14 decimal digits of all 40 bits.
        case dez14
        /// `bits 16–31 . bits 0–15`.
        case fiveFive = "5.5"
        /// `bits 32–39 . bits 0–15`.
        case threeFiveA = "3.5a"
        /// `bits 24–31 . bits 0–15`.
        case threeFiveB = "3.5b"
        /// `bits 16–23 . bits 0–15`: the «series,number» on most cards sold in Russia.
        case threeFiveC = "3.5c"
        /// 26 zeros and ones with both parity bits, in the order sent.
        case wiegand26 = "w26"
        /// 34 zeros and ones with both parity bits, in the order sent.
        case wiegand34 = "w34"
        /// The 26 bits packed from the left into 4 bytes, written in hexadecimal.
        case wiegand26Bytes = "w26hex"
        /// The 34 bits packed from the left into 5 bytes, written in hexadecimal.
        case wiegand34Bytes = "w34hex"
    }

    /// Reads a number.
    ///
    /// - Parameter text: as typed, printed or sent; spaces around it and Cyrillic look-alikes of A, B, C, E are
    ///   understood.
    /// - Parameter notation: how it is written; without one it is told from the form, where `NNN,NNNNN` means 3.5C
    ///   and ten digits mean DEZ 10, unless they are more than 32 bits hold: then they can only be hexadecimal.
    /// - Throws: ``CardNumberRefused`` with what is wrong with it.
    public init(_ text: String, as notation: Notation? = nil) throws(CardNumberRefused) {
        var letters: [Character] = []
        for character in text.uppercased() where !character.isWhitespace {
            letters.append(Self.latin[character] ?? character)
        }
        guard !letters.isEmpty else { throw .empty }
        let form: Notation
        if let notation { form = notation } else { form = try Self.recognise(letters) }
        switch form {
        case .hex: self = try Self.hexadecimal(letters)
        case .dez8: self = try Self.decimal(letters, bits: 24)
        case .dez10: self = try Self.decimal(letters, bits: 32)
        case .dez14: self = try Self.decimal(letters, bits: 40)
        case .fiveFive: self = try Self.pair(letters, highBits: 16, shift: 16)
        case .threeFiveA: self = try Self.pair(letters, highBits: 8, shift: 32)
        case .threeFiveB: self = try Self.pair(letters, highBits: 8, shift: 24)
        case .threeFiveC: self = try Self.pair(letters, highBits: 8, shift: 16)
        case .wiegand26: self = try Self.frame(letters, data: 24)
        case .wiegand34: self = try Self.frame(letters, data: 32)
        case .wiegand26Bytes: self = try Self.frame(try Self.unpacked(letters, frame: 26), data: 24)
        case .wiegand34Bytes: self = try Self.frame(try Self.unpacked(letters, frame: 34), data: 32)
        }
        // A number of all zeros is what a reader with a broken antenna sends.
        guard value != 0 else { throw .empty }
    }

    /// The number in hexadecimal, highest known digit first; a digit that is not known is `?`.
    public var text: String {
        let highest = mask == 0 ? 0 : 63 - mask.leadingZeroBitCount
        let digits = max(highest / 4 + 1, 6)
        return String((0..<digits).reversed().map { digit -> Character in
            let shift = UInt64(digit * 4)
            guard mask >> shift & 0xF == 0xF else { return "?" }
            return Self.hexDigits[Int(value >> shift & 0xF)]
        })
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = try CardNumber(container.decode(String.self), as: .hex)
        } catch let refused as CardNumberRefused {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(refused)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private static let hexDigits = Array("0123456789ABCDEF")
    private static let latin: [Character: Character] = ["А": "A", "В": "B", "С": "C", "Е": "E"]

    private static func recognise(_ letters: [Character]) throws(CardNumberRefused) -> Notation {
        if let separator = letters.firstIndex(where: { ",./-".contains($0) }) {
            return separator <= 3 ? .threeFiveC : .fiveFive
        }
        let isDecimal = letters.allSatisfy { "0123456789".contains($0) }
        switch letters.count {
        case 26 where letters.allSatisfy({ $0 == "0" || $0 == "1" }): return .wiegand26
        case 34 where letters.allSatisfy({ $0 == "0" || $0 == "1" }): return .wiegand34
        case 14 where isDecimal: return .dez14
        // A hexadecimal number may happen to have no letter; DEZ 10 ends at 4294967295.
        case 10 where isDecimal && String(letters) > "4294967295": return .hex
        case 9...10 where isDecimal: return .dez10
        case 7...8 where isDecimal: return .dez8
        default: return .hex
        }
    }

    private static func hexadecimal(_ letters: [Character]) throws(CardNumberRefused) -> CardNumber {
        var digits = letters.filter { $0 != ":" }
        if digits.starts(with: ["0", "X"]) { digits.removeFirst(2) }
        guard [6, 8, 10, 14].contains(digits.count) else { throw .notANumber(String(letters)) }
        var value: UInt64 = 0
        var mask: UInt64 = 0
        for digit in digits {
            value <<= 4
            mask <<= 4
            if digit == "?" { continue }
            guard let known = digit.hexDigitValue else { throw .notANumber(String(letters)) }
            value |= UInt64(known)
            mask |= 0xF
        }
        return CardNumber(value: value, mask: mask)
    }

    private static func whole(_ letters: some Sequence<Character>, upTo limit: UInt64) throws(CardNumberRefused) -> UInt64 {
        let text = String(letters)
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt64(text) else {
            throw .notANumber(text)
        }
        guard number <= limit else { throw .tooLarge(text) }
        return number
    }

    private static func decimal(_ letters: [Character], bits: UInt64) throws(CardNumberRefused) -> CardNumber {
        let mask = (UInt64(1) << bits) - 1
        return CardNumber(value: try whole(letters, upTo: mask), mask: mask)
    }

    private static func pair(_ letters: [Character], highBits: UInt64, shift: UInt64) throws(CardNumberRefused) -> CardNumber {
        let parts = letters.split(whereSeparator: { ",./-".contains($0) })
        guard parts.count == 2 else { throw .notANumber(String(letters)) }
        let highest = (UInt64(1) << highBits) - 1
        let high = try whole(parts[0], upTo: highest)
        let low = try whole(parts[1], upTo: 0xFFFF)
        return CardNumber(value: high << shift | low, mask: highest << shift | 0xFFFF)
    }

    /// A Wiegand frame: even parity over the first half of the data stands before it, odd over the second behind.
    private static func frame(_ letters: [Character], data: Int) throws(CardNumberRefused) -> CardNumber {
        guard letters.count == data + 2, letters.allSatisfy({ $0 == "0" || $0 == "1" }) else {
            throw .notANumber(String(letters))
        }
        let ones = { (bits: ArraySlice<Character>) in bits.count { $0 == "1" } }
        guard ones(letters[0...data / 2]).isMultiple(of: 2), !ones(letters[(data / 2 + 1)...]).isMultiple(of: 2) else {
            throw .parity(String(letters))
        }
        let value = letters[1...data].reduce(UInt64(0)) { $0 << 1 | ($1 == "1" ? 1 : 0) }
        return CardNumber(value: value, mask: (UInt64(1) << UInt64(data)) - 1)
    }

    private static func unpacked(_ letters: [Character], frame: Int) throws(CardNumberRefused) -> [Character] {
        guard letters.count == (frame + 7) / 8 * 2 else { throw .notANumber(String(letters)) }
        var bits: [Character] = []
        for letter in letters {
            guard let digit = letter.hexDigitValue else { throw .notANumber(String(letters)) }
            for bit in [8, 4, 2, 1] { bits.append(digit & bit == 0 ? "0" : "1") }
        }
        return Array(bits.prefix(frame))
    }
}

/// Why a text is no card number.
public enum CardNumberRefused: Error, Equatable, Sendable {
    case empty
    case notANumber(String)
    /// More than the notation's bits can hold.
    case tooLarge(String)
    /// A frame whose parity bits do not fit its data: misread.
    case parity(String)
}
