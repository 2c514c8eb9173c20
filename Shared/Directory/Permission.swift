public import Events

/// Something that can be allowed: by which roles it is held and over what, and whether guardians and the pupil himself
/// hold it. This file is the only list there is.
public struct Permission: Sendable, Hashable {
    /// How far a role reaches. A role that names a class never reaches beyond it.
    public enum Reach: Sendable, Hashable {
        /// The class that the role names; a role that names none reaches nothing.
        case ownClass
        /// Every class and child of the school of the role.
        case wholeSchool
    }

    /// What guardians may do about their children.
    public enum GuardianShare: Sendable, Hashable {
        case none
        /// Whoever has a grant that holds (and covers the topic, if the permission has one).
        case granted
        /// Every guardian whom the school has named: both parents of its lists, whose rights are equal (Family Code, article 61);
        /// nobody whom one of them let in (ID-30).
        case legalOnly
    }

    /// Whether families may ask about the class or school of their child as a whole.
    public enum FamilySharing: Sendable, Hashable {
        case childOnly
        /// What shows nobody in particular: a timetable.
        case ofClass
        /// What the whole school shares: a menu.
        case ofSchool
    }

    /// Unique: logs and the tests' matrix name it.
    public let name: String
    /// The topic that a guardian's grant must cover.
    public let topic: Topic?
    public let roles: [Role: Reach]
    public let guardians: GuardianShare
    /// Whether a pupil holds it about himself.
    public let pupil: Bool
    public let sharing: FamilySharing
    /// Whether anyone signed in holds it about himself.
    public let everyone: Bool

    init(
        _ name: String, topic: Topic? = nil, ownClass: [Role] = [], wholeSchool: [Role] = [],
        guardians: GuardianShare = .none, pupil: Bool = false, sharing: FamilySharing = .childOnly,
        everyone: Bool = false
    ) {
        self.name = name
        self.topic = topic
        self.roles = Dictionary(
            ownClass.map { ($0, .ownClass) } + wholeSchool.map { ($0, .wholeSchool) }, uniquingKeysWith: { $1 })
        self.guardians = guardians
        self.pupil = pupil
        self.sharing = sharing
        self.everyone = everyone
    }

    private static let heads: [Role] = [.deputyHead, .director]
    private static let wholeStaff: [Role] = Role.allCases.filter { $0 != .classTeacher && $0 != .tutor }
}

// MARK: - What a family reads

extension Permission {
    public static let seeDiary = Permission(
        "seeDiary", topic: .diary, ownClass: [.classTeacher], wholeSchool: heads, guardians: .granted, pupil: true)
    public static let seeMarks = Permission(
        "seeMarks", topic: .diary, ownClass: [.classTeacher], wholeSchool: heads, guardians: .granted, pupil: true)
    /// JR-15, D-10: never the pupil.
    public static let seeRemarks = Permission(
        "seeRemarks", topic: .diary, ownClass: [.classTeacher], wholeSchool: heads + [.socialPedagogue, .psychologist],
        guardians: .granted)
    public static let seeAttendance = Permission(
        "seeAttendance", topic: .attendance, ownClass: [.classTeacher],
        wholeSchool: heads + [.socialPedagogue], guardians: .granted, pupil: true)
    public static let seeMeals = Permission(
        "seeMeals", topic: .meals, ownClass: [.classTeacher, .tutor], wholeSchool: heads + [.nurse],
        guardians: .granted, pupil: true)
    /// What was bought for how much; never the pupil, whose cabinet has no money in it (ID-35).
    public static let seePurchases = Permission(
        "seePurchases", topic: .meals, wholeSchool: [.accountant], guardians: .granted)
    public static let seeMoney = Permission(
        "seeMoney", topic: .money, wholeSchool: [.accountant], guardians: .granted)
    /// AC-07: a parent sets what may be spent in a day. Whoever was let in to the money sees it and decides nothing about it
    /// (ID-30): that is for the guardians whom the school has named, the second parent as well as the first.
    public static let setLimit = Permission("setLimit", topic: .money, guardians: .legalOnly)
    /// BY-05: what the parents do not want to be sold to the child; whoever was let in to the meals reads it.
    public static let seeBans = Permission("seeBans", topic: .meals, guardians: .granted)
    /// BY-05: set and lift such a ban, as the limit is set.
    public static let setBans = Permission("setBans", topic: .meals, guardians: .legalOnly)
    /// AC-09: a guardian moves money between his own children.
    public static let moveMoney = Permission("moveMoney", topic: .money, guardians: .legalOnly)
    /// ID-35: what a child is subscribed to and was charged for; never the pupil.
    public static let seeServices = Permission("seeServices", topic: .money, wholeSchool: [.accountant], guardians: .granted)
    /// ID-35: subscribing spends the family's money, now and every month.
    public static let subscribeServices = Permission("subscribeServices", topic: .money, guardians: .legalOnly)
    /// BY-04: money leaves the family's accounts.
    public static let takeMoneyOut = Permission("takeMoneyOut", topic: .money, guardians: .legalOnly)
    /// AC-12: a charge was a mistake, says who paid or who sold.
    public static let askRefund = Permission(
        "askRefund", topic: .money, wholeSchool: [.cashier, .accountant], guardians: .granted)
    /// AC-02: a parent pays with a bank card.
    public static let topUpByCard = Permission("topUpByCard", topic: .money, guardians: .granted)
    public static let seeTimetable = Permission(
        "seeTimetable", ownClass: [.classTeacher, .tutor], wholeSchool: wholeStaff, guardians: .granted, pupil: true,
        sharing: .ofClass)
    public static let seeMenu = Permission(
        "seeMenu", ownClass: [.classTeacher, .tutor], wholeSchool: wholeStaff, guardians: .granted, pupil: true,
        sharing: .ofSchool)
    /// The family's home page with all children side by side.
    public static let seeHome = Permission("seeHome", guardians: .granted, pupil: true)
    /// One child's line of the day; each kind of notice is held back by its own topic.
    public static let seeFeed = Permission(
        "seeFeed", guardians: .granted, pupil: true)
    /// NT-01: which letters come, and when.
    /// Staff who read of comings and goings choose too.
    public static let chooseAlerts = Permission(
        "chooseAlerts", ownClass: [.classTeacher], wholeSchool: heads + [.curator, .secretary], guardians: .granted)
    /// ID-30: invite another adult, change what he may see.
    public static let shareAccess = Permission("shareAccess", guardians: .legalOnly)
    /// SC-01: ask to move the child to another class or school.
    public static let askTransfer = Permission("askTransfer", guardians: .legalOnly)
    /// ID-31: choose the PIN of the terminal.
    public static let setPin = Permission("setPin", topic: .money, guardians: .legalOnly)
    /// Consents about a child, what is kept about him, his deletion: whoever answers for him decides.
    public static let representChild = Permission("representChild", guardians: .legalOnly)
    /// ID-36 to ID-39: the certificate cabinet's settings, each guardian his own.
    public static let keepParticulars = Permission("keepParticulars", topic: .certificate, guardians: .granted)
    /// Who sees which of one's children, and until when.
    public static let seeFamily = Permission("seeFamily", guardians: .granted)
    /// BY-10: whoever answers for a child sees who looked at it.
    public static let seeLooks = Permission("seeLooks", guardians: .legalOnly)
    /// One's own profile, password and sessions.
    public static let seeOneself = Permission("seeOneself", everyone: true)
}

// MARK: - What staff do

extension Permission {
    public static let enterLessons = Permission(
        "enterLessons", ownClass: [.classTeacher], wholeSchool: heads + [.subjectTeacher])
    /// SE-02 to SE-05: what the certificate of supplementary education can pay.
    public static let seeCertificate = Permission(
        "seeCertificate", topic: .certificate, wholeSchool: [.accountant, .socialPedagogue], guardians: .granted)
    /// AC-08: enter certificates of entitlement.
    public static let manageSubsidies = Permission("manageSubsidies", wholeSchool: [.accountant, .socialPedagogue])
    public static let seeRefunds = Permission("seeRefunds", wholeSchool: [.tutor, .cashier])
    /// AC-12: a refund is made with the tutor's participation; one who has a class decides about his class.
    public static let confirmRefund = Permission("confirmRefund", wholeSchool: [.tutor])
    /// AC-15: a tutor watches what the children he answers for have on their accounts; one who has a class, his class.
    public static let watchBalances = Permission("watchBalances", wholeSchool: [.tutor])
    /// ID-35: the school's catalogue of paid services.
    public static let manageServices = Permission("manageServices", wholeSchool: heads + [.accountant])
    /// AC-13: debits for paid services are made by the teacher.
    public static let chargeServices = Permission(
        "chargeServices", ownClass: [.classTeacher], wholeSchool: [.subjectTeacher])
    public static let topUpAtDesk = Permission("topUpAtDesk", wholeSchool: [.accountant])
    public static let sellAtTill = Permission("sellAtTill", wholeSchool: [.cashier])
    public static let editMenu = Permission("editMenu", wholeSchool: [.kitchen])
    public static let requestClassMeals = Permission(
        "requestClassMeals", ownClass: [.classTeacher, .tutor], wholeSchool: [.kitchen])
    public static let watchGate = Permission("watchGate", wholeSchool: [.gateGuard])
    public static let manageCards = Permission("manageCards", wholeSchool: [.gateGuard, .curator, .secretary])
    public static let manageDevices = Permission("manageDevices", wholeSchool: [.operatorOfSystem, .curator])
    public static let manageTimetable = Permission("manageTimetable", wholeSchool: heads + [.curator])
    public static let managePeople = Permission("managePeople", wholeSchool: [.curator, .secretary])
    public static let issueInvitations = Permission(
        "issueInvitations", ownClass: [.classTeacher], wholeSchool: [.curator])
    /// SC-02: take a pupil in, or refuse to.
    public static let confirmTransfers = Permission("confirmTransfers", wholeSchool: heads + [.curator, .secretary])
    /// Who comes to one's class or school by a transfer, and who leaves it.
    public static let seeArrivals = Permission(
        "seeArrivals", ownClass: [.classTeacher], wholeSchool: heads + [.curator, .secretary])
    /// ID-31, ID-32: print contracts, enter that they are signed, hand out PINs.
    public static let keepContracts = Permission("keepContracts", wholeSchool: [.curator, .secretary])
    /// SC-03: which modules a school has connected.
    public static let connectModules = Permission("connectModules", wholeSchool: [.operatorOfSystem, .curator])

    /// Roles of staff, rules for signing in, the log of who changed what.
    public static let administer = Permission("administer", wholeSchool: [.curator, .director, .operatorOfSystem])
    /// What the families of a class have agreed to.
    public static let seeConsents = Permission(
        "seeConsents", ownClass: [.classTeacher], wholeSchool: heads + [.curator, .secretary, .socialPedagogue, .nurse])
    /// ID-29: two accounts of one guardian become one.
    public static let mergeAccounts = Permission("mergeAccounts", wholeSchool: [.curator])

    /// All of them: the tests walk it, so a new one is put here too.
    public static let all: [Permission] = [
        seeDiary, seeMarks, seeRemarks, seeAttendance, seeMeals, seePurchases, seeMoney, setLimit, topUpByCard, moveMoney, takeMoneyOut,
        askRefund, seeRefunds, confirmRefund, manageSubsidies, seeCertificate, seeTimetable,
        seeMenu, seeHome, seeFeed, chooseAlerts, shareAccess, representChild, seeOneself, enterLessons, topUpAtDesk, sellAtTill,
        editMenu, requestClassMeals, watchGate, manageCards, manageDevices, manageTimetable, managePeople,
        issueInvitations, administer, seeConsents,
        askTransfer, confirmTransfers, seeArrivals, setPin, keepContracts, keepParticulars, connectModules,
        seeFamily, seeLooks, mergeAccounts, seeServices, subscribeServices, manageServices, chargeServices,
        watchBalances, seeBans, setBans,
    ]

    /// Whether using it about a child is a look at the child (BY-10). Choosing one's own letters is none, and a family's own
    /// rights are no data of the child.
    public var isLook: Bool {
        ![Permission.chooseAlerts, .seeFamily, .shareAccess, .seeLooks, .seeOneself].contains(self)
    }
}
