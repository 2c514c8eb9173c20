import Postgres

extension Database {
    /// Runs what a form asks for. The form's id is the key of what it does: whoever sends it again gets the same answer.
    ///
    /// Two forms with one id about two children wait for no common row, so both may find nothing by the id and both write.
    /// The database lets the first one in, and the second fails with a unique violation once the first has committed: asked
    /// again it finds that one and says what it would have said a moment later. Whatever else a unique index refuses stays
    /// refused.
    func once<T: Sendable>(_ body: @escaping @Sendable (borrowing Transaction) throws -> T) async throws -> T {
        for _ in 1...Self.mostMeetings {
            do {
                return try await transaction(.readCommitted, body)
            } catch let error as PostgresError where error.isDuplicate {}
        }
        return try await transaction(.readCommitted, body)
    }

    /// Each time somebody else has come in between: more than a few at one form is no coincidence.
    private static var mostMeetings: Int { 3 }
}
