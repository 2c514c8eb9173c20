import Glibc

/// No port could be had.
public struct NoFreePort: Error {}

/// Ports of 127.0.0.1 that nobody listens at, each a different one.
public func freePorts(_ count: Int) throws -> [Int] {
    // All are held until all are known, so that none is given twice.
    var doors: [Int32] = []
    defer { for door in doors { close(door) } }
    return try (0..<count).map { _ in
        let door = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        doors.append(door)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(door, $0, length) == 0 && getsockname(door, $0, &length) == 0
            }
        }
        guard isBound else { throw NoFreePort() }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
