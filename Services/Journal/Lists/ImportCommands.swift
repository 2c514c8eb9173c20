import ArgumentParser
import Directory
import Foundation
import Kernel
import Postgres
import Service

struct ListOptions: ParsableArguments {
    @OptionGroup var options: ServiceOptions

    @Argument(help: "The file.")
    var file: String

    @Option(help: "The school's name; may be left out when there is only one.")
    var school: String?

    var text: String { get throws { try String(contentsOfFile: file, encoding: .utf8) } }
    var table: CSVTable { get throws { CSVTable(try text) } }

    /// Takes a list in one transaction, announces what it changed and prints what became of it.
    func take(
        announce: Bool = true, _ body: @escaping @Sendable (Parts, UUID, borrowing Transaction) throws -> ImportReport
    ) async throws {
        let report = try await withParts(of: JournalService.self, options) { [school] parts in
            let (report, told) = try await parts.database.transaction { tx in
                let school = try ListedSchool.find(school, in: tx)
                let report = try body(parts, school.id, tx)
                let told = announce ? try AnnounceClassDays(school: school.id).run(at: Date(), in: tx, outbox: parts.outbox) : 0
                return (report, told)
            }
            print(report.text)
            if announce { print("\(told) days of classes announced") }
            return report
        }
        for bad in report.bad.sorted() {
            FileHandle.standardError.write(Data("\(file):\(bad.line): \(bad.reason)\n".utf8))
        }
    }
}

/// `journal import-bells FILE`
struct ImportBellsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-bells", abstract: "When lessons begin and end: number,starts,ends.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let table = try list.table
        try await list.take { try ImportBells(table: table).run(school: $1, in: $2) }
    }
}

/// `journal import-terms FILE`
struct ImportTermsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-terms", abstract: "The parts of the school year: name,starts,ends.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let table = try list.table
        try await list.take { try ImportTerms(table: table).run(school: $1, in: $2) }
    }
}

/// `journal import-calendar FILE`
struct ImportCalendarCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-calendar",
        abstract: "Holidays and moved days: date,works_as,name, where works_as is mon … sun or holiday.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let table = try list.table
        try await list.take { try ImportCalendar(table: table).run(school: $1, in: $2) }
    }
}

/// `journal import-timetable FILE`
struct ImportTimetableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-timetable",
        abstract: "The lessons of a week: class,day,number,subject,teacher,room; a class that is named is replaced.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let timetable = ImportTimetable(table: try list.table)
        try await list.take { try timetable.run(school: $1, in: $2) }
    }
}

/// `journal import-xhstt FILE --map MAP`
struct ImportXHSTTCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-xhstt", abstract: "The lessons of a week from an XHSTT archive.",
        discussion: """
            MAP is kind,reference,name: for each class, teacher, course and room of the archive what it is called here \
            (class 7Б, staff number S014, subject, room). Bad placements are counted from 1 as the solution lists them.
            """)
    @OptionGroup var list: ListOptions
    @Option(help: "The names of the archive and ours.") var map: String
    @Option(help: "Which solution of the archive, 1 for the first.") var solution = 1

    func run() async throws {
        let archive = try XHSTTTimetable(Data(contentsOf: URL(filePath: list.file)), solution: solution - 1)
        let timetable = ImportTimetable(archive: archive, map: CSVTable(try String(contentsOfFile: map, encoding: .utf8)))
        try await list.take { try timetable.run(school: $1, in: $2) }
    }
}

/// `journal import-marks FILE`
struct ImportMarksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-marks", abstract: "Marks: pupil_number,date,number,subject,value,weight,work,comment.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let marks = ImportPupilList(list: .marks, table: try list.table)
        try await list.take(announce: false) { try marks.run(school: $1, at: Date(), in: $2, outbox: $0.outbox) }
    }
}

/// `journal import-absences FILE`
struct ImportAbsencesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import-absences",
        abstract: "Absences: pupil_number,date,number,state (absent, excused, late); without a number the whole day.")
    @OptionGroup var list: ListOptions

    func run() async throws {
        let absences = ImportPupilList(list: .absences, table: try list.table)
        try await list.take(announce: false) { try absences.run(school: $1, at: Date(), in: $2, outbox: $0.outbox) }
    }
}
