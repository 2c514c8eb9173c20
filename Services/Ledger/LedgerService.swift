import Hummingbird
@main struct LedgerService { static func main() async throws { print("Ledger") } }
