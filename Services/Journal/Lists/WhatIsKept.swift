import Directory

/// What Journal keeps about people (ID-38), and what stays when one is forgotten.
enum WhatIsKept {
    private static let classJournal = "The journal of a class stays by law, without a name."

    static let book = KeptBook([
        // What was written about a mark may name somebody.
        KeptTable("mark", about: ["person_id"], merely: ["given_by"], .blanked("comment = null")),
        KeptTable("attendance", about: ["person_id"], .kept(classJournal)),
        // JR-15, D-10: remarks are for parents.
        KeptTable("remark", about: ["person_id"], merely: ["written_by"], isForGuardians: true, .deleted),
        KeptTable("comment", about: ["person_id"], merely: ["written_by"], .deleted),
        KeptTable("past_place", about: ["person_id"], .kept(classJournal)),
        KeptTable("lesson", about: [], merely: ["recorded_by"], .kept(classJournal)),
    ])

    static let hearing = book.hearing(queue: "journal.erasures")
}
