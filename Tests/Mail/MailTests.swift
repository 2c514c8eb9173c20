import Foundation
import Logging
import Support
import Testing

@testable import Mail

/// A letter with everything that can go wrong in one.
private func letter(_ number: Int = 1) -> Letter {
    Letter(
        from: MailAddress("school@example.org", name: "Звонок, школа «Набережная»"),
        to: MailAddress("olga@example.org", name: "Ольга Сергеевна"),
        subject: "Маша и Егор: пятница, 20 ноября — оценки, обед и всё, что случилось за день",
        text: "Маша вошла в 8:09.\n.\nТочка на строке.", html: "<p>Маша вошла в <b>8:09</b>.</p>",
        messageID: "digest.\(number)@example.org", date: Date(timeIntervalSince1970: 1_795_000_000),
        fields: [("List-Unsubscribe", "<https://zvonok.example.org/u/1>")])
}

private func mailer(_ server: MailServer, tls: Bool = false, password: String? = nil, authority: String? = nil, name: String = "127.0.0.1")
    -> Mailer
{
    Mailer(
        MailRelay(
            url: "smtp://\(name):\(server.port)", user: password == nil ? nil : "zvonok", password: password,
            requiresTLS: tls, authorityFile: authority, connections: 1),
        logger: Logger(label: "mail"))
}

@Suite struct MailTests {
    @Test("a letter arrives in both forms, in Cyrillic, under its own Message-ID") func arrives() async throws {
        let server = try await MailServer("plain")
        try await mailer(server).send(letter())
        let taken = try await server.taken(1)[0]
        #expect(taken.subject == letter().subject)
        // Python's reader puts a space between two encoded words of a name, against RFC 2047.
        #expect(taken.sender.replacing(" ", with: "").contains("Звонок,школа«Набережная»"))
        #expect(taken.type == "multipart/alternative")
        #expect(taken.parts["text/plain"]?.contains("Точка на строке.") == true)
        #expect(taken.parts["text/html"] == "<p>Маша вошла в <b>8:09</b>.</p>" || taken.parts["text/html"]?.hasPrefix("<p>Маша") == true)
        #expect(taken.id == "<digest.1@example.org>")
        #expect(taken.unsubscribe == "<https://zvonok.example.org/u/1>")
    }

    @Test("many letters go over one connection") func reuses() async throws {
        let server = try await MailServer("plain")
        let mailer = mailer(server)
        for number in 1...20 { try await mailer.send(letter(number)) }
        #expect(Set(try await server.taken(20).map(\.peer)).count == 1)
    }

    @Test("a refusal for good, a refusal for now and a lost answer are told apart") func failures() async throws {
        let refusing = try await MailServer("refuse")
        await #expect(throws: MailFailure.refused(code: 550, text: "550 5.1.1 no such user here")) {
            try await mailer(refusing).send(letter())
        }
        let putting = try await MailServer("later")
        await #expect(throws: MailFailure.later(code: 451, text: "451 4.7.1 come back later")) {
            try await mailer(putting).send(letter())
        }
        let vanishing = try await MailServer("vanish")
        await #expect { try await mailer(vanishing).send(letter()) } throws: { error in
            if case MailFailure.unknown = error { true } else { false }
        }
        // A server that nobody holds is stopped.
        for server in [refusing, putting, vanishing] { server.stop() }
        let gone = try await MailServer("plain")
        gone.stop()
        await #expect { try await mailer(gone).send(letter()) } throws: { error in
            if case MailFailure.unreachable = error { true } else { false }
        }
    }

    @Test("TLS and authentication: the right name and password pass, a wrong name or password does not") func security() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await ChildProcess.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
            ])
        let certificate = (file: "\(folder)/cert.pem", key: "\(folder)/key.pem")
        let server = try await MailServer("tls", certificate: certificate)
        try await mailer(server, tls: true, password: "right horse", authority: certificate.file, name: "localhost").send(letter())
        #expect(try await server.taken(1)[0].tls)
        for wrong in [
            mailer(server, tls: true, password: "wrong", authority: certificate.file, name: "localhost"),
            mailer(server, tls: true, password: "right horse", authority: certificate.file, name: "127.0.0.1"),
            mailer(server, tls: true, password: "right horse", authority: nil, name: "localhost"),
        ] {
            await #expect(throws: (any Error).self) { try await wrong.send(letter()) }
        }
        #expect(try await server.taken(1).count == 1)
    }

    @Test("no header can be smuggled in by a value") func noInjection() {
        let evil = Letter(
            from: MailAddress("a@example.org"), to: MailAddress("b@example.org", name: "x\r\nBcc: all@example.org"),
            subject: "hi\r\nBcc: all@example.org", text: "", html: "", messageID: "1@x", date: .now)
        #expect(evil.headerLines.allSatisfy { !$0.contains("\n") })
    }

    @Test("a sender is written with a name or without", arguments: [
        ("Звонок <zvonok@example.org>", "Звонок", "zvonok@example.org"), ("zvonok@example.org", "?", "zvonok@example.org"),
        ("\"Школа 7\" <a@b.example>", "Школа 7", "a@b.example"), (" <a@b.example> ", "?", "a@b.example"),
    ])
    func written(text: String, name: String, address: String) {
        let read = MailAddress(written: text, name: "?")
        #expect(read.name == name && read.address == address && read.domain == address.split(separator: "@")[1])
    }

    @Test("long Cyrillic subjects are cut into words of at most 75 characters") func encodedWords() {
        for line in HeaderText.unstructured(String(repeating: "Пятница ", count: 40)).components(separatedBy: "\r\n ") {
            #expect(line.count <= 75)
        }
    }
}
