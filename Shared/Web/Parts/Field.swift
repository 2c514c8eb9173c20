/// One field of a form with its label, hint and error, for the partial `field`: `{{#amount}}{{> field}}{{/amount}}`.
public struct Field: Encodable, Sendable, Equatable {
    /// One of several values to choose from.
    public struct Choice: Encodable, Sendable, Equatable {
        public let value: String
        public let title: String
        public let isChosen: Bool

        public init(_ value: String, _ title: String, isChosen: Bool = false) {
            self.value = value
            self.title = title
            self.isChosen = isChosen
        }
    }

    public let id: String
    public let name: String
    public let label: String
    let type: String
    /// What was typed, or what holds now.
    public let value: String
    let hint: String?
    /// What is wrong with the value, in words.
    public let wrong: String?
    let autocomplete: String?
    let inputMode: String?
    let placeholder: String?
    let most: Int?
    let isRequired: Bool
    let isFocused: Bool
    let isMoney: Bool
    let isArea: Bool
    /// What kinds of file are offered, for a field that takes one.
    let accept: String?
    let choices: [Choice]
    let isChoice: Bool
    /// The hint and the error, for those who hear the page; nil when there is neither.
    let describedBy: String?

    private init(
        _ name: String, _ label: String, type: String = "text", value: String, hint: String?, wrong: String?,
        autocomplete: String? = nil, inputMode: String? = nil, placeholder: String? = nil, most: Int? = nil,
        isRequired: Bool = false, isMoney: Bool = false, isArea: Bool = false, accept: String? = nil, choices: [Choice] = [],
        isFocused: Bool = false,
        id: String? = nil
    ) {
        let id = id ?? name
        self.id = id
        self.name = name
        self.label = label
        self.type = type
        self.value = value
        self.hint = hint
        self.wrong = wrong
        self.autocomplete = autocomplete
        self.inputMode = inputMode
        self.placeholder = placeholder
        self.most = most
        self.isRequired = isRequired
        self.isFocused = isFocused
        self.isMoney = isMoney
        self.isArea = isArea
        self.accept = accept
        self.choices = choices
        isChoice = !choices.isEmpty
        let described = [hint.map { _ in "\(id)-hint" }, wrong.map { _ in "\(id)-wrong" }].compactMap(\.self)
        describedBy = described.isEmpty ? nil : described.joined(separator: " ")
    }

    /// A line of text.
    ///
    /// - Parameters:
    ///   - type: what browsers know: `text`, `email`, `tel`, `search`, `number`, `time`.
    ///   - most: the most characters that are taken.
    ///   - isFocused: whether one begins here when the page opens; at most one field of a page.
    ///   - id: where the same name stands on a page more than once; the name otherwise.
    public static func text(
        _ name: String, _ label: String, value: String = "", hint: String? = nil, wrong: String? = nil, type: String = "text",
        autocomplete: String? = nil, inputMode: String? = nil, placeholder: String? = nil, most: Int? = nil,
        isRequired: Bool = false, isFocused: Bool = false, id: String? = nil
    ) -> Field {
        Field(
            name, label, type: type, value: value, hint: hint, wrong: wrong, autocomplete: autocomplete, inputMode: inputMode,
            placeholder: placeholder, most: most, isRequired: isRequired, isFocused: isFocused, id: id)
    }

    /// A sum in roubles, as ``Kernel/Money`` reads it.
    public static func money(
        _ name: String, _ label: String, value: String = "", hint: String? = nil, wrong: String? = nil,
        isRequired: Bool = false, isFocused: Bool = false, id: String? = nil
    ) -> Field {
        Field(
            name, label, value: value, hint: hint, wrong: wrong, autocomplete: "off", inputMode: "decimal", isRequired: isRequired,
            isMoney: true, isFocused: isFocused, id: id)
    }

    /// A password; it is never shown again.
    ///
    /// - Parameter isNew: whether it is chosen here, so that password keepers propose one.
    public static func password(
        _ name: String, _ label: String, hint: String? = nil, wrong: String? = nil, isNew: Bool = false, id: String? = nil
    ) -> Field {
        Field(
            name, label, type: "password", value: "", hint: hint, wrong: wrong,
            autocomplete: isNew ? "new-password" : "current-password", isRequired: true, id: id)
    }

    /// A day, typed or chosen, as ISO 8601.
    public static func day(
        _ name: String, _ label: String, value: String = "", hint: String? = nil, wrong: String? = nil,
        isRequired: Bool = false, id: String? = nil
    ) -> Field {
        Field(name, label, type: "date", value: value, hint: hint, wrong: wrong, isRequired: isRequired, id: id)
    }

    /// Several lines of text.
    public static func area(
        _ name: String, _ label: String, value: String = "", hint: String? = nil, wrong: String? = nil, most: Int? = nil,
        isRequired: Bool = false, id: String? = nil
    ) -> Field {
        Field(
            name, label, value: value, hint: hint, wrong: wrong, most: most, isRequired: isRequired, isArea: true, id: id)
    }

    /// A file, for the partial `file` in a form with `enctype="multipart/form-data"`. A browser never shows a choice again.
    ///
    /// - Parameter accept: what is offered first, as `.csv,text/csv`; nothing is refused by it.
    public static func file(
        _ name: String, _ label: String, accept: String? = nil, hint: String? = nil, wrong: String? = nil, isRequired: Bool = false,
        id: String? = nil
    ) -> Field {
        Field(
            name, label, type: "file", value: "", hint: hint, wrong: wrong, isRequired: isRequired, accept: accept, id: id)
    }

    /// One of several values.
    public static func choice(
        _ name: String, _ label: String, _ choices: [Choice], hint: String? = nil, wrong: String? = nil, id: String? = nil
    ) -> Field {
        Field(
            name, label, value: choices.first(where: \.isChosen)?.value ?? "", hint: hint, wrong: wrong, isRequired: true,
            choices: choices, id: id)
    }
}
