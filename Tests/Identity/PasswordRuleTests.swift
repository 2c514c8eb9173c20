import Foundation
import Kernel
import Testing

@testable import Identity

@Suite("PasswordRule") struct PasswordRuleTests {
    let rule = PasswordRule(allowsSigns: false)
    let anna = PasswordRule.Owner(login: "a.vetrova", birthDate: Day("2013-03-07"), rooms: ["25", "7Б"])

    @Test("ID-08: seven characters are too few, eight are enough")
    func length() {
        #expect(rule.refusal(of: "gz7mtk4", for: anna) == .tooShort)
        #expect(rule.refusal(of: "gz7mtk4q", for: anna) == nil)
        #expect(rule.refusal(of: String(repeating: "gz7m", count: 33), for: anna) == .tooLong)
    }

    @Test("ID-08: dots, quotes, spaces and other signs are refused, letters of any script are not")
    func signs() {
        for sign in ["пароль.ты", "gz7mtk4\"", "gz 7mtk4", "gz7mtk4!", "gz7mtk4«", "gz7mtk4🙂"] {
            #expect(rule.refusal(of: sign, for: anna) == .hasSigns, "\(sign)")
        }
        #expect(rule.refusal(of: "ёжикнаучил7", for: anna) == nil)
    }

    @Test("D-03: a school may allow signs, and the other rules stay")
    func schoolMayAllowSigns() {
        let open = PasswordRule(allowsSigns: true)
        #expect(open.refusal(of: "gz7, mtk4!", for: anna) == nil)
        #expect(open.refusal(of: "gz7!", for: anna) == .tooShort)
        #expect(open.refusal(of: "07.03.2013", for: anna) == .isBirthDate)
        #expect(open.refusal(of: "gz7mtk4\nq", for: anna) == .hasSigns)
    }

    @Test("ID-09: the login is no password, however it is spelled")
    func login() {
        for text in ["avetrova", "AVetrova"] { #expect(rule.refusal(of: text, for: anna) == .isLogin) }
        let fyodor = PasswordRule.Owner(login: "Фёдор.Котов")
        #expect(rule.refusal(of: "федоркотов", for: fyodor) == .isLogin)
    }

    @Test("ID-09: the birth date is no password in any of its writings", arguments: [
        "07032013", "20130307", "03072013", "070313070313", "732013732013",
    ])
    func birthDate(_ text: String) {
        #expect(rule.refusal(of: text, for: anna) == .isBirthDate)
    }

    @Test("ID-09: the room or class number is no password", arguments: [
        "25252525", "кабинет25", "Кабинет25", "25кабинет", "каб25каб25", "7б7б7б7б", "класс25класс25",
    ])
    func room(_ text: String) {
        #expect(rule.refusal(of: text, for: anna) == .isRoom)
    }

    @Test("Rows of neighbours and two signs over and over are tried first by whoever guesses", arguments: [
        "11111111", "12121212", "12345678", "87654321", "abcdefgh", "qwertyui", "йцукенгш", "ЙЦУКЕНГШ",
    ])
    func trivial(_ text: String) {
        #expect(rule.refusal(of: text, for: anna) == .isCommon)
    }

    @Test("Debian's word list is asked, whatever the capitals")
    func common() throws {
        let list = try #require(CommonPasswords(), "install cracklib-runtime: the list is \(CommonPasswords.debianList)")
        let asking = PasswordRule(allowsSigns: false, isCommon: { list.contains($0) })
        for word in ["iloveyou", "qwerty123", "Password", "1q2w3e4r"] {
            #expect(asking.refusal(of: word, for: anna) == .isCommon, "\(word)")
        }
        #expect(asking.refusal(of: "gz7mtk4q", for: anna) == nil)
        #expect(!list.contains(""))
        #expect(!list.contains("assword"))
        #expect(CommonPasswords(path: "/nowhere") == nil)
    }

    @Test("Every accepted password satisfies all of ID-08 and ID-09")
    func acceptedOnesHold() {
        var generator = SystemRandomNumberGenerator()
        let signs = Array("abcйцук0123456789АЯёz.! ")
        var accepted = 0
        for _ in 0..<4000 {
            let text = String((0..<Int.random(in: 5...12)).map { _ in signs.randomElement(using: &generator) ?? "a" })
            guard rule.refusal(of: text, for: anna) == nil else { continue }
            accepted += 1
            #expect(text.count >= 8)
            #expect(text.allSatisfy { $0.isLetter || $0.isNumber })
            #expect(PasswordRule.bare(text) != "avetrova")
            #expect(!["07032013", "20130307"].contains(text))
        }
        #expect(accepted > 100)
    }

    @Test("Every refusal has its own sentence")
    func sentences() {
        #expect(Set(PasswordRefused.allCases.map(\.text)).count == PasswordRefused.allCases.count)
    }
}

@Suite("LoginName") struct LoginNameTests {
    @Test("Capitals and «ё» make no other login")
    func key() throws {
        #expect(try LoginName("Semyon.Ёлкин").key == "semyon.елкин")
        #expect(LoginName.key("  A.Vetrova ") == "a.vetrova")
    }

    @Test("Spaces, slashes and marks are refused, and so are two letters")
    func refused() {
        #expect(throws: LoginRefused.tooShort) { try LoginName("ab") }
        #expect(throws: LoginRefused.tooLong) { try LoginName(String(repeating: "a", count: 41)) }
        for text in ["a b c", "../etc", "<b>bb", ".abc", "a\u{0}bc"] {
            #expect(throws: LoginRefused.hasSigns) { try LoginName(text) }
        }
    }
}

@Suite("Contact details") struct ContactDetailsTests {
    @Test("A phone is read in the ways people write it", arguments: [
        "+7 916 123-45-67", "8 (916) 123-45-67", "89161234567", "9161234567", "7 916 123 45 67",
    ])
    func phone(_ text: String) {
        #expect(PhoneNumber(text)?.text == "+79161234567")
    }

    @Test("What is no phone is not taken for one", arguments: ["", "12345", "phone", "+7 916 12", "8 916 123-45-67 доб 5", "+0123456789"])
    func noPhone(_ text: String) {
        #expect(PhoneNumber(text) == nil)
    }

    @Test("A phone is shown in groups")
    func spaced() {
        #expect(PhoneNumber.spaced("+79161234567") == "+7\u{a0}916\u{a0}123-45-67" || PhoneNumber.spaced("+79161234567") == "+7 916 123-45-67")
    }

    @Test("An e-mail address keeps nothing that could be a second address or a header", arguments: [
        "a@b.ru, c@d.ru", "a@b.ru\nBcc: c@d.ru", "a b@c.ru", "<a@b.ru>", "a@b", "@b.ru", "a@@b.ru", ".a@b.ru", "a@-b.ru", "a@b..ru",
    ])
    func noAddress(_ text: String) {
        #expect(EmailAddress(text) == nil)
    }

    @Test("An ordinary address is taken, its domain in small letters")
    func address() {
        #expect(EmailAddress(" Mama.Anny+school@Example.ORG ")?.text == "Mama.Anny+school@example.org")
    }
}
