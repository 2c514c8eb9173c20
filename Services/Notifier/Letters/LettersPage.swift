import Directory
import Foundation
import Hummingbird
import Kernel
import Postgres
import Web

/// Where a guardian says how often and when his letter comes (NT-01).
struct LettersPage: Page {
    struct Choice: Encodable, Sendable {
        let value: String
        let label: String
        let isChosen: Bool
    }

    static let template = "letters/edit"
    let title: String
    let section = "letters"
    let rhythms: [Choice]
    let hours: [Choice]
    let weekdays: [Choice]
    let email: String?
    /// What keeps letters from an address, or from another one that was entered.
    let addressNote: String?
    /// ID-38: no letter comes until he agrees again.
    let hasWithdrawn: Bool
    let isSaved: Bool
    let error: String?
}

extension LettersPage {
    init(for visit: Visit, _ database: Database, error: String? = nil) async throws {
        let person = visit.viewer.personID
        let (choice, hasWithdrawn, contact) = try await database.read { tx in
            (
                try LetterForm.choice(of: person, in: tx), try !WhenConsentIsDecided.withdrawn([person], in: tx).isEmpty,
                try tx.first(
                    "select email, email_confirmed or email_from_school, new_email from contact where person_id = \(person)",
                    as: String?.self, Bool.self, String?.self)
            )
        }
        // ID-14: nothing goes to an address that somebody has only typed.
        let email = contact.flatMap { $0.1 ? $0.0 : nil }
        let waiting = contact.flatMap { $0.2 ?? ($0.1 ? nil : $0.0) }
        let note = waiting.map { visit.tr(email == nil ? "%@ is not confirmed yet: letters begin when it is." : "%@ is not confirmed yet; letters go there when it is.", $0) }
        let words = [Rhythm.daily: visit.tr("Every day"), .weekly: visit.tr("Once a week"), .never: visit.tr("Never")]
        self.init(
            title: visit.tr("Letters"),
            rhythms: Rhythm.allCases.map { Choice(value: $0.rawValue, label: words[$0] ?? "", isChosen: $0 == choice.rhythm) },
            hours: (6...23).map { Choice(value: "\($0)", label: "\($0):00", isChosen: $0 == choice.sendAt.hour) },
            weekdays: (1...7).map { number in
                let day = visit.today.monday.adding(days: number - 1)
                return Choice(value: "\(number)", label: visit.format.weekday(day), isChosen: number == choice.weekday)
            }, email: email, addressNote: note, hasWithdrawn: hasWithdrawn, isSaved: visit.query("saved") != nil, error: error)
    }
}

/// The page of one-click unsubscribing.
struct UnsubscribePage: Page {
    static let template = "letters/unsubscribe"
    let title: String
    let section = ""
    let action: String
    let isDone: Bool
}

struct LetterForm: Sendable {
    let database: Database

    static func choice(of person: UUID, in tx: borrowing Transaction) throws -> LetterChoice {
        guard
            let (rhythm, at, weekday) = try tx.first(
                "select rhythm, send_at::text, weekday from letter_choice where person_id = \(person)", as: String.self, String.self,
                Int.self)
        else { return .unchosen }
        return LetterChoice(
            rhythm: Rhythm(rawValue: rhythm) ?? .daily, sendAt: TimeOfDay(String(at.prefix(5))) ?? LetterChoice.unchosen.sendAt,
            weekday: weekday)
    }

    func choose(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        guard let rhythm = form["rhythm"].flatMap(Rhythm.init), let hour = form["hour"].flatMap({ Int($0) }), (0...23).contains(hour),
            let at = TimeOfDay(hour: hour, minute: 0), let weekday = form["weekday"].flatMap({ Int($0) }), (1...7).contains(weekday)
        else {
            let page = try await LettersPage(for: visit, database, error: visit.tr("Choose how often, the hour and the day from the lists."))
            return .page(page, .unprocessableContent)
        }
        let person = visit.viewer.personID
        try await database.transaction { tx in
            _ = try tx.execute(
                """
                insert into letter_choice (person_id, rhythm, send_at, weekday, unsubscribe_token)
                values (\(person), \(rhythm.rawValue), \(at.iso)::time, \(weekday), \(UUID()))
                on conflict (person_id) do update set rhythm = excluded.rhythm, send_at = excluded.send_at,
                    weekday = excluded.weekday, changed_at = now()
                """)
        }
        return .seeOther("/notifier/letters?saved=1")
    }

    /// A look changes nothing: programs that scan letters follow every address.
    func ask(_ visit: Visit) async throws -> UnsubscribePage { try await page(visit, isDone: false) }

    /// RFC 8058: done at once, without sign-in, question or redirection; again changes nothing.
    func unsubscribe(_ visit: Visit) async throws -> UnsubscribePage {
        let token = try visit.uuid("token")
        let known = try await database.transaction { tx in
            try tx.execute(
                "update letter_choice set rhythm = 'never', changed_at = now() where unsubscribe_token = \(token)")
        }
        guard known == 1 else { throw Problem.notFound }
        return try await page(visit, isDone: true)
    }

    private func page(_ visit: Visit, isDone: Bool) async throws -> UnsubscribePage {
        let token = try visit.uuid("token")
        let known = try await database.rows("select person_id from letter_choice where unsubscribe_token = \(token)", as: UUID.self)
        guard !known.isEmpty else { throw Problem.notFound }
        return UnsubscribePage(title: visit.tr("Letters"), action: "/notifier/unsubscribe/\(token.text)", isDone: isDone)
    }
}
