import CQREncode

/// A QR code as one SVG path, drawn by libqrencode.
public struct QRCode: Equatable, Sendable {
    /// Modules on a side, without the quiet zone.
    public let width: Int
    /// Path data of the dark modules, one unit each, shifted by the quiet zone of four.
    public let path: String
    /// The side of the drawing with its quiet zone, for a `viewBox`.
    public var side: Int { width + 8 }

    /// - Parameter text: what the reader of the code gets.
    /// - Throws: ``QRCodeTooLong`` when it does not fit a code (over some 2,300 bytes).
    public init(_ text: String) throws {
        // Medium correction (15 %): a sheet that was folded still reads.
        guard let code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M) else { throw QRCodeTooLong(text: text) }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        var path = ""
        for y in 0..<width {
            var x = 0
            while x < width {
                var run = 0
                while x + run < width, code.pointee.data[y * width + x + run] & 1 == 1 { run += 1 }
                if run > 0 { path += "M\(x + 4) \(y + 4)h\(run)v1h-\(run)z" }
                x += max(run, 1)
            }
        }
        self.width = width
        self.path = path
    }
}

/// The text does not fit into a QR code.
public struct QRCodeTooLong: Error {
    public let text: String
}
