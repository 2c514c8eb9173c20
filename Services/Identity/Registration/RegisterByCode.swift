import Events
import Foundation
import Kernel
import Messaging
import Postgres

/// Somebody registers with the code on his invitation (ID-05 to ID-13).
struct RegisterByCode: Sendable {
    let code: String
    /// The field «Дети»: the codes for his other children (ID-12).
    var otherCodes = ""
    let login: String
    let password: String
    let repeated: String
    /// A guardian writes his own name (ID-22); others are called as the school calls them.
    var surname = ""
    var givenName = ""
    var patronymic = ""
    var phone = ""
    var email = ""
    /// The texts that he has agreed to, as they were shown: about himself and about the child (ID-38).
    var ownConsent: UUID?
    var childConsent: UUID?
    var language = "ru"
    let address: String
    let now: Date

    enum Outcome: Sendable, Equatable {
        case registered(personID: UUID, login: String)
        /// What is wrong, by field.
        case refused([String: FieldMessage])
        case wait(until: Date)
    }

    /// Everything about the fields that needs no database.
    struct Checked: Sendable {
        let login: LoginName
        let name: PersonName?
        let phone: PhoneNumber?
        let email: EmailAddress?
    }

    /// - Throws: ``RegistrationRefused`` with all fields that are wrong at once.
    func check(_ invitation: Invitation, _ asked: AskedConsents, common: CommonPasswords?) throws -> Checked {
        var wrong = asked.refusal(own: ownConsent, child: childConsent)
        var name: LoginName?
        do { name = try LoginName(login) } catch { wrong["login"] = FieldMessage(error.text) }

        let policy = PasswordPolicy(
            allowsSigns: invitation.allowsPasswordSigns,
            owner: .init(login: login, birthDate: invitation.birthDate, rooms: invitation.rooms))
        if let refused = policy.refusal(of: password, common: common) {
            wrong["password"] = FieldMessage(refused.text)
        } else if password != repeated {
            wrong["repeated"] = "The two passwords differ."
        }

        let isGuardian = invitation.kind.isForGuardian
        let number = PhoneNumber(phone)
        if phone.trimmed.isEmpty {
            if isGuardian { wrong["phone"] = "Parents give a mobile phone: the school reaches them by it." }
        } else if number == nil {
            wrong["phone"] = "This is no phone number. Write it like +7 916 123-45-67."
        }
        let mail = EmailAddress(email)
        if email.trimmed.isEmpty {
            if isGuardian { wrong["email"] = "Parents give an e-mail address: letters about the child come to it." }
        } else if mail == nil {
            wrong["email"] = "This is no e-mail address."
        }

        var own: PersonName?
        if isGuardian {
            own = PersonName(surname: surname.trimmed, given: givenName.trimmed, patronymic: patronymic.trimmed)
            if surname.trimmed.isEmpty { wrong["surname"] = "Your surname is missing." }
            if givenName.trimmed.isEmpty { wrong["given"] = "Your name is missing." }
            for (field, text) in [("surname", surname), ("given", givenName), ("patronymic", patronymic)] where text.count > 80 {
                wrong[field] = "That is longer than 80 characters."
            }
        }
        guard wrong.isEmpty, let name else { throw RegistrationRefused(fields: wrong) }
        return Checked(login: name, name: own, phone: number, email: mail)
    }

    func run(
        _ database: Database, _ letters: AccessLetters, _ bench: HashingBench, _ common: CommonPasswords?
    ) async throws -> Outcome {
        guard let first = InvitationCode(code) else { return .refused(["code": FieldMessage(InvitationRefused.unknown.text)]) }
        let (others, unreadable) = InvitationCode.list(otherCodes)
        if let text = unreadable.first { return .refused(["children": FieldMessage("This is no code.", about: text)]) }
        if others.count > 20 { return .refused(["children": "That is more than 20 codes."]) }
        let more = others.filter { $0 != first }
        let hashes = try await bench.run { try ([first] + more).map { try PasswordHash.ofCode($0) } }

        let verdict = try await database.transaction { transaction in
            try Guessing.countCode(address: address, now: now, in: transaction)
        }
        if case .wait(let until) = verdict { return .wait(until: until) }
        do {
            let (now, count) = (now, hashes.count)
            typealias Found = (Invitation, AskedConsents, RegistrationRefused?)
            let (invitation, asked, badChildren) = try await database.read { transaction -> Found in
                let invitation = try Invitation.find(hashes[0], now: now, in: transaction)
                let asked = try AskedConsents.by(invitation, in: transaction)
                guard count > 1 else { return (invitation, asked, nil) }
                do {
                    _ = try Self.children(invitation, hashes.dropFirst(), more, now: now, in: transaction)
                    return (invitation, asked, nil)
                } catch let refused as RegistrationRefused {
                    return (invitation, asked, refused)
                }
            }
            // Everything that is wrong is said at once.
            let checked: Checked
            do {
                checked = try check(invitation, asked, common: common)
                if let badChildren { throw badChildren }
            } catch let refused as RegistrationRefused {
                throw RegistrationRefused(fields: refused.fields.merging(badChildren?.fields ?? [:]) { own, _ in own })
            }
            try await database.transaction { try Guessing.forgiveCode(address: address, in: $0) }
            let password = password
            let hash = try await bench.run { try PasswordHash.make(password) }
            return try await database.transaction { transaction in
                try register(checked, passwordHash: hash, hashes, more, in: transaction, letters)
            }
        } catch let refused as InvitationRefused {
            return .refused(["code": FieldMessage(refused.text)])
        } catch let refused as RegistrationRefused {
            return .refused(refused.fields)
        } catch let error as PostgresError where error.constraint == "login_name_once" {
            return .refused(["login": FieldMessage(LoginRefused.isTaken.text)])
        }
    }

    private func register(
        _ checked: Checked, passwordHash: String, _ hashes: [Data], _ more: [InvitationCode],
        in transaction: borrowing Transaction, _ letters: AccessLetters
    ) throws -> Outcome {
        // Locked again: another registration may have used a code meanwhile.
        let invitation = try Invitation.find(hashes[0], now: now, lock: true, in: transaction)
        guard !invitation.isRegistered else {
            throw RegistrationRefused(fields: [
                "code": "This person has a login already. Sign in; another child's code is added under «Profile»."
            ])
        }
        let others = try Self.children(invitation, hashes.dropFirst(), more, now: now, lock: true, in: transaction)
        var touched = TouchedPeople()
        let personID = try person(for: invitation, named: checked.name, &touched, in: transaction)
        try transaction.execute(
            """
            insert into login (person_id, name, name_key, password_hash, confirms_data, created_at, changed_at)
            values (\(personID), \(checked.login.text), \(checked.login.key), \(passwordHash), true, \(now), \(now))
            """)
        try transaction.execute(
            """
            insert into contact as c (person_id, phone, language) values (\(personID), \(checked.phone?.text), \(language))
            on conflict (person_id) do update set phone = coalesce(excluded.phone, c.phone), language = excluded.language,
                version = c.version + 1
            """)
        if let email = checked.email {
            // ID-14: an address that somebody typed counts when its letter has been answered.
            try NewAddress(personID: personID, email: email, now: now).enter(in: transaction, letters)
        }
        touched.contacts.insert(personID)
        try invitation.use(by: personID, now: now, in: transaction)
        if invitation.kind.isForGuardian {
            try AddChild.grant(personID, [invitation] + others, now: now, &touched, in: transaction)
        }
        try consent(of: personID, to: [invitation] + others, in: transaction, letters.outbox)
        try Audit.note(.registered, by: personID, about: personID, school: invitation.schoolID, at: now, in: transaction)
        try touched.publish(to: letters.outbox, in: transaction)
        return .registered(personID: personID, login: checked.login.text)
    }

    /// His own consent, and as the parent of these children theirs; each by the words of its own school.
    private func consent(
        of person: UUID, to invitations: [Invitation], in transaction: borrowing Transaction, _ outbox: Outbox
    ) throws {
        var given: [UUID] = ownConsent == nil ? [] : [person]
        if childConsent != nil, invitations.first?.kind == .guardian { given += invitations.compactMap(\.childID) }
        for about in given {
            for line in try ConsentsOf.read(about, in: transaction) where line.purpose == .personalData && line.state != .given {
                _ = try DecideConsent(personID: about, textID: line.textID, isGiven: true, by: person, now: now).run(in: transaction, outbox)
            }
        }
    }

    /// The invitations behind the field «Дети».
    private static func children(
        _ first: Invitation, _ hashes: ArraySlice<Data>, _ codes: [InvitationCode], now: Date, lock: Bool = false,
        in transaction: borrowing Transaction
    ) throws -> [Invitation] {
        guard !hashes.isEmpty else { return [] }
        guard first.kind.isForGuardian else {
            // ID-26: combining access is for parents only.
            throw RegistrationRefused(fields: ["children": "Only parents can see several diaries."])
        }
        return try zip(hashes, codes).map { hash, code in
            do {
                let invitation = try Invitation.find(hash, now: now, lock: lock, in: transaction)
                guard invitation.kind.isForGuardian else {
                    throw RegistrationRefused(fields: [
                        "children": FieldMessage("This code is for the pupil, not for the parent.", about: code.text)
                    ])
                }
                return invitation
            } catch let refused as InvitationRefused {
                throw RegistrationRefused(fields: ["children": FieldMessage(refused.text, about: code.text)])
            }
        }
    }

    /// The person who gets the login: the one the code was printed for, or a new one.
    private func person(
        for invitation: Invitation, named name: PersonName?, _ touched: inout TouchedPeople,
        in transaction: borrowing Transaction
    ) throws -> UUID {
        if let known = invitation.personID {
            if let name, name != invitation.personName {
                try RenamePerson(personID: known, name: name).run(in: transaction)
                touched.people.insert(known)
            }
            return known
        }
        // Only guardians come without a person, and `check` has made sure of their name.
        guard let name else { throw InvitationRefused.revoked }
        let id = UUID.v7(at: now)
        try transaction.execute(
            """
            insert into person (id, kind, surname, given_name, patronymic, gender, accent)
            values (\(id), 'guardian', \(name.surname), \(name.given), \(name.patronymic),
                    \(Self.gender(of: name).rawValue), \(Accents.first(for: id.text).rawValue))
            """)
        touched.people.insert(id)
        touched.rights.insert(id)
        return id
    }

    /// How to speak of somebody whose gender nobody wrote down: by the ending of the patronymic, else of the surname.
    static func gender(of name: PersonName) -> Gender {
        if let patronymic = name.patronymic?.lowercased() {
            return ["вна", "чна", "кызы", "шна"].contains { patronymic.hasSuffix($0) } ? .female : .male
        }
        return ["ва", "на", "ая"].contains { name.surname.lowercased().hasSuffix($0) } ? .female : .male
    }
}

/// Fields of the registration that are wrong.
struct RegistrationRefused: Error, Equatable {
    let fields: [String: FieldMessage]
}

/// What is wrong with a field: an English sentence that the catalogue translates, and what of several it is about.
struct FieldMessage: Equatable, Sendable, ExpressibleByStringLiteral {
    let text: String
    var about: String?

    init(_ text: String, about: String? = nil) {
        self.text = text
        self.about = about
    }

    init(stringLiteral text: String) { self.init(text) }
}
