import Foundation
import Testing

/// Habits that a reader relies on and a compiler cannot keep.
@Suite("Habits") struct HabitsTests {
    static let swift = ["Shared", "Services"].flatMap { SourceTree.files(in: $0, ending: ".swift") }

    @Test("routes are declared in a RouteBook only, so that the walk of strangers meets every one")
    func noRawRoutes() throws {
        for file in SourceTree.files(in: "Services", ending: ".swift") {
            for (number, line) in try SourceTree.code(file).enumerated() {
                #expect(
                    !line.contains(/\brouter\.(get|post|put|patch|delete|head|on|ws|group|add)\(/),
                    "\(file):\(number + 1) adds a route past the RouteBook")
            }
        }
    }

    @Test("nothing notifies inside a transaction that others wait for")
    func noNotifyInHotTransactions() throws {
        // A committing NOTIFY takes a lock on the whole database: three quarters of the throughput.
        for file in SourceTree.files(in: "Services", ending: ".sql") + SourceTree.files(in: "Shared", ending: ".sql") {
            let text = try SourceTree.text(file)
            #expect(!text.lowercased().contains("pg_notify"), "\(file): no trigger or function may notify")
        }
        for file in Self.swift {
            let code = try SourceTree.code(file).joined(separator: "\n")
            // `Database.notify` alone knows how: a statement of its own that waits for no disk. A transaction has no `database`.
            let isTheOne = file.hasSuffix("Shared/Postgres/Database.swift")
            #expect(code.matches(of: /pg_notify/).count == (isTheOne ? 1 : 0), "\(file) notifies past Database.notify")
        }
    }

    @Test("whoever switches a check of the compiler off says why beside it")
    func uncheckedIsExplained() throws {
        let unsafe = /@unchecked Sendable|nonisolated\(unsafe\)|unsafeBitCast|\btry!/
        for file in Self.swift {
            let code = try SourceTree.code(file)
            let lines = try SourceTree.text(file).components(separatedBy: "\n")
            for (number, line) in code.enumerated() where line.contains(unsafe) {
                let around = lines[max(0, number - 4)...number]
                #expect(around.contains { $0.contains("//") }, "\(file):\(number + 1) gives no reason")
            }
        }
    }

    @Test("no test waits for another program on a thread that all tests share")
    func nobodyBlocksThePool() throws {
        // The pool has few threads: when each of them waits for what another test has to do, all stand still for ever.
        let blocking = /\bProcess\(\)|processExitsWith|waitUntilExit|readDataToEndOfFile|\.readToEnd\(|\busleep\(|Thread\.sleep/
        // A closure within a transaction has a thread of its own.
        let allowed = ["Tests/Postgres/FailureTests.swift", "Tests/Architecture/HabitsTests.swift"]
        for file in SourceTree.files(in: "Tests", ending: ".swift") where !allowed.contains(where: file.hasSuffix) {
            for (number, line) in try SourceTree.code(file).enumerated() {
                #expect(!line.contains(blocking), "\(file):\(number + 1) blocks; ChildProcess and eventually do not")
            }
        }
    }

    @Test("no file names a machine's own folders")
    func noMachinePaths() throws {
        let folders = ["Shared", "Services", "Tests", "deploy", ".ci"]
        // Put together here, so that this file does not find itself.
        let forbidden = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/tm" + "p/z"]
        for folder in folders {
            for ending in [".swift", ".py", ".sh", ".md", ".mustache", ".sql", ".conf", ".service", ".txt", ".yaml"] {
                for file in SourceTree.files(in: folder, ending: ending) where !file.hasSuffix("/requirements.txt") {
                    let text = try SourceTree.text(file)
                    for path in forbidden {
                        #expect(!text.contains(path), "\(file) names \(path)")
                    }
                }
            }
        }
    }

    @Test("every template has its page, every page its template", arguments: SourceTree.services)
    func templatesAndPagesMatch(_ service: String) throws {
        let views = "Services/\(service)/Views/"
        let templates = Set(
            SourceTree.files(in: views, ending: ".mustache").map { String($0.dropFirst(views.count).dropLast(".mustache".count)) })
        var named: Set<String> = []
        for file in SourceTree.files(in: "Services/\(service)", ending: ".swift") {
            for match in try SourceTree.text(file).matches(of: /static (?:let|var) template(?:: String)?\s*(?:=|\{)\s*"([^"]+)"/) {
                named.insert(String(match.1))
                #expect(templates.contains(String(match.1)), "\(file) names the template \(match.1), which is not there")
            }
        }
        var included: Set<String> = []
        for template in templates {
            let text = try SourceTree.text(views + template + ".mustache")
            for match in text.matches(of: /\{\{[><]\s*([\w\/.-]+)/) { included.insert(String(match.1)) }
        }
        // A letter or a fragment may be rendered by name in code instead of by a page.
        let code = try SourceTree.files(in: "Services/\(service)", ending: ".swift").map(SourceTree.text).joined()
        for template in templates.subtracting(named).subtracting(included) {
            #expect(code.contains("\"\(template)\""), "\(views)\(template).mustache is shown by no page")
        }
    }

    @Test("no file is longer than a sitting") func filesAreShort() throws {
        for file in Self.swift {
            let lines = try SourceTree.text(file).count { $0 == "\n" }
            #expect(lines <= 450, "\(file) has \(lines) lines")
        }
    }
}
