/// Which deliveries of a channel are settled, so that a run of them needs one acknowledgement.
struct OpenTags: Equatable {
    /// One word to the broker.
    struct Step: Equatable {
        let tag: UInt64
        let isMultiple: Bool
    }

    /// Every tag up to here is settled.
    private var floor: UInt64 = 0
    private var early: Set<UInt64> = []

    /// Everything up to `tag`; false when all of it was settled before.
    mutating func settle(upTo tag: UInt64) -> Bool {
        guard tag > floor else { return false }
        floor = tag
        if !early.isEmpty { early = early.filter { $0 > tag } }
        advance()
        return true
    }

    /// What has to be said to settle these; a tag settled before is left out, saying it twice closes the channel.
    mutating func settle(_ tags: [UInt64]) -> [Step] {
        let fresh = tags.filter { $0 > floor && !early.contains($0) }.sorted()
        var steps: [Step] = []
        var isRun = true
        var previous: UInt64 = 0
        for tag in fresh where tag != previous {
            previous = tag
            if isRun, tag == floor + 1 {
                floor = tag
                // One word for the whole run: each further tag only raises it.
                steps = [Step(tag: tag, isMultiple: true)]
                advance()
            } else {
                isRun = false
                early.insert(tag)
                steps.append(Step(tag: tag, isMultiple: false))
            }
        }
        return steps
    }

    private mutating func advance() {
        while !early.isEmpty, early.remove(floor + 1) != nil { floor += 1 }
    }
}
