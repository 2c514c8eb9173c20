import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// The menu of any date (CA-01), for each of the reader's children, or of the school he works at; with the way to what the children
/// bought.
struct MealsPage: Page {
    struct Dish: Encodable, Sendable, Equatable {
        let name: String
        let detail: String
        let price: String
    }

    struct Meal: Encodable, Sendable, Equatable {
        let title: String
        let ration: String
        let price: String
        let dishes: [Dish]
    }

    struct Kid: Encodable, Sendable, Equatable {
        let name: String
        let accent: String
        /// Nil for the pupil himself, who sees no money.
        let purchases: String?
        /// Nil for whom the bans are no business of (BY-05).
        let bans: String?
    }

    static let template = "meals/show"
    let title: String
    let section = "meals"
    let days: Pager
    let dayField: Field
    let kids: [Kid]
    let hasKids: Bool
    let meals: [Meal]
    let isEmpty: Bool
    let noMenu: StateBlock
    let path: String
}

extension MealsPage {
    init(for visit: Visit, children: [UUID]?, school chosen: UUID? = nil, _ database: Database) async throws {
        let day = visit.day("day") ?? visit.today
        let viewer = visit.viewer
        let (records, mayBan, served, neighbours) = try await database.read { tx in
            let records: [ChildRecord] =
                if let children {
                    try Directory.children(children, in: tx)
                } else if viewer.isPupil {
                    try Directory.children([viewer.personID], in: tx)
                } else {
                    try Directory.children(of: viewer, .seeMenu, at: visit.now, in: tx)
                }
            // Whoever works at a school and has no child there reads what his school serves.
            let school = try chosen ?? records.first?.schoolID ?? Directory.places(of: viewer, .seeMenu, in: tx).first?.schoolID
            return (
                records.filter { !$0.hasLeft },
                try records.isEmpty || viewer.isPupil
                    ? [] : Set(Directory.children(of: viewer, .seeBans, at: visit.now, in: tx).map(\.id)),
                try school.map { try MenuOfDay.served(school: $0, day: day, in: tx) } ?? [],
                try school.map { try MenuOfDay.neighbours(school: $0, day: day, in: tx) } ?? (before: nil, after: nil)
            )
        }
        title = visit.tr("Meals")
        days = Self.pager(visit, day, neighbours)
        dayField = .day("day", visit.tr("Another day"), value: day.iso)
        path = visit.path
        kids = records.map { child in
            Kid(
                name: child.name?.given ?? child.pupilCode, accent: child.accent.rawValue,
                purchases: viewer.isPupil ? nil : "/canteen/children/\(child.id.text)/purchases",
                bans: mayBan.contains(child.id) ? "/canteen/children/\(child.id.text)/bans" : nil)
        }
        hasKids = !kids.isEmpty
        meals = served.map { one in
            Meal(
                title: visit.tr(one.meal.kind.title), ration: [one.meal.ration, one.meal.shift].filter { !$0.isEmpty }.joined(separator: ", "),
                price: visit.format.money(one.meal.price),
                dishes: one.meal.dishes.map { dish in
                    let grams = dish.yieldGrams.isEmpty ? nil : visit.tr("%@ g", dish.yieldGrams)
                    let energy = dish.kilocalories.map { visit.tr("%@ kcal", Int($0.rounded())) }
                    return Dish(
                        name: dish.name, detail: [grams, energy].compactMap(\.self).joined(separator: " · "), price: visit.format.money(dish.price))
                })
        }
        isEmpty = meals.isEmpty
        noMenu = .empty(visit.tr("No menu for this day"), visit.tr("The kitchen has not published one, or the school is closed."))
    }

    /// A day between the nearest days with a menu.
    static func pager(_ visit: Visit, _ day: Day, _ neighbours: (before: Day?, after: Day?)) -> Pager {
        Pager(
            visit.tr("Day"), visit.format.longDate(day), before: neighbours.before.map { "\(visit.path)?day=\($0)" },
            visit.tr("The day before"), after: neighbours.after.map { "\(visit.path)?day=\($0)" }, visit.tr("The day after"))
    }
}
