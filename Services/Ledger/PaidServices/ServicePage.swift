import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// One paid service for one child: what it is and costs, what is charged now and later when one subscribes, what is owed when one
/// leaves; said before either is confirmed (ID-35).
struct ServicePage: Page {
    struct Offer: Encodable, Sendable, Equatable {
        let id: UUID
        let action: String
        /// What is taken at once, and as the form says that it was agreed.
        let now: Money
        let nowTyped: String
        let lines: [String]
        let isAffordable: Bool
    }

    struct Leave: Encodable, Sendable, Equatable {
        let action: String
        let lines: [String]
    }

    static let template = "service/show"
    let title: String
    let section = "services"
    let child: String
    let accent: String
    let service: ServiceShown
    /// Another price from a day on.
    let coming: String?
    let offer: Offer?
    let leave: Leave?
    /// Why nothing can be done here.
    let closed: String?
    let wrong: String?
    let charges: [ServiceChargeShown]
    let hasCharges: Bool
    let backPath: String
    let balanceText: String
}

extension ServicePage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let child = try visit.uuid("child")
        let id = try visit.uuid("service")
        let read = try await database.read { tx in
            (
                try tx.servicesReading(of: child, at: visit.now), try visit.may(.askRefund, child, in: tx),
                try visit.may(.subscribeServices, child, in: tx)
            )
        }
        guard let reading = read.0, let service = reading.service(id) else { throw Problem.notFound }
        let known = reading.subscription(to: id)
        // What is offered to others is not there for him.
        guard known != nil || reading.offered.contains(id) else { throw Problem.notFound }
        let form = try await visit.form()
        let today = reading.account.today
        let running = known.flatMap { $0.endsOn == nil ? $0 : nil }
        let path = "/ledger/children/\(child.text)/services/\(id.text)"
        let isFull = service.placesLeft == 0 && !(known?.isAlive(on: today) ?? false)
        let charges = reading.dues.filter { $0.serviceID == id }
        let closed: String? =
            if !read.2 {
                visit.tr("Only the guardian who let you in to the child's money can subscribe and unsubscribe.")
            } else if running != nil || reading.isOpen(service) && !isFull {
                nil
            } else if isFull, reading.isOpen(service) {
                visit.tr("All places are taken.")
            } else {
                visit.tr("One cannot subscribe to this service now.")
            }
        let leave = running.flatMap { read.2 ? Self.leave($0, service, reading, path, visit) : nil }
        self.init(
            title: service.title, child: visit.childName(reading.account),
            accent: visit.viewer.children.first { $0.id == child }?.accent.rawValue ?? "sea",
            service: ServiceShown(service, reading, for: visit),
            coming: service.coming(after: today).map {
                visit.tr("From %@ on it costs %@.", visit.date($0.from), visit.words($0.price, service.rhythm))
            },
            offer: closed == nil && running == nil
                ? Self.offer(service, known, reading, form["id"].flatMap(UUID.init(uuidString:)), wrong, path, visit) : nil,
            leave: leave, closed: closed, wrong: wrong["id"] ?? wrong["agreed"] ?? wrong["service"],
            charges: charges.map { ServiceChargeShown($0, reading, mayAskRefund: read.1, for: visit) }, hasCharges: !charges.isEmpty,
            backPath: "/ledger/children/\(child.text)/services", balanceText: visit.money(reading.account.balance))
    }

    private static func offer(
        _ service: PaidService, _ known: Subscription?, _ reading: ServicesReading, _ typed: UUID?, _ wrong: FieldErrors, _ path: String,
        _ visit: Visit
    ) -> Offer {
        let today = reading.account.today
        let startsOn = max(today, service.terms.from)
        let isPaid = reading.paidUntil(service.id) != nil || known?.isAlive(on: today) ?? false
        let period = service.rhythm == .visit || isPaid ? nil : service.period(holding: today, startsOn: startsOn)
        let now = period?.amount ?? .zero
        var lines: [String] = []
        if let period {
            lines.append(
                service.rhythm == .month && period.amount != service.price(on: period.first)
                    ? visit.tr("Now %@ is charged, the share of the month until %@.", visit.money(now), visit.date(period.last))
                    : visit.tr("Now %@ is charged.", visit.money(now)))
        } else if service.rhythm == .visit {
            lines.append(visit.tr("Nothing is charged now; each lesson is charged when the teacher notes it."))
        } else if isPaid {
            lines.append(visit.tr("The period that runs is paid: nothing is charged now."))
        } else if let first = service.next(after: today, startsOn: startsOn) {
            lines.append(visit.tr("Nothing is charged now. %@ is charged on %@.", visit.money(first.amount), visit.date(first.first)))
        }
        if service.rhythm == .month, startsOn <= today, let next = service.next(after: today, startsOn: startsOn) {
            lines.append(visit.tr("Then %@ on %@, and so on every month until you unsubscribe.", visit.money(next.amount), visit.date(next.first)))
        }
        if now > reading.account.available {
            lines.append(
                visit.tr("There is not enough on the account: %@ can be spent. Top it up first.", visit.money(max(reading.account.available, .zero))))
        }
        return Offer(
            id: wrong.messages.isEmpty ? typed ?? .v7(at: visit.now) : .v7(at: visit.now), action: "\(path)/subscription", now: now, nowTyped: now.typed, lines: lines,
            isAffordable: now <= reading.account.available)
    }

    private static func leave(
        _ subscription: Subscription, _ service: PaidService, _ reading: ServicesReading, _ path: String, _ visit: Visit
    ) -> Leave? {
        let lines: [String]
        switch Leaving(service.rhythm, paidUntil: reading.paidUntil(service.id), today: reading.account.today) {
        case .paidForGood: return nil
        case .afterPaid(let last):
            lines = [
                visit.tr("The period that has begun is paid and does not come back: the service stays until %@.", visit.date(last)),
                visit.tr("After that nothing is charged any more."),
            ]
        case .atOnce: lines = [visit.tr("Nothing is owed: the service ends at once, and nothing is charged any more.")]
        }
        return Leave(action: "\(path)/subscriptions/\(subscription.id.text)/end", lines: lines)
    }
}

/// Subscribing and unsubscribing, from the page or by a program.
struct SubscriptionForm {
    let database: Database
    let outbox: Outbox

    func subscribe(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let subscribe = SubscribeChild(
            id: form["id"].flatMap(UUID.init(uuidString:)) ?? .v7(at: visit.now), service: try visit.uuid("service"), child: child,
            agreed: form["agreed"].flatMap { Money($0.trimmed) }, by: visit.viewer.personID)
        do {
            try await database.once { [outbox] in try subscribe.run(in: $0, outbox, at: visit.now) }
        } catch let refusal as SubscriptionRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/children/\(child.text)/services/\(subscribe.service.text)")
    }

    func end(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let end = EndSubscription(id: try visit.uuid("subscription"), child: child, by: visit.viewer.personID)
        do {
            try await database.transaction { [outbox] in _ = try end.run(in: $0, outbox, at: visit.now) }
        } catch let refusal as SubscriptionRefused {
            throw try Self.errors(refusal, visit)
        }
        return .seeOther("/ledger/children/\(child.text)/services/\(try visit.parameter("service"))")
    }

    private static func errors(_ refusal: SubscriptionRefused, _ visit: Visit) throws -> FieldErrors {
        switch refusal {
        case .noService, .noAccount: throw Problem.notFound
        case .noPlaces: FieldErrors(["service": visit.tr("All places are taken.")])
        case .subscribedAlready: FieldErrors(["service": visit.tr("The child is subscribed already.")])
        case .priceChanged(let due):
            FieldErrors(["agreed": visit.tr("Now %@ would be charged, not what this page said before. Look once more and confirm.", visit.money(due))])
        case .notEnough(let due, let available):
            FieldErrors([
                "agreed": visit.tr(
                    "%@ is due at once, and %@ can be spent. Nothing was charged; top up the account first.", visit.money(due),
                    visit.money(max(available, .zero)))
            ])
        case .paidForGood:
            FieldErrors(["service": visit.tr("It is paid as a whole. If that was a mistake, ask for a refund beside the charge.")])
        case .repeatedWithOtherContents:
            FieldErrors(["id": visit.tr("This form was already sent with other contents. Nothing was charged a second time.")])
        }
    }
}
