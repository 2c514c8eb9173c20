import Hummingbird
@main struct NotifierService { static func main() async throws { print("Notifier") } }
