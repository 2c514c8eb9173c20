import Events
import Foundation
import Kernel
import Messaging
import Testing
import Web

@testable import Directory
@testable import Identity

@Suite("Catalogue and templates") struct CatalogueTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Services/Identity")

    private static func files(_ suffix: String) throws -> [(path: String, text: String)] {
        let paths = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try paths.filter { $0.hasSuffix(suffix) }.sorted()
            .map { ($0, try String(contentsOf: folder.appending(path: $0), encoding: .utf8)) }
    }

    @Test("Everything a reader can see has its Russian")
    func complete() throws {
        let pages = try Pages(IdentityService.bundle, prefix: "/identity")
        var texts: [String] = []
        for file in try Self.files(".mustache") {
            texts += file.text.matches(of: /\[\[(.+?)\]\]/).map { String($0.output.1) }.filter { !$0.hasPrefix("asset:") }
        }
        for file in try Self.files(".swift") {
            texts += file.text.matches(of: /\btr\(\s*"((?:[^"\\]|\\.)*)"/).map { String($0.output.1) }
            texts += file.text.matches(of: /FieldMessage\("((?:[^"\\]|\\.)*)"/).map { String($0.output.1) }
            texts += file.text.matches(of: /(?:wrong\["[a-z]+"\] = |fields: \[\s*"[a-z]+": |"children": |"code": |\.refused\()"([A-Z][^"]*)"/)
                .map { String($0.output.1) }
            for match in file.text.matches(of: /trn\([^,]+, "([^"]+)"/) { #expect(pages.catalogue.hasPlural(String(match.output.1))) }
        }
        texts += PasswordRefused.allCases.map(\.text)
        texts += AuditAction.allCases.map(\.text) + AppointmentRefused.allCases.map(\.text) + DeletionRefused.allCases.map(\.text)
        texts += ConsentPurpose.allCases.map(\.text) + [ConsentState.open, .given, .outdated, .withdrawn].map(\.text)
        for record in PersonalRecord.all {
            texts += [record.title] + record.columns.map(\.label)
            if case .kept(let why) = record.end { texts.append(why) }
        }
        texts += [LoginRefused.tooShort, .tooLong, .hasSigns, .isTaken].map(\.text)
        texts += [InvitationRefused.unknown, .used, .expired, .revoked].map(\.text)
        texts += InvitationKind.allCases.map(\.text)
        texts += TransferRefused.allCases.map(\.text) + TransferRoutes.done.values
        texts += SetPin.Refused.allCases.map(\.text) + EnterSignature.Refused.allCases.map(\.text)
        texts += Particulars.Item.allCases.map(\.text) + SchoolModule.all.flatMap { [$0.title] + $0.sections }
        texts += Topic.allCases.map(\.english) + LookSection.all + MergingRefused.all.map(\.text)
        for file in try Self.files(".swift") {
            texts += file.text.matches(of: /\["(?:topic|until|label|child)"\](?: = |: )"([A-Z][^"]*)"/).map { String($0.output.1) }
            // What stands above a page after a step, by the word in its address.
            texts += file.text.matches(of: /"[a-zA-Z-]+": "([A-Z][^"]*[.?!])"/).map { String($0.output.1) }
        }
        #expect(texts.count > 150)
        let missing = Set(texts).filter { !pages.catalogue.hasText($0) }.sorted()
        #expect(missing == [])
    }

    @Test("No template has a style or a script of its own")
    func noInlineCode() throws {
        for file in try Self.files(".mustache") {
            #expect(!file.text.contains("style="), "\(file.path)")
            #expect(!file.text.contains("<script"), "\(file.path)")
            #expect(file.text.firstMatch(of: /\son[a-z]+="/) == nil, "\(file.path)")
        }
    }

    @Test("A browser's name is read from what it says of itself")
    func browserNames() {
        #expect(BrowserName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0").text == "Firefox, Linux")
        #expect(BrowserName("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36").text == "Chrome, Android")
        #expect(BrowserName("").text == "")
    }

    @Test("After signing in only a path of ours is followed")
    func local() {
        for path in ["/", "/journal/diary?week=2026-11-16", "/ledger/children/x"] { #expect(SignInRoutes.local(path) == path) }
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nSet-Cookie: x", "", "journal", "/a b"] {
            #expect(SignInRoutes.local(path) == nil, "\(path)")
        }
        #expect(SignInRoutes.encoded("/a?b=c&d") == "/a%3Fb%3Dc%26d")
    }

    @Test("SC-03: staff see the sections their roles open")
    func sections() {
        #expect(StaffSections.of([.curator]) == ["people", "invitations", "transfers", "arrivals", "devices", "staff", "meals", "consents"])
        #expect(StaffSections.of([.director]) == ["gradebook", "catalogue", "transfers", "arrivals", "staff", "meals", "consents"])
        #expect(StaffSections.of([.classTeacher, .subjectTeacher]) == ["gradebook", "class-services", "invitations", "arrivals", "meals", "consents"])
        #expect(StaffSections.of([.cashier]) == ["till", "refunds", "meals"])
        #expect(StaffSections.of([.librarian]) == ["meals"])
    }

    @Test(
        "Each role begins at what it does all day; a school without that module, at the next best",
        arguments: [
            (Role.classTeacher, "/journal/gradebook", "/journal/gradebook"), (.subjectTeacher, "/journal/gradebook", "/journal/gradebook"),
            (.deputyHead, "/journal/gradebook", "/journal/gradebook"), (.director, "/journal/gradebook", "/journal/gradebook"),
            (.socialPedagogue, "/ledger/subsidies", "/identity/consents"), (.psychologist, "/canteen/meals", "/identity/profile"),
            (.nurse, "/canteen/meals", "/identity/consents"), (.librarian, "/canteen/meals", "/identity/profile"),
            (.secretary, "/identity/people", "/identity/people"), (.curator, "/identity/people", "/identity/people"),
            (.tutor, "/ledger/refunds", "/identity/profile"), (.cashier, "/canteen/till", "/identity/profile"),
            (.kitchen, "/canteen/kitchen", "/identity/profile"), (.gateGuard, "/access/inside", "/identity/profile"),
            (.accountant, "/ledger/desk", "/identity/profile"), (.operatorOfSystem, "/access/devices", "/identity/staff"),
        ])
    func firstPages(_ role: Role, _ address: String, _ without: String) {
        func person(_ children: [SignedInPerson.Child] = []) -> SignedInPerson {
            SignedInPerson(
                id: UUID.v7(), name: PersonName(surname: "Зуева", given: "Вера"), rightsNumber: 1, language: "ru", isPupil: false,
                children: children, roles: [role])
        }
        func school(_ modules: [String]) -> SchoolRecord {
            SchoolRecord(id: .v7(), name: "Школа", zone: .moscow, modules: modules, contacts: [])
        }
        #expect(StaffSections.start(of: person(), at: [school([])]) == address)
        #expect(StaffSections.start(of: person(), at: [school(["management"])]) == without)
    }

    @Test("No role was forgotten: each has a first page that its own permissions open")
    func everyRole() {
        for role in Role.allCases { #expect(!StaffSections.of([role]).isEmpty, "\(role.rawValue)") }
    }

    @Test("Every state that others hear can be said again")
    func republications() {
        #expect(Set(IdentityService.republications.map(\.name)) == [
            "identity.school.changed.v1", "identity.class.changed.v1", "identity.person.changed.v1", "identity.pupil.changed.v1",
            "identity.rights.changed.v1", "identity.contact.changed.v1", "identity.signing-key.changed.v1",
            "identity.transfer.changed.v1", "identity.consent.changed.v1", "identity.person.erased.v1",
        ])
    }
}
