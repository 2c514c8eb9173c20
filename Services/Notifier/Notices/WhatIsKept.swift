import Directory

/// What Notifier keeps about people (ID-38): when one is forgotten, all of it goes, letters and what they told.
enum WhatIsKept {
    static let book = KeptBook([
        // JR-15, D-10: remarks and money are among them.
        KeptTable("notice", about: ["child_id"], isForGuardians: true, .deleted),
        KeptTable("staff_notice", about: ["child_id"], isForGuardians: true, .deleted),
        KeptTable("child_account", about: ["child_id"], isForGuardians: true, .deleted),
        KeptTable("contact", about: ["person_id"], .deleted),
        KeptTable("letter_choice", about: ["person_id"], hides: ["unsubscribe_token"], .deleted),
        KeptTable("digest", about: ["person_id"], hides: ["body_html", "claimed_by"], .deleted),
        KeptTable("access_letter", about: ["person_id"], hides: ["link", "claimed_by"], .deleted),
        // That he had taken a consent back holds on: nothing may be sent by a message that comes late.
        KeptTable("consent", about: ["person_id"], .kept("Which consents were taken back stays, without a name.")),
    ])

    static let hearing = book.hearing(queue: "notifier.erasures")
}
