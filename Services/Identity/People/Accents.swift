import Events
import Foundation

/// The colour that is a child's everywhere and for good: given so that brothers and sisters differ.
enum Accents {
    /// What a child gets as long as nobody knows his family: spread evenly by his number.
    static func first(for number: String) -> Accent {
        let all = Accent.allCases
        return all[number.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) & 0xFFFF } % all.count]
    }

    /// Colours for children whose family has just become known.
    ///
    /// - Parameter current: the colours as they are, of the children and of all their siblings.
    /// - Parameter siblings: for each child, who shares a guardian with him.
    /// - Parameter free: whose colour may still change; everybody else has been seen in his.
    /// - Returns: the colours that change.
    static func repainted(_ current: [UUID: Accent], siblings: [UUID: Set<UUID>], free: Set<UUID>) -> [UUID: Accent] {
        var painted = current.filter { !free.contains($0.key) }
        var changes: [UUID: Accent] = [:]
        for child in free.sorted(by: { $0.uuidString < $1.uuidString }) {
            guard let wish = current[child] else { continue }
            let taken = (siblings[child] ?? []).compactMap { painted[$0] }
            var accent = wish
            if taken.contains(wish) {
                let all = Accent.allCases
                let start = all.firstIndex(of: wish).map { all.distance(from: all.startIndex, to: $0) } ?? 0
                let order = (0..<all.count).map { all[(start + $0) % all.count] }
                // In a family of more than five the least used colour comes back.
                accent = order.min { left, right in
                    taken.count { $0 == left } < taken.count { $0 == right }
                } ?? wish
                changes[child] = accent
            }
            painted[child] = accent
        }
        return changes
    }
}
