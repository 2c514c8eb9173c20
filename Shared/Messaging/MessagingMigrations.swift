import Foundation
public import Postgres

extension Migrations {
    /// Outbox, inbox and what belongs to them; the first series of every service.
    public static let messaging = Migrations("messaging", in: .module)
}
