/// One element of an XML answer. Whatever stands in it is escaped; what XML 1.0 has no sign for is left out.
struct Markup: Equatable, Sendable {
    let name: String
    var attributes: [(String, String)] = []
    var text = ""
    var children: [Markup] = []

    init(_ name: String, _ text: String = "", attributes: [(String, String)] = []) {
        self.name = name
        self.text = text
        self.attributes = attributes
    }

    init(_ name: String, _ children: [Markup]) {
        self.name = name
        self.children = children
    }

    static func == (left: Markup, right: Markup) -> Bool { left.body == right.body }

    /// The whole document, its declaration first.
    var document: String { "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body + "\n" }

    private var body: String {
        let head = name + attributes.map { " \($0.0)=\"\(Self.escaped($0.1))\"" }.joined()
        return "<\(head)>" + Self.escaped(text) + children.map(\.body).joined() + "</\(name)>"
    }

    static func escaped(_ text: String) -> String {
        var safe = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": safe += "&amp;"
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "\"": safe += "&quot;"
            case "\t", "\n", "\r": safe += "&#\(scalar.value);"
            case "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}": safe.unicodeScalars.append(scalar)
            default: continue
            }
        }
        return safe
    }
}
