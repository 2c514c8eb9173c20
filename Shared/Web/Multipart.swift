import Foundation
import Glibc

/// A form with files as browsers send it: `multipart/form-data` (RFC 7578, RFC 2046 §5.1, and what the HTML standard says of names).
///
/// It is read as a whole, after the request's size was bounded, in time that grows with its length and nothing else. Whatever is
/// not as the standards say is refused as a whole; nothing is guessed.
struct Multipart: Equatable, Sendable {
    struct Part: Equatable, Sendable {
        let name: String
        /// Nil for a value that was typed.
        let fileName: String?
        /// As the sender calls it, `text/csv`; never to be relied on.
        let type: String?
        let content: Data
    }

    /// Why it cannot be read.
    enum Refused: Error, Equatable {
        case noBoundary
        /// The end is missing: the form did not come whole.
        case unclosed
        case tooManyParts
        case headerTooLong
        case broken(String)
    }

    static let mostParts = 200
    /// The most that the header of one part may weigh.
    static let mostHeader = 8 << 10

    let parts: [Part]

    /// - Parameter contentType: of the request, with the boundary.
    init(_ body: Data, contentType: String) throws(Refused) {
        let boundary = try Self.boundary(of: contentType)
        parts = try Self.parts(of: Array(body), between: boundary)
    }

    /// The parts of a form that did not come as a whole: those that did, up to the first file or fault.
    ///
    /// For showing a form again that was too large; nothing may be done by it.
    static func beginning(_ body: Data, contentType: String) -> [Part] {
        guard let boundary = try? boundary(of: contentType) else { return [] }
        var parts: [Part] = []
        try? read(Array(body), between: boundary) { parts.append($0) }
        return Array(parts.prefix { $0.fileName == nil })
    }

    // MARK: The boundary

    private static func boundary(of contentType: String) throws(Refused) -> [UInt8] {
        guard let value = ParameterisedValue(contentType), value.word == "multipart/form-data", let text = value["boundary"] else {
            throw .noBoundary
        }
        let bytes = Array(text.utf8)
        let isAllowed = bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
            default: "'()+_,-./:=? ".utf8.contains(byte)
            }
        }
        guard (1...70).contains(bytes.count), isAllowed, bytes.last != UInt8(ascii: " ") else { throw .noBoundary }
        return bytes
    }

    // MARK: The parts

    private static let lineEnd: [UInt8] = [13, 10]

    private static func parts(of body: [UInt8], between boundary: [UInt8]) throws(Refused) -> [Part] {
        var parts: [Part] = []
        try read(body, between: boundary) { parts.append($0) }
        return parts
    }

    private static func read(_ body: [UInt8], between boundary: [UInt8], _ take: (Part) -> Void) throws(Refused) {
        let delimiter = lineEnd + [UInt8(ascii: "-"), UInt8(ascii: "-")] + boundary
        var count = 0
        // The first one may stand at the very beginning; what is before it means nothing.
        var place: Int
        if body.starts(with: delimiter.dropFirst(2)) {
            place = delimiter.count - 2
        } else {
            guard let first = find(delimiter, in: body, from: 0) else { throw .unclosed }
            place = first + delimiter.count
        }
        while true {
            // `--` is the end; what is behind it means nothing.
            if body[place...].starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-")]) { return }
            while place < body.count, body[place] == UInt8(ascii: " ") || body[place] == UInt8(ascii: "\t") { place += 1 }
            guard place < body.count else { throw .unclosed }
            guard body[place...].starts(with: lineEnd) else { throw .broken("something stands behind a boundary") }
            guard count < mostParts else { throw .tooManyParts }
            let header = place + 2
            guard let blank = find(lineEnd + lineEnd, in: body, from: header, upTo: header + mostHeader) else {
                throw body.count - header > mostHeader ? .headerTooLong : .unclosed
            }
            let content = blank + 4
            guard let next = find(delimiter, in: body, from: content) else { throw .unclosed }
            take(try part(header: body[header..<blank], content: Data(body[content..<next]), boundary))
            count += 1
            place = next + delimiter.count
        }
    }

    /// Where `pattern` begins: its first byte stands nowhere else in a boundary, so that no byte is looked at more than twice.
    private static func find(_ pattern: [UInt8], in body: [UInt8], from start: Int, upTo limit: Int = .max) -> Int? {
        body.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return nil }
            let end = min(body.count, limit)
            var place = start
            while place <= end - pattern.count {
                guard let found = memchr(base + place, Int32(pattern[0]), end - pattern.count - place + 1) else { return nil }
                place = base.distance(to: UnsafeRawPointer(found))
                if memcmp(base + place, pattern, pattern.count) == 0 { return place }
                place += 1
            }
            return nil
        }
    }

    private static func part(header: ArraySlice<UInt8>, content: Data, _ boundary: [UInt8]) throws(Refused) -> Part {
        guard let text = String(validating: header, as: UTF8.self) else { throw .broken("the header of a part is no text") }
        var fields: [String: String] = [:]
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: false) {
            let pieces = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard pieces.count == 2, !pieces[0].isEmpty, pieces[0].utf8.allSatisfy(isTokenByte),
                !line.utf8.starts(with: [UInt8(ascii: "-"), UInt8(ascii: "-")] + boundary),
                line.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 || $0 == "\t" })
            else { throw .broken("the header of a part has a line that is none") }
            guard fields.updateValue(String(pieces[1]), forKey: pieces[0].lowercased()) == nil else {
                throw .broken("the header of a part says something twice")
            }
        }
        guard let about = fields["content-disposition"].flatMap({ ParameterisedValue($0) }), about.word == "form-data",
            let name = about["name"]
        else { throw .broken("a part has no name") }
        if let encoding = fields["content-transfer-encoding"] {
            guard ["7bit", "8bit", "binary"].contains(encoding.trimmingCharacters(in: .whitespaces).lowercased()) else {
                throw .broken("a part is encoded")
            }
        }
        return Part(
            name: unescaped(name), fileName: about["filename"].map(unescaped), type: fields["content-type"]?.trimmingCharacters(in: .whitespaces),
            content: content)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool { byte > 32 && byte < 127 && !"()<>@,;:\\\"/[]?={}".utf8.contains(byte) }

    /// Browsers write these three, and only these, so that a name stays within its quotes.
    private static func unescaped(_ name: String) -> String {
        var bytes: [UInt8] = []
        var rest = name.utf8[...]
        while let byte = rest.popFirst() {
            let meant: UInt8? =
                switch (byte, Array(rest.prefix(2))) {
                case (UInt8(ascii: "%"), [0x32, 0x32]): UInt8(ascii: "\"")
                case (UInt8(ascii: "%"), [0x30, 0x44]), (UInt8(ascii: "%"), [0x30, 0x64]): 13
                case (UInt8(ascii: "%"), [0x30, 0x41]), (UInt8(ascii: "%"), [0x30, 0x61]): 10
                default: nil
                }
            bytes.append(meant ?? byte)
            if meant != nil { rest = rest.dropFirst(2) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `form-data; name="text"; filename="a.csv"`: a word and parameters, quoted or not.
private struct ParameterisedValue {
    /// In lower case.
    let word: String
    private var parameters: [String: String] = [:]

    subscript(name: String) -> String? { parameters[name] }

    /// Nil when it is not written so, or says the same parameter twice.
    init?(_ text: String) {
        var rest = text.utf8[...]
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        func trimmed(_ piece: Substring.UTF8View) -> String? {
            var piece = piece.drop(while: isBlank)
            while let last = piece.last, isBlank(last) { piece.removeLast() }
            return String(piece)
        }
        func upTo(_ ends: [UInt8]) -> Substring.UTF8View {
            let piece = rest.prefix { !ends.contains($0) }
            rest = rest[piece.endIndex...]
            return piece
        }
        guard let first = trimmed(upTo([UInt8(ascii: ";")])), !first.isEmpty else { return nil }
        word = first.lowercased()
        while !rest.isEmpty {
            rest.removeFirst()
            let name = trimmed(upTo([UInt8(ascii: "="), UInt8(ascii: ";")]))?.lowercased() ?? ""
            // A semicolon at the end, or two of them, say nothing.
            if name.isEmpty, rest.first != UInt8(ascii: "=") { continue }
            guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
            rest = rest.drop(while: isBlank)
            var value: String?
            if rest.first == UInt8(ascii: "\"") {
                rest.removeFirst()
                // A quote within is written %22, and a backslash is a backslash: so says the HTML standard.
                value = String(upTo([UInt8(ascii: "\"")]))
                guard rest.popFirst() == UInt8(ascii: "\"") else { return nil }
                rest = rest.drop(while: isBlank)
                guard rest.isEmpty || rest.first == UInt8(ascii: ";") else { return nil }
            } else {
                value = trimmed(upTo([UInt8(ascii: ";")]))
            }
            guard let value, parameters.updateValue(value, forKey: name) == nil else { return nil }
        }
    }
}

extension Form {
    /// Reads a form with files; a value that is no text is left out, and so is a file that nobody has chosen.
    init(multipart body: Data, contentType: String) throws(Multipart.Refused) {
        self.init(parts: try Multipart(body, contentType: contentType).parts)
    }

    /// What was typed before the first file of a form that was too large to be read as a whole.
    init(beginning body: Data, contentType: String) {
        self.init(parts: Multipart.beginning(body, contentType: contentType))
    }

    private init(parts: [Multipart.Part]) {
        var values: [String: [String]] = [:]
        var files: [String: [FormFile]] = [:]
        for part in parts where !part.name.contains("\0") {
            if let name = part.fileName {
                if name.isEmpty, part.content.isEmpty { continue }
                files[part.name, default: []].append(FormFile(name: name, content: part.content))
            } else if let value = String(validating: part.content, as: UTF8.self), !value.contains("\0") {
                values[part.name, default: []].append(value)
            }
        }
        self.init(values: values, files: files)
    }
}
