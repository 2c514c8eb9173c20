import Directory
import Foundation
import Kernel
import Postgres
import Web

/// Today's menu at a terminal (AC-15, CA-01): the school's, nobody's in particular.
struct KioskMenuPage: Page {
    struct Meal: Encodable, Sendable, Equatable {
        let title: String
        let ration: String
        let price: String
        let dishes: [String]
    }

    static let template = "kiosk/menu"
    let title: String
    let section = "kiosk-menu"
    let day: String
    let meals: [Meal]
    let noMenu: StateBlock?

    init(for visit: Visit, _ guest: KioskGuest, _ database: Database) async throws {
        let today = visit.today
        let served = try await database.read { tx -> [MenuOfDay.Served] in
            guard let child = try Directory.child(guest.pupil, in: tx) else { throw Problem.notFound }
            return try MenuOfDay.served(school: child.schoolID, day: today, in: tx)
        }
        title = visit.tr("Menu")
        day = visit.format.longDate(today)
        meals = served.map { one in
            Meal(
                title: visit.tr(one.meal.kind.title), ration: [one.meal.ration, one.meal.shift].filter { !$0.isEmpty }.joined(separator: ", "),
                price: visit.format.money(one.meal.price), dishes: one.meal.dishes.map(\.name))
        }
        noMenu =
            meals.isEmpty
            ? .empty(visit.tr("No menu for this day"), visit.tr("The kitchen has not published one, or the school is closed.")) : nil
    }
}
