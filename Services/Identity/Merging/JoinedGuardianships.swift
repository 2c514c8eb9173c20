import Events
import Foundation
import Kernel

/// The rule of merging two accounts of one guardian (ID-29): the account that stays gets what both opened, and nothing that
/// neither did; taken back, each has what it had, but nothing that was taken away meanwhile.
enum JoinedGuardianships {
    /// No single grant opens exactly what both do: different topics until different days.
    struct Unlike: Error, Equatable {
        let children: [UUID]
    }

    /// - Parameters:
    ///   - kept: all rows of the account that stays.
    ///   - extra: all rows of the one that ends.
    ///   - today: the date at a child's school: a grant whose term is over opens nothing.
    /// - Returns: the rows of the account that stays about every child of the other one, also those that stay as they are.
    static func joined(
        kept: [GuardianshipState], extra: [GuardianshipState], today: (UUID) -> Day
    ) throws(Unlike) -> [GuardianshipState] {
        let own = Dictionary(kept.map { ($0.childID, $0) }, uniquingKeysWith: { $1 })
        var result: [GuardianshipState] = []
        var unlike: [UUID] = []
        for theirs in extra {
            let day = today(theirs.childID)
            guard theirs.holds(on: day) else {
                if let mine = own[theirs.childID] { result.append(mine) }
                continue
            }
            guard let mine = own[theirs.childID], mine.holds(on: day) else {
                result.append(theirs)
                continue
            }
            guard let terms = mine.terms.union(theirs.terms) else {
                unlike.append(theirs.childID)
                continue
            }
            // What the school says weighs more than what a family says; of two alike the account's own stays.
            var state = rank(theirs.source) > rank(mine.source) ? theirs : mine
            state.topics = terms.listed
            state.until = terms.until
            state.isPrimary = mine.isPrimary || theirs.isPrimary
            state.relation = state.relation ?? mine.relation ?? theirs.relation
            result.append(state)
        }
        guard unlike.isEmpty else { throw Unlike(children: unlike) }
        return result
    }

    /// What becomes of a row when the merging is taken back: as it was before, without what has ended or become less since.
    ///
    /// - Parameters:
    ///   - before: the row before the merging; nil where there was none.
    ///   - after: what the merging made of it for the account that stays.
    ///   - now: what stands there at this moment; nil where it is gone.
    static func back(_ before: GuardianshipState?, after: GuardianshipState?, now: GuardianshipState?) -> GuardianshipState? {
        guard let before else { return nil }
        guard !before.ended, now != after else { return before }
        var state = before
        let less = now.flatMap { $0.ended ? nil : before.terms.intersection($0.terms) }
        guard let now, let less, !less.topics.isEmpty else {
            state.ended = true
            state.endedBy = now?.endedBy ?? "merged"
            state.isPrimary = false
            return state
        }
        state.topics = less.listed
        state.until = less.until
        state.isPrimary = before.isPrimary && now.isPrimary
        return state
    }

    private static func rank(_ source: String) -> Int { source == "roster" ? 2 : source == "code" ? 1 : 0 }
}
