import Directory
import Foundation
import HTTPTypes
import Kernel
import Messaging
import Postgres
import Web

/// A school's turnstiles and terminals: how they are, and a form for a new one.
struct DevicesPage: Page {
    struct Row: Encodable, Sendable, Equatable {
        let name: String
        let place: String
        let seen: String
        let clock: String?
        /// Taken out of service it is known no more, so it is asked twice.
        let retire: Confirmation
    }

    static let template = "devices/show"
    let title: String
    let section = "devices"
    let address: String
    let devices: [Row]
    let isEmpty: Bool
    let nothing: StateBlock
    let fields: [Field]
    /// Shown once, right after registering.
    let credentials: RegisterDevice.Credentials?
}

extension DevicesPage {
    init(
        for visit: Visit, _ database: Database, name: String = "", place: String = "", nameError: String? = nil,
        placeError: String? = nil, credentials: RegisterDevice.Credentials? = nil
    ) async throws {
        let school = try visit.uuid("school")
        let devices = try await database.read { try Device.all(of: school, in: $0) }.filter { !$0.isEnded }
        title = visit.tr("Devices")
        address = "/access/schools/\(school.text)/devices"
        self.devices = devices.map { device in
            Row(
                name: device.name, place: device.place,
                seen: device.lastSeenAt.map { visit.tr("last heard %@", visit.format.moment($0, now: visit.now)) }
                    ?? visit.tr("never heard"),
                clock: device.clockAheadSeconds.map {
                    $0 > 0
                        ? visit.tr("its clock is %@ s ahead", $0) : visit.tr("its clock is %@ s behind", -$0)
                },
                retire: Confirmation(
                    id: "end-\(device.id.text)", button: visit.tr("Take out of service"),
                    heading: visit.tr("Take %@ out of service?", device.name),
                    sentence: visit.tr("What it sends will be refused. To come back it is registered anew."),
                    action: "/access/devices/\(device.id.text)/end", decision: visit.tr("Take out of service")))
        }
        isEmpty = devices.isEmpty
        nothing = .empty(visit.tr("No device yet."), visit.tr("Register one, and it gets a password of its own."))
        fields = [
            .text(
                "name", visit.tr("Name"), value: name, hint: visit.tr("As it signs in at the broker: gate-1"), wrong: nameError,
                autocomplete: "off", isRequired: true),
            .text("place", visit.tr("Place"), value: place, wrong: placeError, isRequired: true),
            .choice(
                "direction", visit.tr("Way through it"),
                [.init("", visit.tr("both ways")), .init("entered", visit.tr("in only")), .init("left", visit.tr("out only"))]),
        ]
        self.credentials = credentials
    }
}

/// Registering and retiring devices from the page.
struct DeviceForm {
    let database: Database
    let outbox: Outbox
    let users: BrokerUsers?

    func register(_ visit: Visit) async throws -> Answer {
        let school = try visit.uuid("school")
        let form = try await visit.form()
        let name = (form["name"] ?? "").trimmingCharacters(in: .whitespaces)
        let place = (form["place"] ?? "").trimmingCharacters(in: .whitespaces)
        let direction = form["direction"].flatMap(Direction.init(rawValue:))
        do {
            let credentials = try await database.transaction { [outbox] in
                try RegisterDevice(school: school, name: name, place: place, direction: direction).run(in: $0, outbox: outbox)
            }
            // Kept in our table already: where the broker is away its user follows at the next comparison.
            _ = try? await users?.reconcile()
            return .page(try await DevicesPage(for: visit, database, credentials: credentials), .created)
        } catch let refused as RegisterDevice.Refused {
            let page: DevicesPage
            switch refused {
            case .unfitName:
                page = try await DevicesPage(
                    for: visit, database, name: name, place: place,
                    nameError: visit.tr("Small Latin letters, digits and hyphens, from 2 to 41."))
            case .nameTaken:
                page = try await DevicesPage(
                    for: visit, database, name: name, place: place, nameError: visit.tr("Another device has this name."))
            case .noPlace:
                page = try await DevicesPage(
                    for: visit, database, name: name, place: place, placeError: visit.tr("Say where it stands."))
            }
            return .page(page, .unprocessableContent)
        }
    }

    func end(_ visit: Visit) async throws -> Answer {
        let device = try visit.uuid("device")
        let (name, school) = try await database.transaction { [outbox] tx in
            let school = try Device.school(of: device, in: tx)
            return (try RetireDevice(device: device).run(in: tx, outbox: outbox), school)
        }
        if let name { try? await users?.delete(name) }
        guard let school else { throw Problem.notFound }
        return .seeOther("/access/schools/\(school.text)/devices")
    }
}
