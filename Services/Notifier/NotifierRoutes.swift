import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Service
import Web

/// Every address of Notifier and who may use it.
struct NotifierRoutes {
    let parts: Parts

    var book: RouteBook {
        let database = parts.database
        let pages = parts.pages
        let letters = LetterForm(database: database)
        var book = RouteBook(service: "/notifier")
        book.start("/notifier/home", .seeHome) { try await HomePage(for: $0, database, pages.catalogue) }
        book.page("/notifier/children/{child}/day", .seeFeed, about: .child(parameter: "child")) {
            try await KidPage(for: $0, database, pages.catalogue)
        }
        book.live("/notifier/children/{child}/live", .seeFeed, about: .child(parameter: "child")) { visit in
            let child = try visit.uuid("child")
            return LivePage(database: database, pages: pages, feed: .ofProcess).events(of: child, for: visit)
        }
        book.page("/notifier/arrivals", .seeArrivals, about: .anySchool) { try await ArrivalsPage(for: $0, database, pages.catalogue) }
        book.page("/notifier/letters", .chooseAlerts, about: .oneself) { try await LettersPage(for: $0, database) }
        book.post("/notifier/letters", .chooseAlerts, about: .oneself) { try await letters.choose($0) }
        book.open(.get, "/notifier/unsubscribe/{token}") { .page(try await letters.ask($0)) }
        book.open(.post, "/notifier/unsubscribe/{token}") { .page(try await letters.unsubscribe($0)) }
        book.kept(WhatIsKept.book, of: "notifier", in: parts.database)
        book.parts()
        return book
    }
}
