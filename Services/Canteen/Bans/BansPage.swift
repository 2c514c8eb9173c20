import Directory
import Events
import Foundation
import Kernel
import Messaging
import Postgres
import Web

/// What a child's parents do not want to be sold to him at the buffet, and what the buffet sells (BY-05).
///
/// A parent whom the school has named bans and lifts; an adult who was let in to the meals reads.
struct BansPage: Page {
    struct Standing: Encodable, Sendable, Equatable {
        let id: UUID
        let scope: BanScope
        let name: String
        let title: String
        let since: String
        /// Nil for somebody who is forgotten.
        let by: String?
        /// Said where the buffet sells nothing of the kind now, after a transfer for instance.
        let note: String?
        /// Nil for a reader who may not lift it.
        let liftAddress: String?
    }

    struct Good: Encodable, Sendable, Equatable {
        let item: String
        let name: String
        let price: String
        let isBanned: Bool
        /// Why it cannot be bought: banned by itself or with its group.
        let state: String?
    }

    struct Shelf: Encodable, Sendable, Equatable {
        let title: String
        /// As a ban names it; empty for goods without a group.
        let group: String
        let isBanned: Bool
        let mayBan: Bool
        let goods: [Good]
    }

    static let template = "bans/show"
    let title: String
    let section = "meals"
    let name: String
    let accent: String
    let address: String
    let mayChange: Bool
    /// What is wrong with what was sent.
    let wrong: String?
    let bans: [Standing]
    let hasBans: Bool
    let shelves: [Shelf]
    let hasShelves: Bool
    let nothing: StateBlock
    let purchases: String
    let limit: String
}

extension BansPage {
    init(for visit: Visit, _ database: Database, wrong: FieldErrors = FieldErrors()) async throws {
        let child = try visit.uuid("child")
        let read = try await database.read { tx -> Reading? in
            guard let record = try Directory.child(child, in: tx) else { return nil }
            let bans = try SetBan.of(child, in: tx)
            return Reading(
                child: record, bans: bans, people: try Directory.people(Array(Set(bans.map(\.by))), in: tx),
                products: record.hasLeft ? [] : try Product.all(of: record.schoolID, in: tx),
                mayChange: try Directory.decide(visit.viewer, .setBans, about: .child(child), on: visit.today, in: tx) == .allowed)
        }
        guard let read else { throw Problem.notFound }
        let path = "/canteen/children/\(child.text)"
        let standing = Bans(read.bans.map(\.ban))
        title = visit.tr("Bans at the buffet")
        name = read.child.name?.given ?? read.child.pupilCode
        accent = read.child.accent.rawValue
        address = path + "/bans"
        mayChange = read.mayChange
        self.wrong = wrong.messages.sorted { $0.key < $1.key }.first?.value
        bans = read.bans.map { set in
            let alone = Bans([set.ban])
            return Standing(
                id: set.id, scope: set.ban.scope, name: set.ban.name,
                title: set.ban.scope == .group ? visit.tr("The whole group «%@»", set.ban.name) : set.ban.name,
                since: visit.format.date(visit.zone.day(of: set.at), thisYear: visit.today.year),
                by: read.people[set.by]?.name.short,
                note: read.products.contains { alone.ban(on: $0) != nil } ? nil : visit.tr("the buffet sells none now"),
                liftAddress: read.mayChange ? path + "/bans/\(set.id.text)/end" : nil)
        }
        hasBans = !bans.isEmpty
        shelves = Self.shelves(read.products, standing, mayChange: read.mayChange, visit)
        hasShelves = !shelves.isEmpty
        nothing = .empty(
            visit.tr("The buffet sells nothing yet"), visit.tr("As soon as the kitchen puts goods on sale, they can be banned here."))
        purchases = path + "/purchases"
        limit = "/ledger/children/\(child.text)/limit"
    }

    private static func shelves(_ products: [Product], _ bans: Bans, mayChange: Bool, _ visit: Visit) -> [Shelf] {
        // They come by their groups.
        var groups: [(name: String, products: [Product])] = []
        for product in products {
            if groups.last?.name != product.group { groups.append((product.group, [])) }
            groups[groups.count - 1].products.append(product)
        }
        return groups.map { group, products in
            let isBanned = bans.takeIn(group: group)
            return Shelf(
                title: group.isEmpty ? visit.tr("Without a group") : group.prefix(1).uppercased() + group.dropFirst(),
                group: group, isBanned: isBanned, mayBan: mayChange && !isBanned && !group.isEmpty,
                goods: products.map { product in
                    let ban = bans.ban(on: product)
                    return Good(
                        item: product.id.text, name: product.name, price: visit.format.money(product.price), isBanned: ban != nil,
                        state: ban.map { $0.group == nil ? visit.tr("banned") : visit.tr("banned with the group") })
                })
        }
    }

    private struct Reading: Sendable {
        let child: ChildRecord
        let bans: [SetBan]
        let people: [UUID: PersonRecord]
        let products: [Product]
        let mayChange: Bool
    }
}

/// Banning and lifting, from the page or by a program.
struct BansForm {
    let database: Database
    let outbox: Outbox

    /// `product` names one product on sale by its id, `group` a group of the buffet by its name.
    func set(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let form = try await visit.form()
        let product = form["product"].flatMap { UUID(uuidString: $0) }
        let group = (form["group"] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
        let wrong =
            if form["product"] != nil {
                FieldErrors(["product": visit.tr("The buffet sells this no more.")])
            } else if !group.isEmpty {
                FieldErrors(["group": visit.tr("The buffet has no such group.")])
            } else {
                FieldErrors(["product": visit.tr("Choose a product or a group.")])
            }
        let tooMany = FieldErrors(["product": visit.tr("There are %@ bans already: lift some, or ban whole groups.", ChangeBans.most)])
        try await database.transaction { [outbox] tx in
            guard let record = try Directory.child(child, in: tx) else { throw Problem.notFound }
            // Only what can be chosen: a ban of what is spelt otherwise at the till would be no ban.
            let goods = try Product.all(of: record.schoolID, in: tx)
            let ban: Ban? =
                if form["product"] != nil {
                    goods.first { $0.id == product }.map { Ban(scope: .product, name: $0.name) }
                } else {
                    goods.first { !group.isEmpty && Ban.key($0.group) == Ban.key(group) }.map { Ban(scope: .group, name: $0.group) }
                }
            guard let ban else { throw wrong }
            do {
                try ChangeBans(child: child, change: .set(ban), by: visit.viewer.personID).run(in: tx, outbox, at: visit.now)
            } catch ChangeBans.Refused.tooMany {
                throw tooMany
            }
        }
        return .seeOther("/canteen/children/\(child.text)/bans")
    }

    func lift(_ visit: Visit) async throws -> Answer {
        let child = try visit.uuid("child")
        let lift = ChangeBans(child: child, change: .lift(try visit.uuid("ban")), by: visit.viewer.personID)
        // What the other parent has lifted meanwhile is lifted.
        try await database.transaction { [outbox] in _ = try lift.run(in: $0, outbox, at: visit.now) }
        return .seeOther("/canteen/children/\(child.text)/bans")
    }
}
