import Hummingbird
@main struct JournalService { static func main() async throws { print("Journal") } }
