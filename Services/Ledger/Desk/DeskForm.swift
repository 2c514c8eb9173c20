import Directory
import Foundation
import Hummingbird
import Kernel
import Messaging
import Postgres
import Web

/// Taking cash from the form or from a program (AC-04).
struct DeskForm {
    let database: Database
    let outbox: Outbox

    func topUp(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        var typed = DeskPage.Typed(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now),
            amount: form["amount"]?.trimmed ?? "", receipt: form["receipt"]?.trimmed ?? "")
        let amount = Money(typed.amount)
        if amount.map({ $0 <= .zero || $0 > TopUpAtDesk.most }) ?? true {
            typed.amountError = visit.tr("Write a sum above zero and up to %@.", visit.money(TopUpAtDesk.most))
        }
        if typed.receipt.isEmpty || typed.receipt.count > 40 {
            typed.receiptError = visit.tr("Write the number of the receipt you gave.")
        }
        guard let amount, typed.amountError == nil, typed.receiptError == nil else {
            return try await again(visit, child, typed)
        }
        let topUp = TopUpAtDesk(
            id: typed.id, child: child, amount: amount, receipt: typed.receipt, by: visit.viewer.personID)
        do {
            _ = try await database.once { [outbox] in try topUp.run(in: $0, outbox, at: visit.now) }
        } catch let refusal as TopUpRefused {
            switch refusal {
            case .noAccount: throw Problem.notFound
            case .notAnAmount:
                typed.amountError = visit.tr("Write a sum above zero and up to %@.", visit.money(TopUpAtDesk.most))
            case .receiptUsed:
                typed.receiptError = visit.tr("This desk has already given a receipt with this number.")
            case .dayClosed:
                typed.formError = visit.tr("The day of this desk is closed already. What is taken now counts for tomorrow: enter it then.")
            case .accountClosed:
                typed.formError = visit.tr("The account is closed: the pupil has left the school.")
            case .repeatedWithOtherContents:
                typed.formError = visit.tr("This form was already sent with other contents. Nothing was posted a second time.")
                typed.id = .v7(at: visit.now)
            }
            return try await again(visit, child, typed)
        }
        return .seeOther("/ledger/desk?done=\(typed.id.text)")
    }

    private func again(_ visit: Visit, _ child: UUID, _ typed: DeskPage.Typed) async throws -> Answer {
        .page(try await DeskPage(for: visit, database, child: child, typed: typed), .unprocessableContent)
    }
}
