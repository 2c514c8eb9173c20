import Directory
import Postgres

/// What Ledger keeps about a child: his books, which name nobody (D-05) and stay by law.
enum WhatIsKept {
    private static let books = "The school's books stay by law; they name nobody."

    static let book = KeptBook([
        KeptTable("meals_account", about: ["person_id"], .kept(books)),
        KeptTable("charge", about: ["person_id"], .kept(books)),
        KeptTable(
            "transfer", about: [], where: { "t.account_id in (select id from account where person_id = \($0))" }, .kept(books)),
        KeptTable("card_payment", about: ["person_id"], hides: ["pay_at", "receipt"], .kept(books)),
        KeptTable("certificate", about: ["person_id"], .kept(books)),
        // Canteen says when the child is forgotten.
        KeptTable("known_bans", about: ["person_id"], .blanked("bans = '[]'")),
    ])
}
