/// Why there is nothing to show, for the partial `state`: a rule, a sign, one sentence, what comes next.
public struct StateBlock: Encodable, Sendable, Equatable {
    public let heading: String
    public let sentence: String
    /// The partial of its sign.
    let icon: String
    let link: String?
    let linkTitle: String?

    private init(_ heading: String, _ sentence: String, icon: String, link: String? = nil, linkTitle: String? = nil) {
        self.heading = heading
        self.sentence = sentence
        self.icon = "icons/\(icon)"
        self.link = link
        self.linkTitle = linkTitle
    }

    /// Nothing has happened yet.
    public static func empty(_ heading: String, _ sentence: String, link: String? = nil, linkTitle: String? = nil) -> StateBlock {
        StateBlock(heading, sentence, icon: "empty", link: link, linkTitle: linkTitle)
    }

    /// Another service is away; what was last known of it may stand in the sentence.
    public static func unavailable(_ visit: Visit, _ heading: String, lastKnown: String? = nil) -> StateBlock {
        let calm = visit.tr("Everything else works.")
        return StateBlock(heading, lastKnown.map { "\(calm) \(visit.tr("Last known: %@", $0))" } ?? calm, icon: "away")
    }

    /// Rights have just changed and the change has not arrived here.
    public static func updating(_ visit: Visit) -> StateBlock {
        StateBlock(
            visit.tr("Access is being updated"), visit.tr("Your rights changed a moment ago. This usually takes a minute."),
            icon: "information", link: visit.path, linkTitle: visit.tr("Look again"))
    }

    /// The school does not use this part (SC-03).
    public static func notConnected(_ visit: Visit, _ sentence: String) -> StateBlock {
        StateBlock(visit.tr("This part is not connected"), sentence, icon: "information")
    }

    /// A guardian whose grant does not cover the topic.
    public static func notEntitled(_ visit: Visit, _ sentence: String? = nil) -> StateBlock {
        StateBlock(
            visit.tr("This part is not open to you"), sentence ?? visit.tr("The parents decide who sees this part."),
            icon: "warning")
    }

    /// The browser has no network; what is shown is from then.
    public static func offline(_ visit: Visit, since time: String) -> StateBlock {
        StateBlock(visit.tr("No network"), visit.tr("What is shown is as of %@.", time), icon: "away")
    }
}
