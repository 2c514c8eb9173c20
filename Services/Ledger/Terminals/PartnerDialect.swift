import Foundation
import Kernel

/// What a partner asks, whatever its dialect.
enum PartnerQuestion: Equatable, Sendable {
    /// May this account be paid? Changes nothing.
    case check(account: String)
    case pay(PartnerPay)
    /// What became of a payment, by the partner's own number of it?
    case status(number: String)
    /// Takes a payment back.
    case cancel(PartnerCancel)
}

/// A payment that a partner takes back.
struct PartnerCancel: Equatable, Sendable {
    /// The partner's own number of the payment.
    let number: String
    /// Of the cancelling, where the dialect has one.
    var cancelNumber: String?
    /// Nil when the dialect says none.
    var amount: Money?
    var dated: String?
}

/// A payment as a partner asks for it.
struct PartnerPay: Equatable, Sendable {
    /// The partner's own number, 1 to 20 digits; text, for it need not fit any number of ours.
    let number: String
    let account: String
    /// Nil when what was sent is no amount.
    let amount: Money?
    /// The date as it was written.
    let dated: String
    /// The day of that date, by which the partner will write its register.
    let day: Day
}

/// Why a partner's request is not done; each dialect has numbers for them.
enum PartnerRefusal: String, Error, CaseIterable, Sendable {
    /// Ask again later: nothing is decided.
    case temporary
    case unknownCommand, incomplete
    case accountFormat, accountNotFound, accountClosed
    case badNumber, badAmount, badDate
    case tooSmall, tooLarge
    /// The number came before with another account or sum.
    case differs
    /// There is no payment of that number to cancel or to tell of.
    case paymentNotFound
    /// The payment was taken back before.
    case cancelled
    /// It cannot be taken back: the money is spent, or the contract does not allow it.
    case notCancellable
}

/// What a partner is answered, whatever its dialect.
enum PartnerAnswer: Equatable, Sendable {
    /// The account can be paid; what is on it, if the partner may tell.
    case open(balance: Money?)
    case credited(Credited)
    /// A payment that is off the account again, now or since before.
    case cancelled(Cancelled)
    case refused(PartnerRefusal)

    /// A payment that is on the account, now or since before.
    struct Credited: Equatable, Sendable {
        /// Ours; the same for every repeat.
        let ownNumber: Int64
        let amount: Money
        let at: Date
        let isRepeat: Bool
    }

    struct Cancelled: Equatable, Sendable {
        /// Ours, of the payment.
        let ownNumber: Int64
        let amount: Money
        let at: Date
    }
}

/// One way of asking and answering. Dialects only translate; what is asked is decided in one place for all of them.
protocol PartnerSpeech: Sendable {
    /// - Parameters:
    ///   - fields: names in lower case.
    ///   - zone: of the dates.
    func question(_ fields: [String: String], zone: SchoolZone) throws(PartnerRefusal) -> PartnerQuestion

    /// - Parameter codes: numbers that the contract gives otherwise, by refusal.
    func document(_ answer: PartnerAnswer, to fields: [String: String], zone: SchoolZone, codes: [String: Int]) -> Markup
}

extension Partner {
    var speech: any PartnerSpeech {
        switch dialect {
        case .osmp: TerminalSpeech(hasOwnDate: false)
        case .protocol2: TerminalSpeech(hasOwnDate: true)
        case .sber: BankSpeech()
        case .cyberplat: CounterSpeech()
        }
    }
}

/// Pieces of requests that the dialects share.
enum PartnerWords {
    /// 1 to 20 digits.
    static func number(_ text: String) throws(PartnerRefusal) -> String {
        guard (1...20).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { throw .badNumber }
        return text
    }

    /// `10`, `10.4`, `10.45`; a comma for the point is understood. Nil for everything else.
    static func amount(_ text: String) -> Money? {
        let parts = text.replacing(",", with: ".").split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...9).contains(parts[0].utf8.count),
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        return Money(text)
    }

    /// Ten digits (ID-31).
    static func isAccount(_ text: String) -> Bool {
        text.utf8.count == 10 && text.utf8.allSatisfy { (48...57).contains($0) }
    }

    /// A day and time from the places of a text; nil when there is no such moment.
    static func date(_ text: String, _ layout: DateLayout) -> Day? {
        let digits = Array(text.utf8)
        guard digits.count == layout.length else { return nil }
        func number(_ places: Range<Int>) -> Int? {
            places.reduce(0 as Int?) { sum, place in
                guard let sum, (48...57).contains(digits[place]) else { return nil }
                return sum * 10 + Int(digits[place] - 48)
            }
        }
        func after(_ steps: Int) -> Range<Int> {
            layout.hour.lowerBound + steps * layout.step..<layout.hour.upperBound + steps * layout.step
        }
        guard let year = number(layout.year), let month = number(layout.month), let day = number(layout.day),
            let hour = number(layout.hour), let minute = number(after(1)), let second = number(after(2)), hour < 24,
            minute < 60, second <= 60
        else { return nil }
        func padded(_ number: Int, _ count: Int) -> String {
            String(repeating: "0", count: max(0, count - "\(number)".count)) + "\(number)"
        }
        return Day("\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))")
    }

    struct DateLayout {
        let length: Int
        let year: Range<Int>
        let month: Range<Int>
        let day: Range<Int>
        let hour: Range<Int>
        /// From the hour to the minute, and from there to the second.
        let step: Int

        /// `20261120124700`
        static let plain = DateLayout(length: 14, year: 0..<4, month: 4..<6, day: 6..<8, hour: 8..<10, step: 2)
        /// `2026-11-20T12:47:00`
        static let dashed = DateLayout(length: 19, year: 0..<4, month: 5..<7, day: 8..<10, hour: 11..<13, step: 3)
        /// `20.11.2026_12:47:00`
        static let dotted = DateLayout(length: 19, year: 6..<10, month: 3..<5, day: 0..<2, hour: 11..<13, step: 3)
    }

    /// A moment as a dialect writes it.
    static func written(_ date: Date, _ format: String, _ zone: SchoolZone) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: zone.identifier)
        formatter.dateFormat = format
        return formatter.string(from: date)
    }
}
