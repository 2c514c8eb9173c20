import Foundation

/// What the kernel knows of this process, in Prometheus' usual names; read from `/proc` at each scrape.
enum ProcessMetrics {
    static func text() -> String {
        var text = ""
        func add(_ name: String, _ kind: String, _ help: String, _ value: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n\(name) \(value)\n"
        }
        guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            let afterName = stat.lastIndex(of: ")")
        else { return "" }
        // Counted from the field after the name, which may itself hold spaces: proc(5), field 3 is index 0.
        let fields = stat[stat.index(after: afterName)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let pages = Int(fields[21]), let threads = Int(fields[17])
        else { return "" }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        add("process_cpu_seconds_total", "counter", "Processor time used.", "\((user + system) / ticks)")
        add(
            "process_resident_memory_bytes", "gauge", "Memory in use.",
            "\(pages * Int(sysconf(Int32(_SC_PAGESIZE))))")
        add("process_threads", "gauge", "Threads.", "\(threads)")
        if let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            add("process_open_fds", "gauge", "Open file descriptors.", "\(descriptors.count)")
        }
        return text
    }
}
