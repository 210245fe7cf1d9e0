//! The mails about accounts.
//!
//! They contain nothing that a person has typed, not even a name: until an address is verified, a stranger may have chosen it.

use super::{Renderer, fault, link, written};
use crate::domain::id::AccountId;
use crate::domain::principal::EmailAddress;
use crate::domain::proof::{CodeDigits, Proof, ProofPurpose};
use crate::mailer::Mail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use serde::Serialize;

/// The data of the mail with the token of a proof.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ProofMail<'a> {
    /// The proof.
    pub proof: &'a Proof,
    /// Its token.
    pub token: &'a str,
    /// The `https` or `http` URL of the page that takes the token, which is added to it as `?token=…`.
    pub page: Option<&'a str>,
}

impl<'a> ProofMail<'a> {
    /// Creates one without a page: the token is text.
    pub const fn new(proof: &'a Proof, token: &'a str) -> Self {
        Self { proof, token, page: None }
    }

    /// Sets [`page`](Self::page).
    #[must_use]
    pub fn with_page(mut self, page: impl Into<Option<&'a str>>) -> Self {
        self.page = page.into();
        self
    }
}

impl std::fmt::Debug for ProofMail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofMail").field("proof", self.proof).field("page", &self.page).finish_non_exhaustive()
    }
}

/// The data of the mail with a code.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CodeMail<'a> {
    /// The proof.
    pub proof: &'a Proof,
    /// Its code.
    pub code: CodeDigits,
}

impl<'a> CodeMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(proof: &'a Proof, code: CodeDigits) -> Self {
        Self { proof, code }
    }
}

impl std::fmt::Debug for CodeMail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeMail").field("proof", self.proof).finish_non_exhaustive()
    }
}

/// The data of the mail about a changed password.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PasswordChangedMail<'a> {
    /// The account.
    pub account: AccountId,
    /// What tells this change from others of the account.
    pub time: i64,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// When it was changed.
    pub at: Timestamp,
}

impl<'a> PasswordChangedMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(account: AccountId, time: i64, to: &'a EmailAddress, at: Timestamp) -> Self {
        Self { account, time, to, at }
    }
}

/// What a mail about a second factor tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FactorNews {
    /// It was added.
    Added,
    /// It was removed.
    Removed,
    /// A recovery code was used.
    RecoveryCodeUsed,
}

/// The data of the mail about a second factor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FactorMail<'a> {
    /// The account.
    pub account: AccountId,
    /// What it tells.
    pub news: FactorNews,
    /// What tells it from others of the account.
    pub time: i64,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// When it happened.
    pub at: Timestamp,
}

impl<'a> FactorMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(account: AccountId, news: FactorNews, time: i64, to: &'a EmailAddress, at: Timestamp) -> Self {
        Self { account, news, time, to, at }
    }
}

/// The data of the mail about an account that is to be erased.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ErasureMail<'a> {
    /// The account.
    pub account: AccountId,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// When it is erased.
    pub at: Timestamp,
}

impl<'a> ErasureMail<'a> {
    /// Creates one from all its fields.
    pub const fn new(account: AccountId, to: &'a EmailAddress, at: Timestamp) -> Self {
        Self { account, to, at }
    }
}

const CODE_SUBJECT: &str = "Your code";

/// The sentences of a mail with a token.
struct Sentences {
    subject: &'static str,
    why: &'static str,
    action: &'static str,
    otherwise: &'static str,
}

fn sentences(purpose: ProofPurpose) -> Sentences {
    match purpose {
        ProofPurpose::VerifyEmail => Sentences {
            subject: "Confirm your e-mail address",
            why: "An account was created with your e-mail address. Please confirm that the address is yours.",
            action: "Confirm this address",
            otherwise: "If you did not create an account, you need not do anything. If you want to use the account, or nobody else \
                        to use it, choose a new password with \"forgotten password\" where you log in.",
        },
        ProofPurpose::ResetPassword => Sentences {
            subject: "Choose a new password",
            why: "You can choose a new password for your account. Every session that is open will end then.",
            action: "Choose a new password",
            otherwise: "If you did not ask for this, you need not do anything: your password stays as it is.",
        },
        ProofPurpose::ChangeEmail => Sentences {
            subject: "Confirm your new e-mail address",
            why: "Somebody wants to use this e-mail address for their account from now on. If that is you, please confirm it.",
            action: "Use this address",
            otherwise: "If you did not ask for this, you need not do anything: the address is not used then.",
        },
        ProofPurpose::UndoEmail => Sentences {
            subject: "The e-mail address of your account was changed",
            why: "Your account has another e-mail address now. Mails about it, and about your tickets, go there.",
            action: "Undo the change",
            otherwise: "If you changed the address yourself, you need not do anything. If not, undo the change: your account gets this \
                        address back, every session ends, and you choose a new password.",
        },
        // Its mail has a code and other sentences, see `code_mail`; a token is of no use.
        ProofPurpose::Code => Sentences {
            subject: CODE_SUBJECT,
            why: "You have asked for a code.",
            action: "Go on",
            otherwise: "If you did not ask for this, you need not do anything.",
        },
        ProofPurpose::JoinOrganisation => Sentences {
            subject: "You are invited to help to sell tickets",
            why: "Somebody invites you to help with their events: to sell tickets, or to check them at the door. You need an account with \
                  this e-mail address.",
            action: "See what to do",
            otherwise: "If you do not know what this is about, you need not do anything: nothing happens then.",
        },
    }
}

impl Renderer {
    /// The mail with the token of a proof: a link to the page that takes it, or the token itself.
    pub fn proof_mail(&self, mail: &ProofMail<'_>) -> crate::error::Result<Mail> {
        let ProofMail { proof, token, page } = *mail;
        let Sentences { subject, why, action, otherwise } = sentences(proof.purpose);
        let view = ProofView {
            subject,
            why,
            action,
            otherwise,
            link: link(page).map(|page| format!("{page}?token={token}")),
            token,
            until: in_utc(proof.expires_at),
        };
        self.account_mail("proof", &proof.id.to_string(), subject, &proof.address, &view)
    }

    /// The mail with a code. It is not in the subject, which mail servers log.
    pub fn code_mail(&self, mail: &CodeMail<'_>) -> crate::error::Result<Mail> {
        let CodeMail { proof, code } = mail;
        let view = CodeView { subject: CODE_SUBJECT, code: code.text(), until: in_utc(proof.expires_at) };
        self.account_mail("code", &proof.id.to_string(), CODE_SUBJECT, &proof.address, &view)
    }

    /// The mail about a changed password.
    pub fn password_changed_mail(&self, mail: &PasswordChangedMail<'_>) -> crate::error::Result<Mail> {
        let subject = "Your password was changed";
        let key = format!("{}-{}", mail.account, mail.time);
        let view = DatedView { subject, at: in_utc(mail.at) };
        self.account_mail("password_changed", &key, subject, mail.to, &view)
    }

    /// The mail about a second factor.
    pub fn factor_mail(&self, mail: &FactorMail<'_>) -> crate::error::Result<Mail> {
        // With lines as a text has them; HTML does not see their ends.
        let (subject, what) = match mail.news {
            FactorNews::Added => (
                "A second factor was added to your account",
                "From now on, a code of an authenticator app is asked for when somebody\nlogs in to your account.",
            ),
            FactorNews::Removed => (
                "The second factor of your account was removed",
                "Your password is enough again to log in to your account: no code is\nasked for any more.",
            ),
            FactorNews::RecoveryCodeUsed => (
                "A recovery code of your account was used",
                "One of the recovery codes of your account was used instead of a code\nof your authenticator app. It cannot be used again.",
            ),
        };
        let key = format!("{}-{}", mail.account, mail.time);
        let view = FactorView { subject, what, at: in_utc(mail.at) };
        self.account_mail("second_factor", &key, subject, mail.to, &view)
    }

    /// The mail about an account that is to be erased.
    pub fn erasure_mail(&self, mail: &ErasureMail<'_>) -> crate::error::Result<Mail> {
        let subject = "Your account will be erased";
        let key = format!("{}-{}", mail.account, mail.at.as_second());
        let view = DatedView { subject, at: in_utc(mail.at) };
        self.account_mail("erasure", &key, subject, mail.to, &view)
    }

    fn account_mail(
        &self,
        name: &str,
        key: &str,
        subject: &str,
        to: &EmailAddress,
        view: &impl Serialize,
    ) -> crate::error::Result<Mail> {
        let written = |kind: &str| -> crate::error::Result<String> {
            let template = self.templates.get_template(&format!("{name}.{kind}")).map_err(|error| fault(&error))?;
            template.render(Serde(view)).map_err(|error| fault(&error))
        };
        let (text, html) = (written("txt")?, written("html")?);
        let message_id = format!("{}.{key}@{}", name.replace('_', "-"), self.from_domain);
        Ok(Mail { message_id, to: to.clone(), subject: subject.to_owned(), text, html, attachments: Vec::new() })
    }
}

/// Nobody has told us where the person is.
fn in_utc(at: Timestamp) -> String {
    written(&at.to_zoned(TimeZone::UTC))
}

#[derive(Serialize)]
struct ProofView<'a> {
    subject: &'a str,
    why: &'a str,
    action: &'a str,
    otherwise: &'a str,
    link: Option<String>,
    token: &'a str,
    until: String,
}

#[derive(Serialize)]
struct CodeView<'a> {
    subject: &'a str,
    code: String,
    until: String,
}

#[derive(Serialize)]
struct FactorView<'a> {
    subject: &'a str,
    what: &'a str,
    at: String,
}

#[derive(Serialize)]
struct DatedView<'a> {
    subject: &'a str,
    at: String,
}
