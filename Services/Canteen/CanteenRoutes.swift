import Directory
import Foundation
import HTTPTypes
import Messaging
import Postgres
import Web

/// Every address of Canteen and who may use it.
struct CanteenRoutes {
    let database: Database
    let outbox: Outbox

    var book: RouteBook {
        let database = database
        let api = TillAPI(database: database, outbox: outbox)
        let till = TillForm(database: database, outbox: outbox)
        let kitchen = KitchenForm(database: database)
        let presented: @Sendable (String, borrowing Transaction) throws -> UUID? = { try Till.presenting($0, in: $1)?.id }
        var book = RouteBook(service: "/canteen")
        book.page("/canteen/meals", .seeMenu, about: .oneself) { try await MealsPage(for: $0, children: nil, database) }
        book.page("/canteen/children/{child}/menu", .seeMenu, about: .child(parameter: "child")) {
            try await MealsPage(for: $0, children: [$0.uuid("child")], database)
        }
        book.page("/canteen/children/{child}/purchases", .seePurchases, about: .child(parameter: "child")) {
            try await PurchasesPage(for: $0, database)
        }
        let bans = BansForm(database: database, outbox: outbox)
        book.page("/canteen/children/{child}/bans", .seeBans, about: .child(parameter: "child")) { try await BansPage(for: $0, database) }
        book.form(
            "/canteen/children/{child}/bans", .setBans, about: .child(parameter: "child"),
            again: { try await BansPage(for: $0, database, wrong: $1) }
        ) { try await bans.set($0) }
        book.post("/canteen/children/{child}/bans/{ban}/end", .setBans, about: .child(parameter: "child")) { try await bans.lift($0) }
        book.page("/canteen/schools/{school}/menu", .seeMenu, about: .school(parameter: "school")) {
            try await MealsPage(for: $0, children: [], school: $0.uuid("school"), database)
        }
        book.device(.get, "/canteen/tills/self/buyers", presented) { try await api.buyer($0) }
        book.device(.get, "/canteen/tills/self/goods", presented) { try await api.goods($0) }
        book.device(.post, "/canteen/tills/self/sales", presented) { try await api.sell($0) }
        book.device(.get, "/canteen/tills/self/sales/{sale}", presented) { try await api.sale($0) }
        book.kiosk("/canteen/kiosk") { try await KioskMenuPage(for: $0, $1, database) }
        book.page("/canteen/till", .sellAtTill, about: .anySchool) { try await TillPage(for: $0, database) }
        book.post("/canteen/till/sales", .sellAtTill, about: .anySchool) { try await till.sell($0) }
        book.post("/canteen/till/choice", .sellAtTill, about: .anySchool) { try await till.choose($0) }
        book.page("/canteen/kitchen", .editMenu, about: .anySchool) { try await KitchenPage(for: $0, database) }
        book.form(
            "/canteen/kitchen/products", .editMenu, about: .anySchool,
            again: { visit, errors in try await KitchenPage(for: visit, database, typed: visit.form(), errors: errors) }
        ) { try await kitchen.put($0) }
        book.post("/canteen/kitchen/products/{product}/end", .editMenu, about: .anySchool) { try await kitchen.end($0) }
        book.kept(WhatIsKept.book, of: "canteen", in: database)
        return book
    }
}
