/// A module that a school may connect (SC-04), as far as it opens sections here; the list follows from the navigation.
public struct SchoolModule: Sendable, Equatable {
    /// As it stands in the school's data: `canteen`.
    public let key: String
    /// English; the catalogue has the Russian.
    public let title: String
    /// The titles of the sections that appear with it, in English.
    public let sections: [String]

    private static let titles = [
        "entrance": "School entrance", "canteen": "School canteen", "wallet": "Electronic wallet", "library": "School library",
        "wardrobe": "School wardrobe", "informer": "Informer", "management": "School management",
    ]

    /// Those that open a section, in the order of the navigation.
    public static let all: [SchoolModule] = {
        // A page that families and staff share stands there once.
        let shared = Set(Navigation.family.map(\.address))
        let entries = Navigation.family + Navigation.staff.filter { !shared.contains($0.address) }
        var keys: [String] = []
        for key in entries.compactMap(\.module) where !keys.contains(key) { keys.append(key) }
        return keys.map { key in
            SchoolModule(key: key, title: titles[key] ?? key, sections: entries.filter { $0.module == key }.map(\.title))
        }
    }()
}
