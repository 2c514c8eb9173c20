/// The database's side of «a service reads and writes its own schema only».
public enum Roles {
    /// Makes a service's role and schema, or sets them right; harmless to repeat.
    ///
    /// - Parameters:
    ///   - service: name of role and schema: small letters only.
    ///   - password: the role's password from now on.
    ///   - administrator: a database opened by a role that may create roles and schemas.
    public static func prepare(_ service: String, password: String, by administrator: Database) async throws {
        precondition(service.wholeMatch(of: /[a-z][a-z_]{0,40}/) != nil, "a service's name is its role and schema")
        try await administrator.transaction { transaction in
            try transaction.execute("select pg_advisory_xact_lock(hashtextextended('zvonok roles', 0))")
            // Neither bound (DDL takes no values) nor sent as it is (the server may log DDL): what the server would store.
            let verifier = try transaction.connection.verifier(of: password, for: service)
            let exists = try transaction.first(
                "select exists (select from pg_roles where rolname = \(service))", as: Bool.self) ?? false
            let database = try transaction.first("select current_database()::text", as: String.self) ?? ""
            let quoted = "\"" + database.replacing("\"", with: "\"\"") + "\""
            try transaction.script(
                """
                \(exists ? "alter" : "create") role \(service) with login nosuperuser nocreatedb nocreaterole noinherit
                    noreplication nobypassrls password '\(verifier)';
                revoke all on database \(quoted) from public;
                grant connect on database \(quoted) to \(service);
                revoke all on schema public from public;
                create schema if not exists \(service) authorization \(service);
                alter schema \(service) owner to \(service);
                revoke all on schema \(service) from public;
                alter role \(service) in database \(quoted) set search_path = \(service);
                """)
        }
    }
}
