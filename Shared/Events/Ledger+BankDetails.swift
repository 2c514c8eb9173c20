public import Foundation

/// Where banks send money for the accounts of a school: what a payment code by ГОСТ Р 56042 says of the payee. It names
/// an organisation, nobody in person.
public struct BankDetailsChanged: VersionedEvent {
    public static let name = "ledger.bank-details.changed.v1"

    public let schoolID: UUID
    /// Grows with every change of this school’s; only a higher one applies.
    public let version: Int64
    public let payee: String
    /// 20 digits.
    public let account: String
    public let bank: String
    /// 9 digits.
    public let bic: String
    /// 20 digits, or `0` where there is none.
    public let correspondent: String
    public let inn: String?
    public let kpp: String?
    public let ended: Bool

    public init(
        schoolID: UUID, version: Int64, payee: String, account: String, bank: String, bic: String, correspondent: String,
        inn: String? = nil, kpp: String? = nil, ended: Bool = false
    ) {
        self.schoolID = schoolID
        self.version = version
        self.payee = payee
        self.account = account
        self.bank = bank
        self.bic = bic
        self.correspondent = correspondent
        self.inn = inn
        self.kpp = kpp
        self.ended = ended
    }

    public var aggregate: UUID { schoolID }

    public static var example: BankDetailsChanged {
        BankDetailsChanged(
            schoolID: Example.school, version: 3, payee: "ООО «Школьное питание»", account: "40702810500000000001",
            bank: "ПАО Сбербанк", bic: "044525225", correspondent: "30101810400000000225", inn: "7707083893", kpp: "770701001",
            ended: false)
    }
}
