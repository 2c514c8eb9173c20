import Foundation

/// Looks for texts of the interface without a translation; every service's tests ask it about their own folder.
public enum CatalogueCheck {
    /// The texts that a folder's templates mark by `[[…]]` and its Swift files name in `tr("…")` and `trn(n, "…", "…")`, and that
    /// neither its own `Views/ru.po` nor the shared catalogue translates.
    ///
    /// - Parameter folder: a service's source folder.
    public static func missing(in folder: String) throws -> [String] {
        var catalogue = Catalogue()
        try catalogue.add(Bundle.module.bundleURL.appendingPathComponent("Views/ru.po").path)
        let own = folder + "/Views/ru.po"
        if FileManager.default.fileExists(atPath: own) { try catalogue.add(own) }
        var missing: Set<String> = []
        for path in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? [] {
            let isTemplate = path.hasSuffix(".mustache")
            guard isTemplate || path.hasSuffix(".swift") else { continue }
            let text = try String(contentsOfFile: folder + "/" + path, encoding: .utf8)
            if isTemplate {
                missing.formUnion(Pages.markers(in: text).filter { !catalogue.hasText($0) })
                continue
            }
            for match in text.matches(of: /\.tr\(\s*"((?:[^"\\]|\\.)*)"/) {
                let key = unescaped(match.output.1)
                if !catalogue.hasText(key) { missing.insert(key) }
            }
            for match in text.matches(of: /\.trn\([^"]*"((?:[^"\\]|\\.)*)"\s*,\s*"/) {
                let key = unescaped(match.output.1)
                if !catalogue.hasPlural(key) { missing.insert(key) }
            }
        }
        return missing.sorted()
    }

    private static func unescaped(_ text: Substring) -> String {
        String(text).replacing("\\\"", with: "\"").replacing("\\u{a0}", with: "\u{a0}").replacing("\\u{A0}", with: "\u{A0}")
    }
}
