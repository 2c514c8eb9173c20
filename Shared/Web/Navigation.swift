public import Directory

/// The sections of the cabinet and where they are; who sees which follows from who he is and what his school uses.
enum Navigation {
    struct Entry: Sendable {
        let section: String
        /// English; shown through the catalogue.
        let title: String
        let address: String
        let icon: String
        /// The module that a school must have connected for it (SC-03); nil for what every school has.
        var module: String? = nil
    }

    /// The family's sections. A pupil has no money of his own to look at (ID-35).
    static let family: [Entry] = [
        Entry(section: "home", title: "Home", address: "/", icon: "home"),
        Entry(section: "diary", title: "Diary", address: "/journal/diary", icon: "diary"),
        Entry(section: "attendance", title: "Attendance", address: "/access/attendance", icon: "door", module: "entrance"),
        Entry(section: "meals", title: "Meals", address: "/canteen/meals", icon: "meals", module: "canteen"),
        Entry(section: "money", title: "Money", address: "/ledger/money", icon: "money", module: "wallet"),
        Entry(section: "services", title: "Services", address: "/ledger/services", icon: "ticket", module: "wallet"),
    ]

    /// The staff's sections, by the names that Identity puts into the token.
    static let staff: [Entry] = [
        Entry(section: "gradebook", title: "Gradebook", address: "/journal/gradebook", icon: "diary"),
        Entry(section: "till", title: "Till", address: "/canteen/till", icon: "till", module: "canteen"),
        Entry(section: "menu", title: "Menu", address: "/canteen/kitchen", icon: "meals", module: "canteen"),
        Entry(section: "gate", title: "Who is inside", address: "/access/inside", icon: "door", module: "entrance"),
        Entry(section: "desk", title: "Cash desk", address: "/ledger/desk", icon: "money", module: "wallet"),
        Entry(section: "refunds", title: "Refunds", address: "/ledger/refunds", icon: "money", module: "wallet"),
        Entry(section: "subsidies", title: "Subsidies", address: "/ledger/subsidies", icon: "money", module: "wallet"),
        Entry(section: "catalogue", title: "Paid services", address: "/ledger/catalogue", icon: "ticket", module: "wallet"),
        Entry(section: "class-services", title: "Extra lessons", address: "/ledger/class-services", icon: "ticket", module: "wallet"),
        Entry(section: "people", title: "People", address: "/identity/people", icon: "people"),
        Entry(section: "staff", title: "Staff", address: "/identity/staff", icon: "people"),
        Entry(section: "devices", title: "Devices", address: "/access/devices", icon: "device", module: "entrance"),
        Entry(section: "invitations", title: "Invitations", address: "/identity/invitations", icon: "ticket"),
        Entry(section: "consents", title: "Consents", address: "/identity/consents", icon: "information"),
        Entry(section: "transfers", title: "Transfers", address: "/identity/transfers", icon: "person"),
        Entry(section: "arrivals", title: "Arrivals", address: "/notifier/arrivals", icon: "person"),
        // What is served today: the same page as a family's.
        Entry(section: "meals", title: "Meals", address: "/canteen/meals", icon: "meals", module: "canteen"),
    ]

    /// What comes after the sections: the letters a guardian chooses, and oneself.
    static let letters = Entry(section: "letters", title: "Letters", address: "/notifier/letters", icon: "letter")
    static let relatives = Entry(section: "family", title: "Family", address: "/identity/family", icon: "people")
    static let profile = Entry(section: "profile", title: "Profile", address: "/identity/profile", icon: "person")

    /// What a phone shows first, by address; attendance and the rest are one touch further.
    private static let favouritesOfStaff: [String] = [
        "/journal/gradebook", "/canteen/till", "/ledger/desk", "/ledger/refunds", "/ledger/subsidies",
        "/access/inside", "/canteen/kitchen", "/identity/people", "/identity/staff", "/access/devices", "/identity/invitations",
        "/identity/transfers", "/notifier/arrivals", "/canteen/meals", "/identity/consents",
        "/access/attendance", "/ledger/services", "/ledger/catalogue", "/ledger/class-services", "/notifier/letters", "/identity/family",
        "/identity/profile",
    ]

    private static let favouritesOfFamilies = ["/", "/journal/diary", "/canteen/meals", "/ledger/money"]

    /// - Parameter hasHome: whether the reader has a family's home: then its pages come first, and work after them.
    static func favourites(hasHome: Bool) -> [String] {
        hasHome
            ? favouritesOfFamilies + favouritesOfStaff.filter { !favouritesOfFamilies.contains($0) } : favouritesOfStaff
    }

    /// Where work begins, by section: what one does all day before what one sets up once.
    static let starts: [String] = [
        "gradebook", "till", "menu", "gate", "desk", "people", "devices", "staff", "refunds", "subsidies", "catalogue", "invitations",
        "transfers", "arrivals", "class-services", "meals", "consents",
    ]

    /// The first page of a reader who has no family's home: his work's, else himself.
    static func start(for visit: Visit) -> String { FirstPage.ofStaff(visit.sections, at: visit.schools) }

    /// The entries of a reader, in order.
    static func entries(for visit: Visit) -> [Entry] {
        guard visit.isSignedIn else { return [] }
        let viewer = visit.viewer
        var entries: [Entry] = []
        if viewer.isPupil || !viewer.children.isEmpty {
            entries += family.filter { !["money", "services"].contains($0.section) || !viewer.isPupil }
        }
        let known = Set(entries.map(\.address))
        entries += staff.filter { visit.sections.contains($0.section) && !known.contains($0.address) }
        if !viewer.children.isEmpty { entries += [letters, relatives] }
        return entries.filter { isConnected($0.module, at: visit.schools) } + [profile]
    }

    /// Whether one of the schools has connected a module; a school that has named none has said nothing.
    static func isConnected(_ module: String?, at schools: [SchoolRecord]) -> Bool {
        guard let module, !schools.isEmpty else { return true }
        return schools.contains { $0.modules.isEmpty || $0.modules.contains(module) }
    }
}

/// Where work begins.
public enum FirstPage {
    /// The page of a reader who works at a school: what he does all day, of what his token names and his schools have connected; else
    /// himself.
    ///
    /// - Parameters:
    ///   - sections: the staff's pages that he may open, as the token names them.
    ///   - schools: his schools; none when nothing is known of them.
    public static func ofStaff(_ sections: [String], at schools: [SchoolRecord]) -> String {
        let open = Navigation.staff.filter { sections.contains($0.section) && Navigation.isConnected($0.module, at: schools) }
        return Navigation.starts.lazy.compactMap { section in open.first { $0.section == section } }.first?.address
            ?? Navigation.profile.address
    }
}
