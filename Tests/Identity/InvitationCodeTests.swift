import Kernel
import Testing
import Web

@testable import Identity

@Suite("InvitationCode") struct InvitationCodeTests {
    @Test("ID-05: no two signs of the alphabet look alike, and 38 bits are left")
    func alphabet() {
        let signs = Set(InvitationCode.alphabet)
        #expect(signs.count == InvitationCode.alphabet.count)
        for pair in [("0", "O"), ("1", "I"), ("1", "L"), ("5", "S"), ("2", "Z"), ("8", "B")] {
            #expect(!(signs.contains(Character(pair.0)) && signs.contains(Character(pair.1))))
        }
        // 28⁸ > 2³⁸
        var codes = 1.0
        for _ in 0..<InvitationCode.length { codes *= Double(signs.count) }
        #expect(codes > 274_877_906_944)
    }

    @Test("Random codes use every sign about equally and never repeat in ten thousand")
    func spread() {
        var counts: [Character: Int] = [:]
        var codes: Set<String> = []
        for _ in 0..<10_000 {
            let code = InvitationCode.random()
            codes.insert(code.signs)
            for sign in code.signs { counts[sign, default: 0] += 1 }
        }
        #expect(codes.count == 10_000)
        let expected = 80_000 / InvitationCode.alphabet.count
        for sign in InvitationCode.alphabet {
            #expect(abs((counts[sign] ?? 0) - expected) < expected / 5, "\(sign)")
        }
    }

    @Test("A code is read back however it is typed")
    func typing() {
        let code = InvitationCode("K7MT43QX")
        #expect(code?.text == "K7MT-43QX")
        for typed in ["k7mt-43qx", " K7MT 43QX ", "k7mt—43qx", "К7МТ-43QХ"] { #expect(InvitationCode(typed) == code) }
        #expect(InvitationCode("BSZ2-AAAA")?.signs == "8522AAAA")
    }

    @Test("Every code survives print and typing", arguments: 0..<50)
    func roundTrip(_: Int) {
        let code = InvitationCode.random()
        #expect(InvitationCode(code.text) == code)
        #expect(InvitationCode(code.text.lowercased()) == code)
    }

    @Test("What is no code is not taken for one", arguments: ["", "K7MT", "K7MT-43QX-2", "K7MT-43Q!", "00000000"])
    func noCode(_ text: String) {
        #expect(InvitationCode(text) == nil)
    }

    @Test("ID-12: several codes are read from one field, each once, and the unreadable is named")
    func list() {
        let (codes, unreadable) = InvitationCode.list("K7MT-43QX\nA2A2-A2A2, k7mt43qx;\r\nнечто")
        #expect(codes.map(\.text) == ["K7MT-43QX", "A2A2-A2A2"])
        #expect(unreadable == ["нечто"])
        #expect(InvitationCode.list("K7MT-43QX A2A2-A2A2").codes.count == 2)
    }

    @Test("One code has one hash, and another code another")
    func hash() throws {
        let code = try #require(InvitationCode("K7MT-43QX"))
        let other = try #require(InvitationCode("K7MT-43QY"))
        #expect(try PasswordHash.ofCode(code) == PasswordHash.ofCode(code))
        #expect(try PasswordHash.ofCode(code) != PasswordHash.ofCode(other))
    }
}

@Suite("QRCode") struct QRCodeTests {
    @Test("The path draws the three finder patterns of a code")
    func finders() throws {
        let code = try QRCode("https://cabinet.example/identity/registration?code=K7MT43QX")
        #expect(code.width >= 21 && (code.width - 21) % 4 == 0)
        // The top edges of the left and the right finder pattern, behind a quiet zone of four.
        #expect(code.path.hasPrefix("M4 4h7v1h-7z"))
        #expect(code.path.contains("M\(code.width - 3) 4h7v1h-7z"))
        #expect(code.path.contains("M4 \(code.width - 3)h7v1h-7z"))
    }

    @Test("A text that fits no code is an error and no empty picture")
    func tooLong() {
        #expect(throws: QRCodeTooLong.self) { try QRCode(String(repeating: "x", count: 5000)) }
    }
}

@Suite("Numbers of the contract") struct PupilNumberTests {
    @Test("ID-31: an account number has ten digits, and one wrong digit is noticed", arguments: 0..<20)
    func checkDigit(_: Int) throws {
        var generator = SystemRandomNumberGenerator()
        let number = AccountNumber.random(using: &generator)
        #expect(number.text.count == 10)
        #expect(AccountNumber(number.text) == number)
        for position in 0..<10 {
            var digits = Array(number.text)
            let old = try #require(digits[position].wholeNumberValue)
            digits[position] = Character(String((old + Int.random(in: 1...9)) % 10))
            #expect(AccountNumber(String(digits)) == nil)
        }
    }

    @Test("ID-31: a pupil code has the form of «I44F2EUE5W»")
    func pupilCode() {
        var generator = SystemRandomNumberGenerator()
        let code = PupilCode.random(using: &generator).text
        #expect(code.count == 10)
        #expect(code.first == "I")
    }
}
