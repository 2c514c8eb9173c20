import Web

/// The first page of everybody: sign in, or register with the code of an invitation.
struct SignInPage: Page {
    static let template = "sign-in/show"
    let title: String
    let section = ""
    /// Where to go afterwards.
    let to: String
    let login: String
    let wrong: String?
    let notice: String?
    /// Who helps when the password is forgotten, where there is one school.
    let curator: String?
    /// Where the button «Войти через ГОСУСЛУГИ» leads; nil where the installation is not connected (ID-19).
    let portal: String?
}

/// Whoever came with a one-time password chooses his own (D-04).
struct NewPasswordPage: Page {
    static let template = "sign-in/password"
    let title: String
    let section = ""
    let ticket: String
    let to: String
    let login: String
    let passwordHint: String
    let wrong: String?
}
