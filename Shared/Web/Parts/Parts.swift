public import Events

/// A mark in its cell, for the partial `mark`.
public struct MarkCell: Encodable, Sendable, Equatable {
    public let value: String
    /// Where its comment or lesson is; a cell without one is no link.
    let address: String?
    let isTwo: Bool
    let isAbsence: Bool
    let hasComment: Bool
    /// The mark that this one replaced, crossed out beside it.
    let previous: String?

    /// - Parameter value: `5` to `2`, or `н` for an absence.
    public init(_ value: String, address: String? = nil, hasComment: Bool = false, previous: String? = nil) {
        self.value = value
        self.address = address
        isTwo = value == "2"
        isAbsence = Int(value) == nil
        self.hasComment = hasComment
        self.previous = previous
    }
}

/// A word in a little box, for the partial `tag`.
public struct Tag: Encodable, Sendable, Equatable {
    public let text: String
    let style: String

    private init(_ text: String, _ style: String) {
        self.text = text
        self.style = style
    }

    public static func plain(_ text: String) -> Tag { Tag(text, "") }
    /// A child's name in his colour.
    public static func child(_ name: String, _ accent: Accent) -> Tag { Tag(name, " tag--child c-\(accent.rawValue)") }
    /// Trouble: a refusal, an allergy.
    public static func alarm(_ text: String) -> Tag { Tag(text, " tag--alarm") }
    /// Now, or waiting for the reader.
    public static func wait(_ text: String) -> Tag { Tag(text, " tag--wait") }
}

/// A number beside a word, for the partial `badge`: not read yet, or waiting for an answer. Nothing else is counted so.
public struct Badge: Encodable, Sendable, Equatable {
    public let count: Int
    /// What is counted, for those who hear the page: «3 непрочитанных».
    let words: String
    let isWaiting: Bool

    public init(_ count: Int, _ words: String, isWaiting: Bool = false) {
        self.count = count
        self.words = words
        self.isWaiting = isWaiting
    }
}

/// A child's name above what is his, for the partial `kid-head`; it stands in an `<article class="kid c-…" aria-labelledby="id">`.
public struct KidHead: Encodable, Sendable, Equatable {
    public let id: String
    public let name: String
    let className: String?
    /// Where the child is now: «в школе с 8:09».
    let state: String?

    public init(id: String, name: String, className: String? = nil, state: String? = nil) {
        self.id = id
        self.name = name
        self.className = className
        self.state = state
    }
}

/// A row of links of which one is the current, for the partials `tabs` (parts of a page) and `kids` (children).
public struct LinkRow: Encodable, Sendable, Equatable {
    public struct Link: Encodable, Sendable, Equatable {
        public let title: String
        public let address: String
        public let isCurrent: Bool
        /// A word beside it: a child's class.
        let note: String?
        let accent: String?

        public init(_ title: String, _ address: String, isCurrent: Bool = false, note: String? = nil, accent: Accent? = nil) {
            self.title = title
            self.address = address
            self.isCurrent = isCurrent
            self.note = note
            self.accent = accent?.rawValue
        }
    }

    /// What is chosen here, for those who hear the page.
    let label: String
    let links: [Link]

    public init(_ label: String, _ links: [Link]) {
        self.label = label
        self.links = links
    }
}

/// One step back, where one is, one step on, for the partial `pager`.
public struct Pager: Encodable, Sendable, Equatable {
    let label: String
    let title: String
    let before: String?
    let beforeTitle: String
    let after: String?
    let afterTitle: String

    /// - Parameters:
    ///   - label: what is paged through: «Неделя».
    ///   - before: the address of the step back with its words; nil at the beginning.
    public init(_ label: String, _ title: String, before: String?, _ beforeTitle: String, after: String?, _ afterTitle: String) {
        self.label = label
        self.title = title
        self.before = before
        self.beforeTitle = beforeTitle
        self.after = after
        self.afterTitle = afterTitle
    }
}

/// A question before a change that cannot be taken back, for the partial `confirm`. It unfolds in place, and becomes a dialog where
/// scripts run.
public struct Confirmation: Encodable, Sendable, Equatable {
    let id: String
    /// The button that asks for the change.
    let button: String
    let heading: String
    let sentence: String
    /// Where the form goes.
    let action: String
    /// What the button of the decision says: a verb.
    let decision: String

    public init(id: String, button: String, heading: String, sentence: String, action: String, decision: String) {
        self.id = id
        self.button = button
        self.heading = heading
        self.sentence = sentence
        self.action = action
        self.decision = decision
    }
}
