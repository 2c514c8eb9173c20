/// A person's name in the Russian order; some people have no patronymic.
public struct PersonName: Sendable, Hashable, Codable {
    public let surname: String
    public let given: String
    public let patronymic: String?

    public init(surname: String, given: String, patronymic: String? = nil) {
        self.surname = surname
        self.given = given
        self.patronymic = patronymic.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// «Ветрова Анна Михайловна».
    public var full: String { [surname, given, patronymic].compactMap(\.self).joined(separator: " ") }

    /// «Анна Михайловна», as one speaks to an adult.
    public var short: String { [given, patronymic].compactMap(\.self).joined(separator: " ") }

    /// «А. М. Ветрова», as a teacher is named in lists, with spaces that do not break.
    public var initials: String {
        let letters = [given, patronymic].compactMap { $0?.first.map { "\($0)." } }
        return (letters + [surname]).joined(separator: "\u{A0}")
    }

    /// «Ветрова Анна», as a pupil stands in the class list.
    public var listed: String { "\(surname) \(given)" }
}

/// Needed because Russian says «вошла» of a girl and «вошёл» of a boy.
public enum Gender: String, Sendable, Codable, CaseIterable {
    case female, male
}
