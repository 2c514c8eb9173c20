/// A table in which something is kept about a person: what of it he is shown, and what becomes of it when he is forgotten.
///
/// The list is complete: a test compares it with the schema, so that a new table that speaks of people says both. What is shown is
/// named column by column; a secret is never shown by accident.
struct PersonalRecord: Sendable {
    enum End: Sendable, Equatable {
        /// The rows go.
        case deleted
        /// The row stays for those it is tied to, its contents go: written out in ``ErasePerson``.
        case blanked
        /// It stays, and why: shown on the page of deletion. It has no name, login, telephone or address in it.
        case kept(String)
    }

    struct Column: Sendable {
        /// An expression over the table `t`.
        let expression: String
        /// English; the catalogue has the Russian.
        let label: String

        init(_ expression: String, _ label: String) {
            self.expression = expression
            self.label = label
        }
    }

    let table: String
    /// The columns that hold a person's id and make the row one about him.
    let about: [String]
    /// Columns that hold the id of somebody who had to do with it only: the row is not about him.
    var merely: [String] = []
    /// English; the catalogue has the Russian.
    let title: String
    let columns: [Column]
    /// Tables that the expressions need beside `t`.
    var joined = ""
    var order = "1"
    let end: End

    private static let childName = "(select x.surname || ' ' || x.given_name from person x where x.id = t.child_id)"
    private static let guardianName = "(select x.surname || ' ' || x.given_name from person x where x.id = t.guardian_id)"
    private static let schoolName = "(select x.name from school x where x.id = t.school_id)"
    private static let className = "(select x.grade || ' «' || x.letter || '»' from class x where x.id = t.class_id)"

    static let all: [PersonalRecord] = [
        PersonalRecord(
            table: "person", about: ["id"], merely: ["merged_into"], title: "Who you are",
            columns: [
                .init("t.surname", "Surname"), .init("t.given_name", "Name"), .init("t.patronymic", "Patronymic"),
                .init("t.gender", "Gender"), .init("t.birth_on", "Born"), .init("t.room", "Room"), .init("t.kind", "Kind"),
                .init("t.roster_number", "Number in the lists"), .init("t.accent", "Colour"),
            ], end: .blanked),
        PersonalRecord(
            table: "contact", about: ["person_id"], title: "How you are reached",
            columns: [
                .init("t.phone", "Mobile phone"), .init("t.email", "E-mail"), .init("t.email_confirmed", "E-mail confirmed"),
                .init("t.new_email", "E-mail that waits to be confirmed"), .init("t.email_from_school", "E-mail from the school"),
                .init("t.language", "Language"), .init("t.signature", "Signature in messages"),
            ], end: .blanked),
        PersonalRecord(
            table: "login", about: ["person_id"], title: "Login",
            columns: [
                .init("t.name", "Login"), .init("t.created_at", "Made"), .init("t.changed_at", "Changed"),
                .init("t.must_change", "One-time password"),
            ], end: .deleted),
        PersonalRecord(
            table: "pupil", about: ["person_id"], title: "Place at school",
            columns: [
                .init(schoolName, "School"), .init(className, "Class"), .init("t.account_number", "Account number"),
                .init("t.pupil_code", "Pupil code"), .init("t.ended", "Has left"),
            ],
            end: .kept("The account number and the pupil code stay without a name: by law the school keeps its books, and they name nobody.")),
        PersonalRecord(
            table: "role_held", about: ["person_id"], title: "Roles",
            columns: [
                .init(schoolName, "School"), .init("t.role", "Role"), .init(className, "Class"), .init("t.subject", "Subject"),
                .init("t.ended", "Ended"),
            ], end: .kept("Which roles were held at a school stays without a name: the log of changes refers to them.")),
        PersonalRecord(
            table: "guardianship", about: ["guardian_id", "child_id"], merely: ["granted_by"], title: "Family",
            columns: [
                .init(guardianName, "Adult"), .init(childName, "Child"), .init("t.relation", "Relation"),
                .init("array_to_string(t.topics, ', ')", "Topics"), .init("t.is_primary", "First parent"), .init("t.until_on", "Until"),
                .init("t.granted_at", "Since"), .init("t.ended", "Ended"),
            ], end: .blanked),
        PersonalRecord(
            table: "invitation", about: ["person_id", "child_id", "used_by"], merely: ["issued_by"], title: "Invitations",
            columns: [
                .init("t.kind", "For whom"), .init("t.issued_at", "Issued"), .init("t.expires_at", "Good until"), .init("t.used_at", "Used"),
                .init("t.revoked_at", "Revoked"),
            ], order: "t.issued_at", end: .deleted),
        PersonalRecord(
            table: "session", about: ["person_id"], title: "Sessions",
            columns: [
                .init("t.started_at", "Begun"), .init("t.last_seen_at", "Last seen"), .init("t.ended_at", "Ended"),
                .init("t.address", "Network address"), .init("t.agent", "Browser"),
            ], order: "t.started_at", end: .deleted),
        PersonalRecord(
            table: "device", about: ["person_id"], title: "Browsers that are known",
            columns: [.init("t.seen_at", "Last seen")], end: .deleted),
        PersonalRecord(
            table: "second_factor", about: ["person_id"], title: "The second step",
            columns: [.init("t.begun_at", "Begun"), .init("t.confirmed_at", "Switched on")], end: .deleted),
        PersonalRecord(
            table: "recovery_code", about: ["person_id"], title: "Recovery codes",
            columns: [.init("t.made_at", "Made"), .init("t.used_at", "Used")], end: .deleted),
        PersonalRecord(
            table: "letter_token", about: ["person_id"], title: "Letters with a link",
            columns: [
                .init("t.purpose", "What for"), .init("t.email", "E-mail"), .init("t.issued_at", "Issued"), .init("t.expires_at", "Good until"),
            ], end: .deleted),
        PersonalRecord(
            table: "password_ticket", about: ["person_id"], title: "Steps of signing in", columns: [.init("t.expires_at", "Good until")],
            end: .deleted),
        PersonalRecord(
            table: "factor_ticket", about: ["person_id"], title: "Steps of signing in", columns: [.init("t.expires_at", "Good until")],
            end: .deleted),
        PersonalRecord(
            table: "consent", about: ["person_id"], merely: ["by_person_id"], title: "Consents",
            columns: [
                .init("x.title", "Text"), .init("x.version", "Version"), .init("t.given", "Given"), .init("t.at", "When"),
            ], joined: "join consent_text x on x.id = t.text_id", order: "t.at",
            end: .kept("Consents stay without a name: the school has to be able to show that it had them.")),
        PersonalRecord(
            table: "consent_text", about: [], merely: ["published_by"], title: "Texts of consents", columns: [],
            end: .kept("The words of consents name nobody.")),
        PersonalRecord(
            table: "audit", about: ["about_person_id"], merely: ["by_person_id"], title: "Log of changes",
            columns: [
                .init("t.action", "What"), .init("t.at", "When"),
                .init("(select x.surname || ' ' || x.given_name from person x where x.id = t.by_person_id)", "By whom"),
                .init("t.detail", "Details"),
            ], order: "t.at", end: .kept("The log of changes stays without a name: nobody may make what he did undone by leaving.")),
        PersonalRecord(
            table: "deletion_request", about: ["person_id"], merely: ["requested_by", "cancelled_by"], title: "Requests for deletion",
            columns: [
                .init("t.requested_at", "Asked for"), .init("t.due_at", "Due"), .init("t.cancelled_at", "Cancelled"), .init("t.done_at", "Done"),
            ], order: "t.requested_at", end: .kept("That and when you were forgotten stays, without a name.")),
    ] + moved + contracted + shared

    /// Transfers between classes and schools.
    private static let moved: [PersonalRecord] = [
        PersonalRecord(
            table: "transfer", about: ["child_id"], merely: ["asked_by", "decided_by", "asked_again_by"], title: "Transfers",
            columns: [
                .init("(select x.name from school x where x.id = t.from_school_id)", "From school"),
                .init("(select x.name from school x where x.id = t.to_school_id)", "To school"), .init("t.state", "State"),
                .init("t.asked_at", "Asked for"), .init("t.decided_at", "Decided"), .init("t.reason", "Reason"), .init("t.moved_on", "Moved"),
            ], order: "t.asked_at", end: .blanked)
    ]

    /// What families share, who looked, accounts that became one.
    private static let shared: [PersonalRecord] = [
        PersonalRecord(
            table: "offered_grant", about: ["child_id"], title: "Invitations of the family",
            columns: [.init(childName, "Child"), .init("array_to_string(t.topics, ', ')", "Topics"), .init("t.until_on", "Until")],
            end: .deleted),
        PersonalRecord(
            table: "look", about: ["child_id"], merely: ["viewer_id"], title: "Who looked",
            columns: [
                .init("t.day_on", "When"), .init("(select x.surname || ' ' || x.given_name from person x where x.id = t.viewer_id)", "By whom"),
                .init("t.permission", "What"),
            ], order: "t.day_on", end: .deleted),
        PersonalRecord(
            table: "merging", about: ["kept_id", "extra_id"], merely: ["merged_by", "undone_by"], title: "Merged accounts",
            columns: [.init("t.merged_at", "When"), .init("t.undone_at", "Undone")], order: "t.merged_at", end: .blanked),
    ]

    /// The contract route and Gosuslugi.
    private static let contracted: [PersonalRecord] = [
        PersonalRecord(
            table: "contract", about: ["child_id", "guardian_id"], merely: ["entered_by"], title: "Contracts",
            columns: [
                .init(guardianName, "Adult"), .init(childName, "Child"), .init("t.signed_on", "Signed"), .init("t.ended_at", "Ended"),
            ], order: "t.signed_on", end: .kept("That a contract was signed stays without a name, like the books that rest on it.")),
        PersonalRecord(
            table: "pin", about: ["child_id"], merely: ["set_by"], title: "PIN of the terminal", columns: [.init("t.set_at", "Made")],
            end: .deleted),
        // ID-39: a guardian's own; whoever else answers for the child does not read them.
        PersonalRecord(
            table: "particulars", about: ["guardian_id"], merely: ["child_id"], title: "Particulars for applications",
            columns: [
                .init(childName, "Child"), .init("t.address", "Convenient address for lessons"),
                .init("t.passport", "Series and number of your passport"), .init("t.passport_issued", "Issued by whom and when"),
                .init("t.registered_at", "Your registered address"), .init("t.child_document", "The child's document: kind, series and number"),
                .init("t.changed_at", "Changed"),
            ], end: .deleted),
        PersonalRecord(
            table: "certificate", about: ["child_id"], title: "Certificate",
            columns: [.init("t.number", "Certificate number"), .init("t.issued_at", "Made")], end: .deleted),
        PersonalRecord(
            table: "terminal", about: [], merely: ["registered_by"], title: "Terminals", columns: [],
            end: .kept("A terminal is the school's.")),
        PersonalRecord(
            table: "terminal_visit", about: ["child_id"], title: "Visits to a terminal",
            columns: [
                .init("(select x.name from terminal x where x.id = t.terminal_id)", "Terminal"), .init("t.started_at", "Begun"),
                .init("t.ended_at", "Ended"),
            ], order: "t.started_at", end: .deleted),
        PersonalRecord(
            table: "snils", about: ["person_id"], merely: ["entered_by"], title: "SNILS for Gosuslugi",
            columns: [.init("t.last_digits", "Last digits"), .init("t.entered_at", "Entered")], end: .deleted),
    ]
}
