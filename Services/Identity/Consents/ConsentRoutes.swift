import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// Consents: decided by those they concern, read by the school, worded by those who administer it.
struct ConsentRoutes: Sendable {
    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.page("/identity/profile/consents", .seeOneself, about: .oneself) { visit in
            try await page(visit, child: nil, notice: Self.notice(visit))
        }
        book.post("/identity/profile/consents/{text}", .seeOneself, about: .oneself) { visit in
            guard !visit.viewer.isPupil else { throw Problem.notFound }
            return try await decide(visit, about: visit.viewer.personID, child: nil, back: "/identity/profile/consents")
        }
        book.page("/identity/children/{child}/consents", .representChild, about: .child(parameter: "child")) { visit in
            try await page(visit, child: try visit.uuid("child"), notice: Self.notice(visit))
        }
        book.post("/identity/children/{child}/consents/{text}", .representChild, about: .child(parameter: "child")) { visit in
            let child = try visit.uuid("child")
            return try await decide(visit, about: child, child: child, back: "/identity/children/\(child.text)/consents")
        }
        book.page("/identity/consents", .seeConsents, about: .anySchool) { visit in
            let viewer = visit.viewer.personID
            return ConsentOverviewPage(visit, try await cabinet.database.read { try ConsentsOf.classes(for: viewer, in: $0) })
        }
        book.page("/identity/classes/{class}/consents", .seeConsents, about: .schoolClass(parameter: "class")) { visit in
            let id = try visit.uuid("class")
            let found = try await cabinet.database.read { transaction -> (ClassName, [(id: UUID, name: PersonName, lines: [ConsentLine])])? in
                guard let (grade, letter, school) = try transaction.first(
                    "select grade, letter, school_id from class where id = \(id)", as: Int.self, String.self, UUID.self)
                else { return nil }
                return (ClassName(grade: grade, letter: letter), try ConsentsOf.ofClass(id, school: school, in: transaction))
            }
            guard let (name, pupils) = found else { throw Problem.notFound }
            return ClassConsentsPage(visit, name, pupils)
        }
        book.page("/identity/consent-texts/{text}", .seeOneself, about: .oneself) { visit in
            let id = try visit.uuid("text")
            let found = try await cabinet.database.read { transaction in
                try transaction.first(
                    "select title, purpose, version, body, published_at from consent_text where id = \(id)",
                    as: String.self, String.self, Int.self, String.self, Date.self)
            }
            guard let (title, purpose, version, body, at) = found else { throw Problem.notFound }
            return ConsentTextPage(
                title: title, purpose: visit.tr(ConsentPurpose(rawValue: purpose)?.text ?? purpose),
                published: visit.tr("Version %@ of %@.", "\(version)", visit.format.date(visit.zone.day(of: at), thisYear: 0)),
                paragraphs: body.split(separator: "\n").map(String.init))
        }
        book.page("/identity/consent-texts", .administer, about: .anySchool) { visit in
            try await texts(visit, typed: [:], wrong: [:])
        }
        book.post("/identity/consent-texts", .administer, about: .anySchool) { try await publish($0) }
    }

    private static func notice(_ visit: Visit) -> String? {
        switch visit.query("done") {
        case "yes": visit.tr("Your decision is kept.")
        case "withdrawn": visit.tr("Your decision is kept, and what it changes holds from now on; it stands below.")
        case "changed": visit.tr("The text has changed meanwhile. Read it before you decide.")
        default: nil
        }
    }

    private func page(_ visit: Visit, child: UUID?, notice: String?) async throws -> ConsentsPage {
        let person = child ?? visit.viewer.personID
        let found = try await cabinet.database.read { transaction -> (PersonName, [ConsentLine])? in
            guard let name = try SignedInPerson.read(person, in: transaction)?.name else { return nil }
            return (name, try ConsentsOf.read(person, in: transaction))
        }
        guard let (name, lines) = found else { throw Problem.notFound }
        return ConsentsPage(
            visit, lines, child: child.map { (id: $0, name: name) }, mayDecide: child != nil || !visit.viewer.isPupil, notice: notice)
    }

    private func decide(_ visit: Visit, about person: UUID, child: UUID?, back: String) async throws -> Answer {
        let form = try await visit.form()
        guard let answer = form["given"], ["yes", "no"].contains(answer) else {
            return .page(try await page(visit, child: child, notice: visit.tr("Choose what you decide.")), .unprocessableContent)
        }
        let command = DecideConsent(
            personID: person, textID: try visit.uuid("text"), isGiven: answer == "yes", by: visit.viewer.personID, now: visit.now)
        let outbox = cabinet.outbox
        let outcome = try await cabinet.database.transaction { try command.run(in: $0, outbox) }
        switch outcome {
        case .done: return .seeOther("\(back)?done=\(command.isGiven ? "yes" : "withdrawn")")
        case .changedMeanwhile:
            return .page(
                try await page(visit, child: child, notice: visit.tr("The text has changed meanwhile. Read it before you decide.")),
                .conflict)
        }
    }

    private func texts(_ visit: Visit, typed: [String: String], wrong: [String: FieldMessage]) async throws -> ConsentTextsPage {
        let viewer = visit.viewer.personID
        typealias Row = (UUID, String, UUID?, String?, Int, String, Date)
        let (schools, isOperator, rows) = try await cabinet.database.read { transaction -> ([(UUID, String)], Bool, [Row]) in
            let mine = try SchoolsOf.keeper(viewer, Role.administering, in: transaction)
            let schools = try transaction.rows(
                "select id, name from school where id = any(\(mine)) and not ended order by name, id", as: UUID.self, String.self)
            let rows = try transaction.rows(
                """
                select distinct on (t.purpose, s.name, t.school_id) t.id, t.purpose, t.school_id, s.name, t.version, t.title, t.published_at
                from consent_text t left join school s on s.id = t.school_id
                where t.school_id is null or t.school_id = any(\(mine))
                order by t.purpose, s.name nulls first, t.school_id, t.version desc
                """,
                as: UUID.self, String.self, UUID?.self, String?.self, Int.self, String.self, Date.self)
            return (schools, try !SchoolsOf.keeper(viewer, [.operatorOfSystem], in: transaction).isEmpty, rows)
        }
        var places = schools.map { Field.Choice($0.0.text, $0.1, isChosen: typed["school"] == $0.0.text) }
        if isOperator { places.append(.init("all", visit.tr("The whole installation"), isChosen: typed["school"] == "all")) }
        func field(_ name: String) -> String? { wrong[name].map(visit.sentence) }
        return ConsentTextsPage(
            title: visit.tr("Texts of consents"), done: visit.query("done") == nil ? nil : visit.tr("The text is published."),
            texts: rows.map { row in
                ConsentTextsPage.Text(
                    title: row.5, purpose: visit.tr(ConsentPurpose(rawValue: row.1)?.text ?? row.1),
                    place: row.3 ?? visit.tr("The whole installation"),
                    version: visit.tr("Version %@ of %@.", "\(row.4)", visit.format.date(visit.zone.day(of: row.6), thisYear: 0)),
                    address: "/identity/consent-texts/\(row.0.text)")
            },
            school: .choice("school", visit.tr("For whom"), places, wrong: field("school")),
            purpose: .choice(
                "purpose", visit.tr("What for"),
                ConsentPurpose.allCases.map { .init($0.rawValue, visit.tr($0.text), isChosen: typed["purpose"] == $0.rawValue) },
                wrong: field("purpose")),
            heading: .text(
                "title", visit.tr("Title"), value: typed["title"] ?? "", wrong: field("title"), most: PublishConsentText.longestTitle,
                isRequired: true),
            body: .area(
                "text", visit.tr("Text"), value: typed["text"] ?? "",
                hint: visit.tr("Whoever agreed to the earlier wording is asked again."), wrong: field("text"),
                most: PublishConsentText.longestText, isRequired: true))
    }

    private func publish(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        var typed: [String: String] = [:]
        for field in ["school", "purpose", "title", "text"] { typed[field] = String((form[field] ?? "").prefix(30_000)) }
        let (viewer, now, chosen) = (visit.viewer.personID, visit.now, typed["school"] ?? "")
        let purpose = ConsentPurpose(rawValue: typed["purpose"] ?? "")
        let command = PublishConsentText(
            purpose: purpose ?? .personalData, school: UUID(uuidString: chosen), title: typed["title"] ?? "", text: typed["text"] ?? "",
            by: viewer, now: now)
        let isMine = try await cabinet.database.read { transaction -> Bool in
            guard let school = command.school else {
                return try chosen == "all" && !SchoolsOf.keeper(viewer, [.operatorOfSystem], in: transaction).isEmpty
            }
            return try SchoolsOf.keeper(viewer, Role.administering, in: transaction).contains(school)
        }
        var wrong = command.refusal()
        if !isMine { wrong["school"] = FieldMessage("Choose the school.") }
        if purpose == nil { wrong["purpose"] = FieldMessage("Choose what the consent is for.") }
        guard wrong.isEmpty else {
            return .page(try await texts(visit, typed: typed, wrong: wrong), .unprocessableContent)
        }
        _ = try await cabinet.database.transaction { try command.run(in: $0) }
        return .seeOther("/identity/consent-texts?done=yes")
    }
}
