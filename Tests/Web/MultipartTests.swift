import Foundation
import HTTPTypes
import Support
import Testing

@testable import Web

/// What a browser writes, written down once more and plainly.
private struct Written {
    var boundary: String
    var parts: [Multipart.Part]
    var preamble: [UInt8] = []
    var epilogue: [UInt8] = []

    var contentType: String { "multipart/form-data; boundary=\"\(boundary)\"" }

    var body: Data {
        var data = Data(preamble)
        if !preamble.isEmpty { data += Data("\r\n".utf8) }
        for part in parts {
            data += Data("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(Self.quoted(part.name))\"".utf8)
            if let name = part.fileName { data += Data("; filename=\"\(Self.quoted(name))\"".utf8) }
            if let type = part.type { data += Data("\r\nContent-Type: \(type)".utf8) }
            data += Data("\r\n\r\n".utf8) + part.content + Data("\r\n".utf8)
        }
        return data + Data("--\(boundary)--".utf8) + Data(epilogue)
    }

    static func quoted(_ name: String) -> String {
        // By scalars: to Swift the end of a line is one character.
        name.unicodeScalars.map { ["\"": "%22", "\r": "%0D", "\n": "%0A"][$0] ?? String($0) }.joined()
    }

    func read() -> Result<[Multipart.Part], Multipart.Refused> {
        Result { () throws(Multipart.Refused) in try Multipart(body, contentType: contentType).parts }
    }
}

extension SeededGenerator {
    fileprivate mutating func bytes(_ count: Int) -> [UInt8] {
        // Much of what a boundary is made of, so that false beginnings are frequent.
        (0..<count).map { _ in
            Bool.random(using: &self) ? [13, 10, 45, 45, 45, 58, 34, 98][Int.random(in: 0..<8, using: &self)] : UInt8.random(in: 0...255, using: &self)
        }
    }

    fileprivate mutating func text(_ most: Int, of letters: String) -> String {
        let letters = Array(letters)
        return String((0..<Int.random(in: 1...most, using: &self)).map { _ in letters[Int.random(in: 0..<letters.count, using: &self)] })
    }

    fileprivate mutating func form() -> Written {
        // A space stands nowhere at its ends, where quotes would be needed to see it.
        let boundary = text(34, of: "'()+_,-./:=?--bBz09") + text(35, of: "--- bB_") + text(1, of: "-bZ")
        let delimiter = Data("\r\n--\(boundary)".utf8)
        func free(_ bytes: [UInt8]) -> Data {
            let data = Data(bytes)
            // The end of a content and the delimiter's line end must not make another one.
            return (Data("\r\n".utf8) + data + Data("\r\n".utf8)).range(of: delimiter) == nil ? data : Data()
        }
        let parts = (0..<Int.random(in: 0...6, using: &self)).map { _ in
            let isFile = Bool.random(using: &self)
            return Multipart.Part(
                name: text(12, of: "abcdя_[]\"\r\n;=\\ "), fileName: isFile ? text(20, of: "реестр .csv\"\\/;=%") : nil,
                type: isFile ? "application/octet-stream" : nil, content: free(bytes(Int.random(in: 0...400, using: &self))))
        }
        let preamble = Bool.random(using: &self) ? Array(free(bytes(Int.random(in: 1...40, using: &self)))) : []
        let epilogue = Bool.random(using: &self) ? bytes(Int.random(in: 0...40, using: &self)) : []
        return Written(boundary: boundary, parts: parts, preamble: preamble.starts(with: Data("--\(boundary)".utf8)) ? [] : preamble, epilogue: epilogue)
    }
}

/// Forms with files (RFC 7578): whatever a browser writes is read as it was meant, and nothing else is read at all.
@Suite struct MultipartTests {
    @Test("what is written is read: any names, contents and boundaries, with anything before and behind", arguments: UInt64(1)...300)
    func roundTrip(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let form = dice.form()
        let read = try Multipart(form.body, contentType: form.contentType).parts
        // Of what stands in a name, three characters are written otherwise, and only they.
        #expect(read == form.parts, "seed \(seed)")
        // A slice of something larger is the same.
        let larger = Data([1, 2, 3]) + form.body
        #expect(try Multipart(larger[3...], contentType: form.contentType).parts == form.parts, "seed \(seed)")
    }

    @Test("a form that lost its end anywhere is refused as a whole", arguments: UInt64(1)...60)
    func cut(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        var form = dice.form()
        form.epilogue = []
        form.preamble = []
        let body = form.body
        for _ in 1...40 {
            let short = body.prefix(Int.random(in: 0..<body.count, using: &dice))
            #expect(throws: Multipart.Refused.self) { try Multipart(Data(short), contentType: form.contentType) }
        }
    }

    @Test("anything at all is read or refused, and what is read was there", arguments: UInt64(1)...60)
    func hostile(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let form = dice.form()
        for _ in 1...60 {
            var body = form.body
            for _ in 1...Int.random(in: 1...6, using: &dice) where !body.isEmpty {
                let place = Int.random(in: 0..<body.count, using: &dice)
                switch Int.random(in: 0...3, using: &dice) {
                case 0: body[place] = UInt8.random(in: 0...255, using: &dice)
                case 1: body.remove(at: place)
                case 2: body.insert(contentsOf: dice.bytes(3), at: place)
                default: body.insert(contentsOf: Data("\r\n--\(form.boundary)".utf8), at: place)
                }
            }
            guard let read = try? Multipart(body, contentType: form.contentType).parts else { continue }
            #expect(read.count <= Multipart.mostParts && read.map(\.content.count).reduce(0, +) <= body.count)
            for part in read where !part.content.isEmpty {
                #expect(body.range(of: part.content) != nil)
                #expect(part.content.range(of: Data("\r\n--\(form.boundary)".utf8)) == nil, "seed \(seed)")
            }
        }
    }

    @Test("what the standards do not allow is refused, each for its reason")
    func refusals() {
        func refusal(_ body: String, _ type: String = "multipart/form-data; boundary=b") -> Multipart.Refused? {
            do {
                _ = try Multipart(Data(body.utf8), contentType: type)
                return nil
            } catch { return error }
        }
        let good = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--"
        #expect(refusal(good) == nil)
        #expect(refusal(good, "Multipart/Form-Data;charset=utf-8; Boundary=\"b\" ;") == nil)
        for type in [
            "multipart/form-data", "multipart/mixed; boundary=b", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"b",
            "multipart/form-data; boundary=b; boundary=c", "multipart/form-data; boundary=\"b \"", "multipart/form-data; boundary=я",
            "multipart/form-data; boundary=" + String(repeating: "b", count: 71), "text/plain", "",
        ] { #expect(refusal(good, type) == .noBoundary, "\(type)") }
        for body in ["", "--b", "--b\r\n", "--c--", String(good.dropLast(2)), "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1"] {
            #expect(refusal(body) == .unclosed, "\(body)")
        }
        #expect(refusal("--b--") == nil)
        #expect(refusal("before\r\n--b--behind") == nil)
        let part = "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b"
        #expect(refusal("--b" + String(repeating: part, count: Multipart.mostParts) + "--") == nil)
        #expect(refusal("--b" + String(repeating: part, count: Multipart.mostParts + 1) + "--") == .tooManyParts)
        #expect(refusal("--b\r\nX: " + String(repeating: "x", count: Multipart.mostHeader) + part + "--") == .headerTooLong)
        for header in [
            "Content-Type: text/plain", "Content-Disposition: attachment; name=\"a\"", "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=\"a", "Content-Disposition: form-data; name=\"a\" b", "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"", "Content-Disposition : form-data; name=\"a\"",
            "Content-Disposition: form-data;\r\n name=\"a\"", "Content-Disposition: form-data; name=\"a\u{0}\"", "nothing", ": form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64", "--b: x\r\nContent-Disposition: form-data; name=\"a\"",
            "Content-Disposition: form-data; name=\"a\nb\"", "",
        ] {
            if case .broken = refusal("--b\r\n\(header)\r\n\r\n1\r\n--b--") { continue }
            Issue.record("\(header) is not refused")
        }
        if case .broken = refusal(good.replacing("--b--", with: "--bc--")) {} else { Issue.record("a longer boundary is not refused") }
    }

    @Test("time grows with the length: false beginnings everywhere, at the most that a request may weigh")
    func falseBeginnings() throws {
        let boundary = String(repeating: "-", count: 69) + "b"
        let header = "--\(boundary)\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n"
        let end = "\r\n--\(boundary)--"
        let false1 = String(repeating: "\r\n--" + String(repeating: "-", count: 69), count: (Oversize.most - 400) / 73)
        for filling in [false1, String(repeating: "-", count: Oversize.most - 400), String(repeating: "\r", count: Oversize.most - 400)] {
            let parts = try Multipart(Data((header + filling + end).utf8), contentType: "multipart/form-data; boundary=\(boundary)").parts
            #expect(parts.count == 1 && parts[0].content == Data(filling.utf8))
        }
    }

    @Test("of a form that was cut anywhere, what was typed before its first file is there and nothing else", arguments: UInt64(1)...60)
    func beginning(_ seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let written = dice.form()
        let typed = Array(written.parts.prefix { $0.fileName == nil })
        #expect(Multipart.beginning(written.body, contentType: written.contentType) == typed)
        for _ in 1...20 {
            let cut = written.body.prefix(dice.below(written.body.count))
            let beginning = Multipart.beginning(cut, contentType: written.contentType)
            #expect(beginning.count <= typed.count && beginning[...] == typed.prefix(beginning.count), "seed \(seed), \(cut.count) bytes")
        }
    }

    @Test("a form has values and files apart; nobody's path is a file's name, and what was not chosen is not there")
    func form() throws {
        let written = Written(
            boundary: "x",
            parts: [
                .init(name: "partner", fileName: nil, type: nil, content: Data("сбер".utf8)),
                .init(name: "day", fileName: nil, type: nil, content: Data([0xFF, 0xFE])),
                .init(name: "day", fileName: nil, type: nil, content: Data("2026-11-20".utf8)),
                .init(name: "zero", fileName: nil, type: nil, content: Data("a\0".utf8)),
                .init(name: "none", fileName: "", type: "application/octet-stream", content: Data()),
                .init(name: "file", fileName: "C:\\Отчёты\\реестр .csv", type: "text/csv", content: Data([0, 1])),
                .init(name: "file", fileName: "../../etc/passwd", type: nil, content: Data()),
            ])
        let form = try Form(multipart: written.body, contentType: written.contentType)
        #expect(form["partner"] == "сбер" && form.all("day") == ["2026-11-20"] && form["zero"] == nil && form["file"] == nil)
        #expect(form.file("none") == nil && form.file("partner") == nil)
        #expect(form.files["file"]?.map(\.name) == ["реестр .csv", "passwd"])
        #expect(form.file("file")?.content == Data([0, 1]))
        #expect(FormFile(name: "реестр\u{7}\n.csv", content: Data()).name == "реестр.csv")
        #expect(FormFile(name: String(repeating: "я", count: 500), content: Data()).name.count == 120)
    }
}
