import Kernel

/// What a password must be (ID-08, ID-09, D-03).
///
/// «At least 8» and «not trivial» always hold; the ban on signs is the source's and a school may lift it.
struct PasswordRule: Sendable {
    static let shortest = 8
    /// Longer ones only cost the server time.
    static let longest = 128

    /// Whether dots, quotes, spaces and other signs are allowed (D-03); by default they are not (ID-08).
    let allowsSigns: Bool
    /// Whether a word is in the list of common passwords; nil where the list is not installed.
    let isCommon: (@Sendable (String) -> Bool)?

    init(allowsSigns: Bool, isCommon: (@Sendable (String) -> Bool)? = nil) {
        self.allowsSigns = allowsSigns
        self.isCommon = isCommon
    }

    /// What the owner's password must not be equal to (ID-09).
    struct Owner: Sendable {
        var login: String
        var birthDate: Day?
        /// The room he teaches in or the class he learns in.
        var rooms: [String] = []
    }

    /// - Returns: the first thing wrong with the password, nil when it may be used.
    func refusal(of password: String, for owner: Owner) -> PasswordRefused? {
        if password.count < Self.shortest { return .tooShort }
        if password.count > Self.longest { return .tooLong }
        if password.contains(where: { $0.isNewline || $0 == "\0" }) { return .hasSigns }
        if !allowsSigns, !password.allSatisfy({ $0.isLetter || $0.isNumber }) { return .hasSigns }
        let bare = Self.bare(password)
        if !owner.login.isEmpty, bare == Self.bare(owner.login) { return .isLogin }
        if let day = owner.birthDate, Self.writings(of: day).contains(bare) { return .isBirthDate }
        if owner.rooms.contains(where: { Self.isRoom(bare, $0) }) { return .isRoom }
        if Self.isTrivial(bare) || isCommon?(password.lowercased()) == true { return .isCommon }
        return nil
    }

    /// Letters and digits alone, small, «ё» as «е»: in this form passwords are compared with what they must not be.
    static func bare(_ text: some StringProtocol) -> String {
        String(text.lowercased().filter { $0.isLetter || $0.isNumber }.map { $0 == "ё" ? "е" : $0 })
    }

    /// A date in the orders in which people write it.
    private static func writings(of day: Day) -> Set<String> {
        let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        let year = String(day.year)
        let (d, m, short) = (two(day.day), two(day.month), String(year.suffix(2)))
        let forms = [d + m + year, year + m + d, m + d + year, d + m + short, "\(day.day)\(day.month)\(year)"]
        // Six digits alone are too short to be a password, twice they are not.
        return Set(forms + forms.map { $0 + $0 })
    }

    /// «25», «2525252525», «кабинет25», «кабинет 25», «каб25каб25».
    private static func isRoom(_ bare: String, _ room: String) -> Bool {
        let number = Self.bare(room)
        guard !number.isEmpty else { return false }
        let words = ["кабинет", "каб", "класс", "kabinet", "kab", "room", "class", "klass", ""]
        return words.contains { word in
            [word + number, number + word].contains { unit in isRepetition(bare, of: unit) }
        }
    }

    private static func isRepetition(_ text: String, of unit: String) -> Bool {
        guard !unit.isEmpty, text.count.isMultiple(of: unit.count) else { return false }
        return String(repeating: unit, count: text.count / unit.count) == text
    }

    /// One or two signs over and over, or a row of neighbours: «11111111», «12121212», «12345678», «hgfedcba»,
    /// «йцукенгш».
    private static func isTrivial(_ bare: String) -> Bool {
        guard Set(bare).count > 2 else { return true }
        for row in ["01234567890", "abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя",
                    "qwertyuiopasdfghjklzxcvbnm", "йцукенгшщзхъфывапролджэячсмитьбю"] {
            if row.contains(bare) || String(row.reversed()).contains(bare) { return true }
        }
        return false
    }
}

/// Why a password may not be used.
enum PasswordRefused: Error, Equatable, Sendable, CaseIterable {
    case tooShort
    case tooLong
    case hasSigns
    case isLogin
    case isBirthDate
    case isRoom
    case isCommon

    /// English; the catalogue has the Russian.
    var text: String {
        switch self {
        case .tooShort: "The password needs at least 8 characters."
        case .tooLong: "The password may have at most 128 characters."
        case .hasSigns: "Only letters and digits: no dots, quotes, spaces or other signs."
        case .isLogin: "The password must not repeat the login."
        case .isBirthDate: "The password must not be your birth date."
        case .isRoom: "The password must not be your room or class number."
        case .isCommon: "This password is one of those tried first. Think of a less common one."
        }
    }
}
