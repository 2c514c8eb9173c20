import Foundation
import Kernel

/// One touch of a card as a device reported it, before we know whose card it is.
struct Reading: Sendable, Equatable {
    /// The device, taken from the routing key that the broker guards; never from the body.
    let device: String
    /// What makes a repeat recognisable: boot and sequence number, or card and time for devices that count nothing.
    let key: String
    /// The device's own time, which may be wrong; nil when it has none or it cannot be read.
    let deviceTime: Date?
    let card: CardNumber?
    /// The card as it was sent, kept for the guard when it cannot be read as a number.
    let cardText: String
    /// What the hardware says about the direction, if it says anything.
    let direction: Direction?
    /// Someone the sender names himself (a stored log with user numbers); nil for cards.
    var person: UUID?
}

/// Which way somebody went.
enum Direction: String, Sendable, Codable {
    case entered, left

    /// The words and abbreviations that hardware uses.
    init?(sent text: String) {
        switch text.lowercased() {
        case "in", "entry", "enter", "entered", "0": self = .entered
        case "out", "exit", "leave", "left", "1": self = .left
        default: return nil
        }
    }

    var opposite: Direction { self == .entered ? .left : .entered }
}

/// A message of one device: one reading, or a batch that it stored while the network was down.
struct ReadingMessage: Sendable, Equatable {
    let readings: [Reading]
    /// The device's clock when it sent a batch: with it the whole batch can be set right.
    let sentAt: Date?
    /// Whether the readings waited in the device, so that they are old without its clock being wrong.
    let isStored: Bool

    /// Why nothing can be understood of a message. The body is kept all the same.
    enum Refused: Error, Equatable {
        case notJSON
        case noReading
        case noCard
        /// The body says it comes from another device than the one that signed in.
        case tampered(claims: String)
    }

    private struct Wire: Decodable {
        let device: String?
        let boot: Int64?
        let sentAt: String?
        let readings: [One]?
        let seq: Int64?
        let at: String?
        let card: String?
        let form: String?
        let direction: String?

        struct One: Decodable {
            let seq: Int64?
            let at: String?
            let card: String?
            let form: String?
            let direction: String?
        }
    }

    /// Reads a message.
    ///
    /// - Parameters:
    ///   - body: JSON: `{"boot":3,"seq":17,"at":"2026-11-20T08:09:12+03:00","card":"188,24910","direction":"in"}`, or
    ///     `{"boot":3,"sentAt":"…","readings":[{"seq":17,"at":…,"card":…}, …]}`.
    ///   - device: the name in the routing key.
    init(_ body: some DataProtocol, from device: String) throws(Refused) {
        let wire: Wire
        do { wire = try JSONDecoder().decode(Wire.self, from: Data(body)) } catch { throw .notJSON }
        if let claimed = wire.device, claimed != device { throw .tampered(claims: claimed) }
        let ones = wire.readings
            ?? [Wire.One(seq: wire.seq, at: wire.at, card: wire.card, form: wire.form, direction: wire.direction)]
        guard !ones.isEmpty else { throw .noReading }
        var readings: [Reading] = []
        for one in ones {
            guard let text = one.card, !text.isEmpty else { throw .noCard }
            let notation = one.form.flatMap { CardNumber.Notation(rawValue: $0.lowercased()) }
            let number = try? CardNumber(text, as: notation)
            let key = if let boot = wire.boot, let sequence = one.seq { "\(boot)/\(sequence)" } else { "\(text)@\(one.at ?? "")" }
            readings.append(
                Reading(
                    device: device, key: key, deviceTime: one.at.flatMap(DeviceClock.time), card: number, cardText: text,
                    direction: one.direction.flatMap(Direction.init(sent:)), person: nil))
        }
        self.readings = readings
        sentAt = wire.sentAt.flatMap(DeviceClock.time)
        isStored = wire.readings != nil
    }
}
