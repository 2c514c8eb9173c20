import Foundation
import Kernel
import Testing

@testable import Web

@Suite struct FormatTests {
    let russian = Format(.russian)
    let english = Format(.english)

    @Test("money by language: kopecks only where there are some, a minus sign, a space between thousands") func money() {
        #expect(russian.money(Money(kopecks: 41_250)) == "412,50\u{A0}₽")
        #expect(english.money(Money(kopecks: 41_250)) == "412.50\u{A0}₽")
        #expect(russian.money(Money(kopecks: -12_800)) == "−128\u{A0}₽")
        #expect(russian.signed(Money(kopecks: 10_000)) == "+100\u{A0}₽")
        #expect(russian.money(Money(kopecks: 1_234_567_05)) == "1\u{A0}234\u{A0}567,05\u{A0}₽")
        #expect(russian.parts(Money(kopecks: 3_805)) == ("38", ",05\u{A0}₽"))
    }

    @Test("sizes are rounded up, so that what is over a limit never reads as the limit") func sizes() {
        #expect(russian.megabytes(1 << 20) == "1\u{A0}МБ" && russian.megabytes((1 << 20) + 1) == "1,1\u{A0}МБ")
        #expect(english.megabytes(5 << 19) == "2.5\u{A0}MB" && russian.megabytes(1) == "0,1\u{A0}МБ")
    }

    @Test("days and moments by language") func dates() throws {
        let day = try #require(Day("2026-11-20"))
        #expect(russian.longDate(day) == "Пятница, 20\u{A0}ноября")
        #expect(english.longDate(day) == "Friday, 20\u{A0}November")
        #expect(russian.date(day, thisYear: 2027) == "20\u{A0}ноября 2026")
        let noon = SchoolZone.moscow.date(day, try #require(TimeOfDay("9:05")))
        #expect(russian.moment(noon, now: noon + 60) == "сегодня, 9:05")
        #expect(russian.moment(noon, now: noon + 86_400) == "вчера, 9:05")
        #expect(russian.moment(noon, now: noon + 3 * 86_400) == "20\u{A0}ноября, 9:05")
    }

    @Test("Russian plurals follow the rule of the header for every number") func plurals() {
        // The rule of gettext's manual, written out once more.
        func rule(_ n: Int) -> Int { n % 10 == 1 && n % 100 != 11 ? 0 : n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 10 || n % 100 >= 20) ? 1 : 2 }
        for number in 0...2000 { #expect(Catalogue.russianForm(number) == rule(number)) }
    }

    @Test("forms are read whatever is in them") func forms() {
        let form = Form(encoded: "a=1&b=%D0%AF+%26&a=2&empty=&flag&bad=%FF")
        #expect(form["a"] == "1" && form.all("a") == ["1", "2"] && form["b"] == "Я &" && form["empty"] == "" && form["flag"] == "" && form["bad"] == nil)
    }

    @Test("an event on the wire keeps its lines") func events() {
        #expect(ServerEvent("change", "<p>\n</p>").frame == "event: change\ndata: <p>\ndata: </p>\n\n")
    }

    @Test("markers become texts of the language, escaped; a missing translation is found") func markers() throws {
        let pages = try Pages(nil, prefix: "/test")
        let text = Pages.translated("<b>[[Home]]</b> [[asset:zvonok.css]]", .russian, pages.catalogue, pages.assets)
        #expect(text.hasPrefix("<b>Главная</b> /test/assets/zvonok."))
        #expect(!text.contains("missing-asset"))
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Shared/Web").standardized.path
        #expect(try CatalogueCheck.missing(in: folder) == [])
    }
}
