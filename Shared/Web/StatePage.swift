import Events
import HTTPTypes

/// Nothing to show, and why: a line, a sign, one sentence, what comes next.
struct StatePage: Page {
    static let template = "state-page"
    let title: String
    let section = ""
    let heading: String
    let sentence: String
    let detail: String?
    let link: String?
    let linkTitle: String?
    /// The partial of its sign.
    let icon: String

    private init(
        _ heading: String, _ sentence: String, detail: String? = nil, link: String? = nil, linkTitle: String? = nil,
        icon: String = "information"
    ) {
        title = heading
        self.heading = heading
        self.sentence = sentence
        self.detail = detail
        self.link = link
        self.linkTitle = linkTitle
        self.icon = "icons/\(icon)"
    }

    static func notFound(_ visit: Visit) -> StatePage {
        StatePage(
            visit.tr("There is no such page"), visit.tr("The address may be mistyped, or what it showed is no longer open to you."),
            link: "/", linkTitle: visit.tr("To the first page"))
    }

    /// Rights have just changed and the change has not arrived here.
    static func updating(_ visit: Visit) -> StatePage {
        StatePage(
            visit.tr("Access is being updated"), visit.tr("Your rights changed a moment ago. This usually takes a minute."),
            link: visit.path, linkTitle: visit.tr("Look again"))
    }

    static func notEntitled(_ visit: Visit, _ topic: Topic) -> StatePage {
        StatePage(
            visit.tr("This part is not open to you"), visit.tr("The parents decide who sees this part."),
            link: "/", linkTitle: visit.tr("To the first page"), icon: "warning")
    }

    static func problem(_ visit: Visit, _ problem: Problem) -> StatePage {
        StatePage(
            visit.tr(problem.title),
            problem.status.code >= 500
                ? visit.tr("Everything else works. Please try again in a minute.") : visit.tr("Please go back and try again."),
            detail: problem.detail, link: "/", linkTitle: visit.tr("To the first page"),
            icon: problem.status == .serviceUnavailable ? "away" : "warning")
    }
}
