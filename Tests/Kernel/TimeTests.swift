import Foundation
import Kernel
import Testing

@Suite struct DayTests {
    private let calendar: Calendar = {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar
    }()

    @Test func everyDayOfFiveHundredYearsIsThatOfTheCalendar() throws {
        for number in stride(from: -135_000, through: 50_000, by: 1) {
            let day = Day(daysSince1970: number)
            #expect(day.daysSince1970 == number)
            // Foundation's calendar is slow, and Julian before 1582.
            guard number % 17 == 0 || (day.month == 2 && day.day >= 28) else { continue }
            let parts = calendar.dateComponents(
                [.year, .month, .day, .weekday], from: Date(timeIntervalSince1970: Double(number) * 86_400))
            #expect(parts.year == day.year && parts.month == day.month && parts.day == day.day)
            #expect(try #require(parts.weekday) == day.weekday % 7 + 1)
        }
    }

    @Test func textReadsBackAndSortsLikeTheDays() throws {
        var last: Day?
        for number in stride(from: -700_000, through: 2_900_000, by: 9973) {
            let day = Day(daysSince1970: number)
            #expect(Day(day.iso) == day)
            if let last { #expect(last < day && last.iso < day.iso && last.days(until: day) == 9973) }
            #expect(day.monday.weekday == 1 && day.monday <= day && day.monday + 6 >= day)
            last = day
        }
    }

    @Test("What is no date is not read", arguments: [
        "", "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "20261120", "2026-11-20T", "2026/11/20",
        "2026-04-31", "0000-01-01", "+026-01-01",
    ])
    func refuses(text: String) {
        #expect(Day(text) == nil)
    }

    @Test func jsonIsItsText() throws {
        let day = try #require(Day("2024-02-29"))
        #expect(String(decoding: try JSONEncoder().encode([day]), as: UTF8.self) == #"["2024-02-29"]"#)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([Day].self, from: Data(#"["29.02.2024"]"#.utf8)) }
    }
}

@Suite struct TimeOfDayTests {
    @Test func everyMinuteReadsBackBothWays() throws {
        for minutes in 0..<1440 {
            let time = try #require(TimeOfDay(minutes: minutes))
            #expect(TimeOfDay(time.text) == time && TimeOfDay(time.iso) == time && TimeOfDay(time.iso + ":00") == time)
            #expect(time.iso.count == 5)
        }
        #expect(TimeOfDay("8:09")?.text == "8:09" && TimeOfDay("8:09")?.iso == "08:09")
    }

    @Test("What is no time is not read", arguments: ["", "24:00", "8", "8:9", "8:60", "-1:00", "008:00", "8:09:1", "8::09:"])
    func refuses(text: String) {
        #expect(TimeOfDay(text) == nil)
    }
}

@Suite struct SchoolZoneTests {
    @Test("A moment's day and time are those of the calendar in the zone, all the year round", arguments: [
        "Europe/Moscow", "Europe/Berlin", "America/New_York", "Asia/Kamchatka", "Asia/Kolkata", "Australia/Lord_Howe",
    ])
    func agrees(identifier: String) throws {
        let zone = try #require(SchoolZone(identifier))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: identifier))
        // From 2009 to 2027 in steps that meet every hour of the day: Moscow changed its clocks until 2014.
        for seconds in stride(from: 1_230_000_000, to: 1_820_000_000, by: 97_531) {
            let moment = Date(timeIntervalSince1970: Double(seconds))
            let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: moment)
            let day = zone.day(of: moment)
            let time = zone.timeOfDay(of: moment)
            #expect(day.year == parts.year && day.month == parts.month && day.day == parts.day)
            #expect(time.hour == parts.hour && time.minute == parts.minute)
            let again = zone.date(day, time)
            #expect(zone.day(of: again) == day && zone.timeOfDay(of: again) == time)
            #expect(zone.bounds(of: day).contains(moment))
        }
    }

    @Test func changesOfClocks() throws {
        let berlin = try #require(SchoolZone("Europe/Berlin"))
        let spring = try #require(Day("2026-03-29"))
        let autumn = try #require(Day("2026-10-25"))
        let halfPastTwo = try #require(TimeOfDay("2:30"))
        // Never shown: as late after midnight as without the change, which is half past three.
        #expect(berlin.date(spring, halfPastTwo).iso8601 == "2026-03-29T01:30:00.000Z")
        // Shown twice: the first.
        #expect(berlin.date(autumn, halfPastTwo).iso8601 == "2026-10-25T00:30:00.000Z")
        #expect(berlin.bounds(of: spring).upperBound.timeIntervalSince(berlin.start(of: spring)) == 23 * 3600)
        #expect(berlin.bounds(of: autumn).upperBound.timeIntervalSince(berlin.start(of: autumn)) == 25 * 3600)
        // Where midnight itself is skipped the day begins at one.
        let beirut = try #require(SchoolZone("Asia/Beirut"))
        let late = beirut.start(of: try #require(Day("2026-03-29")))
        #expect(beirut.timeOfDay(of: late).text == "1:00")
    }

    @Test func unknownZonesAreRefused() {
        #expect(SchoolZone("Europe/Nowhere") == nil)
        #expect(SchoolZone.moscow.identifier == "Europe/Moscow")
    }
}

@Suite struct MomentTests {
    @Test func everyMillisecondReadsBack() throws {
        for _ in 0..<5000 {
            let milliseconds = Int64.random(in: -2_000_000_000_000...4_000_000_000_000)
            let moment = Date(timeIntervalSince1970: Double(milliseconds) / 1000)
            let again = try #require(Date(iso8601: moment.iso8601))
            #expect(Int64((again.timeIntervalSince1970 * 1000).rounded()) == milliseconds)
            #expect(again == moment)
        }
    }

    @Test("Moments are read with any offset and precision", arguments: [
        ("2026-11-20T06:43:12.450Z", "2026-11-20T06:43:12.450Z"), ("2026-11-20T09:43:12+03:00", "2026-11-20T06:43:12.000Z"),
        ("2026-11-20T00:13:12.4509-05:30", "2026-11-20T05:43:12.450Z"),
        ("1969-12-31T23:59:59.999z", "1969-12-31T23:59:59.999Z"),
    ])
    func reads(text: String, expected: String) {
        #expect(Date(iso8601: text)?.iso8601 == expected)
    }

    @Test("What is no moment is not read", arguments: [
        "", "2026-11-20", "2026-11-20T06:43Z", "2026-11-20T06:43:12", "2026-11-20T25:43:12Z", "2026-11-20T06:43:12.Z",
        "2026-11-20T06:43:12Zx", "2026-11-20T06:43:12+0300",
    ])
    func refuses(text: String) {
        #expect(Date(iso8601: text) == nil)
    }
}
