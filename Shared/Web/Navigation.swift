import Directory

/// The sections of the cabinet and where they are; who sees which follows from who he is.
enum Navigation {
    struct Entry {
        let section: String
        /// English; shown through the catalogue.
        let title: String
        let address: String
    }

    /// The family's sections. A pupil has no money of his own to look at (AC-06).
    static let family: [Entry] = [
        Entry(section: "home", title: "Home", address: "/"),
        Entry(section: "diary", title: "Diary", address: "/journal/diary"),
        Entry(section: "attendance", title: "Attendance", address: "/access/attendance"),
        Entry(section: "meals", title: "Meals", address: "/canteen/meals"),
        Entry(section: "money", title: "Money", address: "/ledger/money"),
    ]

    /// The staff's sections, by the names that Identity puts into the token.
    static let staff: [Entry] = [
        Entry(section: "gradebook", title: "Gradebook", address: "/journal/gradebook"),
        Entry(section: "till", title: "Till", address: "/canteen/till"),
        Entry(section: "menu", title: "Menu", address: "/canteen/kitchen"),
        Entry(section: "gate", title: "Who is inside", address: "/access/inside"),
        Entry(section: "devices", title: "Devices", address: "/access/devices"),
        Entry(section: "desk", title: "Cash desk", address: "/ledger/desk"),
        Entry(section: "people", title: "People", address: "/identity/people"),
        Entry(section: "invitations", title: "Invitations", address: "/identity/invitations"),
    ]

    /// What comes after the sections: the letters a guardian chooses, and oneself.
    static let letters = Entry(section: "letters", title: "Letters", address: "/notifier/letters")
    static let profile = Entry(section: "profile", title: "Profile", address: "/identity/profile")

    /// The entries of a reader, in order.
    static func entries(for visit: Visit) -> [Entry] {
        guard visit.isSignedIn else { return [] }
        let viewer = visit.viewer
        var entries: [Entry] = []
        if viewer.isPupil || !viewer.children.isEmpty {
            entries += family.filter { $0.section != "money" || !viewer.isPupil }
        }
        entries += staff.filter { visit.sections.contains($0.section) }
        if !viewer.children.isEmpty { entries.append(letters) }
        return entries + [profile]
    }

    /// The most that fit the bar at the bottom of a phone beside «more».
    static let mostTabs = 4

    static func frame(for visit: Visit, title: String, section: String) -> Frame {
        let links = entries(for: visit).map { entry in
            Frame.Link(
                title: visit.tr(entry.title), address: entry.address, isCurrent: entry.section == section,
                icon: entry.section, isHome: entry.section == "home", isDiary: entry.section == "diary" || entry.section == "gradebook",
                isMeals: entry.section == "meals" || entry.section == "till" || entry.section == "menu",
                isMoney: entry.section == "money" || entry.section == "desk",
                isOther: !["home", "diary", "gradebook", "meals", "till", "menu", "money", "desk"].contains(entry.section))
        }
        // The bar shows what families look at most; attendance is one touch further.
        let favourites = links.filter { !$0.isOther || links.count <= mostTabs + 1 }.prefix(mostTabs)
        let rest = links.filter { link in !favourites.contains { $0.address == link.address } }
        let shown = visit.tr("as of %@", visit.format.moment(visit.now, now: visit.now))
        return Frame(
            languageOfTexts: visit.language, language: visit.language.rawValue, title: title,
            name: visit.isSignedIn ? visit.viewer.name : nil, links: links, hasLinks: !links.isEmpty,
            tabs: Array(favourites), hasTabs: !links.isEmpty, more: rest, hasMore: !rest.isEmpty,
            isMoreCurrent: rest.contains(where: \.isCurrent), now: shown)
    }
}
