/// The name a person signs in with, as he wrote it.
///
/// Two names that differ only in capitals or in «е» and «ё» are the same name.
struct LoginName: Equatable, Sendable {
    let text: String
    /// The form in which names are compared and unique.
    let key: String

    /// - Parameter typed: 3 to 40 letters, digits, dots, dashes, underscores; begins with a letter or digit.
    init(_ typed: String) throws(LoginRefused) {
        let text = typed.trimmed
        guard text.count >= 3 else { throw .tooShort }
        guard text.count <= 40 else { throw .tooLong }
        guard let first = text.first, first.isLetter || first.isNumber,
            text.allSatisfy({ $0.isLetter || $0.isNumber || "._-@".contains($0) })
        else { throw .hasSigns }
        self.text = text
        self.key = Self.key(text)
    }

    /// The comparable form of whatever was typed at the sign-in.
    static func key(_ typed: String) -> String {
        String(typed.trimmed.lowercased().map { $0 == "ё" ? "е" : $0 })
    }
}

/// Why a login may not be used.
enum LoginRefused: Error, Equatable, Sendable {
    case tooShort
    case tooLong
    case hasSigns
    case isTaken

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .tooShort: "The login needs at least 3 characters."
        case .tooLong: "The login may have at most 40 characters."
        case .hasSigns: "The login is made of letters, digits, dots and dashes."
        case .isTaken: "This login is taken."
        }
    }
}
