import Directory
import Events
import Messaging

/// What Canteen keeps about people (ID-38), and what stays when one is forgotten.
enum WhatIsKept {
    static let book = KeptBook([
        KeptTable("known_card", about: ["person_id"], .deleted),
        KeptTable("account_hint", about: ["person_id"], isForGuardians: true, .deleted),
        KeptTable("ban", about: ["person_id"], merely: ["set_by"], isForGuardians: true, .deleted),
        KeptTable("child_bans", about: ["person_id"], isForGuardians: true, .deleted),
        KeptTable(
            "sale", about: ["person_id"], merely: ["sold_by"], hides: ["basket"], isForGuardians: true,
            .kept("A sale is a document of the school's books; it names nobody.")),
    ])

    static let hearing = Hearing(
        queue: "canteen.erasures",
        [
            .each(PersonErased.self) { erased, tx, outbox in
                // Ledger has heard of them.
                try ChangeBans.forget(erased.event.personID, in: tx, outbox)
                try book.forget(erased.event.personID, in: tx)
            }
        ])
}
