import Foundation
import Kernel
import Postgres

/// A child's certificate in a year, as it was entered.
struct Certificate: Equatable {
    let child: UUID
    let year: Int
    let schoolID: UUID
    let number: String
    let yearly: Money
    /// How many programmes the municipal budget pays (SE-02).
    let programmes: Int
    let chosenOn: Day?
    let accountNumber: String
    let pupilCode: String

    var nominal: Nominal { Nominal(year: year, yearly: yearly, chosenOn: chosenOn) }
}

/// Staff enters what a child's certificate can pay in a year, or corrects it (SE-02).
struct EnterCertificate {
    let child: UUID
    let school: UUID
    let year: Int
    let number: String
    let nominal: Money
    let programmes: Int
    let chosenOn: Day?
    let by: UUID

    /// The most that a form accepts: beyond it is a slip of the finger.
    static let most = Money(kopecks: 50_000_000)
    static let mostProgrammes = 20

    func run(in transaction: borrowing Transaction, at now: Date) throws {
        try transaction.execute(
            """
            insert into certificate (person_id, year, school_id, number, nominal, programmes, chosen_on, entered_by, entered_at)
            values (\(child), \(year), \(school), \(number), \(nominal), \(programmes), \(chosenOn), \(by), \(now))
            on conflict (person_id, year) do update
            set school_id = excluded.school_id, number = excluded.number, nominal = excluded.nominal,
                programmes = excluded.programmes, chosen_on = excluded.chosen_on, entered_by = excluded.entered_by,
                entered_at = excluded.entered_at
            """)
    }
}

/// Staff notes that the municipality has given out what it may give in a year, or that it has not (SE-05).
struct NoteCap {
    let school: UUID
    let year: Int
    let isReached: Bool
    let by: UUID

    func run(in transaction: borrowing Transaction, at now: Date) throws {
        if isReached {
            try transaction.execute(
                """
                insert into certificate_cap (school_id, year, noted_by, noted_at) values (\(school), \(year), \(by), \(now))
                on conflict do nothing
                """)
        } else {
            try transaction.execute("delete from certificate_cap where school_id = \(school) and year = \(year)")
        }
    }
}

/// Which certificates to read.
enum CertificateKey {
    case child(UUID)
    case schools([UUID], year: Int)
}

extension Transaction {
    /// Certificates, the newest year first.
    func certificates(_ key: CertificateKey) throws -> [Certificate] {
        let condition: SQL =
            switch key {
            case .child(let child): "c.person_id = \(child)"
            case .schools(let schools, let year): "c.school_id = any(\(schools)) and c.year = \(year)"
            }
        return try rows(
            """
            select c.person_id, c.year, c.school_id, c.number, c.nominal, c.programmes, c.chosen_on, m.number, m.pupil_code
            from certificate c join meals_account m on m.person_id = c.person_id
            where \(condition) order by c.year desc, m.number limit 3000
            """,
            as: UUID.self, Int.self, UUID.self, String.self, Money.self, Int.self, Day?.self, String.self, String.self
        ).map {
            Certificate(
                child: $0.0, year: $0.1, schoolID: $0.2, number: $0.3, yearly: $0.4, programmes: $0.5, chosenOn: $0.6,
                accountNumber: $0.7, pupilCode: $0.8)
        }
    }

    /// The schools of these where the municipality has reached its limit for the year (SE-05).
    func reachedCaps(of schools: [UUID], year: Int) throws -> Set<UUID> {
        Set(try rows("select school_id from certificate_cap where school_id = any(\(schools)) and year = \(year)", as: UUID.self))
    }
}
