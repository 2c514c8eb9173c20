import Foundation
import FoundationXML

/// A high-school timetable in the XHSTT format: an instance's times, resources and events, and one solution's placement.
///
/// The format: «XML High School Timetabling», Post et al., with its archive of real schools. An event that lasts several
/// times is split by the solution; constraints are not our business.
struct XHSTTTimetable: Sendable, Equatable {
    /// A lesson of a course at a time, with everyone and every room that takes part.
    struct Placement: Sendable, Equatable {
        let event: String
        let course: String
        /// 1 for the first day that the file names.
        let dayNumber: Int
        /// 1 for the first time of the day.
        let number: Int
        let resources: [String]
    }

    let placements: [Placement]
    /// The type of every resource: `Class`, `Teacher`, `Room` …
    let resourceTypes: [String: String]

    enum Refused: Error, Equatable {
        case notXML(line: Int, String)
        case noSolution
        /// The solution names something that the instance does not have.
        case unknown(String)
    }

    /// Reads an archive.
    ///
    /// - Parameter solution: which of the archive's solutions, 0 for the first.
    init(_ data: Data, solution: Int = 0) throws(Refused) {
        let reader = ArchiveReader()
        let parser = XMLParser(data: data)
        // The parser keeps no strong reference; `reader` lives to the end of this function.
        parser.delegate = reader
        guard parser.parse() else {
            throw .notXML(line: parser.lineNumber, parser.parserError.map { "\($0)" } ?? "unreadable")
        }
        guard solution < reader.solutions.count else { throw .noSolution }
        var placements: [Placement] = []
        for placed in reader.solutions[solution] {
            guard let event = reader.events[placed.event] else { throw .unknown(placed.event) }
            guard let time = placed.time else { continue }
            guard let first = reader.times.firstIndex(where: { $0.id == time }) else { throw .unknown(time) }
            for step in 0..<max(1, placed.duration) where first + step < reader.times.count {
                let slot = reader.times[first + step]
                guard slot.day == reader.times[first].day else { break }
                let day = (reader.days.firstIndex(of: slot.day) ?? 0) + 1
                let number = reader.times[...(first + step)].count { $0.day == slot.day }
                placements.append(
                    Placement(
                        event: placed.event, course: event.course, dayNumber: day, number: number,
                        resources: event.resources + placed.resources))
            }
        }
        self.placements = placements
        resourceTypes = reader.resourceTypes
    }
}

/// Collects the parts of an archive as the parser meets them.
private final class ArchiveReader: NSObject, XMLParserDelegate {
    struct Event {
        var course = ""
        var duration = 1
        var resources: [String] = []
    }

    struct Placed {
        let event: String
        var duration = 1
        var time: String?
        var resources: [String] = []
    }

    private(set) var days: [String] = []
    private(set) var times: [(id: String, day: String)] = []
    private(set) var resourceTypes: [String: String] = [:]
    private(set) var events: [String: Event] = [:]
    private(set) var solutions: [[Placed]] = []

    private var path: [String] = []
    private var text = ""
    private var currentEvent: String?
    private var currentResource: String?

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        path.append(element)
        text = ""
        let (id, reference) = (attributes["Id"], attributes["Reference"])
        let isSolution = path.contains("Solution")
        switch (element, id, reference) {
        case ("Solution", _, _): solutions.append([])
        case ("Day", let id?, _) where path.contains("TimeGroups"): days.append(id)
        case ("Time", let id?, _) where path.contains("Times"): times.append((id, ""))
        case ("Day", _, let reference?) where !times.isEmpty && path.contains("Time"): times[times.count - 1].day = reference
        case ("Resource", let id?, _) where !isSolution: currentResource = id
        case ("ResourceType", _, let reference?):
            if let currentResource { resourceTypes[currentResource] = reference }
        case ("Event", let id?, _) where !isSolution:
            currentEvent = id
            events[id] = Event()
        case ("Course", _, let reference?): edit { $0.course = reference }
        case ("Resource", _, let reference?):
            if isSolution { place { $0.resources.append(reference) } } else { edit { $0.resources.append(reference) } }
        case ("Event", _, let reference?) where isSolution:
            solutions[solutions.count - 1].append(
                Placed(event: reference, duration: events[reference]?.duration ?? 1))
        case ("Time", _, let reference?) where isSolution: place { $0.time = reference }
        default: break
        }
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

    func parser(
        _ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?
    ) {
        let isSolution = path.contains("Solution")
        if element == "Duration", let duration = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) {
            if isSolution { place { $0.duration = duration } } else { edit { $0.duration = duration } }
        }
        if element == "Event", !isSolution { currentEvent = nil }
        if element == "Resource" { currentResource = nil }
        path.removeLast()
        text = ""
    }

    private func edit(_ change: (inout Event) -> Void) {
        guard let currentEvent, var event = events[currentEvent] else { return }
        change(&event)
        events[currentEvent] = event
    }

    private func place(_ change: (inout Placed) -> Void) {
        guard let solution = solutions.indices.last, let last = solutions[solution].indices.last else { return }
        change(&solutions[solution][last])
    }
}
