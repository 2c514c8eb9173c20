import Configuration
import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Logging
import Messaging
import Postgres
import Service
import Web

/// What Identity's pages work with.
struct Cabinet: Sendable {
    let database: Database
    let outbox: Outbox
    let publicAddress: String
    /// The payment agent of printed contracts (SC-08).
    let agent: String
    let bench = HashingBench()
    let common = CommonPasswords()
    let signer: TokenSigner
    /// Where people may sign in instead of here; nil for nowhere.
    let portal: (any Portal)?
    /// By which numbers the portal's people are known; nil while the installation has no key for them.
    let snils: SnilsBook?
    let logger: Logger
    let box: SecretBox
    var letters: AccessLetters { AccessLetters(outbox: outbox, publicAddress: publicAddress) }

    static let standardAgent = "оператор системы «Звонок»"

    init(_ parts: Parts) {
        database = parts.database
        outbox = parts.outbox
        publicAddress = parts.publicAddress
        agent = parts.configuration.string(forKey: "contract.agent") ?? Self.standardAgent
        signer = TokenSigner(SigningKeys(parts.database, parts.outbox))
        portal = ConfiguredPortal.openOrSay(parts)
        snils = PortalSettings.book(parts.configuration)
        logger = parts.logger
        box = SecretBox(key: parts.configuration.string(forKey: "secrets.key", isSecret: true) ?? "")
    }
}

/// Signing in and out, and the renewal of tokens.
struct SignInRoutes: Sendable {
    /// A browser in which somebody has signed in before.
    static let deviceCookie = "__Host-device"
    private static let deviceLife = 365 * 86_400

    let cabinet: Cabinet

    func add(to book: inout RouteBook) {
        book.open(.get, "/identity/sign-in") { try await show($0) }
        book.open(.post, "/identity/sign-in") { try await signIn($0) }
        book.open(.post, "/identity/sign-in/password") { try await choosePassword($0) }
        book.open(.post, "/identity/sign-out") { try await signOut($0) }
        book.open(.get, "/identity/session/renewal") { try await renew($0) }
        book.open(.post, "/identity/session/renewal") { try await renew($0) }
    }

    /// A path of ours to go to; nothing that leads to another site.
    static func local(_ path: String?) -> String? {
        guard let path, path.hasPrefix("/"), !path.hasPrefix("//"), !path.contains("\\"),
            path.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }), path.utf8.count <= 2000
        else { return nil }
        return path
    }

    private func show(_ visit: Visit) async throws -> Answer {
        // A browser that slept has lost the short cookie and kept the long one.
        if !visit.isSignedIn, visit.cookie(SessionToken.cookie) == nil, visit.cookie(SessionToken.renewalCookie) != nil {
            return .seeOther("/identity/session/renewal?to=\(Self.encoded(Self.local(visit.query("to")) ?? "/"))")
        }
        var notice: String?
        switch visit.query("why") {
        case "out": notice = visit.tr("You are signed out.")
        case "ended": notice = visit.tr("Your password was changed on another device, or your session was ended. Sign in again.")
        case "recovered": notice = visit.tr("The new password is saved. Sign in with it.")
        case "late": notice = visit.tr("The quarter of an hour for a new password is over. Sign in again.")
        case "step": notice = visit.tr("The time for the second step is over. Sign in again.")
        default: break
        }
        return .page(try await page(visit, to: visit.query("to"), login: visit.query("login") ?? "", notice: notice))
    }

    private func page(
        _ visit: Visit, to: String?, login: String, wrong: String? = nil, notice: String? = nil
    ) async throws -> SignInPage {
        let curator = try await cabinet.database.read { try SchoolCurator.theOnlyOne(in: $0) }
        return SignInPage(
            title: visit.tr("Sign in"), to: Self.local(to) ?? "", login: String(login.prefix(80)), wrong: wrong, notice: notice,
            curator: curator.map { visit.tr("Curator: %@.", $0.initials) },
            portal: cabinet.portal.map { _ in GosuslugiRoutes.link(to: Self.local(to)) })
    }

    private func signIn(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let (login, password) = (form["login"] ?? "", form["password"] ?? "")
        let to = Self.local(form["to"])
        func again(_ text: String, _ status: HTTPResponse.Status) async throws -> Answer {
            .page(try await page(visit, to: to, login: login, wrong: text), status)
        }
        guard password.utf8.count <= 1000, login.utf8.count <= 400 else {
            return try await again(visit.tr("The login and the password do not fit."), .unprocessableContent)
        }
        let command = SignIn(
            login: login, password: password, address: visit.address, agent: visit.head[.userAgent] ?? "",
            device: visit.cookie(Self.deviceCookie), now: visit.now)
        do {
            let outcome = try await command.run(cabinet.database, cabinet.bench)
            switch outcome {
            case .signedIn, .secondStep, .mustSetUp:
                return try await proceed(visit, outcome, to: to)
            case .mustChange(let ticket, let name):
                return .page(try await newPassword(visit, ticket: ticket.text, login: name, to: to ?? "", wrong: nil))
                    .with(.cacheControl, "no-store")
            case .wrong(let left):
                let hint = left <= 3 ? " " + visit.trn(left, "%d attempt left.", "%d attempts left.") : ""
                return try await again(visit.tr("The login and the password do not fit.") + hint, .unprocessableContent)
            case .wait(let until):
                return try await again(
                    visit.tr("Too many attempts. Try again at %@.", visit.format.time(until.addingTimeInterval(60))), .tooManyRequests
                ).with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(visit.now))))")
            }
        } catch is HashingBusy {
            return try await again(
                visit.tr("Too many people sign in at this moment. Try again in a minute."), .serviceUnavailable
            ).with(.retryAfter, "30")
        }
    }

    private func newPassword(
        _ visit: Visit, ticket: String, login: String, to: String, wrong: String?
    ) async throws -> NewPasswordPage {
        let hash = RandomToken.hash(ticket)
        let allowsSigns = try await cabinet.database.read { transaction -> Bool in
            guard let person = try transaction.first(
                "select person_id from password_ticket where token_hash = \(hash)", as: UUID.self)
            else { return false }
            return try PasswordPolicy.of(person, in: transaction).allowsSigns
        }
        return NewPasswordPage(
            title: visit.tr("A password of your own"), ticket: ticket, to: to, login: login,
            passwordHint: visit.passwordHint(allowsSigns: allowsSigns), wrong: wrong)
    }

    private func choosePassword(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        let (ticket, login) = (form["ticket"] ?? "", form["login"] ?? "")
        let to = Self.local(form["to"])
        let command = ChooseNewPassword(
            ticket: ticket, password: form["password"] ?? "", address: visit.address, agent: visit.head[.userAgent] ?? "",
            now: visit.now)
        switch try await command.run(cabinet.database, cabinet.outbox, cabinet.bench, cabinet.common) {
        case .signedIn(let outcome):
            return try await proceed(visit, outcome, to: to)
        case .refused(let refused):
            return .page(
                try await newPassword(visit, ticket: ticket, login: login, to: to ?? "", wrong: visit.tr(refused.text)),
                .unprocessableContent
            ).with(.cacheControl, "no-store")
        case .over:
            return .seeOther("/identity/sign-in?why=late")
        }
    }

    /// What follows the proof of who somebody is, by whatever door he came: the cabinet, or the second step before it.
    func proceed(_ visit: Visit, _ outcome: SignIn.Outcome, to: String?) async throws -> Answer {
        switch outcome {
        case .signedIn(let session, let device): return try await enter(visit, session, device: device, to: to)
        case .secondStep(let ticket):
            return .page(SecondStepPage(visit, ticket: ticket.text, to: to ?? "", wrong: nil)).with(.cacheControl, "no-store")
        case .mustSetUp(let ticket):
            return try await SecondStepRoutes(cabinet: cabinet).setUp(visit, ticket: ticket.text, to: to ?? "", wrong: nil)
        case .mustChange, .wrong, .wait: return .seeOther("/identity/sign-in?why=late")
        }
    }

    /// The three cookies and the way on.
    func enter(_ visit: Visit, _ session: OpenedSession, device: RandomToken, to: String?) async throws -> Answer {
        let (person, place) = try await way(session.personID, to: to)
        return try await cookies(.seeOther(place), person, session, visit.now)
            .settingCookie(Self.deviceCookie, device.text, seconds: Self.deviceLife)
    }

    /// The three cookies with a page that has to be seen first; its maker is told where the way goes on.
    func enter<P: Page>(
        _ visit: Visit, _ session: OpenedSession, device: RandomToken, to: String?, by page: (_ next: String) -> P
    ) async throws -> Answer {
        let (person, place) = try await way(session.personID, to: to)
        return try await cookies(.page(page(place)), person, session, visit.now)
            .settingCookie(Self.deviceCookie, device.text, seconds: Self.deviceLife)
    }

    /// Who has come in, and where he goes.
    private func way(_ personID: UUID, to: String?) async throws -> (SignedInPerson, String) {
        let found = try await cabinet.database.read { transaction -> (SignedInPerson, [SchoolRecord])? in
            guard let person = try SignedInPerson.read(personID, in: transaction) else { return nil }
            let schools = try SchoolsOf.person(personID, in: transaction)
            return (person, try Directory.schools(schools, in: transaction))
        }
        guard let (person, schools) = found else { throw Problem.notFound }
        let next = to ?? StaffSections.start(of: person, at: schools)
        // ID-14: after registration the first thing seen is what is to be confirmed; every section is open all the same.
        let confirms = try await cabinet.database.transaction { transaction in
            try transaction.execute(
                "update login set confirms_data = false where person_id = \(personID) and confirms_data") == 1
        }
        return (person, confirms ? "/identity/profile/confirmation?to=\(Self.encoded(next))" : next)
    }

    private func cookies(
        _ answer: Answer, _ person: SignedInPerson, _ session: OpenedSession, _ now: Date
    ) async throws -> Answer {
        let token = try await cabinet.signer.token(for: person, session: session.id, now: now)
        // The token's cookie outlives the token: a browser that shows an expired one is sent to the renewal.
        let seconds = max(1, Int(session.expiresAt.timeIntervalSince(now)))
        return answer.settingCookie(SessionToken.cookie, token, seconds: seconds)
            .settingCookie(SessionToken.renewalCookie, session.renewal.text, seconds: seconds)
            .with(.cacheControl, "no-store")
    }

    func cleared(_ answer: Answer) -> Answer {
        answer.settingCookie(SessionToken.cookie, "", seconds: 0).settingCookie(SessionToken.renewalCookie, "", seconds: 0)
            .with(.cacheControl, "no-store")
    }

    private func renew(_ visit: Visit) async throws -> Answer {
        let to = Self.local(visit.query("to")) ?? "/"
        // A form whose token ran out comes by here with what was typed and is repeated where it was meant for.
        let isForm = visit.method == .post && visit.query("again") != nil
        let isFetch = visit.method == .post && !isForm
        let gone = "/identity/sign-in?to=\(Self.encoded(to))"
        guard let token = visit.cookie(SessionToken.renewalCookie), !token.isEmpty else {
            return isFetch ? Self.unauthorized : .seeOther(gone)
        }
        let (outbox, now) = (cabinet.outbox, visit.now)
        let renewed = try await cabinet.database.transaction { transaction -> (RenewSession.Outcome, SignedInPerson?) in
            let outcome = try RenewSession(token: token, now: now).run(in: transaction, outbox)
            guard case .renewed(let session) = outcome else { return (outcome, nil) }
            return (outcome, try SignedInPerson.read(session.personID, in: transaction))
        }
        guard case (.renewed(let session), let person?) = renewed else {
            return cleared(isFetch ? Self.unauthorized : .seeOther(gone + "&why=ended"))
        }
        return try await cookies(isFetch ? .noContent : isForm ? .repeated(at: to) : .seeOther(to), person, session, now)
    }

    private static let unauthorized = Answer.bytes(
        Data(#"{"title":"Sign in again","status":401}"#.utf8), type: "application/problem+json", status: .unauthorized)

    /// Works with an expired token too: whoever wants out gets out.
    private func signOut(_ visit: Visit) async throws -> Answer {
        let (outbox, now, viewer) = (cabinet.outbox, visit.now, visit.viewer)
        let (isSignedIn, renewal) = (visit.isSignedIn, visit.cookie(SessionToken.renewalCookie))
        try await cabinet.database.transaction { transaction in
            if isSignedIn {
                try EndSessions.one(
                    viewer.sessionID, of: viewer.personID, because: "out", now: now, in: transaction, outbox)
            }
            if let renewal, let (session, person) = try transaction.first(
                """
                select s.id, s.person_id from renewal r join session s on s.id = r.session_id
                where r.token_hash = \(RandomToken.hash(renewal))
                """,
                as: UUID.self, UUID.self)
            {
                try EndSessions.one(session, of: person, because: "out", now: now, in: transaction, outbox)
            }
        }
        return cleared(.seeOther("/identity/sign-in?why=out"))
    }

    /// A path as the value of a query.
    static func encoded(_ path: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "/-._~")
        return path.addingPercentEncoding(withAllowedCharacters: allowed) ?? "/"
    }
}

/// Whom somebody without a password asks, where there is only one school to belong to.
enum SchoolCurator {
    static func theOnlyOne(in transaction: borrowing Transaction) throws -> PersonName? {
        try transaction.first(
            """
            select p.surname, p.given_name, p.patronymic from role_held r join person p on p.id = r.person_id
            where r.role = 'curator' and not r.ended and not p.ended
              and (select count(*) from school where not ended) = 1
            order by r.id limit 1
            """,
            as: String.self, String.self, String?.self
        ).map { PersonName(surname: $0, given: $1, patronymic: $2) }
    }
}
