import Directory
import Events
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Kernel
import Logging
import Postgres
import Service
import Support
import Testing
import Web

@testable import Identity

@Suite("Certificate cabinet and modules", .database(School.migrations)) struct CertificateTests {
    let school = School(database: TestDatabase.current.database)

    private func story(_ tell: @escaping @Sendable (any TestClientProtocol, School) async throws -> Void) async throws {
        try await school.open()
        for (number, login) in [("G1", "olga"), ("G2", "misha"), ("G3", "irina"), ("S1", "savina"), ("S4", "tsaryov"), ("S3", "zueva"), ("P1", "anna")] {
            try await school.give(number, login: login)
        }
        let school = school
        try await school.withPages { client in try await tell(client, school) }
    }

    private func browser(_ client: any TestClientProtocol, _ login: String, _ password: String = "gz7mtk4q") async throws -> Browser {
        let browser = Browser(client)
        _ = try await browser.post("/identity/sign-in", ["login": login, "password": password])
        return browser
    }

    @Test("ID-39, SC-09: what applications need is filled in beforehand and seen by nobody but the guardian")
    func particulars() async throws {
        try await story { client, school in
            let path = "/identity/children/\(try await school.id("P1").text)/certificate"
            let mother = try await browser(client, "olga")
            let empty = try await mother.get(path)
            #expect(empty.status == .ok)
            for text in ["Удобный адрес для посещения занятий", "Не задано", "Сформировать новую выписку", "Персональные данные для подачи заявлений"] {
                #expect(empty.body.contains(text), "\(text)")
            }
            let long = try await mother.post(path + "/particulars", ["address": String(repeating: "я", count: 301), "passport": "4510 123456"])
            #expect(long.status == .unprocessableContent && long.body.contains("address-wrong") && long.body.contains("4510 123456"))
            let saved = try await mother.post(path + "/particulars", ["address": " Набережная, 7 ", "passport": "4510 123456"])
            #expect(saved.location == path + "?done=1")
            let seen = try await mother.get(path)
            #expect(seen.body.contains("Набережная, 7") && seen.body.contains("4510 123456") && seen.body.contains("Не задано"))
            // Another guardian of the same child has particulars of his own; the curator, the pupil and strangers have none.
            let father = try await browser(client, "misha")
            let his = try await father.get(path)
            #expect(his.status == .ok && !his.body.contains("Набережная, 7") && !his.body.contains("4510"))
            for login in ["irina", "anna", "savina"] {
                let stranger = try await browser(client, login)
                #expect(try await stranger.get(path).status == .notFound, "\(login)")
                #expect(try await stranger.post(path, ["password": "gz7mtk4q"]).status == .notFound, "\(login)")
                #expect(try await stranger.post(path + "/particulars", ["address": "x"]).status == .notFound, "\(login)")
            }
            _ = try await mother.post(path + "/particulars", ["passport": "4510 123456"])
            #expect(try await !mother.get(path).body.contains("Набережная, 7"))
        }
    }

    @Test("ID-36: a cabinet without an e-mail says so")
    func email() async throws {
        try await story { client, school in
            let path = "/identity/children/\(try await school.id("P1").text)/certificate"
            let mother = try await browser(client, "olga")
            #expect(try await mother.get(path).body.contains("olga@example.org"))
            try await school.database.execute("update contact set email = null, new_email = null")
            #expect(try await mother.get(path).body.contains("Почта ещё не задана"))
        }
    }

    @Test("ID-37: a new certificate is printed with a new password; the old one and other sessions are over, the number stays")
    func renewed() async throws {
        try await story { client, school in
            let path = "/identity/children/\(try await school.id("P1").text)/certificate"
            let mother = try await browser(client, "olga")
            let elsewhere = try await browser(client, "olga")
            let refused = try await mother.post(path, ["password": "nonono"])
            #expect(refused.status == .unprocessableContent && refused.body.contains("password-wrong"))
            let sheet = try await mother.post(path, ["password": "gz7mtk4q"])
            #expect(sheet.status == .ok)
            for text in ["Ветрова Анна Михайловна", "Ветрова Ольга Игоревна", "Сертификат дополнительного образования"] {
                #expect(sheet.body.contains(text), "\(text)")
            }
            let number = try #require(sheet.body.firstMatch(of: /№ ([0-9]{10})</)).output.1
            let password = String(try #require(sheet.body.firstMatch(of: /sheet-number">([a-z0-9]{10})</)).output.1)
            #expect(try await mother.get(path).status == .ok)
            #expect(try await elsewhere.get(path, accept: "application/json").status == .unauthorized)
            #expect(try await Browser(client).post("/identity/sign-in", ["login": "olga", "password": "gz7mtk4q"]).status == .unprocessableContent)
            let again = try await browser(client, "olga", password)
            #expect(try await again.get(path).body.contains("№ \(number)"))
            let second = try await again.post(path, ["password": password])
            #expect(second.body.contains("№ \(number)<") && !second.body.contains(">\(password)<"))
        }
    }

    @Test("SC-03, SC-04: a module is switched by the curator or the operator, the others hear of it, and its sections follow")
    func modules() async throws {
        try await story { client, school in
            let curator = try await browser(client, "savina")
            #expect(try await curator.get("/identity/people").body.contains("/identity/modules"))
            let page = try await curator.get("/identity/modules")
            for text in ["Школьная проходная", "Школьная столовая", "Электронный кошелёк"] { #expect(page.body.contains(text), "\(text)") }
            let id = try #require(page.body.lowercased().firstMatch(of: /schools\/([0-9a-f-]{36})\/modules/)).output.1
            try await school.forget()
            #expect(try await curator.post("/identity/schools/\(id)/modules", ["module": "canteen"]).location == "/identity/modules?done=1")
            #expect(try await school.said("identity.school.changed.v1") == 1)
            let kept = try await school.database.rows("select modules from school", as: [String].self)
            #expect(kept == [["management", "canteen"]])
            let mother = try await browser(client, "olga")
            let profile = try await mother.get("/identity/profile").body
            #expect(profile.contains("/canteen/meals") && !profile.contains("/access/attendance") && !profile.contains("/ledger/money"))
            // Nothing connected is something else than nothing said.
            let keeper = try await browser(client, "tsaryov")
            _ = try await keeper.post("/identity/schools/\(id)/modules")
            #expect(try await school.database.rows("select modules from school", as: [String].self) == [["management"]])
            #expect(try await curator.post("/identity/schools/\(id)/modules", ["module": "teleport"]).status == .badRequest)
            let cashier = try await browser(client, "zueva")
            #expect(try await cashier.get("/identity/modules").status == .notFound)
            #expect(try await cashier.post("/identity/schools/\(id)/modules", ["module": "wallet"]).status == .notFound)
        }
    }

    @Test("SC-03: what the lists named and this installation does not know stays")
    func unknown() {
        let known = ["entrance", "canteen", "wallet"]
        #expect(ConnectModules.written(["canteen"], before: ["wallet", "portal"], known: known) == ["management", "canteen", "portal"])
        #expect(ConnectModules.written([], before: [], known: known) == ["management"])
        #expect(ConnectModules.isConnected("canteen", in: []) && !ConnectModules.isConnected("canteen", in: ["management"]))
        #expect(Set(SchoolModule.all.map(\.key)).isSuperset(of: known))
    }
}
