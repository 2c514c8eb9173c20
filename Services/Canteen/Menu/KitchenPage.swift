import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The kitchen's page: what is served today and what the buffet sells.
struct KitchenPage: Page {
    struct Meal: Encodable, Sendable, Equatable {
        let title: String
        let dishes: String
        let price: String
    }

    struct Row: Encodable, Sendable, Equatable {
        let name: String
        let group: String
        let price: String
        let endAddress: String
    }

    static let template = "kitchen/show"
    let title: String
    let section = "menu"
    let day: String
    let meals: [Meal]
    let hasMeals: Bool
    let products: [Row]
    let name: String
    let group: String
    let price: String
    let error: String?
}

extension KitchenPage {
    init(for visit: Visit, _ database: Database, typed: Form? = nil, error: String? = nil) async throws {
        let (served, products, day) = try await database.read { tx in
            guard let school = try Directory.schools(of: visit.viewer, .editMenu, in: tx).first else { throw Problem.notFound }
            let day = school.zone.day(of: visit.now)
            return (try MenuOfDay.served(school: school.id, day: day, in: tx), try Product.all(of: school.id, in: tx), day)
        }
        title = visit.tr("Menu")
        self.day = visit.format.longDate(day)
        meals = served.map {
            Meal(
                title: "\(visit.tr($0.meal.kind.title)), \($0.meal.ration)", dishes: $0.meal.dishes.map(\.name).joined(separator: ", "),
                price: visit.format.money($0.meal.price))
        }
        hasMeals = !meals.isEmpty
        self.products = products.map {
            Row(name: $0.name, group: $0.group, price: visit.format.money($0.price), endAddress: "/canteen/kitchen/products/\($0.id.text)/end")
        }
        name = typed?["name"] ?? ""
        group = typed?["group"] ?? ""
        price = typed?["price"] ?? ""
        self.error = error
    }
}

struct KitchenForm {
    let database: Database

    func put(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let name = (form["name"] ?? "").trimmingCharacters(in: .whitespaces)
        guard let price = Money(form["price"] ?? ""), price > .zero, !name.isEmpty, name.count <= 80 else {
            let words = visit.tr("A product needs a name and a price above zero.")
            return .page(try await KitchenPage(for: visit, database, typed: form, error: words), .unprocessableContent)
        }
        let group = (form["group"] ?? "").trimmingCharacters(in: .whitespaces)
        try await database.transaction { tx in
            guard let school = try Directory.schools(of: visit.viewer, .editMenu, in: tx).first else { throw Problem.notFound }
            _ = try Product.put(name, group: group, price: price, school: school.id, in: tx)
        }
        return .seeOther("/canteen/kitchen")
    }

    func end(_ visit: Visit) async throws -> Answer {
        let product = try visit.uuid("product")
        try await database.transaction { tx in
            guard let school = try Directory.schools(of: visit.viewer, .editMenu, in: tx).first else { throw Problem.notFound }
            try Product.end(product, school: school.id, in: tx)
        }
        return .seeOther("/canteen/kitchen")
    }
}
