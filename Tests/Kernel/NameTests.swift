import Foundation
import Kernel
import Testing

@Suite struct ClassNameTests {
    @Test("One class in every notation", arguments: [
        "7Б", "7 б", "7-Б", "7 «Б»", "7\"Б\"", "07Б", " 7 Б ", "7–б", "7(Б)", "7.Б",
    ])
    func reads(text: String) {
        #expect(ClassName(text) == ClassName(grade: 7, letter: "Б"))
    }

    @Test func lettersOfAWrongKeyboardLayoutAreRussian() {
        #expect(ClassName("7A")?.letter == "А" && ClassName("10 k")?.letter == "К")
        #expect(ClassName("7D")?.letter == "D" && ClassName("9ABD")?.letter == "ABD")
        #expect(ClassName("11") == ClassName(grade: 11, letter: "") && ClassName("11")?.text == "11")
    }

    @Test("What is no class is not read", arguments: ["", "Б", "7/Б", "14А", "777", "7 Б?", "7Б, 8Б", "1 234"])
    func refuses(text: String) {
        #expect(ClassName(text) == nil)
    }

    @Test func everyWrittenNameReadsBack() {
        for grade in 0...13 {
            for letter in "АБВГДЕЁЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ" {
                let name = ClassName(grade: grade, letter: String(letter))
                #expect(ClassName(name.text) == name && ClassName(name.compact) == name)
                #expect(ClassName("\(grade)-\(letter.lowercased())") == name)
            }
        }
    }

    @Test func classesStandInTheOrderOfTheSchool() throws {
        let names = try ["10А", "7Ж", "7Ё", "7Е", "7А", "11", "2Б"].map { try #require(ClassName($0)) }
        #expect(names.sorted().map(\.compact) == ["2Б", "7А", "7Е", "7Ё", "7Ж", "10А", "11"])
    }
}

@Suite struct PersonNameTests {
    @Test func formsOfAName() {
        let anna = PersonName(surname: "Ветрова", given: "Анна", patronymic: "Михайловна")
        #expect(anna.full == "Ветрова Анна Михайловна" && anna.short == "Анна Михайловна")
        #expect(anna.initials == "А.\u{A0}М.\u{A0}Ветрова" && anna.listed == "Ветрова Анна")
        let li = PersonName(surname: "Ли", given: "Мэй", patronymic: "")
        #expect(li.full == "Ли Мэй" && li.short == "Мэй" && li.initials == "М.\u{A0}Ли")
    }
}

@Suite struct IdentifierTests {
    @Test func timeOrderedIdentifiersGrowAndSayTheirTime() throws {
        var last = UUID.v7(at: Date(timeIntervalSince1970: 0))
        for step in 1...3000 {
            let moment = Date(timeIntervalSince1970: Double(step) * 0.9)
            let next = UUID.v7(at: moment)
            #expect(last < next)
            #expect(next.text == next.uuidString.lowercased())
            #expect(next.uuid.6 >> 4 == 7 && next.uuid.8 >> 6 == 0b10)
            #expect(abs(try #require(next.moment).timeIntervalSince(moment)) < 0.0011)
            last = next
        }
        #expect(Set((0..<1000).map { _ in UUID.v7(at: Date(timeIntervalSince1970: 1)) }).count == 1000)
    }

    @Test func derivedIdentifiersAreAlwaysTheSame() throws {
        let sale = try #require(UUID(uuidString: "019a0000-0000-7000-8000-000000000009"))
        // A constant, because what was written by an older program must be found by a newer one.
        #expect(UUID.derived(from: sale, "charge/1").text == "d2e677dc-27e6-8b0b-b8ed-d15a028b1b28")
        #expect(UUID.derived(from: sale, "charge/1") != UUID.derived(from: sale, "charge/2"))
        #expect(UUID.derived(from: sale, "charge/1") != UUID.derived(from: UUID.v7(), "charge/1"))
        for number in 0..<500 {
            let derived = UUID.derived(from: sale, "\(number)")
            #expect(derived == UUID.derived(from: sale, "\(number)"))
            #expect(derived.uuid.6 >> 4 == 8 && derived.uuid.8 >> 6 == 0b10 && derived.moment == nil)
        }
    }
}
