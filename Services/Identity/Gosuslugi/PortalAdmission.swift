import Foundation
import Kernel

/// What the portal says of somebody who has signed in there and agreed to tell us.
struct PortalPerson: Sendable, Equatable {
    /// The portal's own number of the person.
    let subject: String
    /// As it was told; nil or empty when it is not given in «Мои данные».
    let snils: String?
    let birthDate: Day?
    /// Whether the portal has seen the person's papers; nil where a provider knows no such thing.
    let isConfirmed: Bool?
    let hasConfirmedEmail: Bool
    let hasConfirmedPhone: Bool
}

/// Why the portal's word is not enough.
enum PortalRefusal: Error, Sendable, Equatable, CaseIterable {
    /// ID-20: no СНИЛС is given in «Мои данные».
    case noSnils
    /// What stands there is none.
    case wrongSnils
    /// The account at the portal is one that anybody can make.
    case notConfirmed
    /// ID-21: a child under 14 whose e-mail and telephone are both unconfirmed there.
    case childNeedsContact
    /// The school has entered this СНИЛС for nobody.
    case unknown
}

/// Whether the portal's word suffices (ID-20, ID-21).
enum PortalAdmission {
    static let age = 14

    /// What must hold before anybody is looked for.
    ///
    /// - Returns: the number by which the school knows the person.
    static func snils(of person: PortalPerson) throws(PortalRefusal) -> Snils {
        guard let text = person.snils, text.contains(where: { !$0.isWhitespace }) else { throw .noSnils }
        guard let snils = Snils(text) else { throw .wrongSnils }
        return snils
    }

    /// What must hold of the person once he is found in the school's lists.
    ///
    /// - Parameters:
    ///   - isPupil: whether the lists have him as one.
    ///   - knownBirth: his birth date in the lists, for portals that do not tell it.
    static func check(_ person: PortalPerson, isPupil: Bool, knownBirth: Day?, today: Day) throws(PortalRefusal) {
        if isPupil, isChild(person.birthDate ?? knownBirth, today: today) {
            // A child's account hangs on a parent's and has no papers of its own to be confirmed by.
            guard person.hasConfirmedEmail || person.hasConfirmedPhone else { throw .childNeedsContact }
        } else if person.isConfirmed == false {
            throw .notConfirmed
        }
    }

    /// Under 14; a pupil of unknown age is taken for a child.
    static func isChild(_ birth: Day?, today: Day) -> Bool {
        guard let birth else { return true }
        let had = (today.month, today.day) >= (birth.month, birth.day)
        return today.year - birth.year - (had ? 0 : 1) < age
    }
}
