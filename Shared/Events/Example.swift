import Foundation
import Kernel

/// The people and things that the examples tell of: one school day of Anna Vetrova, 7 «Б».
enum Example {
    static let school = id(1)
    static let schoolClass = id(2)
    static let child = id(3)
    static let guardian = id(4)
    static let key = id(5)
    static let session = id(6)
    static let account = id(7)
    static let charge = id(8)
    static let sale = id(9)
    static let topUp = id(10)
    static let accountant = id(11)
    static let cashier = id(12)
    static let allowance = id(13)
    static let till = id(14)
    static let menu = id(15)
    static let product = id(28)
    static let card = id(16)
    static let passage = id(17)
    static let device = id(18)
    static let classDay = id(19)
    static let lesson = id(20)
    static let mark = id(21)
    static let attendance = id(22)
    static let remark = id(23)
    static let comment = id(24)
    static let digest = id(25)
    static let transfer = id(26)
    static let otherClass = id(27)
    static let refund = id(40)
    static let consent = id(41)
    static let request = id(42)
    static let paidService = id(60)
    static let subscription = id(61)
    static let serviceDue = id(62)

    /// A Friday.
    static let day = Day(daysSince1970: 20_777)
    static let lastDay = Day(daysSince1970: 20_969)
    static let moment = Date(timeIntervalSince1970: 1_795_156_992.45)
    static let later = Date(timeIntervalSince1970: 1_795_156_993.95)
    static let lessonStart = TimeOfDay.midnight.adding(minutes: 10 * 60 + 25)
    static let lessonEnd = TimeOfDay.midnight.adding(minutes: 11 * 60 + 10)

    /// Readable in a file: all zeros but the number at the end, as version 7 would have it.
    private static func id(_ number: UInt8) -> UUID {
        UUID(uuid: (1, 154, 0, 0, 0, 0, 112, 0, 128, 0, 0, 0, 0, 0, 0, number))
    }
}
