import Kernel

extension DayLine {
    /// A text on the line with the space that it takes, in pixels of the narrowest page.
    struct Label: Equatable {
        enum Kind: Equatable { case mark(comment: Bool), sum(Sum.Kind), timeIn, timeOut, hour, now, bell }
        let kind: Kind
        var text: String
        /// Its middle.
        var x: Double
        let width: Double
        let top: Double
        let bottom: Double
        /// Where it would stand if it were alone.
        var wish: Double
        /// The moments that it speaks of: more than one where things were joined.
        var moments: [Double] = []

        var left: Double { x - width / 2 }
        var right: Double { x + width / 2 }
        var hasComment: Bool { if case .mark(let comment) = kind { comment } else { false } }

        func overlaps(_ other: Label) -> Bool {
            left < other.right - 0.01 && other.left < right - 0.01 && top < other.bottom && other.top < bottom
        }
    }

    /// The width that the layout is made for, in pixels.
    static let narrowest = 328.0
    /// How far a label may stand from its moment, in pixels, before it is joined to its neighbour.
    private static let farthest = 44.0
    /// Joined marks that would need more become three dots: the list below the line names each.
    private static let widest = 110.0

    static func percent(_ time: TimeOfDay) -> Double { min(100, max(0, (Double(time.minutes) - 420) / 7.2)) }
    private static func pixel(_ time: TimeOfDay) -> Double { percent(time) * narrowest / 100 }

    /// Every text that is drawn, where it is drawn: none leaves the frame and no two overlap.
    func labels(_ amount: (Money) -> String) -> [Label] {
        var fixed: [Label] = []
        if let now {
            let x = Self.pixel(now)
            fixed.append(Self.inside(Label(kind: .bell, text: "", x: x, width: 22, top: 0, bottom: 18, wish: x)))
            fixed.append(Self.inside(Label(kind: .now, text: now.text, x: x, width: 46, top: 116, bottom: 136, wish: x)))
        }
        for hour in [7, 9, 11, 13, 15, 17, 19] {
            let width = hour > 9 ? 17.0 : 9.0
            let place = Double(hour - 7) / 12 * Self.narrowest
            let x = hour == 7 ? width / 2 : hour == 19 ? place - width / 2 : place
            let label = Label(kind: .hour, text: "\(hour)", x: x, width: width, top: 120, bottom: 134, wish: x)
            // Under the pill of «now» and close beside it an hour would only be in the way.
            let air = Label(kind: .hour, text: "", x: x, width: width + 16, top: 120, bottom: 134, wish: x)
            if !fixed.contains(where: { $0.kind == .now && $0.overlaps(air) }) { fixed.append(label) }
        }
        fixed += doorLabels
        return fixed + markLabels(around: fixed) + sumLabels(amount, around: fixed)
    }

    /// Only the first entry and the last exit are written; the brackets between them speak for themselves.
    private var doorLabels: [Label] {
        var labels: [Label] = []
        func width(_ time: TimeOfDay) -> Double { time.hour > 9 ? 40 : 32 }
        if let first = doors.first(where: \.entered) {
            let x = Self.pixel(first.at) + 2 - width(first.at) / 2
            labels.append(
                Self.inside(Label(kind: .timeIn, text: first.at.text, x: x, width: width(first.at), top: 62, bottom: 80, wish: x)))
        }
        if let last = doors.last, !last.entered {
            let wide = width(last.at)
            // After a quarter past five there is no room behind the bracket.
            let flips = last.at.minutes > 1035
            let x = Self.pixel(last.at) + (flips ? -wide / 2 : wide / 2)
            var label = Self.inside(
                Label(kind: .timeOut, text: last.at.text, x: x, width: wide, top: 62, bottom: 80, wish: x))
            if let entry = labels.first, entry.overlaps(label) {
                label.x = entry.right + wide / 2
                if label.right > Self.narrowest {
                    label.x = Self.narrowest - wide / 2
                    labels[0].x = label.left - entry.width / 2
                }
            }
            labels.append(label)
        }
        return labels
    }

    // MARK: - Marks

    private func markLabels(around fixed: [Label]) -> [Label] {
        var labels = marks.map { mark in
            Self.mark(mark.value, at: Self.pixel(mark.at), comment: mark.hasComment, moments: [Self.pixel(mark.at)])
        }
        while true {
            if let placed = Self.spread(labels, around: fixed) { return placed }
            guard let low = Self.closest(labels.map(\.wish)) else { return [] }
            let (first, second) = (labels[low], labels[low + 1])
            let moments = first.moments + second.moments
            let middle = moments.reduce(0, +) / Double(moments.count)
            let comment = first.hasComment || second.hasComment
            var both = Self.mark("\(first.text)/\(second.text)", at: middle, comment: comment, moments: moments)
            if both.width > Self.widest || both.text.contains("…") {
                both = Self.mark("…", at: middle, comment: comment, moments: moments)
            }
            labels.replaceSubrange(low...low + 1, with: [both])
        }
    }

    private static func mark(_ text: String, at x: Double, comment: Bool, moments: [Double]) -> Label {
        Label(
            kind: .mark(comment: comment), text: text, x: x, width: Double(text.count) * 11 + (comment ? 20 : 4), top: 10,
            bottom: 30, wish: x, moments: moments)
    }

    // MARK: - Money

    /// Sums that stand for one or several movements of the same direction, as long as that can be.
    private struct Joined {
        var sum: Sum
        var moments: [Double]
    }

    private func sumLabels(_ amount: (Money) -> String, around fixed: [Label]) -> [Label] {
        var joined = sums.map { Joined(sum: $0, moments: [Self.pixel($0.at)]) }
        while true {
            let labels = joined.map { one in
                let text = one.sum.amount.map { (one.sum.kind == .topUp ? "+" : "") + amount($0) } ?? ""
                let x = one.moments.reduce(0, +) / Double(one.moments.count)
                return Label(
                    kind: .sum(one.sum.kind), text: text, x: x, width: max(18, Double(text.count) * 7.6 + 6), top: 62,
                    bottom: 102, wish: x, moments: one.moments)
            }
            if let placed = Self.spread(labels, around: fixed) { return placed }
            // What goes out and what comes in are different figures, and are joined only when nothing else helps.
            let isIn = joined.map { $0.sum.kind == .topUp }
            guard let low = Self.closest(labels.map(\.wish), avoiding: { isIn[$0] != isIn[$0 + 1] }) else { return [] }
            joined.replaceSubrange(low...low + 1, with: [Self.both(joined[low], joined[low + 1])])
        }
    }

    private static func both(_ first: Joined, _ second: Joined) -> Joined {
        let total: Money? = if let one = first.sum.signed, let two = second.sum.signed { one + two } else { nil }
        let outgoing = first.sum.kind == .topUp ? second.sum.kind : first.sum.kind
        let kind: Sum.Kind =
            if let total { total > .zero ? .topUp : outgoing == .topUp ? .personal : outgoing } else { outgoing }
        return Joined(
            sum: Sum(at: first.sum.at, kind: kind, amount: total?.absolute), moments: first.moments + second.moments)
    }

    // MARK: - Spreading

    /// The first of the two neighbours that stand closest; nil when there are no two.
    ///
    /// - Parameter avoiding: neighbours that are taken only when there are no others.
    private static func closest(_ wishes: [Double], avoiding: (Int) -> Bool = { _ in false }) -> Int? {
        guard wishes.count > 1 else { return nil }
        func cost(_ low: Int) -> Double { wishes[low + 1] - wishes[low] + (avoiding(low) ? narrowest : 0) }
        return (0..<wishes.count - 1).min { cost($0) < cost($1) }
    }

    /// Labels of one row in the order of time, moved as little as can be so that none covers another, a fixed one or the edge; nil
    /// when one would stand too far from its moment.
    static func spread(_ labels: [Label], around fixed: [Label]) -> [Label]? {
        guard let row = labels.first else { return [] }
        var gaps: [(from: Double, to: Double)] = []
        var begin = 0.0
        for taken in fixed.filter({ $0.top < row.bottom && row.top < $0.bottom }).sorted(by: { $0.left < $1.left }) {
            gaps.append((begin, taken.left))
            begin = max(begin, taken.right)
        }
        gaps.append((begin, narrowest))
        gaps.removeAll { $0.to - $0.from < 1 }
        guard var shares = share(labels, among: gaps) else { return nil }
        settle(&shares, labels, gaps)
        var placed: [Label] = []
        for (gap, share) in zip(gaps, shares) {
            guard share.reduce(0, { $0 + labels[$1].width }) <= gap.to - gap.from + 0.001 else { return nil }
            placed += stand(share.map { labels[$0] }, from: gap.from, to: gap.to)
        }
        return placed.allSatisfy { abs($0.x - $0.wish) <= farthest } ? placed : nil
    }

    /// Which label goes into which gap: the one nearest to its moment that is not before its predecessor's.
    private static func share(_ labels: [Label], among gaps: [(from: Double, to: Double)]) -> [[Int]]? {
        var shares = gaps.map { _ in [Int]() }
        var least = 0
        for (index, label) in labels.enumerated() {
            func distance(_ gap: Int) -> Double {
                let (low, high) = (gaps[gap].from + label.width / 2, gaps[gap].to - label.width / 2)
                return low > high ? .infinity : abs(min(max(label.wish, low), high) - label.wish)
            }
            guard let best = (least..<gaps.count).min(by: { distance($0) < distance($1) }), distance(best) < .infinity else {
                return nil
            }
            shares[best].append(index)
            least = best
        }
        return shares
    }

    /// Moves labels from gaps that are too full to their neighbours, rightwards and then back.
    private static func settle(_ shares: inout [[Int]], _ labels: [Label], _ gaps: [(from: Double, to: Double)]) {
        func isTooFull(_ gap: Int) -> Bool {
            shares[gap].reduce(0) { $0 + labels[$1].width } > gaps[gap].to - gaps[gap].from
        }
        for gap in gaps.indices.dropLast() {
            while isTooFull(gap), let last = shares[gap].popLast() { shares[gap + 1].insert(last, at: 0) }
        }
        for gap in gaps.indices.dropFirst().reversed() {
            while isTooFull(gap), !shares[gap].isEmpty { shares[gap - 1].append(shares[gap].removeFirst()) }
        }
    }

    /// Places labels that fit between two edges so that the squares of their ways from their wishes are least: those that press on
    /// each other stand together around the middle of their wishes.
    private static func stand(_ labels: [Label], from: Double, to: Double) -> [Label] {
        // Without their widths labels must only keep their order; a run that breaks it shares its mean.
        var offsets: [Double] = []
        for (index, label) in labels.enumerated() {
            offsets.append(index == 0 ? label.width / 2 : offsets[index - 1] + labels[index - 1].width / 2 + label.width / 2)
        }
        var runs: [(sum: Double, count: Int)] = []
        for (label, offset) in zip(labels, offsets) {
            runs.append((label.wish - offset, 1))
            while runs.count > 1, let last = runs.last, case let before = runs[runs.count - 2],
                before.sum / Double(before.count) > last.sum / Double(last.count)
            {
                runs.removeLast(2)
                runs.append((before.sum + last.sum, before.count + last.count))
            }
        }
        let most = to - labels.reduce(0) { $0 + $1.width }
        let places = runs.flatMap { run in Array(repeating: min(max(run.sum / Double(run.count), from), max(from, most)), count: run.count) }
        return zip(zip(labels, offsets), places).map { pair, place in
            var label = pair.0
            label.x = place + pair.1
            return label
        }
    }

    private static func inside(_ label: Label) -> Label {
        var moved = label
        moved.x = min(narrowest - label.width / 2, max(label.width / 2, label.x))
        return moved
    }
}

extension DayLine.Sum {
    fileprivate var signed: Money? { amount.map { kind == .topUp ? $0 : -$0 } }
}
