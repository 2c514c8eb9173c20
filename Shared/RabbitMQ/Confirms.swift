/// Which messages of a batch the broker has taken over.
struct Confirms: Equatable {
    private let first: UInt64
    private let last: UInt64
    /// Everything up to here is answered.
    private var floor: UInt64
    /// Answered out of order, above the floor.
    private var early: Set<UInt64> = []
    /// Positions in the batch the broker refused to take over.
    private(set) var nacked: [Int] = []

    /// - Parameters:
    ///   - first: the channel's publishing number of the first message.
    ///   - count: messages in the batch, at least one.
    init(first: UInt64, count: Int) {
        self.first = first
        last = first + UInt64(count) - 1
        floor = first - 1
    }

    var isComplete: Bool { floor >= last }
    /// How many are still unanswered.
    var missing: Int { Int(last - min(floor, last)) - early.count }

    /// The broker answered for `tag`, and with `multiple` for every one before it (0 stands for all).
    mutating func answer(_ tag: UInt64, multiple: Bool, isTaken: Bool) {
        let tag = tag == 0 && multiple ? last : tag
        guard tag > floor, tag <= last else { return }
        if multiple {
            if !isTaken { for each in (floor + 1)...tag where !early.contains(each) { refuse(each) } }
            floor = tag
            if !early.isEmpty { early = early.filter { $0 > tag } }
        } else {
            guard tag == floor + 1 || early.insert(tag).inserted else { return }
            if !isTaken { refuse(tag) }
            if tag == floor + 1 { floor = tag }
        }
        while !early.isEmpty, early.remove(floor + 1) != nil { floor += 1 }
    }

    private mutating func refuse(_ tag: UInt64) { nacked.append(Int(tag - first)) }
}
