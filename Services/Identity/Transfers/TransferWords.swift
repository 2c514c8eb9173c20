import Events
import Foundation
import Kernel
import Web

/// A transfer as pages show it.
struct TransferCard: Encodable, Sendable {
    /// One line of the checklist of what travels.
    struct Part: Encodable, Sendable {
        let name: String
        /// What goes with the pupil: a balance, so many cards.
        let carries: String
        let state: String
        let tag: Tag
    }

    let id: UUID
    let name: String
    let from: String
    let to: String
    let state: String
    let tag: Tag
    let asked: String
    let decided: String?
    let reason: String?
    let parts: [Part]
    let hasParts: Bool
    /// The services that are still waited for, by name.
    let missing: String?
    /// Since when, and when they were asked once more.
    let since: String?

    /// - Parameters:
    ///   - seesMoney: whether the reader may know the balance.
    ///   - decides: whether it is the reader's school that decides.
    init(_ record: TransferRecord, seesMoney: Bool, decides: Bool = false, _ visit: Visit) {
        id = record.id
        name = record.childName.full
        from = visit.words(record.from)
        to = visit.words(record.to)
        state = record.state.rawValue
        tag = decides && record.state == .asked ? .wait(visit.tr("waits for your decision")) : visit.tag(record.state)
        asked = visit.tr("Asked by %@ on %@", record.askedBy.full, visit.format.moment(record.askedAt, now: visit.now))
        decided = record.decidedAt.map { at in
            let name = record.decidedBy?.full ?? ""
            let moment = visit.format.moment(at, now: visit.now)
            return switch record.state {
            case .withdrawn: visit.tr("Withdrawn by %@ on %@", name, moment)
            case .refused: visit.tr("Refused by %@ on %@", name, moment)
            default: visit.tr("Confirmed by %@ on %@", name, moment)
            }
        }
        reason = record.reason
        let isOver = record.state == .refused || record.state == .withdrawn
        parts = isOver ? [] : record.parts.map { visit.line($0, hasMoved: TransferRule.hasMoved(record.state), seesMoney: seesMoney) }
        hasParts = !parts.isEmpty
        let names = record.missing.map { visit.name(of: $0) }
        missing = isOver || names.isEmpty ? nil : names.joined(separator: ", ")
        since = missing.map { _ in
            let since = visit.tr("since %@", visit.format.moment(record.waitingSince, now: visit.now))
            guard let again = record.askedAgainAt, again > record.waitingSince else { return since }
            return since + "; " + visit.tr("asked again %@", visit.format.moment(again, now: visit.now))
        }
    }
}

extension Visit {
    /// «7 «Б», Школа № 7».
    func words(_ place: TransferRecord.Place) -> String {
        [place.className?.description, place.school].compactMap(\.self).joined(separator: ", ")
    }

    func tag(_ state: TransferState) -> Tag {
        switch state {
        case .asked: .wait(tr("waits for the receiving school"))
        case .confirmed: .wait(tr("confirmed, under way"))
        case .done: .plain(tr("done"))
        case .refused: .alarm(tr("refused"))
        case .withdrawn: .plain(tr("withdrawn"))
        }
    }

    /// A service by the part of the school it serves.
    func name(of partner: TransferPartner) -> String {
        switch partner {
        case .ledger: tr("Account")
        case .access: tr("Cards")
        case .canteen: tr("Diet and meals")
        case .journal: tr("Diary and marks")
        }
    }

    fileprivate func line(_ part: TransferRecord.Part, hasMoved: Bool, seesMoney: Bool) -> TransferCard.Part {
        let carries: String =
            switch part.partner {
            case .ledger:
                if seesMoney, let balance = part.balance {
                    tr("The account keeps its number; on it %@", format.money(balance))
                } else {
                    tr("The account keeps its number and what is on it")
                }
            case .access: part.count.map { trn($0, "%d card, it stays valid", "%d cards, they stay valid") } ?? tr("Cards stay valid")
            case .canteen: part.count.map { trn($0, "%d purchase in the history", "%d purchases in the history") } ?? tr("What was bought stays in the history")
            case .journal: part.count.map { trn($0, "%d mark in the diary", "%d marks in the diary") } ?? tr("Marks stay in the diary")
            }
        let (state, tag): (String, Tag) =
            switch (hasMoved, part.state) {
            case (true, .done?): ("done", .plain(tr("arrived")))
            case (true, _): ("missing", .wait(tr("has not arrived yet")))
            case (false, nil): ("missing", .wait(tr("has not answered yet")))
            case (false, _): ("ready", .plain(tr("ready")))
            }
        return TransferCard.Part(name: name(of: part.partner), carries: carries, state: state, tag: tag)
    }
}
