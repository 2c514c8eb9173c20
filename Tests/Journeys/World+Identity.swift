import Directory
import Events
import Foundation
import Kernel
import Postgres

extension World {
    /// The same people in Identity's own tables, with what its routes find by themselves: invitations, accounts, mergings.
    struct OfIdentity: Sendable {
        let world: World
        let secondAccount = UUID.v7()
        let classInvitation = UUID.v7()
        let familyInvitation = UUID.v7()
        let merging = UUID.v7()
        let transfer = UUID.v7()
        let terminal = UUID.v7()
        let role = UUID.v7()
        let session = UUID.v7()
        /// The first of the texts that every installation begins with.
        let text = UUID(uuidString: "00000000-0000-7000-8000-000000000c01") ?? UUID.v7()

        /// By the names in a path.
        var things: @Sendable (String) -> [String: UUID] {
            let this = self
            return { path in
                [
                    "person": path.contains("/merging") ? this.world.mother : this.world.child, "other": this.secondAccount,
                    "merging": this.merging, "transfer": this.transfer, "terminal": this.terminal, "role": this.role,
                    "session": this.session, "text": this.text, "adult": this.world.mother,
                    "invitation": path.contains("/family/") ? this.familyInvitation : this.classInvitation,
                ]
            }
        }

        static func settle(_ world: World, in database: Database) async throws -> OfIdentity {
            let this = OfIdentity(world: world)
            try await database.transaction { try this.settle(in: $0) }
            return this
        }

        private func settle(in tx: borrowing Transaction) throws {
            for (index, school) in [world.school, world.otherSchool].enumerated() {
                try tx.execute("insert into school (id, code, name) values (\(school), \("s\(index)"), \("Школа \(index)"))")
            }
            for (id, school, letter) in [(world.ownClass, world.school, "Б"), (world.otherClass, world.school, "В"), (world.farClass, world.otherSchool, "Б")] {
                try tx.execute("insert into class (id, school_id, grade, letter) values (\(id), \(school), 7, \(letter))")
            }
            func person(_ id: UUID, _ kind: String) throws {
                try tx.execute(
                    """
                    insert into person (id, kind, surname, given_name, gender, accent)
                    values (\(id), \(kind), 'Тайнова', 'Секретина', 'female', 'sea')
                    """)
            }
            for (index, (id, school, schoolClass)) in [
                (world.child, world.school, world.ownClass), (world.classmate, world.school, world.ownClass), (world.farChild, world.otherSchool, world.farClass),
            ].enumerated() {
                try person(id, "pupil")
                try tx.execute(
                    """
                    insert into pupil (person_id, school_id, class_id, account_number, pupil_code)
                    values (\(id), \(school), \(schoolClass), \("000000000\(index)"), \("I000\(index)"))
                    """)
            }
            for (id, child) in [(world.mother, world.child), (secondAccount, world.classmate), (world.otherMother, world.classmate), (world.father, world.child)] {
                try person(id, "guardian")
                try tx.execute(
                    """
                    insert into guardianship (guardian_id, child_id, topics, is_primary, source)
                    values (\(id), \(child), \(Topic.allCases.map(\.rawValue)), \(id != secondAccount && id != world.father), 'roster')
                    """)
            }
            for id in [world.aunt, world.uncle, world.neighbour, world.grandmother] { try person(id, "guardian") }
            let curator = UUID.v7()
            try person(curator, "staff")
            try tx.execute(
                "insert into role_held (id, person_id, school_id, role) values (\(role), \(curator), \(world.school), 'curator')")
            try tx.execute(
                """
                insert into transfer (id, child_id, from_school_id, from_class_id, to_school_id, to_class_id, asked_by, asked_at)
                values (\(transfer), \(world.child), \(world.school), \(world.ownClass), \(world.school), \(world.otherClass),
                    \(world.mother), now())
                """)
            try tx.execute(
                """
                insert into terminal (id, school_id, name, registered_by, registered_at)
                values (\(terminal), \(world.school), 'Холл', \(curator), now())
                """)
            try tx.execute(
                """
                insert into session (id, person_id, started_at, last_seen_at, expires_at)
                values (\(session), \(world.mother), now(), now(), now() + interval '1 day')
                """)
            try person(world.otherClassTeacher, "staff")
            try tx.execute(
                """
                insert into role_held (id, person_id, school_id, role, class_id)
                values (\(UUID.v7()), \(world.otherClassTeacher), \(world.school), 'classTeacher', \(world.otherClass))
                """)
            for (role, id) in world.farStaff {
                try person(id, "staff")
                try tx.execute(
                    "insert into role_held (id, person_id, school_id, role) values (\(UUID.v7()), \(id), \(world.otherSchool), \(role.rawValue))")
            }
            for (id, kind, schoolClass) in [(classInvitation, "pupil", world.ownClass as UUID?), (familyInvitation, "family", nil)] {
                try tx.execute(
                    """
                    insert into invitation (id, kind, code_hash, school_id, class_id, child_id, person_id, issued_at, issued_by, expires_at)
                    values (\(id), \(kind), \(Data(id.text.utf8)), \(world.school), \(schoolClass), \(world.child), \(world.child), now(),
                            \(world.mother), now() + interval '1 day')
                    """)
            }
            try tx.execute(
                """
                insert into merging (id, kept_id, extra_id, schools, merged_at, merged_by, undo_until)
                values (\(merging), \(world.mother), \(secondAccount), \([world.school]), now(), \(world.mother), now() + interval '1 day')
                """)
        }
    }
}
