import Foundation

/// The words that guessing starts with: the list of Debian's package `cracklib-runtime`, one word a line.
///
/// The file stays on disk and is mapped; a look-up walks its half a megabyte, which takes a fraction of a
/// millisecond and happens only when somebody chooses a password.
struct CommonPasswords: Sendable {
    static let debianList = "/usr/share/dict/cracklib-small"

    private let lines: Data

    /// - Returns: nil when the list is not installed.
    init?(path: String = debianList) {
        guard let data = try? Data(contentsOf: URL(filePath: path), options: .alwaysMapped), !data.isEmpty else { return nil }
        lines = data
    }

    /// Whether the word, in small letters, stands in the list.
    func contains(_ word: String) -> Bool {
        guard !word.isEmpty, !word.contains("\n") else { return false }
        let bytes = Data(word.utf8)
        if lines.starts(with: bytes + [10]) { return true }
        return lines.range(of: Data([10]) + bytes + Data([10])) != nil
    }
}
