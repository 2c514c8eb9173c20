import Web

/// Everything the bar at the bottom of a phone has no room for; the links are the frame's.
struct SectionsPage: Page {
    static let template = "profile/sections"
    let title: String
    let section = "sections"
}
