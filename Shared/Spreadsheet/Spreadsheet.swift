import CXLSXWriter
public import Foundation
public import Kernel

/// One table as an office program reads it: a heading, facts above the table, its columns and rows.
public struct Spreadsheet: Sendable {
    public enum Cell: Sendable, Equatable {
        case text(String)
        /// A number of roubles with two decimals.
        case money(Money)
        case day(Day)
        case number(Int)
        case empty
    }

    public struct Column: Sendable {
        public let title: String
        /// In characters.
        public let width: Double

        public init(_ title: String, width: Double) {
            self.title = title
            self.width = width
        }
    }

    /// The name of the sheet; at most 31 characters of it are used, without `[]:*?/\`.
    public let name: String
    public let heading: String
    /// Lines above the table: what is said, and its value.
    public let facts: [(String, Cell)]
    public let columns: [Column]
    public let rows: [[Cell]]

    public init(name: String, heading: String, facts: [(String, Cell)], columns: [Column], rows: [[Cell]]) {
        self.name = name
        self.heading = heading
        self.facts = facts
        self.columns = columns
        self.rows = rows
    }

    /// The file's type, for the answer that carries it.
    public static let type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    /// The bytes of the file.
    ///
    /// The library writes to a path only: the file lives under a name of its own in the temporary folder until it is read.
    /// - Throws: `SpreadsheetFailed` with the library's words.
    public func xlsx() throws -> Data {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).xlsx").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        guard let book = workbook_new(path) else { throw SpreadsheetFailed(reason: "no memory") }
        let unfit = Set("[]:*?/\\")
        let sheetName = String(name.filter { !unfit.contains($0) }.prefix(31))
        guard let sheet = workbook_add_worksheet(book, sheetName) else {
            workbook_close(book)
            throw SpreadsheetFailed(reason: "no sheet may be called «\(sheetName)»")
        }
        let writer = Writer(book: book, sheet: sheet)
        writer.write(self)
        let result = workbook_close(book)
        guard result == LXW_NO_ERROR else {
            throw SpreadsheetFailed(reason: lxw_strerror(result).map { String(cString: $0) } ?? "\(result)")
        }
        return try Data(contentsOf: URL(filePath: path))
    }

    private struct Writer {
        let sheet: UnsafeMutablePointer<lxw_worksheet>
        private let heading, head, text, money, day: UnsafeMutablePointer<lxw_format>?

        init(book: UnsafeMutablePointer<lxw_workbook>, sheet: UnsafeMutablePointer<lxw_worksheet>) {
            self.sheet = sheet
            heading = workbook_add_format(book)
            format_set_bold(heading)
            format_set_font_size(heading, 14)
            head = workbook_add_format(book)
            format_set_bold(head)
            format_set_bottom(head, UInt8(LXW_BORDER_THIN.rawValue))
            format_set_text_wrap(head)
            text = workbook_add_format(book)
            format_set_text_wrap(text)
            format_set_align(text, UInt8(LXW_ALIGN_VERTICAL_TOP.rawValue))
            money = workbook_add_format(book)
            format_set_num_format(money, "# ##0.00")
            format_set_align(money, UInt8(LXW_ALIGN_VERTICAL_TOP.rawValue))
            day = workbook_add_format(book)
            format_set_num_format(day, "dd.mm.yyyy")
            format_set_align(day, UInt8(LXW_ALIGN_VERTICAL_TOP.rawValue))
            format_set_align(day, UInt8(LXW_ALIGN_LEFT.rawValue))
        }

        func write(_ table: Spreadsheet) {
            worksheet_write_string(sheet, 0, 0, table.heading, heading)
            var row: UInt32 = 1
            for (label, value) in table.facts {
                worksheet_write_string(sheet, row, 0, label, nil)
                write(value, row, 2)
                row += 1
            }
            row += 1
            for (place, column) in table.columns.enumerated() {
                worksheet_set_column(sheet, UInt16(place), UInt16(place), column.width, nil)
                worksheet_write_string(sheet, row, UInt16(place), column.title, head)
            }
            worksheet_freeze_panes(sheet, row + 1, 0)
            worksheet_repeat_rows(sheet, row, row)
            worksheet_set_landscape(sheet)
            worksheet_set_paper(sheet, 9)  // A4
            worksheet_fit_to_pages(sheet, 1, 0)
            for cells in table.rows {
                row += 1
                for (place, cell) in cells.enumerated() { write(cell, row, UInt16(place)) }
            }
        }

        private func write(_ cell: Cell, _ row: UInt32, _ column: UInt16) {
            switch cell {
            case .text(let words): worksheet_write_string(sheet, row, column, words, text)
            case .money(let sum): worksheet_write_number(sheet, row, column, Double(sum.kopecks) / 100, money)
            case .number(let number): worksheet_write_number(sheet, row, column, Double(number), text)
            case .day(let date):
                var moment = lxw_datetime(
                    year: Int32(date.year), month: Int32(date.month), day: Int32(date.day), hour: 0, min: 0, sec: 0)
                worksheet_write_datetime(sheet, row, column, &moment, day)
            case .empty: break
            }
        }
    }
}

/// The library could not write the file.
public struct SpreadsheetFailed: Error {
    public let reason: String
}
