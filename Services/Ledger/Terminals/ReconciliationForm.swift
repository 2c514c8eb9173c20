import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// Bringing a register in by hand, and putting a payment on its account that stands in a register only (AC-03, AC-04).
struct ReconciliationForm: Sendable {
    let database: Database
    let outbox: Outbox

    /// Of what is pasted, in characters.
    static let longest = 200_000

    func bring(_ visit: Visit) async throws -> Answer {
        let form = try await visit.form()
        var wrong = FieldErrors()
        let pasted = (form["text"] ?? "").trimmed
        let file = form.file("file")
        let place = file == nil ? "text" : "file"
        var text: String? = pasted
        if let file {
            text = RegisterText.read(file.content)
            if text == nil {
                wrong["file"] = visit.tr("This is no text. Save the register as CSV and choose that file.")
            } else if !pasted.isEmpty {
                wrong["file"] = visit.tr("There is a file and a pasted text too: bring in one of them.")
            }
        }
        // Nothing at all is the register of a day on which nothing was paid.
        let register = PartnerRegister(text.flatMap { $0.trimmed.isEmpty ? nil : $0 } ?? "txn_id,date,account,sum")
        if !register.damage.isEmpty {
            wrong[place] = visit.tr("Nothing was brought in: %@", register.damage.prefix(3).joined(separator: "; "))
        }
        var days: [Day] = []
        if let typed = form["day"]?.trimmed, !typed.isEmpty {
            if let day = Day(typed) { days = [day] } else { wrong["day"] = visit.tr("Write a day.") }
        }
        if register.lines.isEmpty, days.isEmpty, wrong.messages.isEmpty {
            wrong[place] =
                file == nil && pasted.isEmpty
                ? visit.tr("Choose the file or paste the register. If nothing was paid, name the day.")
                : visit.tr("There is no payment in it. If nothing was paid, name the day.")
        }
        let name = form["partner"] ?? ""
        let known = try await database.read { try $0.partners().first { $0.name == name } }
        if known == nil { wrong["partner"] = visit.tr("Choose whose register it is.") }
        try wrong.throwIfAny()
        guard let partner = known else { throw Problem.notFound }
        let isOthers = try await database.transaction { [days] tx -> Bool in
            let schools = try tx.deskSchools(of: visit.viewer)
            let all = Array(Set(register.lines.map(\.day) + days))
            if try tx.speaksOfOthers(register, of: partner, days: all, than: schools) { return true }
            try register.bring(of: partner, file: file?.name ?? visit.tr("typed at the desk"), days: days, in: tx, at: visit.now)
            return false
        }
        if isOthers {
            throw FieldErrors([place: visit.tr("It speaks of accounts of other schools too: the operator brings it in by a command.")])
        }
        return .seeOther("/ledger/desk/registers?lines=\(register.lines.count)")
    }

    func credit(_ visit: Visit) async throws -> Answer {
        let (school, number) = (try visit.uuid("school"), try visit.parameter("number"))
        guard let partner = try await visit.form()["partner"] else { throw Problem.notFound }
        let put = CreditByRegister(partner: partner, number: number, schoolID: school)
        do {
            _ = try await database.transaction { [outbox] in try put.run(in: $0, outbox, at: visit.now) }
        } catch let refusal as PartnerRefusal {
            switch refusal {
            case .paymentNotFound, .accountNotFound: throw Problem.notFound
            case .accountClosed: throw FieldErrors(["id": visit.tr("The account is closed: the pupil has left the school.")])
            case .cancelled: throw FieldErrors(["id": visit.tr("The partner has taken this payment back: settle it with him.")])
            default: throw FieldErrors(["id": visit.tr("The number has come before with another sum or account: settle it with the partner.")])
            }
        }
        return .seeOther("/ledger/desk/registers")
    }
}

extension RegisterDifference {
    /// Where it is put on its account; nil where that is not for us to decide.
    var creditPath: String? {
        guard ours == nil, !isCancelled, isOpen, let schoolID else { return nil }
        return "/ledger/schools/\(schoolID.text)/registers/\(number)/credit"
    }
}
