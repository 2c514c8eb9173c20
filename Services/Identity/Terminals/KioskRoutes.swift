import Directory
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Web

/// The terminal's cabinet: setting a terminal up, entering by number and PIN, leaving.
///
/// Everything here stands open, for a terminal has no person; what counts is the key of its browser and the minute and a half of
/// the visit. What the cabinet shows, Ledger, Canteen and Journal show under the same token.
struct KioskRoutes: Sendable {
    let cabinet: Cabinet
    let keys: TokenKeys

    init(cabinet: Cabinet) {
        self.cabinet = cabinet
        keys = TokenKeys(cabinet.database)
    }

    func add(to book: inout RouteBook) {
        book.open(.get, "/identity/kiosk") { try await show($0) }
        book.open(.post, "/identity/kiosk/setup") { try await setUp($0) }
        book.open(.post, "/identity/kiosk/sign-in") { try await signIn($0) }
        book.open(.get, "/identity/kiosk/renewal") { try await renew($0) }
        book.open(.post, "/identity/kiosk/exit") { try await leave($0) }
        book.kiosk("/identity/kiosk/cabinet") { visit, guest in
            KioskHomePage(title: visit.tr("Cabinet"), code: guest.code)
        }
    }

    private func terminal(_ visit: Visit) async throws -> Terminal? {
        let key = visit.cookie(Terminal.cookie)
        return try await cabinet.database.read { try Terminal.holding(key, in: $0) }
    }

    private func guest(_ visit: Visit) async -> KioskGuest? {
        guard let token = visit.cookie(KioskToken.cookie) else { return nil }
        return try? await keys.verifiedKiosk(token).guest
    }

    private func show(_ visit: Visit) async throws -> Answer {
        guard try await terminal(visit) != nil else { return .page(KioskSetupPage(visit)) }
        if await guest(visit) != nil { return .seeOther("/identity/kiosk/cabinet") }
        let notice = visit.query("why") == "out" ? visit.tr("You have left the cabinet.") : nil
        return .page(KioskPage(visit, notice: notice)).with(.cacheControl, "no-store")
    }

    private func setUp(_ visit: Visit) async throws -> Answer {
        let code = String(((try await visit.form())["code"] ?? "").prefix(40))
        let command = SetUpTerminal(code: code, address: visit.address, now: visit.now)
        let outcome = try await cabinet.database.transaction { try command.run(in: $0) }
        switch outcome {
        case .ready(let key):
            return .seeOther("/identity/kiosk").settingCookie(Terminal.cookie, key.text, seconds: Terminal.cookieLife)
        case .unknown:
            return .page(
                KioskSetupPage(visit, typed: code, wrong: visit.tr("There is no such code, or it is used or a day old.")), .unprocessableContent)
        case .wait(let until):
            return .page(
                KioskSetupPage(visit, wrong: visit.tr("Too many attempts. Try again at %@.", visit.format.time(until.addingTimeInterval(60)))),
                .tooManyRequests)
        }
    }

    private func signIn(_ visit: Visit) async throws -> Answer {
        // A stranger's browser is not told whether a number or PIN is right: it cannot even ask.
        guard let terminal = try await terminal(visit) else { return .page(KioskSetupPage(visit), .forbidden) }
        let form = try await visit.form()
        let account = String((form["account"] ?? "").prefix(20))
        let command = TerminalSignIn(terminal: terminal, accountNumber: account, pin: form["pin"] ?? "", now: visit.now)
        do {
            switch try await command.run(cabinet.database, cabinet.bench, language: visit.language.rawValue) {
            case .entered(let guest): return try await enter(.seeOther("/identity/kiosk/cabinet"), guest, visit.now)
            case .wrong:
                return .page(
                    KioskPage(visit, accountNumber: account, wrong: visit.tr("The number and the PIN do not fit.")), .unprocessableContent)
            case .wait(let until):
                let time = visit.format.moment(until.addingTimeInterval(60), now: visit.now)
                return .page(KioskPage(visit, wrong: visit.tr("Too many attempts. Try again at %@.", time)), .tooManyRequests)
                    .with(.retryAfter, "\(max(1, Int(until.timeIntervalSince(visit.now))))")
            }
        } catch is HashingBusy {
            return .page(
                KioskPage(visit, wrong: visit.tr("Too many people sign in at this moment. Try again in a minute.")), .serviceUnavailable)
        }
    }

    /// A key is touched: a new token, if the visit goes on, and on to where the key leads.
    private func renew(_ visit: Visit) async throws -> Answer {
        let to = Self.places.first { $0 == visit.query("to") } ?? "/identity/kiosk/cabinet"
        let now = visit.now
        guard try await terminal(visit) != nil, let guest = await guest(visit) else { return cleared("/identity/kiosk") }
        let goesOn = try await cabinet.database.transaction { try TouchVisit(session: guest.session, now: now).run(in: $0) }
        return goesOn ? try await enter(.seeOther(to), guest, now) : cleared("/identity/kiosk")
    }

    /// Where a terminal's keys lead.
    static let places = ["/identity/kiosk/cabinet", "/ledger/kiosk", "/canteen/kiosk", "/journal/kiosk"]

    private func leave(_ visit: Visit) async throws -> Answer {
        let now = visit.now
        if let guest = await guest(visit) {
            _ = try await cabinet.database.transaction {
                try $0.execute("update terminal_visit set ended_at = \(now) where id = \(guest.session) and ended_at is null")
            }
        }
        return cleared("/identity/kiosk?why=out")
    }

    private func enter(_ answer: Answer, _ guest: KioskGuest, _ now: Date) async throws -> Answer {
        answer.settingCookie(
            KioskToken.cookie, try await cabinet.signer.token(for: guest, now: now), seconds: Int(KioskToken.seconds)
        ).with(.cacheControl, "no-store")
    }

    private func cleared(_ path: String) -> Answer {
        .seeOther(path).settingCookie(KioskToken.cookie, "", seconds: 0).with(.cacheControl, "no-store")
    }
}
