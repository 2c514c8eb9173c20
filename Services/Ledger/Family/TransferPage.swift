import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// The form that moves money from one child to another of the same guardian (AC-09).
struct TransferPage: Page {
    static let template = "family/transfer"
    let title: String
    let section = "money"
    let purse: Purse
    /// Made with the form, so that a form sent twice moves once.
    let id: UUID
    let action: String
    let to: Field
    let amount: Field
    /// Whether there is another child to give to.
    let hasOthers: Bool
    /// What can be given now.
    let available: Money
    let availableText: String
    /// What is wrong with the form as a whole.
    let wrong: String?
}

extension TransferPage {
    /// - Parameter wrong: what is wrong beside which field of a form that is shown again.
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let (account, lunch, others) = try await database.read { tx in
            (
                try tx.account(of: child, at: visit.now), try tx.usualLunch(of: Account.id(of: child)),
                try tx.receivers(of: child, for: visit)
            )
        }
        guard let account else { throw Problem.notFound }
        let purse = Purse(account, lunch: lunch, for: visit)
        let chosen = form["to"] ?? visit.query("to")
        self.init(
            title: visit.tr("Transfer to another child"), purse: purse,
            id: wrong["id"] == nil ? form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now) : .v7(at: visit.now),
            action: "/ledger/children/\(child.text)/transfers",
            to: .choice(
                "to", visit.tr("To whom"),
                others.map { other in
                    Field.Choice(
                        other.personID.text, "\(visit.childName(other)), \(visit.money(other.balance))",
                        isChosen: other.personID.text == chosen?.lowercased())
                },
                wrong: wrong["to"]),
            amount: .money(
                "amount", visit.tr("Sum"), value: form["amount"] ?? "",
                hint: visit.tr("Up to %@. No fee; the money can be spent at once.", visit.money(account.available)),
                wrong: wrong["amount"], isRequired: true),
            hasOthers: !others.isEmpty, available: account.available, availableText: visit.money(account.available),
            wrong: wrong["id"])
    }
}

extension Visit {
    /// A child's name as the reader's token has it; whoever has no such name reads the account number (D-05).
    func childName(_ account: Account) -> String {
        viewer.children.first { $0.id == account.personID }?.name ?? account.number.spacedNumber
    }
}

extension Transaction {
    /// The open accounts of the reader's other children about whose money he decides: found by his rights, not by the form.
    func receivers(of child: UUID, for visit: Visit) throws -> [Account] {
        let children = try Directory.children(of: visit.viewer, .moveMoney, at: visit.now, in: self).map(\.id)
        let order = visit.viewer.children.map(\.id)
        return try accounts(.children(children.filter { $0 != child }), at: visit.now).filter(\.isOpen)
            .sorted { (order.firstIndex(of: $0.personID) ?? .max) < (order.firstIndex(of: $1.personID) ?? .max) }
    }
}

/// Moving the money from the form or by a program.
struct TransferForm {
    let database: Database
    let outbox: Outbox

    func move(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        var wrong = FieldErrors()
        let amount = form["amount"].flatMap { Money($0.trimmed) }
        if amount.map({ $0 <= .zero || $0 > TransferInFamily.most }) ?? true {
            wrong["amount"] = visit.tr("Write a sum above zero and up to %@.", visit.money(TransferInFamily.most))
        }
        let to = form["to"].flatMap(UUID.init(uuidString:))
        if to == nil { wrong["to"] = visit.tr("Choose one of your children.") }
        try wrong.throwIfAny()
        guard let amount, let to else { return .noContent }
        let transfer = TransferInFamily(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), from: child, to: to, amount: amount,
            by: visit.viewer.personID)
        do {
            try await database.once { [outbox] tx in
                // By his rights at this moment, not by what the form offered.
                guard try tx.receivers(of: child, for: visit).contains(where: { $0.personID == to }) else {
                    throw TransferRefused.noAccount
                }
                try transfer.run(in: tx, outbox, at: visit.now)
            }
        } catch let refusal as TransferRefused {
            throw Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/children/\(child.text)/statement#line-\(transfer.id.text)")
    }

    private static func errors(_ refusal: TransferRefused, _ visit: Visit) -> FieldErrors {
        switch refusal {
        case .notAnAmount:
            FieldErrors(["amount": visit.tr("Write a sum above zero and up to %@.", visit.money(TransferInFamily.most))])
        case .notEnough(let available):
            FieldErrors(["amount": visit.tr("There is not so much on the account: %@ can be moved.", visit.money(max(available, .zero)))])
        case .sameChild, .noAccount, .receiverClosed:
            FieldErrors(["to": visit.tr("Choose one of your children.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was moved a second time.")])
        }
    }
}
