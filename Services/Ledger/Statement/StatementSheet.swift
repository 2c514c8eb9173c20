import Events
import Foundation
import HTTPTypes
import Kernel
import Postgres
import Spreadsheet
import Web

/// A statement as a file for an office program: the same lines as the page, under the same filters (AC-05).
enum StatementSheet {
    static func answer(_ visit: Visit, _ database: Database) async throws -> Answer {
        guard let read = try await StatementPage.Reading(for: visit, database) else { throw Problem.notFound }
        let name = "statement-\(read.account.number)-\(read.filter.first.iso)-\(read.filter.last.iso).xlsx"
        return .bytes(try table(read, visit).xlsx(), type: Spreadsheet.type)
            .with(.contentDisposition, "attachment; filename=\"\(name)\"")
    }

    static func table(_ read: StatementPage.Reading, _ visit: Visit) -> Spreadsheet {
        let rows = StatementRows(read, visit, hasPlaceApart: true).days().reversed().flatMap { day in
            day.rows.reversed().map { row -> [Spreadsheet.Cell] in
                [
                    .day(day.day), .text(row.time), .text(row.what), .text(row.place ?? ""),
                    .text(([row.how] + row.notes).filter { !$0.isEmpty }.joined(separator: "; ")),
                    row.isRefused ? .text(visit.tr("refused")) : .money(row.amount), .money(row.balance),
                ]
            }
        }
        return Spreadsheet(
            name: visit.tr("Statement"), heading: visit.tr("Personal account for meals") + " " + read.account.number.spacedNumber,
            facts: [
                (visit.tr("From"), .day(read.filter.first)), (visit.tr("To"), .day(read.filter.last)),
                (visit.tr("Balance before"), .money(read.statement.opening)), (visit.tr("Balance after"), .money(read.statement.closing)),
            ] + (visit.shown(read.filter).map { [(visit.tr("Shown only"), .text($0))] } ?? []),
            columns: [
                .init(visit.tr("Day"), width: 11), .init(visit.tr("Time"), width: 7), .init(visit.tr("What"), width: 40),
                .init(visit.tr("Where"), width: 24), .init(visit.tr("How and by whom"), width: 40), .init(visit.tr("Sum, ₽"), width: 12),
                .init(visit.tr("Balance, ₽"), width: 12),
            ],
            rows: rows)
    }
}
