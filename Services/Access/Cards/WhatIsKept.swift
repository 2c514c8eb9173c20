import Directory

/// What Access keeps about people (ID-38): when one is forgotten, all of it goes. Whoever else knows his cards hears it too.
enum WhatIsKept {
    static let book = KeptBook([
        KeptTable("passage", about: ["person_id"], .deleted),
        KeptTable("presence", about: ["person_id"], .deleted),
        KeptTable("reading", about: ["person_id"], .blanked("person_id = null, card = null")),
        KeptTable("card", about: ["person_id"], .deleted),
    ])

    static let hearing = book.hearing(queue: "access.erasures")
}
