import Events
import Foundation
import Kernel
import Postgres

/// The menu of a school on any day (CA-01).
enum MenuOfDay {
    /// A meal with the identifier under which it is sold.
    struct Served: Sendable, Equatable {
        let id: UUID
        let meal: ImportMenu.Meal
    }

    static func served(school: UUID, day: Day, in transaction: borrowing Transaction) throws -> [Served] {
        let rows = try transaction.rows(
            """
            select meal.id, meal.meal, ration, shift, dish.name, yield_grams, kilocalories, protein_grams,
                fat_grams, carbohydrate_grams, recipe, price_kopecks
            from menu join meal on meal.menu_id = menu.id join dish on dish.meal_id = meal.id
            where school_id = \(school) and day = \(day)
            order by meal.position, dish.position
            """, as: UUID.self, String.self, String.self, String.self, String.self, String.self, Double?.self, Double?.self,
            Double?.self, Double?.self, String.self, Money.self)
        var served: [Served] = []
        for row in rows {
            let dish = ImportMenu.Dish(
                name: row.4, yieldGrams: row.5, kilocalories: row.6, protein: row.7, fat: row.8, carbohydrates: row.9,
                recipe: row.10, price: row.11)
            if let last = served.last, last.id == row.0 {
                var meal = last.meal
                meal.dishes.append(dish)
                served[served.count - 1] = Served(id: row.0, meal: meal)
            } else {
                let meal = ImportMenu.Meal(
                    kind: MealKind(rawValue: row.1) ?? .lunch, ration: row.2, shift: row.3, dishes: [dish])
                served.append(Served(id: row.0, meal: meal))
            }
        }
        return served
    }

    static func meals(school: UUID, day: Day, in transaction: borrowing Transaction) throws -> [ImportMenu.Meal] {
        try served(school: school, day: day, in: transaction).map(\.meal)
    }

    /// The nearest days with a menu around a day, for the links before and after it.
    static func neighbours(
        school: UUID, day: Day, in transaction: borrowing Transaction
    ) throws -> (before: Day?, after: Day?) {
        let found = try transaction.first(
            """
            select max(day) filter (where day < \(day)), min(day) filter (where day > \(day))
            from menu where school_id = \(school)
            """, as: Day?.self, Day?.self)
        return (found?.0, found?.1)
    }

    /// The menu as everyone else hears of it.
    static func told(_ menu: UUID, version: Int64, school: UUID, day: Day, meals: [ImportMenu.Meal]) -> MenuPublished {
        MenuPublished(
            menuID: menu, version: version, schoolID: school, day: day,
            meals: meals.map {
                MenuMeal(meal: $0.kind.rawValue, name: $0.ration, price: $0.price, dishes: $0.dishes.map(\.name))
            }, ended: false)
    }

    /// A page of all menus, for republishing.
    static func published(after: UUID?, limit: Int, in transaction: borrowing Transaction) throws -> [MenuPublished] {
        try transaction.rows(
            """
            select id, version, school_id, day from menu where \(after)::uuid is null or id > \(after)::uuid order by id limit \(limit)
            """, as: UUID.self, Int64.self, UUID.self, Day.self
        ).map { row in
            told(row.0, version: row.1, school: row.2, day: row.3, meals: try meals(school: row.2, day: row.3, in: transaction))
        }
    }
}
