import Directory
import Events
import Foundation
import Kernel
import Messaging

/// What Ledger listens to, one queue for each concern.
enum LedgerHearings {
    static var all: [Hearing] { [directory, pupils, charges, WhenPupilIsTransferred.hearing, KnownTill.hearing, KnownBans.hearing] }

    /// People without their names: Ledger keeps none (D-05).
    static let directory = DirectoryParts.hearing(queue: "ledger.directory", names: false)

    /// Accounts open and close with the pupils of the schools.
    static let pupils = Hearing(
        queue: "ledger.pupils",
        [
            .each(SchoolChanged.self) { school, tx, _ in
                guard let zone = SchoolZone(school.event.timeZone) else {
                    throw Unacceptable("school \(school.event.schoolID.text) has the unknown time zone \(school.event.timeZone)")
                }
                try tx.openBooks(of: school.event.schoolID, version: school.version, zone: zone, at: Date())
            },
            .each(PupilChanged.self) { pupil, tx, outbox in
                try WhenPupilAppears(pupil: pupil.event, version: pupil.version).react(
                    in: tx, outbox, cause: pupil.cause, at: Date())
            },
        ])

    /// Copies compete: every command is decided once by its id, whoever takes it, and hears how it ended as often as it comes. So the
    /// charge is all that remembers it.
    static let charges = Hearing(
        queue: "ledger.charges", exchange: .commands, order: .competing, prefetch: 400, batch: 100, lanes: 2, remembers: false,
        [
            .batch(Charge.self) { commands, tx, outbox in
                try WhenChargeIsAsked(now: Date()).react(to: commands, in: tx, outbox)
            },
            .batch(WithdrawCharge.self) { commands, tx, outbox in
                try WhenChargeIsWithdrawn(now: Date()).react(to: commands, in: tx, outbox)
            },
        ])
}
