import HTTPTypes
import Web

/// Why a sign-in through the portal came to nothing, in plain words, and what to do. The way by login and password stands
/// under each (BY-12).
struct GosuslugiPage: Page {
    static let template = "gosuslugi/show"
    let title: String
    let section = ""
    let sentence: String
    let steps: [String]
    let hasSteps: Bool
    /// Where to try once more; nil where it would end the same.
    let again: String?

    enum Reason: Sendable, Equatable {
        case refused(PortalRefusal)
        case cancelled
        /// The answer belongs to no question of this browser, or to one that was answered.
        case over
        case away
        case wrongAnswer
        case tooMany

        var status: HTTPResponse.Status {
            switch self {
            case .refused: .forbidden
            case .cancelled: .ok
            case .over: .badRequest
            case .away: .serviceUnavailable
            case .wrongAnswer: .badGateway
            case .tooMany: .tooManyRequests
            }
        }
    }

    /// - Parameters:
    ///   - again: the address that begins anew.
    ///   - curator: who enters numbers, where there is one school.
    init(_ visit: Visit, _ reason: Reason, again: String, curator: String?) {
        switch reason {
        case .refused(.noSnils):
            title = visit.tr("No SNILS is given at Gosuslugi")
            sentence = visit.tr("The school knows you by your SNILS, and your account at Gosuslugi has none. Without it nobody can be let in.")
            steps = [
                visit.tr("Open «My data» at Gosuslugi and enter the SNILS."),
                visit.tr("Wait until the portal has checked it: mostly some minutes."),
                visit.tr("Come back here and sign in once more."),
            ]
            self.again = again
        case .refused(.wrongSnils):
            title = visit.tr("The SNILS at Gosuslugi has a mistake")
            sentence = visit.tr("The number that the portal told cannot be right: its check digits do not fit.")
            steps = [visit.tr("Compare the number in «My data» at Gosuslugi with your papers and put it right."), visit.tr("Come back here and sign in once more.")]
            self.again = again
        case .refused(.notConfirmed):
            title = visit.tr("Your account at Gosuslugi is not confirmed")
            sentence = visit.tr("An account that is not confirmed can be made by anybody in your name, so it opens no diary.")
            steps = [
                visit.tr("Confirm the account: in your bank's application or at a public service centre, as the portal explains."),
                visit.tr("Come back here and sign in once more."),
            ]
            self.again = again
        case .refused(.childNeedsContact):
            title = visit.tr("The child's e-mail or phone must be confirmed at Gosuslugi")
            sentence = visit.tr("For children under 14 sign-in is open only when the e-mail or the phone is confirmed at Gosuslugi.")
            steps = [
                visit.tr("Sign in at Gosuslugi with the child's account, or ask a parent to."),
                visit.tr("Enter the e-mail or the phone in «My data» and confirm it by the code that comes."),
                visit.tr("Come back here and sign in once more."),
            ]
            self.again = again
        case .refused(.unknown):
            title = visit.tr("The school does not know your SNILS yet")
            sentence = visit.tr("You have signed in at Gosuslugi, but the school has entered your SNILS for nobody.")
            steps = [
                curator.map { visit.tr("Tell your SNILS to the curator of your school: %@.", $0) } ?? visit.tr("Tell your SNILS to the curator of your school."),
                visit.tr("Until then sign in with your login and password."),
            ]
            self.again = nil
        case .cancelled:
            title = visit.tr("You did not sign in")
            sentence = visit.tr("You declined at Gosuslugi. Nothing was passed on to the school.")
            steps = []
            self.again = again
        case .over:
            title = visit.tr("This sign-in is over")
            sentence = visit.tr("The way back from Gosuslugi is good once, for a quarter of an hour, and only in the browser in which it began.")
            steps = []
            self.again = again
        case .away:
            title = visit.tr("Gosuslugi does not answer")
            sentence = visit.tr("The portal is down or very slow just now. Your login and password work without it.")
            steps = []
            self.again = again
        case .wrongAnswer:
            title = visit.tr("The answer of Gosuslugi could not be taken")
            sentence = visit.tr("Something in the portal's answer was not as it must be, so nobody was signed in. The operator finds the reason in the log.")
            steps = []
            self.again = again
        case .tooMany:
            title = visit.tr("Too many attempts")
            sentence = visit.tr("Too many sign-ins have failed from your network. Wait a quarter of an hour, or use your login and password.")
            steps = []
            self.again = nil
        }
        hasSteps = !steps.isEmpty
    }
}
