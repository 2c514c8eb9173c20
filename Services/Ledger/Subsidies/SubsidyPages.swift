import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// A subsidy in the reader's words.
struct SubsidyShown: Encodable, Sendable, Equatable {
    struct Movement: Encodable, Sendable, Equatable {
        let when: String
        let what: String
        let amount: Money
        let amountText: String
        let isPlus: Bool
        let balanceText: String
    }

    let id: UUID
    let title: String
    let certificate: String
    let issuer: String
    let validFrom: Day
    let validUntil: Day
    let term: String
    /// «128 ₽ every school day».
    let schedule: String
    let amount: Money
    let paysFor: String
    let balance: Money
    let balanceText: String
    let state: String
    let isValid: Bool
    let isEnded: Bool
    let accountNumber: String
    let pupilCode: String
    let movements: [Movement]
    let hasMovements: Bool
    let endPath: String
}

extension SubsidyShown {
    init(_ subsidy: Subsidy, _ movements: [SubsidyMovement], for visit: Visit) {
        let shown = movements.map { movement in
            Movement(
                when: visit.format.moment(movement.at, now: visit.now), what: visit.words(movement), amount: movement.amount,
                amountText: visit.signed(movement.amount), isPlus: movement.amount > .zero, balanceText: visit.plain(movement.balance))
        }
        let isEnded = subsidy.endedAt != nil || subsidy.isRevoked
        let isValid = !isEnded && subsidy.validFrom <= visit.today && visit.today <= subsidy.validUntil
        let state =
            if subsidy.isRevoked {
                visit.tr("ended before its term; the rest went back to the municipality")
            } else if isEnded || subsidy.validUntil < visit.today {
                visit.tr("the term is over; the rest went back to the municipality")
            } else if visit.today < subsidy.validFrom {
                visit.tr("begins on %@", visit.date(subsidy.validFrom))
            } else {
                visit.tr("in force")
            }
        self.init(
            id: subsidy.id, title: subsidy.title, certificate: subsidy.certificate, issuer: subsidy.issuer, validFrom: subsidy.validFrom,
            validUntil: subsidy.validUntil, term: visit.tr("from %@ to %@", visit.date(subsidy.validFrom), visit.date(subsidy.validUntil)),
            schedule: visit.words(subsidy.amount, subsidy.rhythm), amount: subsidy.amount, paysFor: visit.words(subsidy.purpose),
            balance: subsidy.balance, balanceText: visit.money(subsidy.balance), state: state, isValid: isValid, isEnded: isEnded,
            accountNumber: subsidy.accountNumber.spacedNumber, pupilCode: subsidy.pupilCode, movements: shown, hasMovements: !shown.isEmpty,
            endPath: "/ledger/schools/\(subsidy.schoolID.text)/subsidies/\(subsidy.id.text)/end")
    }
}

extension Visit {
    func words(_ amount: Money, _ rhythm: SubsidyRhythm) -> String {
        switch rhythm {
        case .schoolDay: tr("%@ every school day", money(amount))
        case .month: tr("%@ every month", money(amount))
        case .once: tr("%@ once", money(amount))
        }
    }

    func words(_ purpose: SubsidyPurpose) -> String {
        switch purpose {
        case .collective: tr("meals with the class")
        case .any: tr("any purchase in the canteen")
        }
    }

    func words(_ movement: SubsidyMovement) -> String {
        switch movement.kind {
        case "accrual": tr("Accrued")
        case "expiry": tr("Back to the municipality")
        case "reversal": tr("Given back: %@", movement.what)
        case "refund": tr("Refund: %@", movement.what)
        default: movement.what
        }
    }
}

/// A child's subsidies: certificate, term, accruals, spendings (AC-08).
struct ChildSubsidiesPage: Page {
    static let template = "subsidy/child"
    let title: String
    let section = "money"
    let purse: Purse
    let subsidies: [SubsidyShown]
    let isEmpty: Bool
}

extension ChildSubsidiesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let (account, lunch, subsidies, movements) = try await database.read { tx in
            let subsidies = try tx.subsidies(.child(child))
            return (
                try tx.account(of: child, at: visit.now), try tx.usualLunch(of: Account.id(of: child)), subsidies,
                try tx.subsidyMovements(of: subsidies.map(\.id), most: 60)
            )
        }
        guard let account else { throw Problem.notFound }
        let bySubsidy = Dictionary(grouping: movements, by: \.subsidy)
        self.init(
            title: visit.tr("Subsidies"), purse: Purse(account, lunch: lunch, for: visit),
            subsidies: subsidies.map { SubsidyShown($0, bySubsidy[$0.id] ?? [], for: visit) }, isEmpty: subsidies.isEmpty)
    }
}

/// The staff's page: certificates of the school, and the form for a new one. Names are never shown here (D-05).
struct SubsidiesPage: Page {
    static let template = "subsidy/list"
    let title: String
    let section = "subsidies"
    let id: UUID
    let account: Field
    let name: Field
    let certificate: Field
    let issuer: Field
    let from: Field
    let until: Field
    let purpose: Field
    let amount: Field
    let rhythm: Field
    let wrong: String?
    let subsidies: [SubsidyShown]
    let isEmpty: Bool
}

extension SubsidiesPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let form = try await visit.form()
        let subsidies = try await database.read { tx in
            try tx.subsidies(.schools(try tx.subsidySchools(of: visit), since: visit.now - 30 * 86_400))
        }
        self.init(
            title: visit.tr("Subsidies"),
            id: wrong["id"] == nil ? form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
            account: .text("account", visit.tr("Account number or pupil code"), value: form["account"] ?? "", wrong: wrong["account"], isRequired: true),
            name: .text(
                "title", visit.tr("What it is for"), value: form["title"] ?? "", hint: visit.tr("As the family is to read it: free meals of large families."),
                wrong: wrong["title"], most: GrantSubsidy.longestText, isRequired: true),
            certificate: .text(
                "certificate", visit.tr("Number of the certificate"), value: form["certificate"] ?? "", wrong: wrong["certificate"],
                most: GrantSubsidy.longestText, isRequired: true),
            issuer: .text(
                "issuer", visit.tr("Issued by"), value: form["issuer"] ?? "", wrong: wrong["issuer"], most: GrantSubsidy.longestText,
                isRequired: true),
            from: .day("from", visit.tr("Valid from"), value: form["from"] ?? "", wrong: wrong["from"], isRequired: true),
            until: .day("until", visit.tr("Valid to, this day included"), value: form["until"] ?? "", wrong: wrong["until"], isRequired: true),
            purpose: .choice(
                "pays_for", visit.tr("May pay for"),
                SubsidyPurpose.allCases.map { Field.Choice($0.rawValue, visit.words($0), isChosen: form["pays_for"] == $0.rawValue) }),
            amount: .money("amount", visit.tr("Sum of one accrual"), value: form["amount"] ?? "", wrong: wrong["amount"], isRequired: true),
            rhythm: .choice(
                "every", visit.tr("How often"),
                [
                    .init("schoolDay", visit.tr("every school day"), isChosen: form["every"] == "schoolDay"),
                    .init("month", visit.tr("every month"), isChosen: form["every"] == "month"),
                    .init("once", visit.tr("once"), isChosen: form["every"] == "once"),
                ]),
            wrong: wrong["id"], subsidies: subsidies.map { SubsidyShown($0, [], for: visit) }, isEmpty: subsidies.isEmpty)
    }
}

extension Transaction {
    /// The schools whose certificates the reader keeps.
    func subsidySchools(of visit: Visit) throws -> [UUID] {
        Array(Set(try Directory.places(of: visit.viewer, .manageSubsidies, in: self).filter { $0.classID == nil }.map(\.schoolID)))
    }
}

/// Entering and ending, from the forms or by a program.
struct SubsidyForm {
    let database: Database

    func grant(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        var wrong = FieldErrors()
        func text(_ name: String) -> String {
            let text = form[name]?.trimmed ?? ""
            if text.isEmpty || text.count > GrantSubsidy.longestText { wrong[name] = visit.tr("Fill this in.") }
            return text
        }
        let (title, certificate, issuer) = (text("title"), text("certificate"), text("issuer"))
        let from = form["from"].flatMap { Day($0) }
        let until = form["until"].flatMap { Day($0) }
        if from == nil { wrong["from"] = visit.tr("Write a day.") }
        if until == nil { wrong["until"] = visit.tr("Write a day.") }
        if let from, let until, from > until { wrong["until"] = visit.tr("The term ends before it begins.") }
        let amount = form["amount"].flatMap { Money($0.trimmed) }
        if amount.map({ $0 <= .zero || $0 > GrantSubsidy.most }) ?? true {
            wrong["amount"] = visit.tr("Write a sum above zero and up to %@.", visit.money(GrantSubsidy.most))
        }
        let code = (form["account"] ?? "").trimmed.replacing(" ", with: "").replacing("\u{a0}", with: "")
        let account = try await database.read { tx -> Account? in
            let schools = try tx.subsidySchools(of: visit)
            return try code.isEmpty ? nil : tx.accounts(.code(code), at: visit.now).first { schools.contains($0.schoolID) }
        }
        if account == nil { wrong["account"] = visit.tr("No account has this number or code. Check the digits on the contract.") }
        try wrong.throwIfAny()
        guard let account, let from, let until, let amount else { return .noContent }
        let grant = GrantSubsidy(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), child: account.personID, title: title,
            certificate: certificate, issuer: issuer, validFrom: from, validUntil: until,
            purpose: form["pays_for"].flatMap(SubsidyPurpose.init) ?? .collective, amount: amount,
            rhythm: form["every"].flatMap(SubsidyRhythm.init) ?? .schoolDay, by: visit.viewer.personID)
        do {
            try await database.once { try grant.run(in: $0, at: visit.now) }
        } catch SubsidyRefused.certificateKnown {
            throw FieldErrors(["certificate": visit.tr("This child has a subsidy by this certificate already.")])
        } catch SubsidyRefused.repeatedWithOtherContents {
            throw FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was entered a second time.")])
        } catch is SubsidyRefused {
            throw Problem.badRequest
        }
        return .seeOther("/ledger/subsidies#subsidy-\(grant.id.text)")
    }

    func end(_ visit: Visit) async throws -> Answer {
        let end = EndSubsidy(id: try visit.uuid("subsidy"), school: try visit.uuid("school"), by: visit.viewer.personID)
        do {
            try await database.transaction { try end.run(in: $0, at: visit.now) }
        } catch SubsidyRefused.noSubsidy {
            throw Problem.notFound
        }
        return .seeOther("/ledger/subsidies")
    }
}
