import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// A child's cards: giving one, blocking a lost one, opening it again.
struct CardsPage: Page {
    struct Row: Encodable, Sendable, Equatable {
        let number: String
        let kind: String
        let state: String
        let isActive: Bool
        let isEnded: Bool
        let statusAddress: String
    }

    static let template = "cards/show"
    let title: String
    let section = "gate"
    let name: String
    let className: String
    let accent: String
    let address: String
    let cards: [Row]
    let isEmpty: Bool
    let nothing: StateBlock
    let fields: [Field]
}

extension CardsPage {
    init(for visit: Visit, _ database: Database, typed: String = "", error: String? = nil) async throws {
        let child = try visit.uuid("child")
        let (record, cards) = try await database.read { tx in
            (try Directory.child(child, in: tx), try Card.all(of: child, in: tx))
        }
        guard let record else { throw Problem.notFound }
        title = visit.tr("Cards")
        name = record.name?.listed ?? record.pupilCode
        className = record.className?.description ?? ""
        accent = record.accent.rawValue
        address = "/access/children/\(child.text)/cards"
        self.cards = cards.map { card in
            Row(
                number: card.number.text, kind: visit.tr(Self.title(card.kind)), state: visit.tr(Self.title(card.status)),
                isActive: card.status == .active, isEnded: card.status == .ended,
                statusAddress: "/access/cards/\(card.id.text)/status")
        }
        isEmpty = cards.isEmpty
        nothing = .empty(visit.tr("No card yet."), visit.tr("Give one: hold it to the reader or type its number."))
        let kinds: [CardKind] = [.serviceCard, .socialCard, .bracelet, .fob]
        fields = [
            .text(
                "number", visit.tr("Number"), value: typed,
                hint: visit.tr("As printed on the card or sent by the reader; any notation will do."), wrong: error, autocomplete: "off",
                isRequired: true, isFocused: true),
            .choice("kind", visit.tr("Kind"), kinds.map { .init($0.rawValue, visit.tr(Self.title($0))) }),
        ]
    }

    private static func title(_ kind: CardKind) -> String {
        switch kind {
        case .serviceCard: "service card"
        case .socialCard: "social card"
        case .bracelet: "bracelet"
        case .fob: "key fob"
        case .temporary: "temporary card"
        }
    }

    private static func title(_ status: CardStatus) -> String {
        switch status {
        case .active: "opens doors"
        case .blocked: "blocked"
        case .suspended: "suspended"
        case .ended: "given back"
        }
    }
}

struct CardForm {
    let database: Database
    let outbox: Outbox

    func assign(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let typed = form["number"] ?? ""
        let kind = form["kind"].flatMap(CardKind.init(rawValue:)) ?? .serviceCard
        let number: CardNumber
        do throws(CardNumberRefused) {
            number = try CardNumber(typed)
        } catch {
            let words =
                switch error {
                case .empty: visit.tr("Hold the card to the reader or type its number.")
                case .notANumber: visit.tr("This is no card number. The ten digits on the card, or the pair with a comma, will do.")
                case .tooLarge: visit.tr("No card has so large a number. Check the digits.")
                case .parity: visit.tr("The reader misread the card. Hold it once more.")
                }
            return .page(try await CardsPage(for: visit, database, typed: typed, error: words), .unprocessableContent)
        }
        do {
            try await database.transaction { [outbox] tx in
                _ = try AssignCard(person: child, number: number, kind: kind).run(in: tx, outbox: outbox)
            }
        } catch AssignCard.Refused.belongsToSomebodyElse {
            let words = visit.tr("This card is somebody else's, or a reader could not tell the two apart.")
            return .page(try await CardsPage(for: visit, database, typed: typed, error: words), .unprocessableContent)
        }
        return .seeOther("/access/children/\(child.text)/cards")
    }

    func change(_ visit: Visit) async throws -> Answer {
        let card = try visit.uuid("card")
        guard let status = try await visit.form()["status"].flatMap(CardStatus.init(rawValue:)),
            [.active, .blocked, .ended].contains(status)
        else { throw Problem.badRequest }
        let changed = try await database.transaction { [outbox] in
            try ChangeCard(card: card, status: status).run(in: $0, outbox: outbox)
        }
        guard let changed else { throw Problem.notFound }
        return .seeOther("/access/children/\(changed.personID.text)/cards")
    }
}
