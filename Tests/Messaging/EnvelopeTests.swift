import Events
import Foundation
import Kernel
import Testing

@testable import Messaging

/// The quick way of reading an envelope says nothing else than the decoder does.
@Suite struct EnvelopeTests {
    private static func body(_ changes: [String: String?] = [:], data: String? = nil, order: [String]? = nil) -> [UInt8] {
        var parts: [String: String] = [
            "specversion": "\"1.0\"", "id": "\"019A0000-0000-7000-8000-0000000000ff\"", "source": "\"/school/school\"",
            "type": "\"\(BellRang.name)\"", "time": "\"2026-11-20T05:03:12.450Z\"",
            "sequence": "\"000002000000000000000007\"", "correlationid": "\"the button\"", "causationid": "\"x\"",
            "traceparent": "\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"",
            "data": data ?? "{\"bell\":\"019a0000-0000-7000-8000-000000000001\",\"version\":7,\"ended\":false}",
        ]
        for (name, value) in changes { parts[name] = value }
        let names = order ?? parts.keys.sorted()
        return Array(("{" + names.compactMap { name in parts[name].map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}").utf8)
    }

    static let readable: [[UInt8]] = [
        body(),
        body(order: ["data", "type", "id", "source", "specversion", "time"]),
        body(["republished": "true"]), body(["republished": "false"]), body(["republished": "null"]),
        body(["time": nil, "sequence": nil, "correlationid": nil, "traceparent": nil]),
        body(["time": "null"]), body(["time": "\"2026-11-30T23:59:59.999Z\""]), body(["time": "\"2026-02-28T00:00:00+03:00\""]),
        body(["correlationid": "\"кнопка \\\"один\\\"\""]), body(["extra": "\"}\""]), body(["extra": "{\"a\":[1,2]}"]),
        body(["extra": "17"]),
        body(data: "{ \"version\" : 7 , \"ended\":true,\"new\":[\"}\\\\\\\"\",{\"x\":{}}],\"bell\":\"019A0000-0000-7000-8000-000000000001\"}"),
        Array(" { \"type\" : \"\(BellRang.name)\" , \"specversion\":\"1.1\",\n\"id\":\"019a0000-0000-7000-8000-0000000000ff\",\"source\":\"/x\",\"data\":{\"bell\":\"019a0000-0000-7000-8000-000000000001\",\"version\":7,\"ended\":false} } ".utf8),
    ]

    @Test("every envelope reads the same both ways", arguments: readable.indices) func same(_ index: Int) throws {
        let decoder = EventCoding.decoder
        let quick = try Envelope.decode(Self.readable[index], as: BellRang.self, with: decoder)
        let thorough = try Envelope.decodeThoroughly(Self.readable[index], as: BellRang.self, with: decoder)
        #expect(quick.event == thorough.event && quick.id == thorough.id && quick.source == thorough.source)
        #expect(quick.epoch == thorough.epoch && quick.version == thorough.version)
        #expect(quick.isRepublished == thorough.isRepublished && quick.cause == thorough.cause)
        // Without a time in it, it is now.
        #expect(abs(quick.time.timeIntervalSince(thorough.time)) < (EnvelopeHead(Self.readable[index])?.time == nil ? 5 : 0.000001))
    }

    @Test("what we write ourselves is read the quick way") func own() throws {
        let body = try Envelope.encode(
            BellRang(bell: .v7(), version: 3), id: .v7(), service: "school", epoch: 4, at: Date(),
            cause: Cause(correlationID: "a", causationID: "b", traceParent: "c"), isRepublished: true, with: EventCoding.encoder)
        let head = try #require(EnvelopeHead(body))
        #expect(head.isRepublished && head.type == BellRang.name && head.correlationID == "a" && head.traceParent == "c")
    }

    @Test(
        "what is broken is broken both ways, and it is said what",
        arguments: [
            (body(["type": "\"other.v1\""]), "it is a other.v1"), (body(["specversion": "\"2.0\""]), "CloudEvents 2.0"),
            (body(["id": "\"no-identifier\""]), "id"), (body(["id": nil]), "has no id"), (body(["data": nil]), "has no data"),
            (body(data: "[]"), "data"), (body(data: "{\"bell\":1}"), "data.bell"),
            (body(data: "{\"bell\":\"019a0000-0000-7000-8000-000000000001\",\"version\":7"), "not"),
            (Array(body().dropLast()), "not"), (body() + [125], "not"), (Array("no json".utf8), "not"), ([], "not"),
            ([123, 34, 0xFF, 34, 58, 49, 125], "not"), (body(["time": "\"yesterday\""]), "time"),
        ] as [([UInt8], String)])
    func broken(_ body: [UInt8], _ reason: String) {
        #expect { try Envelope.decode(body, as: BellRang.self, with: EventCoding.decoder) } throws: {
            ($0 as? Unacceptable)?.reason.contains(reason) == true
        }
    }

    @Test("identifiers are read as Foundation reads them") func values() {
        for id in (0..<100).map({ _ in UUID() }) {
            #expect(UUID(ascii: id.uuidString) == id && UUID(ascii: id.text) == id)
        }
        #expect(UUID(ascii: "019a0000-0000-7000-8000-00000000000g") == nil)
        #expect(UUID(ascii: "019a00000000-7000-8000-0000000000001") == nil)
    }

    @Test("every message of the school is read the quick way, to the same event", arguments: EventCatalogue.all.indices)
    func events(_ index: Int) throws {
        func check<E: Event>(_ type: E.Type) throws {
            let body = Array(try EventCoding.encoder.encode(E.example))
            #expect(try QuickDocument(body).value(0, as: E.self) == E.example)
            // As others may write it: with space between, in another order, with fields that we do not know.
            var fields = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
            fields["somethingNew"] = ["a": [1, 2.5, NSNull()], "b": true] as [String: Any]
            let other = try JSONSerialization.data(withJSONObject: fields, options: [.prettyPrinted, .withoutEscapingSlashes])
            #expect(try QuickDocument(Array(other)).value(0, as: E.self) == E.example)
        }
        try check(EventCatalogue.all[index])
    }

    private struct Values: Codable, Equatable {
        var small: Int8?
        var big: Int64?
        var natural: UInt16?
        var text: String?
        var flag: Bool?
        var list: [Int?]?
        var table: [String: Int]?
        var date: Date?
    }

    @Test(
        "what the quick way reads, the decoder reads the same; it gives up on everything doubtful",
        arguments: [
            #"{"small":-128,"big":9223372036854775807,"natural":65535}"#, #"{"big":-9223372036854775808,"small":0}"#,
            #"{"small":128}"#, #"{"natural":-1}"#, #"{"big":9223372036854775808}"#, #"{"big":01}"#, #"{"big":-}"#,
            #"{"big":1.0}"#, #"{"big":1e3}"#, #"{"big":"1"}"#, #"{"big":1 2}"#, #"{"big":null,"text":null}"#,
            #"{"text":"Ёж «№»"}"#, #"{"text":"a\u0416\n"}"#, #"{"text":"«a»\n\"b\"\t\\\/"}"#, #"{"text":"a\x"}"#, #"{"text":"a\"}"#,
            #"{"te\nxt":"a"}"#, #"{"text":"Ёж"}"#, #"{"text":1}"#, #"{"text":"}"#,
            #"{"flag":true,"list":[1,null,3],"table":{"а":1,"b":2}}"#, #"{"flag":"true"}"#, #"{"flag":tru}"#, #"{"flag":truest}"#,
            #"{"list":[]}"#, #"{"list":[1,]}"#, #"{"list":{}}"#, #"{"table":{}}"#, #"{"table":[]}"#, #"{,}"#, #"{"a"}"#, "{}", "", "[]",
            #"{"date":"2026-11-20T05:03:12.450Z"}"#, #"{"date":"2026-11-20"}"#, #"{"date":17}"#, #"{"x":{"y":[{"z":{}}]},"big":5}"#,
        ])
    func doubtful(_ text: String) throws {
        let bytes = Array(text.utf8)
        let quick = try? QuickDocument(bytes).value(0, as: Values.self)
        let thorough = try? EventCoding.decoder.decode(Values.self, from: Data(bytes))
        #expect(quick == nil || quick == thorough)
        if thorough != nil, !text.contains(#"\u"#), !text.contains(#"te\n"#), !text.contains("1.0"), !text.contains("1e3"), !text.contains(",]") { #expect(quick != nil) }
    }

    @Test("bytes that are no text are no text, and nothing goes deeper than a message does") func hostile() {
        let bytes = Array(#"{"text":""#.utf8) + [0xFF, 0xC0] + Array(#""}"#.utf8)
        #expect(throws: QuickDecoder.NotQuick.self) {
            try QuickDocument(bytes).value(0, as: Values.self)
        }
        let deep = Array((#"{"x":"# + String(repeating: "[", count: 100_000)).utf8)
        #expect(throws: QuickDecoder.NotQuick.self) {
            try QuickDocument(deep).value(0, as: Values.self)
        }
    }
}
