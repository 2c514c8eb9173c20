import Foundation
import Kernel
import Web

/// The СНИЛС of one person, for the curator: entered, replaced, removed; never shown whole again.
struct SnilsPage: Page {
    static let template = "people/snils"
    let title: String
    let section = "people"
    let id: UUID
    let name: String
    /// «The school has entered a number that ends in 45 95.»
    let entered: String?
    let snils: Field
    let mayChange: Bool
    let done: String?

    init(
        _ visit: Visit, id: UUID, name: String, entry: SnilsBook.Entry?, mayChange: Bool, typed: String = "", wrong: String? = nil,
        done: String? = nil
    ) {
        title = visit.tr("SNILS for Gosuslugi")
        self.id = id
        self.name = name
        entered = entry.map {
            visit.tr("A number that ends in %@ was entered on %@.", $0.lastDigits, visit.format.date(visit.zone.day(of: $0.enteredAt)))
        }
        snils = .text(
            "snils", entry == nil ? visit.tr("SNILS") : visit.tr("Another SNILS"), value: typed,
            hint: visit.tr("Eleven digits, as on the card: 112-233-445 95."), wrong: wrong, autocomplete: "off", inputMode: "numeric",
            placeholder: "000-000-000 00", most: 20, isRequired: true)
        self.mayChange = mayChange
        self.done = done
    }
}
