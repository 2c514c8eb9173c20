public import Foundation
import Kernel

extension Gender: DescribedEnum {}

/// How messages become JSON: sorted keys, moments as ISO 8601 in UTC with milliseconds, identifiers in lower case
/// when written and in either case when read.
public enum EventCoding {
    /// A new encoder; they cannot be shared between tasks.
    public static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.iso8601)
        }
        return encoder
    }

    public static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in
            let container = try decoder.singleValueContainer()
            let text = try container.decode(String.self)
            guard let date = Date(iso8601: text) else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "“\(text)” is no moment like 2026-11-20T05:03:12.450Z")
            }
            return date
        }
        return decoder
    }
}
