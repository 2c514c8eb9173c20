import Events
import Kernel

/// A month of an account as one picture: steps of the balance above the axis; lunches and own purchases below it;
/// top-ups named where they came; dotted, how long the money lasts.
///
/// A pure value: days and sums in, SVG out. Across it counts in percent of the month, downwards in pixels, so that
/// letters neither grow nor shrink with the width of the page.
struct MonthPicture: Equatable {
    struct DaySums: Equatable {
        init() {}

        /// What came and went in a whole statement.
        init(of statement: AccountStatement) {
            for line in statement.lines where line.balance != nil { add(line) }
        }

        var topUps = Money.zero
        var collective = Money.zero
        var personal = Money.zero
        var services = Money.zero
        /// What the account had at the end of the day; nil for days that have not come yet.
        var balance: Money?

        mutating func add(_ line: StatementLine) {
            switch line.happening {
            case .topUp, .returned: topUps += line.amount
            case .charge(.collective), .reversal(.collective), .refund(.collective, _): collective -= line.amount
            case .charge(.personal), .reversal(.personal), .refund(.personal, _): personal -= line.amount
            case .charge(.service), .reversal(.service), .refund(.service, _): services -= line.amount
            // What a brother gave comes in as a top-up does; what went to him or was paid out is no purchase.
            case .transfer where line.amount > .zero: topUps += line.amount
            case .transfer, .payout, .refusal, .subsidised: break
            }
        }
    }

    let month: Month
    /// One for each day of the month.
    let days: [DaySums]
    /// Nil when the month is over or has not come.
    let today: Day?
    /// The price of a usual lunch; nil when none is known, and then nothing is foretold.
    let lunch: Money?

    /// Adds up a month's lines.
    init(month: Month, statement: AccountStatement, zone: SchoolZone, today: Day, lunch: Money?) {
        self.month = month
        self.today = Month(of: today) == month ? today : nil
        self.lunch = lunch
        var days = Array(repeating: DaySums(), count: month.length)
        for line in statement.lines.reversed() {
            guard let balance = line.balance else { continue }
            let place = month.first.days(until: zone.day(of: line.at))
            guard days.indices.contains(place) else { continue }
            days[place].balance = balance
            days[place].add(line)
        }
        var balance = statement.opening
        for place in days.indices where month.first.adding(days: place) <= today {
            balance = days[place].balance ?? balance
            days[place].balance = balance
        }
        self.days = days
    }

    /// The words of the picture, in the reader's language.
    struct Words {
        /// A sum without its sign and without kopecks that are zero.
        let sum: (Money) -> String
        let title: String
        let description: String
        /// "until the 25th".
        let until: (Day) -> String
    }

    /// The last day on which a usual lunch can still be paid, when one is bought every weekday from tomorrow on;
    /// nil when nothing is known, nothing can be paid or the month ends first.
    var lastsUntil: Day? {
        guard let today, let lunch, lunch > .zero, var left = balanceToday else { return nil }
        var day = today
        var last: Day?
        while left >= lunch {
            day = day.adding(days: 1)
            guard Month(of: day) == month else { return nil }
            guard day.weekday <= 5 else { continue }
            left -= lunch
            last = day
        }
        return last
    }

    var balanceToday: Money? {
        guard let today else { return nil }
        return days[month.first.days(until: today)].balance
    }

    // MARK: - Drawing

    private static let axis = 176.0
    private static let ceiling = 26.0
    private static let spendingTop = 181.0
    private static let spendingHeight = 40.0

    /// The whole `svg` element.
    func svg(_ words: Words) -> String {
        let scale = Scale(highest: days.compactMap(\.balance).max() ?? .zero)
        var drawing = """
            <svg role="img" aria-labelledby="month-title month-words" xmlns="http://www.w3.org/2000/svg">\
            <title id="month-title">\(escaped(words.title))</title>\
            <desc id="month-words">\(escaped(words.description))</desc>\
            <line class="m-axis" x1="0" x2="100%" y1="\(px(Self.axis))" y2="\(px(Self.axis))"/>
            """
        for line in 1...3 {
            let y = Self.axis - Double(line) * (Self.axis - Self.ceiling) / 3
            drawing += #"<line class="m-grid" x1="0" x2="100%" y1="\#(px(y))" y2="\#(px(y))"/>"#
            drawing += text("m-t m-end", x: "100%", y: y - 4, words.sum(scale.line(line)))
        }
        drawing += balances(scale) + now() + spending() + topUps(scale, words) + forecast(scale, words) + numbers()
        return drawing + "</svg>"
    }

    /// Round sums for three lines: the smallest of 1, 2, 4, 5 × 10ⁿ roubles whose triple holds the highest balance.
    private struct Scale {
        let step: Int64

        init(highest: Money) {
            var power: Int64 = 10_000
            var step: Int64?
            while step == nil {
                step = [1, 2, 4, 5].map { $0 * power }.first { $0 * 3 >= highest.kopecks }
                power *= 10
            }
            self.step = step ?? power
        }

        func line(_ number: Int) -> Money { Money(kopecks: step * Int64(number)) }

        func y(_ money: Money) -> Double {
            let share = Double(max(money.kopecks, 0)) / Double(step * 3)
            return MonthPicture.axis - share * (MonthPicture.axis - MonthPicture.ceiling)
        }
    }

    private func balances(_ scale: Scale) -> String {
        days.enumerated().map { place, day in
            guard let balance = day.balance else { return "" }
            let y = scale.y(balance)
            let at = #"x="\#(percent(place))" width="\#(pc(100 / Double(days.count) + 0.05))""#
            return #"<rect class="m-bal" \#(at) y="\#(px(y))" height="\#(px(Self.axis - y))"/>"#
                + #"<rect class="m-top" \#(at) y="\#(px(y - 1))" height="2.5"/>"#
        }.joined()
    }

    private func now() -> String {
        guard let today else { return "" }
        let place = month.first.days(until: today)
        return """
            <svg x="\(middle(place))" y="0" overflow="visible"><line class="m-now" y1="18" y2="230" x1="0" x2="0"/>\
            <path class="dl-bell" transform="translate(-10.5 -3) scale(.875)" d="\(Self.bell)"/>\
            <rect class="dl-pill" x="-13" y="229" width="26" height="20" rx="3"/>\
            <text class="dl-nowt" x="0" y="243.5">\(today.day)</text></svg>
            """
    }

    private func spending() -> String {
        let most = days.map { max($0.collective, .zero) + max($0.personal, .zero) + max($0.services, .zero) }.max() ?? .zero
        guard most > .zero else { return "" }
        // A fifth of a pixel for a rouble, less in a month of large sums.
        let perKopeck = min(0.002, Self.spendingHeight / Double(most.kopecks))
        return days.enumerated().map { place, day in
            let width = 2.0 / Double(days.count) * 31
            let x = (Double(place) + 0.5) * 100 / Double(days.count) - width / 2
            var top = Self.spendingTop
            var bars = ""
            for (sum, name) in [(day.collective, "m-lunch"), (day.personal, "m-own"), (day.services, "m-service")] where sum > .zero {
                let height = max(2, Double(sum.kopecks) * perKopeck)
                bars += #"<rect class="\#(name)" x="\#(pc(x))" width="\#(pc(width))" y="\#(px(top))" height="\#(px(height))"/>"#
                top += height + 1.5
            }
            return bars
        }.joined()
    }

    private func topUps(_ scale: Scale, _ words: Words) -> String {
        var drawing = ""
        var lastPlace = -10
        var lifted = false
        for (place, day) in days.enumerated() where day.topUps > .zero {
            // Two sums within four days would run into each other on a phone: the second goes one line higher.
            lifted = place - lastPlace < 5 && !lifted
            lastPlace = place
            let y = max(scale.y(day.balance ?? .zero), lifted ? 46 : 32)
            let lift = lifted ? -32.0 : -18.0
            drawing += """
                <svg x="\(middle(place))" y="\(px(y))" overflow="visible"><path class="m-upd" d="M0-14l5 7h-10z"/>\
                <text class="m-up" x="0" y="\(px(lift))">+\(escaped(words.sum(day.topUps)))</text></svg>
                """
        }
        return drawing
    }

    private func forecast(_ scale: Scale, _ words: Words) -> String {
        guard let today, let lunch, lunch > .zero, var left = balanceToday, left >= lunch else { return "" }
        var drawing = ""
        var day = today.adding(days: 1)
        while Month(of: day) == month {
            let place = month.first.days(until: day)
            if day.weekday <= 5 {
                guard left >= lunch else { break }
                let from = scale.y(left)
                left -= lunch
                drawing += foreseen(place, place, from, scale.y(left))
            }
            drawing += foreseen(place, place + 1, scale.y(left), scale.y(left))
            day = day.adding(days: 1)
        }
        guard let last = lastsUntil else { return drawing }
        let place = month.first.days(until: last)
        // Near the right edge the words stand before the end of the line, not behind it.
        let isNearEdge = place > days.count - 6
        return drawing
            + text(
                isNearEdge ? "m-t m-end" : "m-t",
                x: percent(isNearEdge ? place : place + 1), y: Self.axis - 10, (isNearEdge ? "" : "\u{2009}") + words.until(last))
    }

    private func foreseen(_ from: Int, _ to: Int, _ y1: Double, _ y2: Double) -> String {
        #"<line class="m-fore" x1="\#(percent(from))" x2="\#(percent(to))" y1="\#(px(y1))" y2="\#(px(y2))"/>"#
    }

    private func numbers() -> String {
        let marked = Set([1, 5, 10, 15, 20, 25, days.count])
        return marked.sorted().filter { number in
            // The plate of today stands in the same row, and so does the last day after the 30th.
            guard let today else { return true }
            return abs(today.day - number) > 1
        }.map { text("m-t m-mid", x: middle($0 - 1), y: 244, String($0)) }.joined()
    }

    private func text(_ name: String, x: String, y: Double, _ words: String) -> String {
        #"<text class="\#(name)" x="\#(x)" y="\#(px(y))">\#(escaped(words))</text>"#
    }

    private func percent(_ place: Int) -> String { pc(Double(place) * 100 / Double(days.count)) }
    private func middle(_ place: Int) -> String { pc((Double(place) + 0.5) * 100 / Double(days.count)) }
    private func pc(_ value: Double) -> String { px(value, digits: 100) + "%" }

    /// A number with at most one decimal (or two), with a point whatever the locale.
    private func px(_ value: Double, digits: Double = 10) -> String {
        let rounded = (value * digits).rounded() / digits
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    /// The outline of the school bell, as in the head of the page.
    private static let bell =
        "M12 2.6c.9 0 1.6.7 1.6 1.6v.5c2.7.7 4.5 3 4.5 5.9v4.3l1.9 2.6v.9H4v-.9l1.9-2.6v-4.3c0-2.9 1.8-5.2 4.5-5.9v-.5"
        + "c0-.9.7-1.6 1.6-1.6zM9.4 19.9h5.2a2.6 2.6 0 0 1-5.2 0z"
}
