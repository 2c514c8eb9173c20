import Crypto
import Foundation
import Postgres

/// Numbers in the school's lists that stood for guardians who were forgotten. The list names them still; nobody is made of it again.
/// Who wants to come back comes by an invitation.
enum ForgottenNumbers {
    static func hash(_ number: String) -> Data { Data(SHA256.hash(data: Data("zvonok forgotten number ".utf8) + Data(number.utf8))) }

    static func note(_ number: String, now: Date, in transaction: borrowing Transaction) throws {
        try transaction.execute(
            "insert into forgotten_number (number_hash, forgotten_at) values (\(hash(number)), \(now)) on conflict do nothing")
    }

    /// Which of these numbers are forgotten ones.
    static func among(_ numbers: [String], in transaction: borrowing Transaction) throws -> Set<String> {
        let byHash = Dictionary(numbers.map { (hash($0), $0) }, uniquingKeysWith: { first, _ in first })
        let found = try transaction.rows(
            "select number_hash from forgotten_number where number_hash = any(\(Array(byHash.keys)))", as: Data.self)
        return Set(found.compactMap { byHash[$0] })
    }
}
