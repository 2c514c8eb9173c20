import Hummingbird
@main struct CanteenService { static func main() async throws { print("Canteen") } }
