/// What a bank's app reads from a payment's QR code (ГОСТ Р 56042, `ST0001`): who is paid, and for which account.
public struct PaymentCode: Sendable, Equatable {
    /// A value cannot stand in such a code.
    public enum Refused: Error, Equatable, Sendable {
        /// A value is empty, too long, or of other signs than its field allows; named as in the standard.
        case field(String)
    }

    /// Name of the field as the standard writes it, and its value; in the order of the code.
    public let fields: [(name: String, value: String)]

    /// - Parameters:
    ///   - payee: who is paid, up to 160 characters.
    ///   - account: of the payee at the bank, 20 digits.
    ///   - bank: name of the bank, up to 45 characters.
    ///   - bic: 9 digits.
    ///   - correspondent: 20 digits, or `0` where there is none.
    ///   - inn: of the payee, 10 or 12 digits.
    ///   - kpp: of the payee, 9 digits.
    ///   - purpose: what is paid for, up to 210 characters.
    ///   - personalAccount: the payer's account with the payee: the child's account number.
    ///   - sum: nil leaves it to the payer.
    /// - Throws: ``Refused`` with the field's name.
    public init(
        payee: String, account: String, bank: String, bic: String, correspondent: String = "0", inn: String? = nil,
        kpp: String? = nil, purpose: String, personalAccount: String, sum: Money? = nil
    ) throws(Refused) {
        func digits(_ name: String, _ value: String, _ counts: Int...) throws(Refused) -> (String, String) {
            guard counts.contains(value.utf8.count), value.utf8.allSatisfy({ (48...57).contains($0) }) else { throw .field(name) }
            return (name, value)
        }
        func text(_ name: String, _ value: String, most: Int) throws(Refused) -> (String, String) {
            // The separator would end the field; a control character may end the code.
            guard !value.isEmpty, value.count <= most, !value.unicodeScalars.contains(where: { $0 == "|" || $0.value < 32 }) else {
                throw .field(name)
            }
            return (name, value)
        }
        var fields = [
            try text("Name", payee, most: 160), try digits("PersonalAcc", account, 20), try text("BankName", bank, most: 45),
            try digits("BIC", bic, 9), correspondent == "0" ? ("CorrespAcc", "0") : try digits("CorrespAcc", correspondent, 20),
        ]
        if let sum {
            guard sum > .zero else { throw .field("Sum") }
            fields.append(("Sum", "\(sum.kopecks)"))
        }
        fields.append(try text("Purpose", purpose, most: 210))
        if let inn { fields.append(try digits("PayeeINN", inn, 10, 12)) }
        if let kpp { fields.append(try digits("KPP", kpp, 9)) }
        fields.append(try text("PersAcc", personalAccount, most: 20))
        self.fields = fields
    }

    /// What stands in the code: version 1, UTF-8, fields parted by a stroke.
    public var text: String { "ST00012|" + fields.map { "\($0.name)=\($0.value)" }.joined(separator: "|") }

    public static func == (left: PaymentCode, right: PaymentCode) -> Bool { left.text == right.text }
}
