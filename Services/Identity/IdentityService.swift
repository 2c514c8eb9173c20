import Hummingbird
@main struct IdentityService { static func main() async throws { print("Identity") } }
