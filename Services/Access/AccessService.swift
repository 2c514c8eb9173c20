import Hummingbird
@main struct AccessService { static func main() async throws { print("Access") } }
