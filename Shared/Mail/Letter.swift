import Foundation

/// An address with the name that mail programs show.
public struct MailAddress: Sendable, Hashable {
    /// Shown before the address; empty for none.
    public let name: String
    /// `local@domain`.
    public let address: String

    public init(_ address: String, name: String = "") {
        self.name = name
        self.address = address
    }

    /// Reads what people write into a configuration: `Звонок <zvonok@example.org>` or the address alone.
    ///
    /// - Parameter name: shown where none is written.
    public init(written text: String, name: String = "") {
        guard let open = text.lastIndex(of: "<"), let close = text.lastIndex(of: ">"), open < close else {
            self.init(text.trimmingCharacters(in: .whitespaces), name: name)
            return
        }
        let shown = text[..<open].trimmingCharacters(in: CharacterSet(charactersIn: " \""))
        self.init(
            text[text.index(after: open)..<close].trimmingCharacters(in: .whitespaces), name: shown.isEmpty ? name : shown)
    }

    /// What stands behind the @; of nothing, `localhost`.
    public var domain: String { address.split(separator: "@").last.map(String.init) ?? "localhost" }

    /// For a header line: the name as an encoded word if it has letters beyond ASCII.
    var header: String { name.isEmpty ? "<\(address)>" : "\(HeaderText.phrase(name)) <\(address)>" }
}

/// One letter to one person, in two forms of the same content.
public struct Letter: Sendable {
    public let from: MailAddress
    public let to: MailAddress
    public let subject: String
    /// What mail programs without HTML show; also what screen readers prefer.
    public let text: String
    public let html: String
    /// Without angle brackets. The same letter sent again must carry the same one, so that mail programs can see it.
    public let messageID: String
    public let date: Date
    /// Further header fields in their order, such as `List-Unsubscribe`. Values must be ASCII or are encoded.
    public let fields: [(name: String, value: String)]
    /// Where bounces go; the sender's address if nil.
    public let returnPath: String?

    public init(
        from: MailAddress, to: MailAddress, subject: String, text: String, html: String, messageID: String, date: Date,
        fields: [(name: String, value: String)] = [], returnPath: String? = nil
    ) {
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.html = html
        self.messageID = messageID
        self.date = date
        self.fields = fields
        self.returnPath = returnPath
    }

    /// All header lines but the MIME ones, which libcurl writes.
    var headerLines: [String] {
        [
            "From: \(from.header)", "To: \(to.header)", "Subject: \(HeaderText.unstructured(subject))",
            "Date: \(MailDate.text(date))", "Message-ID: <\(messageID)>",
            // RFC 2046: the same content in forms of rising fidelity.
            "Content-Type: multipart/alternative",
        ] + fields.map { "\($0.name): \(HeaderText.field($0.value))" }
    }
}

/// Header values in mail: only ASCII travels as it is (RFC 5322), the rest as encoded words (RFC 2047).
enum HeaderText {
    /// A free text such as the subject, folded into encoded words if it needs any.
    static func unstructured(_ text: String) -> String {
        let line = field(text)
        return line.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) && !line.contains("=?") ? line : encoded(line)
    }

    /// A name before an address: quoted if it has characters that mean something there.
    static func phrase(_ text: String) -> String {
        let line = field(text)
        guard line.utf8.allSatisfy({ $0 >= 32 && $0 < 127 }) else { return encoded(line) }
        let plain = line.allSatisfy { $0.isLetter || $0.isNumber || $0 == " " }
        return plain ? line : "\"\(line.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    /// A value that can end no line: whoever controls it can add no header of his own.
    static func field(_ text: String) -> String {
        String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 32 } == true ? " " : $0 })
    }

    /// Base64 words of at most 75 characters, cut between characters, joined by folds.
    private static func encoded(_ text: String) -> String {
        var words: [String] = []
        var bytes: [UInt8] = []
        for character in text {
            let more = Array(String(character).utf8)
            // 45 bytes make 60 letters, and 12 stand around them.
            if bytes.count + more.count > 45 {
                words.append(word(bytes))
                bytes = []
            }
            bytes += more
        }
        words.append(word(bytes))
        return words.joined(separator: "\r\n ")
    }

    private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Data(bytes).base64EncodedString())?=" }
}

/// The date of a header (RFC 5322), in UTC.
enum MailDate {
    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func text(_ date: Date) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        let days = Int((date.timeIntervalSince1970 / 86_400).rounded(.down))
        let two = { (number: Int?) in String(format: "%02d", number ?? 0) }
        return "\(weekdays[((days % 7) + 7) % 7]), \(parts.day ?? 1) \(months[(parts.month ?? 1) - 1]) \(parts.year ?? 1970) "
            + "\(two(parts.hour)):\(two(parts.minute)):\(two(parts.second)) +0000"
    }
}
