import Directory
import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Spreadsheet
import Web

/// The report between supplier and payment agent, month by month (SC-08, AC-14).
struct SettlementPage: Page {
    struct Line: Encodable, Sendable, Equatable {
        let title: String
        let count: Int
        let amount: Money
        let amountText: String
    }

    /// Who provides paid services, and what he is due.
    struct Provider: Encodable, Sendable, Equatable {
        let name: String
        let amount: Money
        let amountText: String
    }

    static let template = "settlement/show"
    let title: String
    let section = "desk"
    let school: UUID
    let schoolName: String
    let schools: [StatementPage.Choice]
    let hasSchools: Bool
    let month: String
    let monthTitle: String
    let earlierPath: String
    let laterPath: String?
    let sheetPath: String
    let came: [Line]
    let went: [Line]
    let supplied: [Line]
    let providers: [Provider]
    let cameTotal: Money
    let cameText: String
    let wentTotal: Money
    let wentText: String
    let dueToSupplier: Money
    let dueText: String
    let opening: Money
    let openingText: String
    let closing: Money
    let closingText: String
    /// What came or went with pupils who changed the school.
    let moved: Money
    let movedText: String?
}

extension SettlementPage {
    init(for visit: Visit, _ database: Database) async throws {
        let asked = visit.query("school").flatMap(UUID.init(uuidString:))
        let month = visit.query("month").flatMap(Month.init) ?? Month(of: visit.today)
        let read = try await database.read { tx -> (schools: [UUID], names: [UUID: String], school: UUID, settlement: Settlement, today: Day)? in
            let schools = Set(
                try Directory.places(of: visit.viewer, .topUpAtDesk, in: tx).filter { $0.classID == nil }.map(\.schoolID)
            ).sorted { $0.uuidString < $1.uuidString }
            guard let school = asked.map({ schools.contains($0) ? $0 : nil }) ?? schools.first else { return nil }
            let zone = try tx.first("select time_zone from school_books where school_id = \(school)", as: String.self)
                .flatMap(SchoolZone.init) ?? .moscow
            let names = Dictionary(try Directory.schools(schools, in: tx).map { ($0.id, $0.name) }, uniquingKeysWith: { $1 })
            return (
                schools, names, school,
                try tx.settlement(of: school, from: zone.start(of: month.first), until: zone.start(of: month.next.first)),
                zone.day(of: visit.now)
            )
        }
        guard let read else { throw Problem.notFound }
        let settlement = read.settlement
        func lines(_ condition: (Settlement.Line) -> Bool) -> [Line] {
            settlement.lines.filter(condition).map {
                Line(title: visit.words($0), count: $0.count, amount: $0.amount, amountText: visit.signed($0.amount))
            }
        }
        let path = "/ledger/settlement?school=\(read.school.text)"
        self.init(
            title: visit.tr("Settlement"), school: read.school, schoolName: read.names[read.school] ?? "",
            schools: read.schools.map { school in
                .init(
                    title: read.names[school] ?? "", path: "/ledger/settlement?school=\(school.text)&month=\(month.iso)",
                    isCurrent: school == read.school, accent: nil)
            },
            hasSchools: read.schools.count > 1, month: month.iso, monthTitle: visit.monthTitle(month),
            earlierPath: "\(path)&month=\(month.previous.iso)",
            laterPath: month < Month(of: read.today) ? "\(path)&month=\(month.next.iso)" : nil,
            sheetPath: "/ledger/settlement.xlsx?school=\(read.school.text)&month=\(month.iso)",
            came: lines { !$0.isSupplied && $0.amount > .zero }, went: lines { !$0.isSupplied && $0.amount < .zero },
            supplied: lines(\.isSupplied), providers: settlement.dueToProviders.map { .init(name: $0.name, amount: $0.amount, amountText: visit.money($0.amount)) }, cameTotal: settlement.came, cameText: visit.money(settlement.came),
            wentTotal: settlement.went, wentText: visit.money(settlement.went), dueToSupplier: settlement.dueToSupplier,
            dueText: visit.money(settlement.dueToSupplier), opening: settlement.opening, openingText: visit.money(settlement.opening),
            closing: settlement.closing, closingText: visit.money(settlement.closing), moved: settlement.moved,
            movedText: settlement.moved == .zero ? nil : visit.signed(settlement.moved))
    }

    /// The same as a file for an office program.
    static func sheet(_ visit: Visit, _ database: Database) async throws -> Answer {
        let page = try await SettlementPage(for: visit, database)
        func rows(_ title: String, _ lines: [Line]) -> [[Spreadsheet.Cell]] {
            lines.map { [.text(title), .text($0.title), .number($0.count), .money($0.amount)] }
        }
        let table = Spreadsheet(
            name: visit.tr("Settlement"), heading: "\(visit.tr("Settlement")) \(page.month). \(page.schoolName)",
            facts: [
                (visit.tr("Owed to the payers before"), .money(page.opening)), (visit.tr("Owed to the payers after"), .money(page.closing)),
                (visit.tr("Due to the supplier"), .money(page.dueToSupplier)),
            ] + page.providers.map { (visit.tr("Due to %@", $0.name), .money($0.amount)) },
            columns: [
                .init(visit.tr("Part"), width: 26), .init(visit.tr("What"), width: 44), .init(visit.tr("Movements"), width: 12),
                .init(visit.tr("Sum, ₽"), width: 16),
            ],
            rows: rows(visit.tr("Came"), page.came) + rows(visit.tr("For the supplier"), page.supplied) + rows(visit.tr("Went back"), page.went)
                + (page.moved == .zero ? [] : [[.text(visit.tr("With pupils who changed the school")), .empty, .empty, .money(page.moved)]]))
        return .bytes(try table.xlsx(), type: Spreadsheet.type)
            .with(.contentDisposition, "attachment; filename=\"settlement-\(page.month).xlsx\"")
    }
}

extension Visit {
    /// What a line of a settlement is, from the payers' side.
    func words(_ line: Settlement.Line) -> String {
        switch (line.kind, line.side) {
        case ("topUp", "cashDesk"): tr("Cash at the desk")
        case ("topUp", "acquiring"): tr("Bank cards")
        case ("topUp", "terminal"): tr("Terminals")
        case ("topUp", "bankRegister"): tr("Banks")
        case ("accrual", _): tr("Subsidies of the municipality")
        case ("expiry", _): tr("Subsidies back to the municipality")
        case ("return", "acquiring"): tr("Returned to bank cards")
        case ("return", _): tr("Top-ups cancelled by payment systems")
        case ("payout", "cashDesk"): tr("Paid out at the desk")
        case ("payout", _): tr("Paid out through a bank")
        case ("charge", _) where line.provider != nil: tr("Paid services: %@", line.provider ?? "")
        case ("refund", _) where line.provider != nil: tr("Refunds of paid services: %@", line.provider ?? "")
        case ("charge", _): line.purchase == "collective" ? tr("Meals by the class's request") : tr("Personal purchases")
        case ("reversal", _): tr("Sales that were not completed")
        case ("refund", _): tr("Refunds of mistaken charges")
        default: "\(line.kind), \(line.side)"
        }
    }
}
