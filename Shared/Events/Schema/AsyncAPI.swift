import Foundation

/// The published language as an AsyncAPI 3 document, generated from the types.
public enum AsyncAPI {
    /// JSON, sorted and indented, with a line break at the end.
    ///
    /// - Throws: when a type cannot be described.
    public static func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(document()), as: UTF8.self) + "\n"
    }

    static func document() throws -> JSONValue {
        let probe = SchemaProbe()
        var messages: [String: JSONValue] = [:]
        for type in EventCatalogue.all {
            let payload = try probe.schema(of: type)
            let described = try message(type, payload: payload)
            messages[key(type.name)] = described
        }
        var schemas = probe.components
        schemas["CloudEvent"] = envelope
        return [
            "asyncapi": "3.0.0",
            "info": [
                "title": "Zvonok", "version": "1",
                "description": .text(
                    "What the services of a school tell each other. Every message is a CloudEvent in structured JSON; "
                        + "its type is the routing key. Within a version fields are only ever added."),
            ],
            "defaultContentType": "application/cloudevents+json",
            "servers": [
                "broker": [
                    "host": "{broker}", "protocol": "amqp", "protocolVersion": "0-9-1",
                    "variables": [
                        "broker": ["default": "localhost:5672", "description": "Each installation has its own."]
                    ],
                ]
            ],
            "channels": [
                "school_events": channel(
                    "school.events", "Facts: whoever is interested binds a queue.", facts.map { $0.name }),
                "school_commands": channel(
                    "school.commands", "Wishes to one receiver; an unroutable one fails its sender.",
                    EventCatalogue.commands.map { $0.command.name }),
            ],
            "operations": .object(operations()),
            "components": ["messages": .object(messages), "schemas": .object(schemas)],
        ]
    }

    private static var facts: [any Event.Type] { EventCatalogue.publishers.flatMap(\.facts) }

    private static func message<E: Event>(_ type: E.Type, payload: JSONValue) throws -> JSONValue {
        let encoded = try EventCoding.encoder.encode(type.example)
        let data = try JSONDecoder().decode(JSONValue.self, from: encoded)
        let example = CloudEventExample(
            type: type.name, source: publisher(of: type), aggregate: type.example.aggregate,
            version: (type.example as? any VersionedEvent)?.version)
        return [
            "name": .text(type.name), "title": .text("\(type)"), "contentType": "application/cloudevents+json",
            "payload": [
                "allOf": [
                    ["$ref": "#/components/schemas/CloudEvent"],
                    [
                        "type": "object", "required": ["type", "data"],
                        "properties": ["type": ["const": .text(type.name)], "data": payload],
                    ],
                ]
            ],
            "examples": [["name": "example", "payload": example.json(data: data)]],
        ]
    }

    private static func publisher<E: Event>(of type: E.Type) -> String {
        EventCatalogue.commands.first { $0.command == type }?.senders.first
            ?? String(type.name.prefix { $0 != "." })
    }

    private static func channel(_ exchange: String, _ description: String, _ names: [String]) -> JSONValue {
        [
            "address": "{name}",
            "description": .text(description),
            "parameters": [
                "name": [
                    "description": "The name of the message: its routing key.", "enum": .array(names.map { .text($0) }),
                ]
            ],
            "messages": .object(
                Dictionary(
                    uniqueKeysWithValues: names.map { (key($0), ["$ref": .text("#/components/messages/\(key($0))")]) })),
            "bindings": [
                "amqp": [
                    "is": "routingKey",
                    "exchange": [
                        "name": .text(exchange), "type": "topic", "durable": true, "autoDelete": false, "vhost": "/",
                    ],
                    "bindingVersion": "0.3.0",
                ]
            ],
        ]
    }

    private static func operations() -> [String: JSONValue] {
        var operations: [String: JSONValue] = [:]
        func add(_ service: String, _ action: String, _ exchange: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            let amqp: JSONValue =
                action == "send"
                ? ["deliveryMode": 2, "mandatory": true, "timestamp": true, "bindingVersion": "0.3.0"]
                : ["ack": true, "bindingVersion": "0.3.0"]
            operations["\(service)_\(action)_\(key(exchange))"] = [
                "action": .text(action),
                "channel": ["$ref": .text("#/channels/\(key(exchange))")],
                "tags": [["name": .text(service)]],
                "messages": .array(names.map { ["$ref": .text("#/channels/\(key(exchange))/messages/\(key($0))")] }),
                "bindings": ["amqp": amqp],
            ]
        }
        for publisher in EventCatalogue.publishers {
            add(publisher.service, "send", "school.events", publisher.facts.map { $0.name })
        }
        for (service, types) in EventCatalogue.listeners {
            add(service, "receive", "school.events", types.map { $0.name })
        }
        for service in EventCatalogue.publishers.map(\.service) {
            let routes = EventCatalogue.commands
            add(
                service, "send", "school.commands",
                routes.filter { $0.senders.contains(service) }.map { $0.command.name })
            add(
                service, "receive", "school.commands",
                routes.filter { $0.receiver == service }.map { $0.command.name })
        }
        return operations
    }

    /// A name as a key of the document: not every tool reads dots there.
    private static func key(_ name: String) -> String { name.replacing(".", with: "_") }

    private static let envelope: JSONValue = [
        "type": "object",
        "description": "CloudEvents 1.0, structured JSON",
        "required": [
            "specversion", "id", "source", "type", "time", "datacontenttype", "subject", "partitionkey", "sequence", "data",
        ],
        "properties": [
            "specversion": ["const": "1.0"],
            "id": ["type": "string", "format": "uuid", "description": "Repeats have the same."],
            "source": ["type": "string", "pattern": "^/school/", "description": "The service that says it."],
            "type": ["type": "string"],
            "time": ["type": "string", "format": "date-time"],
            "datacontenttype": ["const": "application/json"],
            "subject": ["type": "string", "format": "uuid", "description": "The aggregate"],
            "partitionkey": ["type": "string", "description": "The aggregate: its messages keep their order."],
            "sequence": [
                "type": "string", "pattern": "^[0-9]{24}$",
                "description":
                    "Six digits of the owner’s epoch, eighteen of the state’s version (zero for facts); the greater wins.",
            ],
            "republished": ["type": "boolean", "description": "Said again to fill a reader: raises no alert."],
            "traceparent": ["type": "string", "description": "W3C trace context"],
            "correlationid": ["type": "string", "description": "The message or request that began it all."],
            "causationid": ["type": "string", "description": "The message that led to this one."],
            "data": ["type": "object"],
        ],
    ]
}

/// An envelope as a reader of the documentation sees it.
private struct CloudEventExample {
    let type: String
    let source: String
    let aggregate: UUID
    let version: Int64?

    func json(data: JSONValue) -> JSONValue {
        let digits = String(version ?? 0)
        return .object([
            "specversion": "1.0", "id": "019a0000-0000-7000-8000-0000000000ff", "source": .text("/school/\(source)"),
            "type": .text(type), "time": "2026-11-20T06:43:12.450Z", "datacontenttype": "application/json",
            "subject": .text(aggregate.uuidString.lowercased()),
            "partitionkey": .text(aggregate.uuidString.lowercased()),
            "sequence": .text("000001" + String(repeating: "0", count: 18 - digits.count) + digits), "data": data,
        ])
    }
}
