import Directory
import Events
import Kernel

/// What stands around a page: language, navigation, who is signed in, whom to ask.
struct Frame: Sendable {
    struct Link: Sendable {
        let title: String
        let address: String
        let isCurrent: Bool
        /// The partial of its sign, for the bar at the bottom of a phone.
        let icon: String
    }

    struct School: Sendable {
        struct Contact: Sendable {
            let question: String
            let name: String
            let phone: String
            /// The number as a telephone takes it; nil when none is known.
            let telephone: String?
        }

        let name: String
        let contacts: [Contact]
        let hasContacts: Bool
    }

    /// A terminal's cabinet: the pupil by his code (ID-33), and its large keys.
    struct Kiosk: Sendable {
        let code: String
        let keys: [Link]
    }

    /// The language of the templates.
    let texts: Language
    let language: String
    /// The zone of the school's clock, for the one moment that a browser writes itself.
    let zone: String
    let title: String
    let name: String?
    /// Those that fit above the page on a wide screen, and the rest.
    let links: [Link]
    let hasLinks: Bool
    let rest: [Link]
    let hasRest: Bool
    let isRestCurrent: Bool
    /// Those that fit below it on a phone; what is left there stands on a page of its own.
    let tabs: [Link]
    let hasTabs: Bool
    let hasMore: Bool
    let isMoreCurrent: Bool
    let schools: [School]
    let hasSchools: Bool
    let now: String
    let kiosk: Kiosk?

    /// The most that fit above a page beside «more», and below one.
    private static let (mostLinks, mostTabs) = (8, 4)

    init(for visit: Visit, title: String, section: String) {
        let all = Navigation.entries(for: visit).map { entry in
            Link(
                title: visit.tr(entry.title), address: entry.address, isCurrent: entry.section == section,
                icon: "icons/\(entry.icon)")
        }
        texts = visit.language
        language = visit.language.rawValue
        zone = visit.zone.identifier
        self.title = title
        name = visit.isSignedIn ? visit.viewer.name : nil
        links = all.count <= Self.mostLinks + 1 ? all : Array(all.prefix(Self.mostLinks))
        hasLinks = !all.isEmpty
        rest = Array(all.dropFirst(links.count))
        hasRest = !rest.isEmpty
        isRestCurrent = rest.contains(where: \.isCurrent)
        // The bar shows what is looked at most; everything else is one touch further.
        let favourites = Navigation.favourites(hasHome: all.contains { $0.address == "/" }).compactMap { address in all.first { $0.address == address } }
        tabs = all.count <= Self.mostTabs + 1 ? all : Array(favourites.prefix(Self.mostTabs))
        hasTabs = !tabs.isEmpty
        hasMore = all.count > tabs.count
        isMoreCurrent = !section.isEmpty && !tabs.contains(where: \.isCurrent)
        schools = visit.schools.map { school in
            let contacts = school.contacts.map {
                School.Contact(question: $0.question, name: $0.name, phone: $0.phone, telephone: Self.telephone($0.phone))
            }
            return School(name: school.name, contacts: contacts, hasContacts: !contacts.isEmpty)
        }
        hasSchools = !schools.isEmpty
        kiosk = visit.guest.map { guest in
            let keys = KioskPlaces.all.map { place in
                Link(
                    title: visit.tr(place.title), address: "/identity/kiosk/renewal?to=\(place.address)", isCurrent: place.section == section,
                    icon: "icons/\(place.icon)")
            }
            return Kiosk(code: guest.code, keys: keys)
        }
        let format = visit.format
        now = visit.tr("Data as of %@.", "\(format.date(visit.today)), \(format.time(visit.now))")
    }

    /// Digits and a leading plus, as a telephone dials.
    private static func telephone(_ phone: String) -> String? {
        let digits = phone.filter { $0.isASCII && ($0.isNumber || $0 == "+") }
        return digits.isEmpty ? nil : digits
    }
}
