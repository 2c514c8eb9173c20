import Foundation
import Kernel
import Web

/// The code of the second step, asked for at the sign-in.
struct SecondStepPage: Page {
    static let template = "sign-in/second-step"
    let title: String
    let section = ""
    let ticket: String
    let to: String
    let wrong: String?

    init(_ visit: Visit, ticket: String, to: String, wrong: String?) {
        title = visit.tr("The second step")
        self.ticket = ticket
        self.to = to
        self.wrong = wrong
    }
}

/// What an authenticator application has to be told: as a picture and for typing in.
struct NewTimeCode: Encodable, Sendable {
    /// In groups of four.
    let secret: String
    let address: String
    let qr: String
    let side: Int

    init(_ code: TimeCode, account: String, publicAddress: String) throws {
        address = code.address(account: account, issuer: SetUpSecondFactor.issuer(publicAddress))
        let picture = try QRCode(address)
        qr = picture.path
        side = picture.side
        let signs = Array(code.base32)
        secret = stride(from: 0, to: signs.count, by: 4).map { String(signs[$0..<min($0 + 4, signs.count)]) }.joined(separator: " ")
    }
}

/// Whoever must have a second step sets it up before anything else.
struct SecondStepSetUpPage: Page {
    static let template = "sign-in/set-up"
    let title: String
    let section = ""
    let ticket: String
    let to: String
    let code: NewTimeCode
    let wrong: String?
}

/// The recovery codes, right after the second step was set up at the sign-in.
struct FirstRecoveryCodesPage: Page {
    static let template = "sign-in/codes"
    let title: String
    let section = ""
    let codes: [String]
    let next: String
}

/// The second step in the profile.
struct SecondFactorPage: Page {
    static let template = "second-factor/show"
    let title: String
    let section = "profile"
    let isOn: Bool
    let isOff: Bool
    /// Whether a secret waits for its code.
    let isWaiting: Bool
    let state: String
    let isRequired: Bool
    let done: String?
    /// Begin, with the password.
    let begin: Field
    let code: NewTimeCode?
    let check: Field
    let codesLeft: String?
    let renew: Field
    let end: Field

    init(
        _ visit: Visit, _ factor: SecondFactor, waiting: NewTimeCode?, done: String? = nil, wrong: [String: FieldMessage] = [:]
    ) {
        title = visit.tr("The second step")
        isOn = factor.isOn
        isWaiting = !isOn && waiting != nil
        isOff = !isOn && waiting == nil
        isRequired = factor.isRequired
        state = factor.since.map { visit.tr("Switched on since %@.", visit.format.date(visit.zone.day(of: $0), thisYear: visit.today.year)) }
            ?? visit.tr("Switched off.")
        self.done = done
        code = isOn ? nil : waiting
        codesLeft = isOn ? visit.trn(factor.codesLeft, "%d recovery code is left.", "%d recovery codes are left.") : nil
        begin = .password("password", visit.tr("Your present password"), wrong: wrong["begin-password"].map(visit.sentence), id: "begin-password")
        check = .text(
            "code", visit.tr("Code from the application"), hint: visit.tr("Six digits; they change every half a minute."),
            wrong: wrong["code"].map(visit.sentence), autocomplete: "one-time-code", inputMode: "numeric", most: 12, isRequired: true)
        renew = .password("password", visit.tr("Your present password"), wrong: wrong["codes-password"].map(visit.sentence), id: "codes-password")
        end = .password("password", visit.tr("Your present password"), wrong: wrong["end-password"].map(visit.sentence), id: "end-password")
    }
}

/// The recovery codes, this once.
struct RecoveryCodesPage: Page {
    static let template = "second-factor/codes"
    let title: String
    let section = "profile"
    let codes: [String]
}
