import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// The kinds of meal a school serves, in the order of a day.
enum MealKind: String, Sendable, CaseIterable, Codable {
    case breakfast, secondBreakfast, lunch, snack

    /// The word in the sheets that kitchens fill in.
    init?(written text: String) {
        switch text.trimmingCharacters(in: .whitespaces).lowercased() {
        case "завтрак": self = .breakfast
        case "завтрак 2", "второй завтрак": self = .secondBreakfast
        case "обед": self = .lunch
        case "полдник": self = .snack
        default: return nil
        }
    }

    /// English; shown through the catalogue.
    var title: String {
        switch self {
        case .breakfast: "Breakfast"
        case .secondBreakfast: "Second breakfast"
        case .lunch: "Lunch"
        case .snack: "Afternoon snack"
        }
    }

    var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// A kitchen's daily menus: `ration,shift,date,meal,dish,yield_g,…,recipe_no,price_rub`, one dish a row, in the layout of
/// appendix 8 to SanPiN 2.3/2.4.3590-20.
///
/// Repeatable: a day that is imported again is replaced as a whole if anything differs, and untouched if nothing does.
struct ImportMenu {
    struct Dish: Sendable, Equatable {
        let name: String
        let yieldGrams: String
        let kilocalories: Double?
        let protein: Double?
        let fat: Double?
        let carbohydrates: Double?
        let recipe: String
        let price: Money
    }

    /// A meal of a ration and shift.
    struct Meal: Sendable, Equatable {
        let kind: MealKind
        let ration: String
        let shift: String
        var dishes: [Dish]

        var price: Money { dishes.reduce(.zero) { $0 + $1.price } }
    }

    struct BadLine: Error, Equatable, Codable {
        let line: Int
        let reason: String
    }

    struct Report: Sendable, Equatable, Codable {
        var days = 0
        var unchangedDays = 0
        var dishes = 0
        var bad: [BadLine] = []
    }

    let school: UUID
    /// The meals of each day, in the order of the file.
    let days: [Day: [Meal]]
    private let bad: [BadLine]

    /// - Parameter shift: days to add to every date, so that a menu of last spring can be served again.
    init(_ table: CSVTable, school: UUID, movedBy shift: Int = 0) {
        self.school = school
        var days: [Day: [Meal]] = [:]
        var bad = table.damage.map { BadLine(line: $0.line, reason: $0.reason) }
        if let missing = ["date", "meal", "dish", "price_rub"].first(where: { !table.columns.contains($0) }) {
            bad.append(BadLine(line: 1, reason: "there is no column \(missing)"))
        } else {
            for row in table.rows {
                do throws(BadLine) {
                    let (day, kind, dish) = try Self.read(row)
                    var meals = days[day.adding(days: shift)] ?? []
                    let (ration, shiftName) = (row["ration"], row["shift"])
                    if let at = meals.firstIndex(where: { $0.kind == kind && $0.ration == ration && $0.shift == shiftName }) {
                        meals[at].dishes.append(dish)
                    } else {
                        meals.append(Meal(kind: kind, ration: ration, shift: shiftName, dishes: [dish]))
                    }
                    days[day.adding(days: shift)] = meals
                } catch {
                    bad.append(error)
                }
            }
        }
        self.days = days
        self.bad = bad
    }

    private static func read(_ row: CSVTable.Row) throws(BadLine) -> (Day, MealKind, Dish) {
        guard let day = Day(row["date"]) else { throw BadLine(line: row.line, reason: "«\(row["date"])» is no date") }
        guard let kind = MealKind(written: row["meal"]) else {
            throw BadLine(line: row.line, reason: "unknown meal «\(row["meal"])»")
        }
        guard let price = Money(row["price_rub"]), price >= .zero else {
            throw BadLine(line: row.line, reason: "«\(row["price_rub"])» is no price")
        }
        let name = row["dish"].split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard !name.isEmpty else { throw BadLine(line: row.line, reason: "the dish has no name") }
        let dish = Dish(
            name: name, yieldGrams: row["yield_g"], kilocalories: Double(row["kcal"]), protein: Double(row["protein_g"]),
            fat: Double(row["fat_g"]), carbohydrates: Double(row["carbs_g"]), recipe: row["recipe_no"], price: price)
        return (day, kind, dish)
    }

    func run(in transaction: borrowing Transaction, outbox: Outbox) throws -> Report {
        var report = Report(bad: bad)
        for (day, meals) in days.sorted(by: { $0.key < $1.key }) {
            if try MenuOfDay.meals(school: school, day: day, in: transaction) == meals {
                report.unchangedDays += 1
                continue
            }
            try save(day, meals, in: transaction, outbox: outbox)
            report.days += 1
            report.dishes += meals.reduce(0) { $0 + $1.dishes.count }
        }
        return report
    }

    private func save(_ day: Day, _ meals: [Meal], in transaction: borrowing Transaction, outbox: Outbox) throws {
        let saved = try transaction.first(
            """
            insert into menu (id, school_id, day) values (\(UUID.derived(from: school, "menu \(day)")), \(school), \(day))
            on conflict on constraint menu_one_per_day do update set version = menu.version + 1
            returning id, version
            """, as: UUID.self, Int64.self)
        guard let (menu, version) = saved else { return }
        try transaction.execute("delete from meal where menu_id = \(menu)")
        for (index, meal) in meals.enumerated() {
            let id = UUID.derived(from: menu, "\(meal.kind.rawValue)/\(meal.ration)/\(meal.shift)")
            try transaction.execute(
                """
                insert into meal (id, menu_id, meal, ration, shift, position)
                values (\(id), \(menu), \(meal.kind.rawValue), \(meal.ration), \(meal.shift), \(index))
                """)
            try transaction.execute(
                """
                insert into dish (meal_id, position, name, yield_grams, kilocalories, protein_grams, fat_grams,
                    carbohydrate_grams, recipe, price_kopecks)
                select \(id), position, name, yield_grams, kilocalories, protein, fat, carbohydrates, recipe, price
                from unnest(\(Array(meal.dishes.indices)), \(meal.dishes.map(\.name)), \(meal.dishes.map(\.yieldGrams)),
                    \(meal.dishes.map(\.kilocalories)), \(meal.dishes.map(\.protein)), \(meal.dishes.map(\.fat)),
                    \(meal.dishes.map(\.carbohydrates)), \(meal.dishes.map(\.recipe)), \(meal.dishes.map(\.price)))
                    as served (position, name, yield_grams, kilocalories, protein, fat, carbohydrates, recipe, price)
                """)
        }
        try outbox.publish(
            MenuOfDay.told(menu, version: version, school: school, day: day, meals: meals), in: transaction)
    }
}
