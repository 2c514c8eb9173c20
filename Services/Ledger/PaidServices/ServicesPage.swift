import Directory
import Events
import Foundation
import Kernel
import Postgres
import Web

/// All children side by side: what each is subscribed to, and what is offered (ID-35). Never for a pupil.
struct ServicesPage: Page {
    static let template = "service/family"
    let title: String
    let section = "services"
    let children: [ChildServices]
    let isEmpty: Bool
}

extension ServicesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let readings = try await database.read { tx in
            let children = Set(try Directory.children(of: visit.viewer, .seeServices, at: visit.now, in: tx).map(\.id))
            // In the order of the family's other pages: that of the token.
            let order = visit.viewer.children.map(\.id).filter(children.contains)
            return try (order + children.subtracting(order).sorted { $0.text < $1.text }).compactMap {
                try tx.servicesReading(of: $0, at: visit.now)
            }
        }
        self.init(title: visit.tr("Services"), children: readings.map { ChildServices($0, for: visit) }, isEmpty: readings.isEmpty)
    }
}

/// What was charged for a child's services, was refused, and will be charged.
struct ServiceChargeShown: Encodable, Sendable, Equatable {
    let id: UUID
    let when: String
    let what: String
    let amount: Money
    let amountText: String
    let state: String
    let isPaid: Bool
    let isWaiting: Bool
    let refundPath: String?
}

extension ServiceChargeShown {
    init(_ due: ServiceDue, _ reading: ServicesReading, mayAskRefund: Bool, for visit: Visit) {
        let state =
            switch due.state {
            case .paid where due.refunded == due.amount: visit.tr("given back")
            case .paid where due.refunded > .zero: visit.tr("paid, %@ given back", visit.money(due.refunded))
            case .paid: visit.tr("paid")
            case .due: visit.tr("refused: not enough money")
            case .lapsed: visit.tr("was not paid, nothing is owed")
            }
        self.init(
            id: due.id, when: visit.format.moment(due.endedAt ?? due.madeAt, now: visit.now), what: due.what, amount: due.amount,
            amountText: visit.money(due.amount), state: state, isPaid: due.state == .paid, isWaiting: due.state == .due,
            refundPath: mayAskRefund && due.state == .paid && due.refunded < due.amount
                ? due.chargeID.map { "/ledger/children/\(reading.account.personID.text)/charges/\($0.text)/refund" } : nil)
    }
}

/// One child's services with everything that was charged for them.
struct ChildServicesPage: Page {
    static let template = "service/child"
    let title: String
    let section = "services"
    let services: ChildServices
    let charges: [ServiceChargeShown]
    let hasCharges: Bool
    let backPath: String
}

extension ChildServicesPage {
    init(for visit: Visit, _ database: Database) async throws {
        let child = try visit.uuid("child")
        let read = try await database.read { tx in
            (try tx.servicesReading(of: child, at: visit.now), try visit.may(.askRefund, child, in: tx))
        }
        guard let reading = read.0 else { throw Problem.notFound }
        let isFamily = visit.viewer.children.contains { $0.id == child }
        self.init(
            title: visit.tr("Services"), services: ChildServices(reading, for: visit),
            charges: reading.dues.map { ServiceChargeShown($0, reading, mayAskRefund: read.1, for: visit) }, hasCharges: !reading.dues.isEmpty,
            backPath: isFamily ? "/ledger/services" : "/ledger/children/\(child.text)/statement")
    }
}
