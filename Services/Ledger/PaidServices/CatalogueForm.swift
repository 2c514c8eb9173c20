import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// Entering a service, changing its price and terms, closing it; from the forms or by a program (ID-35).
struct CatalogueForm {
    let database: Database
    let outbox: Outbox

    func offer(_ visit: Visit) async throws -> Answer {
        let school = try visit.uuid("school")
        let form = try await visit.form()
        var wrong = FieldErrors()
        func text(_ name: String, most: Int) -> String {
            let text = form[name]?.trimmed ?? ""
            if text.isEmpty || text.count > most { wrong[name] = visit.tr("Fill this in.") }
            return text
        }
        let (title, provider) = (text("title", most: OfferService.longestTitle), text("provider", most: OfferService.longestTitle))
        let rhythm = form["rhythm"].flatMap(ServiceRhythm.init)
        if rhythm == nil { wrong["rhythm"] = visit.tr("Choose how it is paid.") }
        let price = price(form, visit, &wrong)
        let from = form["from"].flatMap { Day($0) }
        if from == nil { wrong["from"] = visit.tr("Write a day.") }
        let rest = try await terms(form, school, from: from, visit, &wrong)
        try wrong.throwIfAny()
        guard let rhythm, let price, let from, let rest else { return .noContent }
        let offer = OfferService(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), school: school, provider: provider, title: title,
            about: rest.about, terms: ServiceTerms(rhythm: rhythm, from: from, until: rest.until), price: price, places: rest.places,
            audience: rest.audience, by: visit.viewer.personID)
        do {
            try await database.once { try offer.run(in: $0, at: visit.now) }
        } catch let refusal as ServiceRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/schools/\(school.text)/services/\(offer.id.text)")
    }

    func changePrice(_ visit: Visit) async throws -> Answer {
        var wrong = FieldErrors()
        let price = price(try await visit.form(), visit, &wrong)
        try wrong.throwIfAny()
        guard let price else { return .noContent }
        let change = ChangePrice(
            service: try visit.uuid("service"), school: try visit.uuid("school"), price: price, by: visit.viewer.personID)
        do {
            try await database.transaction { _ = try change.run(in: $0, at: visit.now) }
        } catch let refusal as ServiceRefused {
            throw try Self.errors(refusal, visit)
        }
        return try back(visit)
    }

    func changeTerms(_ visit: Visit) async throws -> Answer {
        let school = try visit.uuid("school")
        var wrong = FieldErrors()
        let rest = try await terms(try await visit.form(), school, from: nil, visit, &wrong)
        try wrong.throwIfAny()
        guard let rest else { return .noContent }
        let change = ChangeTerms(
            service: try visit.uuid("service"), school: school, about: rest.about, until: rest.until, places: rest.places,
            audience: rest.audience)
        do {
            try await database.transaction { try change.run(in: $0, at: visit.now) }
        } catch let refusal as ServiceRefused {
            throw try Self.errors(refusal, visit)
        }
        return try back(visit)
    }

    func close(_ visit: Visit) async throws -> Answer {
        let close = CloseService(service: try visit.uuid("service"), school: try visit.uuid("school"), by: visit.viewer.personID)
        do {
            try await close.run(database, outbox, at: visit.now)
        } catch let refusal as ServiceRefused {
            throw try Self.errors(refusal, visit)
        }
        return try back(visit)
    }

    private func back(_ visit: Visit) throws -> Answer {
        .seeOther("/ledger/schools/\(try visit.parameter("school"))/services/\(try visit.parameter("service"))")
    }

    private func price(_ form: Form, _ visit: Visit, _ wrong: inout FieldErrors) -> Money? {
        let price = form["price"].flatMap { Money($0.trimmed) }
        guard let price, price > .zero, price <= OfferService.mostPrice else {
            wrong["price"] = visit.tr("Write a sum above zero and up to %@.", visit.money(OfferService.mostPrice))
            return nil
        }
        return price
    }

    /// What both forms ask: the text, the end, places, grades and classes.
    private func terms(
        _ form: Form, _ school: UUID, from: Day?, _ visit: Visit, _ wrong: inout FieldErrors
    ) async throws -> (about: String, until: Day?, places: Int?, audience: ServiceAudience)? {
        let about = form["about"]?.trimmed ?? ""
        if about.count > OfferService.longestText { wrong["about"] = visit.tr("Say it shorter.") }
        let typedUntil = form["until"]?.trimmed ?? ""
        let until = Day(typedUntil)
        if !typedUntil.isEmpty, until == nil { wrong["until"] = visit.tr("Write a day.") }
        if let until, let from, until < from { wrong["until"] = visit.tr("The term ends before it begins.") }
        let typedPlaces = form["places"]?.trimmed ?? ""
        let places = Int(typedPlaces)
        if !typedPlaces.isEmpty, places.map({ !(1...OfferService.mostPlaces).contains($0) }) ?? true {
            wrong["places"] = visit.tr("Write a number above zero, or leave the field empty.")
        }
        let text = form["audience"] ?? ""
        let audience = try await database.read { try $0.audience(text, of: school) }
        if audience == nil { wrong["audience"] = visit.tr("Write grades and classes of this school, for example 1–4, 7Б.") }
        return audience.map { (about, until, places, $0) }
    }

    private static func errors(_ refusal: ServiceRefused, _ visit: Visit) throws -> FieldErrors {
        switch refusal {
        case .termOutOfOrder: FieldErrors(["until": visit.tr("The term ends before today or before it begins.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was entered a second time.")])
        case .noService: throw Problem.notFound
        case .incomplete, .notAnAmount, .noPlaces, .notByVisit, .dayOutOfReach: throw Problem.badRequest
        }
    }
}
