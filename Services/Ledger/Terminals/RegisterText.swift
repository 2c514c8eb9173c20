import Foundation

/// The text of a register's file: UTF-8, or windows-1251, which banks' programs in Russia write to this day.
enum RegisterText {
    /// Nil when it is no text at all: a spreadsheet, an archive, a picture.
    static func read(_ bytes: Data) -> String? {
        let text = String(validating: bytes, as: UTF8.self) ?? windows1251(bytes)
        guard let text, !text.unicodeScalars.contains(where: isForeign) else { return nil }
        // The byte 1A ends a text of old programs.
        return String(text.prefix { $0 != "\u{1a}" })
    }

    /// Nothing that a text has: control characters but for tabs and the ends of lines (and 1A, with which old programs end a file).
    private static func isForeign(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 32 && ![9, 10, 13, 26].contains(scalar.value)
    }

    /// Bytes of 80 to BF; those from C0 on are the letters from А to я in their order, and 98 is nothing.
    private static let upper = Array(
        "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{0}™љ›њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї".unicodeScalars)

    static func windows1251(_ bytes: Data) -> String? {
        var scalars = String.UnicodeScalarView()
        scalars.reserveCapacity(bytes.count)
        for byte in bytes {
            switch byte {
            case 0x00..<0x80: scalars.append(Unicode.Scalar(byte))
            case 0x98: return nil
            case 0x80..<0xC0: scalars.append(upper[Int(byte) - 0x80])
            default:
                guard let letter = Unicode.Scalar(0x0410 + UInt32(byte) - 0xC0) else { return nil }
                scalars.append(letter)
            }
        }
        return String(scalars)
    }
}
