import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// What a child's certificate can pay this year, and how it shrinks (SE-02 to SE-05).
struct CertificatePage: Page {
    struct MonthRow: Encodable, Sendable, Equatable {
        let month: String
        let title: String
        let amount: Money
        let amountText: String
    }

    static let template = "certificate/child"
    let title: String
    let section = "money"
    let purse: Purse
    let year: Int
    let number: String?
    let programmes: Int
    let programmesText: String?
    /// Instead of nominal and balance when the municipality has reached its limit (SE-05).
    let capMessage: String?
    let shown: Money?
    let shownText: String?
    let yearlyText: String?
    let chosen: String?
    let months: [MonthRow]
    let hasMonths: Bool
}

extension CertificatePage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let (account, certificate, isReached) = try await database.read { tx -> (Account?, Certificate?, Bool) in
            guard let account = try tx.account(of: child, at: visit.now) else { return (nil, nil, false) }
            let certificate = try tx.certificates(.child(child)).first { $0.year == account.today.year }
            return (account, certificate, try !tx.reachedCaps(of: [account.schoolID], year: account.today.year).isEmpty)
        }
        guard let account else { throw Problem.notFound }
        let isOpen = certificate != nil && !isReached
        let nominal = isOpen ? certificate?.nominal : nil
        let shown = nominal?.shown(on: account.today)
        let months = (nominal?.months(from: account.today) ?? []).map {
            MonthRow(month: $0.month.iso, title: visit.monthTitle($0.month), amount: $0.shown, amountText: visit.plain($0.shown))
        }
        self.init(
            title: visit.tr("Certificate of supplementary education"), purse: Purse(account, lunch: nil, for: visit), year: account.today.year,
            number: certificate?.number, programmes: certificate?.programmes ?? 0,
            programmesText: certificate.map { visit.trn($0.programmes, "one programme paid by the budget", "%d programmes paid by the budget") },
            capMessage: certificate != nil && isReached
                ? visit.tr("The municipality has given out all the money of this year: certificates cannot pay for programmes now.") : nil,
            shown: shown, shownText: shown.map { visit.money($0) }, yearlyText: nominal.map { visit.money($0.yearly) },
            chosen: nominal?.chosenOn.map { visit.tr("A programme was chosen on %@: the nominal shrinks no more.", visit.date($0)) },
            months: nominal?.chosenOn == nil ? months : [], hasMonths: nominal?.chosenOn == nil && !months.isEmpty)
    }
}

/// The staff's page: certificates of the year and the municipality's limit. Names are never shown here (D-05).
struct CertificatesPage: Page {
    struct Row: Encodable, Sendable, Equatable {
        let accountNumber: String
        let pupilCode: String
        let number: String
        let yearlyText: String
        let shownText: String
        let chosen: String?
    }

    struct Cap: Encodable, Sendable, Equatable {
        let school: UUID
        let name: String
        let isReached: Bool
        let path: String
    }

    static let template = "certificate/list"
    let title: String
    let section = "subsidies"
    let year: Int
    let account: Field
    let yearField: Field
    let number: Field
    let nominal: Field
    let programmes: Field
    let chosenOn: Field
    let caps: [Cap]
    let rows: [Row]
    let isEmpty: Bool
}

extension CertificatesPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let form = try await visit.form()
        let year = visit.query("year").flatMap { Int($0) } ?? visit.today.year
        let (schools, certificates, reached) = try await database.read { tx in
            let ids = try tx.subsidySchools(of: visit)
            return (
                try Directory.schools(ids, in: tx), try tx.certificates(.schools(ids, year: year)), try tx.reachedCaps(of: ids, year: year)
            )
        }
        let rows = certificates.map { certificate in
            Row(
                accountNumber: certificate.accountNumber.spacedNumber, pupilCode: certificate.pupilCode, number: certificate.number,
                yearlyText: visit.plain(certificate.yearly),
                shownText: certificate.nominal.shown(on: visit.today).map { visit.plain($0) } ?? "",
                chosen: certificate.chosenOn.map { visit.date($0) })
        }
        self.init(
            title: visit.tr("Certificates of supplementary education"), year: year,
            account: .text("account", visit.tr("Account number or pupil code"), value: form["account"] ?? "", wrong: wrong["account"], isRequired: true),
            yearField: .text("year", visit.tr("Year"), value: form["year"] ?? "\(year)", wrong: wrong["year"], isRequired: true),
            number: .text(
                "number", visit.tr("Certificate number"), value: form["number"] ?? "", wrong: wrong["number"],
                most: GrantSubsidy.longestText, isRequired: true),
            nominal: .money("nominal", visit.tr("Nominal of the whole year"), value: form["nominal"] ?? "", wrong: wrong["nominal"], isRequired: true),
            programmes: .text(
                "programmes", visit.tr("Programmes paid by the budget"), value: form["programmes"] ?? "0", wrong: wrong["programmes"]),
            chosenOn: .day("chosen_on", visit.tr("A certified programme was chosen on"), value: form["chosen_on"] ?? "", wrong: wrong["chosen_on"]),
            caps: schools.map { school in
                Cap(
                    school: school.id, name: school.name, isReached: reached.contains(school.id),
                    path: "/ledger/schools/\(school.id.text)/certificate-cap")
            },
            rows: rows, isEmpty: rows.isEmpty)
    }
}

/// Entering certificates and noting the limit, from the forms or by a program.
struct CertificateForm {
    let database: Database

    func enter(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        var wrong = FieldErrors()
        let year = form["year"].flatMap { Int($0.trimmed) }
        if year.map({ !(2000...2100).contains($0) }) ?? true { wrong["year"] = visit.tr("Write a year.") }
        let number = form["number"]?.trimmed ?? ""
        if number.isEmpty || number.count > GrantSubsidy.longestText { wrong["number"] = visit.tr("Fill this in.") }
        let nominal = form["nominal"].flatMap { Money($0.trimmed) }
        if nominal.map({ $0 < .zero || $0 > EnterCertificate.most }) ?? true {
            wrong["nominal"] = visit.tr("Write a sum from 0 to %@.", visit.money(EnterCertificate.most))
        }
        let programmes = Int((form["programmes"] ?? "0").trimmed)
        if programmes.map({ !(0...EnterCertificate.mostProgrammes).contains($0) }) ?? true {
            wrong["programmes"] = visit.tr("Write a number from 0 to %@.", EnterCertificate.mostProgrammes)
        }
        let chosen = (form["chosen_on"] ?? "").trimmed
        let chosenOn = Day(chosen)
        if !chosen.isEmpty, chosenOn == nil || chosenOn?.year != year { wrong["chosen_on"] = visit.tr("Write a day of the certificate's year.") }
        let code = (form["account"] ?? "").trimmed.replacing(" ", with: "").replacing("\u{a0}", with: "")
        let account = try await database.read { tx -> Account? in
            let schools = try tx.subsidySchools(of: visit)
            return try code.isEmpty ? nil : tx.accounts(.code(code), at: visit.now).first { schools.contains($0.schoolID) }
        }
        if account == nil { wrong["account"] = visit.tr("No account has this number or code. Check the digits on the contract.") }
        try wrong.throwIfAny()
        guard let account, let year, let nominal, let programmes else { return .noContent }
        let enter = EnterCertificate(
            child: account.personID, school: account.schoolID, year: year, number: number, nominal: nominal, programmes: programmes,
            chosenOn: chosenOn, by: visit.viewer.personID)
        try await database.transaction { try enter.run(in: $0, at: visit.now) }
        return .seeOther("/ledger/certificates?year=\(year)")
    }

    func noteCap(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let year = form["year"].flatMap { Int($0) } ?? visit.today.year
        let note = NoteCap(school: try visit.uuid("school"), year: year, isReached: form["reached"] == "true", by: visit.viewer.personID)
        try await database.transaction { try note.run(in: $0, at: visit.now) }
        return .seeOther("/ledger/certificates?year=\(year)")
    }
}
