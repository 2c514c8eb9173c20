import Hummingbird
import Web

extension SchoolService {
    /// Everything the service serves, as the process serves it: spans and metrics around the route book.
    ///
    /// Tests run the very same: `Application(router: try LedgerService.router(parts)).test(.router) { client in … }`.
    public static func router(_ parts: Parts) throws -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.addMiddleware {
            TracingMiddleware()
            MetricsMiddleware()
        }
        WebHost(
            pages: parts.pages, database: parts.database, publicAddress: parts.publicAddress, logger: parts.logger,
            looks: { [looks = parts.looks] in looks.note($0) }
        ).register(routes(parts), on: router)
        return router
    }
}

/// The same for a service named as a value.
public func router<S: SchoolService>(for service: S.Type, parts: Parts) throws -> Router<BasicRequestContext> {
    try service.router(parts)
}
