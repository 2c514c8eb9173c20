import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The kitchen's page: what is served on any day (CA-01) and what the buffet sells.
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
    let days: Pager
    let dayField: Field
    let meals: [Meal]
    let hasMeals: Bool
    let noMenu: StateBlock
    let products: [Row]
    let hasProducts: Bool
    let fields: [Field]
}

extension KitchenPage {
    init(for visit: Visit, _ database: Database, typed: Form? = nil, errors: FieldErrors = FieldErrors()) async throws {
        let read = try await database.read { tx -> Reading in
            guard let school = try Directory.schools(of: visit.viewer, .editMenu, in: tx).first else { throw Problem.notFound }
            let day = visit.day("day") ?? school.zone.day(of: visit.now)
            return Reading(
                day: day, served: try MenuOfDay.served(school: school.id, day: day, in: tx),
                neighbours: try MenuOfDay.neighbours(school: school.id, day: day, in: tx), products: try Product.all(of: school.id, in: tx))
        }
        title = visit.tr("Menu")
        days = MealsPage.pager(visit, read.day, read.neighbours)
        dayField = .day("day", visit.tr("Another day"), value: read.day.iso)
        meals = read.served.map { one in
            Meal(
                title: [visit.tr(one.meal.kind.title), one.meal.ration, one.meal.shift].filter { !$0.isEmpty }.joined(separator: ", "),
                dishes: one.meal.dishes.map(\.name).joined(separator: ", "), price: visit.format.money(one.meal.price))
        }
        hasMeals = !meals.isEmpty
        noMenu = .empty(visit.tr("No menu for this day"), visit.tr("Menus come by import, a file for each period."))
        products = read.products.map {
            Row(name: $0.name, group: $0.group, price: visit.format.money($0.price), endAddress: "/canteen/kitchen/products/\($0.id.text)/end")
        }
        hasProducts = !products.isEmpty
        fields = [
            .text("name", visit.tr("Product"), value: typed?["name"] ?? "", wrong: errors["name"], autocomplete: "off", most: 80, isRequired: true),
            .text("group", visit.tr("Group"), value: typed?["group"] ?? "", hint: visit.tr("Goods of one group lie together at the till."), most: 80),
            .money("price", visit.tr("Price"), value: typed?["price"] ?? "", wrong: errors["price"], isRequired: true),
        ]
    }

    private struct Reading: Sendable {
        let day: Day
        let served: [MenuOfDay.Served]
        let neighbours: (before: Day?, after: Day?)
        let products: [Product]
    }
}

struct KitchenForm {
    let database: Database

    func put(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let name = (form["name"] ?? "").trimmingCharacters(in: .whitespaces)
        let price = Money(form["price"] ?? "")
        var errors = FieldErrors()
        if name.isEmpty || name.count > 80 { errors["name"] = visit.tr("A name of up to 80 letters.") }
        if price.map({ $0 <= .zero }) ?? true { errors["price"] = visit.tr("A price above zero.") }
        try errors.throwIfAny()
        guard let price else { throw errors }
        let group = String((form["group"] ?? "").trimmingCharacters(in: .whitespaces).prefix(80))
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
