/// The single list of all messages; documentation, golden files, topology and permissions come from it.
public enum EventCatalogue {
    /// The facts of one service.
    public struct Publisher: Sendable {
        /// `ledger`
        public let service: String
        public let facts: [any Event.Type]
    }

    /// A command, who may send it and who carries it out.
    public struct CommandRoute: Sendable {
        public let command: any Command.Type
        public let senders: [String]
        public let receiver: String
    }

    public static let publishers: [Publisher] = [
        Publisher(
            service: "identity",
            facts: [
                SchoolChanged.self, ClassChanged.self, PersonChanged.self, PupilChanged.self, RightsChanged.self,
                ContactChanged.self, SigningKeyChanged.self, SessionEnded.self, TransferChanged.self,
                ConsentChanged.self, PersonErased.self,
            ]),
        Publisher(
            service: "ledger",
            facts: [
                AccountChanged.self, ChargeAccepted.self, ChargeDeclined.self, ChargeWithdrawn.self,
                TopUpPosted.self, RefundPosted.self, BalanceLow.self, AllowanceChanged.self, AccountTransferred.self,
                SubscriptionChanged.self, ServiceCharged.self, ServiceDeclined.self, ServiceRefunded.self,
                BankDetailsChanged.self,
            ]),
        Publisher(
            service: "canteen",
            facts: [SaleCompleted.self, SaleRefused.self, BansChanged.self, MenuPublished.self, DietTransferred.self, TillChanged.self]),
        Publisher(service: "access", facts: [CardChanged.self, PassageRecorded.self, DeviceChanged.self, CardsTransferred.self]),
        Publisher(
            service: "journal",
            facts: [
                ClassDayChanged.self, LessonRecorded.self, MarkChanged.self, AttendanceChanged.self,
                RemarkChanged.self, CommentChanged.self, DiaryTransferred.self,
            ]),
        Publisher(service: "notifier", facts: [DigestSent.self]),
    ]

    public static let commands: [CommandRoute] = [
        CommandRoute(command: Charge.self, senders: ["canteen"], receiver: "ledger"),
        CommandRoute(command: WithdrawCharge.self, senders: ["canteen"], receiver: "ledger"),
        CommandRoute(command: SendAccessLetter.self, senders: ["identity"], receiver: "notifier"),
        CommandRoute(
            command: RecordLooks.self, senders: ["identity", "ledger", "canteen", "access", "journal", "notifier"],
            receiver: "identity"),
    ]

    /// Which facts each service hears, by service. Everyone hears of people through Directory.
    public static let listeners: [(service: String, facts: [any Event.Type])] = [
        (
            "identity",
            people + [AccountTransferred.self, CardsTransferred.self, DietTransferred.self, DiaryTransferred.self, BankDetailsChanged.self]
        ),
        ("ledger", people.filter { $0 != PersonChanged.self } + [TransferChanged.self, TillChanged.self, BansChanged.self]),
        (
            "canteen",
            people + [
                ChargeAccepted.self, ChargeDeclined.self, ChargeWithdrawn.self, AccountChanged.self,
                RefundPosted.self, TopUpPosted.self, CardChanged.self, TransferChanged.self, PersonErased.self,
            ]
        ),
        ("access", people + [TransferChanged.self, PersonErased.self]),
        ("journal", people + [TransferChanged.self, PersonErased.self]),
        (
            "notifier",
            people + [
                ContactChanged.self, AccountChanged.self, ChargeAccepted.self, ChargeWithdrawn.self,
                TopUpPosted.self, RefundPosted.self, BalanceLow.self, SaleCompleted.self, SaleRefused.self,
                SubscriptionChanged.self, ServiceCharged.self, ServiceDeclined.self, ServiceRefunded.self,
                PassageRecorded.self, ClassDayChanged.self, LessonRecorded.self, MarkChanged.self,
                AttendanceChanged.self, RemarkChanged.self, CommentChanged.self, TransferChanged.self, ConsentChanged.self,
                PersonErased.self,
            ]
        ),
    ]

    private static let people: [any Event.Type] = [
        SchoolChanged.self, ClassChanged.self, PersonChanged.self, PupilChanged.self, RightsChanged.self,
        SigningKeyChanged.self, SessionEnded.self,
    ]

    /// Every fact, by publisher, then every command.
    public static let all: [any Event.Type] = publishers.flatMap(\.facts) + commands.map { $0.command }
}
