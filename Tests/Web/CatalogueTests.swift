import Foundation
import Testing

@testable import Web

@Suite("Catalogues") struct CatalogueTests {
    private static let header = """
        msgid ""
        msgstr ""
        "Content-Type: text/plain; charset=UTF-8\\n"
        "Plural-Forms: nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

        """

    private func catalogue(_ text: String) throws -> Catalogue {
        let path = NSTemporaryDirectory() + "catalogue-\(UUID().uuidString).po"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        var catalogue = Catalogue()
        try catalogue.add(path)
        return catalogue
    }

    @Test("a text is Russian where it is translated, English where it is not or is asked for") func texts() throws {
        let catalogue = try catalogue(Self.header + "\nmsgid \"Top up \\\"now\\\"\"\nmsgstr \"Пополнить «сейчас»\"\n\nmsgid \"Empty\"\nmsgstr \"\"\n")
        #expect(catalogue.text("Top up \"now\"", .russian) == "Пополнить «сейчас»")
        #expect(catalogue.text("Top up \"now\"", .english) == "Top up \"now\"")
        #expect(catalogue.text("Empty", .russian) == "Empty" && !catalogue.hasText("Empty"))
    }

    @Test("what a translator is not sure of, or has crossed out, is not shown") func fuzzy() throws {
        let catalogue = try catalogue(Self.header + "\n#, fuzzy\nmsgid \"A\"\nmsgstr \"Б\"\n\n#~ msgid \"C\"\n#~ msgstr \"Д\"\n")
        #expect(!catalogue.hasText("A") && !catalogue.hasText("C"))
    }

    @Test("plural forms follow the number") func plurals() throws {
        let catalogue = try catalogue(
            Self.header + "\nmsgid \"%d lunch\"\nmsgid_plural \"%d lunches\"\nmsgstr[0] \"%d обед\"\nmsgstr[1] \"%d обеда\"\nmsgstr[2] \"%d обедов\"\n")
        let texts = [0, 1, 2, 5, 11, 12, 21, 22, 25, 101, 111, 112, -1].map { catalogue.text($0, "%d lunch", "%d lunches", .russian) }
        #expect(texts == ["0 обедов", "1 обед", "2 обеда", "5 обедов", "11 обедов", "12 обедов", "21 обед", "22 обеда", "25 обедов", "101 обед", "111 обедов", "112 обедов", "-1 обед"])
        #expect(catalogue.text(1, "%d lunch", "%d lunches", .english) == "1 lunch" && catalogue.text(2, "%d lunch", "%d lunches", .english) == "2 lunches")
    }

    @Test("another plural rule, a missing form, a lost place for a value, no header and no catalogue at all stop the start") func refused() {
        let wrong = [
            Self.header.replacing("nplurals=3", with: "nplurals=2"),
            Self.header + "\nmsgid \"%d a\"\nmsgid_plural \"%d b\"\nmsgstr[0] \"%d а\"\nmsgstr[1] \"%d б\"\n",
            Self.header + "\nmsgid \"Until %@\"\nmsgstr \"До завтра\"\n",
            "msgid \"A\"\nmsgstr \"Б\"\n",
        ]
        for text in wrong { #expect(throws: Catalogue.Unreadable.self) { _ = try catalogue(text) } }
        #expect(throws: Catalogue.Unreadable.self) {
            var catalogue = Catalogue()
            try catalogue.add("/nowhere/ru.po")
        }
    }

    @Test("a text has one translation: a second catalogue may repeat the first and not contradict it") func contradiction() throws {
        let plural = "\nmsgid \"%d a\"\nmsgid_plural \"%d as\"\nmsgstr[0] \"%d а\"\nmsgstr[1] \"%d а\"\nmsgstr[2] \"%d "
        let first = Self.header + "\nmsgid \"Desk\"\nmsgstr \"Касса\"\n" + plural + "а\"\n"
        func both(_ second: String) throws -> Catalogue {
            var read = try catalogue(first)
            let path = NSTemporaryDirectory() + "catalogue-\(UUID().uuidString).po"
            try second.write(toFile: path, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: path) }
            try read.add(path)
            return read
        }
        #expect(try both(first).text("Desk", .russian) == "Касса")
        #expect(try both(Self.header + "\nmsgid \"Desk\"\nmsgstr \"\"\n").text("Desk", .russian) == "Касса")
        #expect(throws: Catalogue.Unreadable.self) { _ = try both(first.replacing("Касса", with: "Парта")) }
        #expect(throws: Catalogue.Unreadable.self) { _ = try both(Self.header + plural + "б\"\n") }
    }

    @Test("values take their places in order") func filled() {
        #expect("%@ of %@".filled(["1", 2]) == "1 of 2")
        #expect("100 % and %@".filled(["%@"]) == "100 % and %@")
        #expect("%@ %@".filled(["a"]) == "a ")
    }

    @Test("untranslated texts of templates and sources are found, whatever stands in them") func check() throws {
        let folder = NSTemporaryDirectory() + "check-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/Views", withIntermediateDirectories: true)
        try (Self.header + "\nmsgid \"Known\"\nmsgstr \"Известно\"\n").write(toFile: folder + "/Views/ru.po", atomically: true, encoding: .utf8)
        try "<p>[[Known]] [[Home]] [[New here]] [[asset:zvonok.css]]</p>".write(toFile: folder + "/Views/a.mustache", atomically: true, encoding: .utf8)
        try """
            let a = visit.tr("Known"), b = visit.tr("Until %@", day), c = visit.trn(count(of: x), "%d cat", "%d cats")
            """.write(toFile: folder + "/A.swift", atomically: true, encoding: .utf8)
        #expect(try CatalogueCheck.missing(in: folder) == ["%d cat", "New here", "Until %@"])
    }
}
