import ArgumentParser
import Foundation
import Kernel
import Postgres
import Service

/// `identity invite --class 7Б`
struct InviteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Issue invitation codes for those who have not registered, and print them once.",
        discussion: "A new code takes the place of the person's earlier unused one. Only its hash is kept.")

    @OptionGroup var options: ServiceOptions

    @Option(name: .customLong("class"), help: "The class, like 7Б.")
    var className: String?

    @Flag(help: "Codes for the school's staff instead of a class.")
    var staff = false

    @Option(help: "The school's code in the roster; needed where there are several.")
    var school: String?

    @Flag(help: "Print JSON.")
    var json = false

    /// What is printed of an invitation.
    struct Line: Codable {
        let code: String
        let kind: String
        let number: String?
        let name: String?
        let child: String?
        let childNumber: String?
        let expiresAt: Date
    }

    func validate() throws {
        guard staff != (className != nil) else { throw ValidationError("Give --class or --staff.") }
    }

    func run() async throws {
        let (code, wanted, staff) = (school, className, staff)
        let issued = try await withParts(of: IdentityService.self, options) { parts in
            let circle = try await parts.database.read { transaction -> IssueInvitations.Circle in
                let schools = try transaction.rows(
                    "select id, code from school where not ended order by code", as: UUID.self, String.self)
                guard let school = code == nil && schools.count == 1 ? schools[0] : schools.first(where: { $0.1 == code })
                else { throw ValidationError("Schools here: \(schools.map(\.1).joined(separator: ", ")). Give --school.") }
                if staff { return .staff(school: school.0) }
                guard let name = wanted.flatMap({ ClassName($0) }),
                    let id = try transaction.first(
                        """
                        select id from class where school_id = \(school.0) and grade = \(name.grade)
                            and letter = \(name.letter) and not ended
                        """,
                        as: UUID.self)
                else { throw ValidationError("The school has no class \(wanted ?? "").") }
                return .schoolClass(id)
            }
            var invitations = IssueInvitations(circle: circle, issuedBy: nil, now: Date())
            if staff { invitations.kinds = [.staff] }
            return try await invitations.run(parts.database, HashingBench())
        }
        let lines = issued.map {
            Line(
                code: $0.code.text, kind: $0.kind.rawValue, number: $0.personNumber, name: $0.personName?.full,
                child: $0.childName?.listed, childNumber: $0.childNumber, expiresAt: $0.expiresAt)
        }
        guard json else {
            for line in lines { print(line.code, line.kind, line.number ?? "-", line.name ?? line.child ?? "-", separator: "\t") }
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        print(String(decoding: try encoder.encode(lines), as: UTF8.self))
    }
}
