import ArgumentParser
import Directory
import Foundation
import Kernel
import Postgres
import Service

/// `canteen import-menu FILE`
struct ImportMenuCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-menu", abstract: "Bring in daily menus: ration,shift,date,meal,dish,yield_g,…,recipe_no,price_rub.")

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The list.") var file: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?
    @Option(help: "Days to add to every date.") var moveDays = 0

    func run() async throws {
        let table = CSVTable(try String(contentsOfFile: file, encoding: .utf8))
        let (name, days) = (school, moveDays)
        let report = try await withParts(of: CanteenService.self, options) { parts in
            let menu = ImportMenu(table, school: try await chosenSchool(name, parts.database), movedBy: days)
            let outbox = parts.outbox
            return try await parts.database.transaction { try menu.run(in: $0, outbox: outbox) }
        }
        print("\(report.days) days with \(report.dishes) dishes, \(report.unchangedDays) days as before, \(report.bad.count) bad lines")
        for line in report.bad { FileHandle.standardError.write(Data("line \(line.line): \(line.reason)\n".utf8)) }
    }
}

/// `canteen import-products FILE`
struct ImportProductsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-products", abstract: "Bring in the buffet's price list: name,price,group.")

    @OptionGroup var options: ServiceOptions
    @Argument(help: "The list.") var file: String
    @Option(help: "The school's name; not needed where there is one.") var school: String?

    func run() async throws {
        let table = CSVTable(try String(contentsOfFile: file, encoding: .utf8))
        let name = school
        let (changed, bad) = try await withParts(of: CanteenService.self, options) { parts in
            let id = try await chosenSchool(name, parts.database)
            return try await parts.database.transaction { tx -> (Int, [String]) in
                var changed = 0
                var bad = table.damage.map { "line \($0.line): \($0.reason)" }
                for row in table.rows {
                    guard let price = Money(row["price"]), price > .zero, !row["name"].isEmpty else {
                        bad.append("line \(row.line): «\(row["name"])» for «\(row["price"])» is no product")
                        continue
                    }
                    if try Product.put(row["name"], group: row["group"], price: price, school: id, in: tx) { changed += 1 }
                }
                return (changed, bad)
            }
        }
        print("\(changed) products new or changed, \(bad.count) bad lines")
        for line in bad { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
    }
}
