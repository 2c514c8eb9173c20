import Foundation
import Kernel
import Testing

@testable import Identity

@Suite("Codes by the clock") struct TimeCodeTests {
    /// RFC 6238, appendix B, the rows of SHA-1.
    @Test(
        "RFC 6238: the codes of its own examples",
        arguments: [
            (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"), (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
        ])
    func examples(_ seconds: Int, _ code: String) {
        let time = TimeCode(secret: Array("12345678901234567890".utf8))
        let step = TimeCode.step(at: Date(timeIntervalSince1970: Double(seconds)))
        #expect(time.code(step: step, digits: 8) == code)
        #expect(time.code(step: step) == String(code.suffix(6)))
    }

    /// RFC 4648, chapter 10, without padding.
    @Test("RFC 4648: the texts of its own examples", arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"), ("foobar", "MZXW6YTBOI"),
    ])
    func base32(_ text: String, _ expected: String) {
        #expect(TimeCode(secret: Array(text.utf8)).base32 == expected)
    }

    @Test("A clock may be half a minute off, not more, and a step counts once")
    func window() throws {
        let time = TimeCode.random()
        let now = Date(timeIntervalSince1970: 1_795_000_010)
        let present = TimeCode.step(at: now)
        for offset in Int64(-3)...3 {
            let found = time.step(of: time.code(step: present + offset), at: now, after: nil)
            #expect(found == (abs(offset) <= 1 ? present + offset : nil), "\(offset)")
        }
        #expect(time.step(of: time.code(step: present), at: now, after: present) == nil)
        #expect(time.step(of: time.code(step: present), at: now, after: present - 1) == present)
        // Whoever used this one cannot be followed with the one before.
        #expect(time.step(of: time.code(step: present - 1), at: now, after: present) == nil)
    }

    @Test("A code is read as people type it, and nothing else is one")
    func typed() {
        for text in ["123456", "123 456", " 12-34-56 "] { #expect(TimeCode.digits(in: text) == "123456") }
        for text in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"] { #expect(TimeCode.digits(in: text) == nil) }
    }

    @Test("The address for the application says who and where, and stays one address whatever the login is")
    func address() throws {
        let code = TimeCode(secret: Array("12345678901234567890".utf8))
        let address = code.address(account: "ольга@дом?x=1&y", issuer: "Zvonok school.test")
        let parsed = try #require(URLComponents(string: address))
        #expect(parsed.scheme == "otpauth" && parsed.host == "totp")
        #expect(parsed.path == "/Zvonok school.test:ольга@дом?x=1&y")
        let items = Dictionary(uniqueKeysWithValues: (parsed.queryItems ?? []).map { ($0.name, $0.value ?? "") })
        #expect(items == [
            "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "issuer": "Zvonok school.test", "algorithm": "SHA1", "digits": "6", "period": "30",
        ])
        #expect(SetUpSecondFactor.issuer("https://cabinet.example:8443") == "Zvonok cabinet.example")
    }

    @Test("A recovery code is read in every way an invitation's is")
    func recoveryCodes() throws {
        let code = RecoveryCode.random()
        #expect(code.text.count == 11 && code.signs.count == 10)
        #expect(RecoveryCode(code.text.lowercased()) == code)
        #expect(RecoveryCode(" \(code.signs.prefix(3)) \(code.signs.dropFirst(3)) ") == code)
        #expect(RecoveryCode("2345-6789") == nil)
        // Six digits are a code by the clock and never a recovery code.
        #expect(RecoveryCode("234567") == nil)
    }

    @Test("What is sealed for one opens for nobody else and with no other key")
    func sealed() throws {
        let (box, other, owner) = (SecretBox(key: "a"), SecretBox(key: "b"), UUID.v7())
        let secret = Data("secret".utf8)
        let sealed = try box.seal(secret, for: owner)
        #expect(try box.open(sealed, of: owner) == secret)
        #expect(throws: (any Error).self) { try box.open(sealed, of: UUID.v7()) }
        #expect(throws: (any Error).self) { try other.open(sealed, of: owner) }
        #expect(try box.seal(secret, for: owner) != sealed)
        #expect(box.mark("K7", of: owner) != other.mark("K7", of: owner) && box.mark("K7", of: owner) != box.mark("K7", of: UUID.v7()))
        #expect(box.mark("K7", of: owner) == SecretBox(key: "a").mark("K7", of: owner))
    }
}
