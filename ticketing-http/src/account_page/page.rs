//! The HTML of the page: what the link is for, the result, or why it cannot be used.

use crate::html::fill;
use crate::problem::{Problem, status_of};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use poem::http::StatusCode;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use ticketing_core::domain::proof::ProofPurpose;

const LAYOUT: &str = include_str!("layout.html");
const STYLE: &str = include_str!("style.css");
const FORM: &str = include_str!("form.html");
const PASSWORD: &str = include_str!("password.html");
const INVITATION: &str = include_str!("invitation.html");

/// A page with its status.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) html: String,
    /// In seconds.
    pub(super) retry_after: Option<u64>,
}

/// Nothing runs and nothing is loaded. The one style is named by its hash, and the form goes to this server.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    });
    &POLICY
}

/// What is said of a purpose.
struct Words {
    heading: &'static str,
    what: &'static str,
    button: &'static str,
    otherwise: &'static str,
    done: &'static str,
    then: &'static str,
}

fn words(purpose: ProofPurpose) -> Words {
    match purpose {
        ProofPurpose::VerifyEmail => Words {
            heading: "Confirm your e-mail address",
            what: "Press the button to confirm that this e-mail address is yours.",
            button: "Confirm the address",
            otherwise: "You have not created an account? Close this page. Nothing is confirmed then.",
            done: "Your address is confirmed",
            then: "Thank you. You can close this page.",
        },
        ProofPurpose::ResetPassword => Words {
            heading: "Choose a new password",
            what: "Every device that is logged in to your account is logged out, and you log in with the new password.",
            button: "Save the new password",
            otherwise: "You have not asked for this? Close this page. Your password stays as it is.",
            done: "You have a new password",
            then: "You can close this page, and log in with the new password.",
        },
        ProofPurpose::ChangeEmail => Words {
            heading: "Use this e-mail address",
            what: "Press the button to use this e-mail address for your account. Tickets and other mails come here from then on, and you \
                   log in with it.",
            button: "Use this address",
            otherwise: "You have not asked for this? Close this page. Nothing changes then.",
            done: "Your account has a new address",
            then: "You can close this page. From now on, log in with the new address.",
        },
        _ => Words {
            heading: "Undo the change of your address",
            what: "Press the button to get your old e-mail address back. Every device that is logged in to your account is logged out, \
                   and its password is not valid any more: we mail you a link to choose a new one.",
            button: "Undo the change",
            otherwise: "You have changed the address yourself? Close this page. Nothing changes then.",
            done: "Your account has its old address again",
            then: "We are mailing you a link to choose a new password. Nobody can log in until you have done so.",
        },
    }
}

/// What the link is for, with one button; and with what is wrong about the password that was sent.
pub(super) fn form(purpose: ProofPurpose, token: &str, fault: Option<&str>) -> Page {
    let words = words(purpose);
    let field = match purpose {
        ProofPurpose::ResetPassword => password(fault),
        _ => String::new(),
    };
    let body = fill(
        FORM,
        &[
            ("what", words.what),
            ("token", token),
            ("&field", &field),
            ("button", words.button),
            ("otherwise", words.otherwise),
        ],
    );
    let title = if fault.is_some() { format!("Error: {}", words.heading) } else { words.heading.to_owned() };
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page(status, &title, words.heading, &body)
}

/// What to do with an invitation. It is accepted by an account with the address, and this page knows of no session.
pub(super) fn invitation(token: &str) -> Page {
    let heading = "You are invited to help to sell tickets";
    page(StatusCode::OK, heading, heading, &fill(INVITATION, &[("token", token)]))
}

fn password(fault: Option<&str>) -> String {
    let Some(fault) = fault else { return fill(PASSWORD, &[]) };
    let error = fill("<p class=\"error\" id=\"error\" role=\"alert\">{{fault}}</p>", &[("fault", fault)]);
    fill(PASSWORD, &[("&error", &error), ("described", " error"), ("&invalid", " aria-invalid=\"true\" autofocus")])
}

/// The result.
pub(super) fn outcome(purpose: ProofPurpose) -> Page {
    let words = words(purpose);
    page(StatusCode::OK, words.done, words.done, &fill("<p role=\"status\">{{then}}</p>", &[("then", words.then)]))
}

/// One page for a link that is wrong, was used or replaced, or has expired.
pub(super) fn unusable() -> Page {
    let body = "<p>It may have been used before, a newer mail may have replaced it, or it has expired.</p>\
                <p>If you have pressed the button before, it has most likely worked: try to log in.</p>\
                <p>Otherwise request a new mail where you log in: with \u{201c}forgotten password\u{201d} for a new password, or in your \
                account to confirm an address. Only the newest mail counts.</p>";
    let heading = "This link does not work any more";
    page(status_of("proof_unknown"), heading, heading, body)
}

/// Anything else that went wrong.
pub(super) fn error(problem: &Problem) -> Page {
    let (heading, text) = match problem.code() {
        "email_taken" => (
            "This address belongs to another account",
            "Somebody has created an account with this e-mail address meanwhile. Nothing was changed.",
        ),
        _ if problem.status().is_server_error() => {
            ("Please try again in a moment", "Nothing was changed. Load this page again in a moment.")
        }
        _ => ("This did not work", "Nothing was changed. Open the link of your mail again."),
    };
    let page = page(problem.status(), heading, heading, &fill("<p>{{text}}</p>", &[("text", text)]));
    Page { retry_after: problem.seconds_to_wait(), ..page }
}

pub(super) fn page(status: StatusCode, title: &str, heading: &str, body: &str) -> Page {
    // No line ends within the word.
    let heading = heading.replace("e-mail", "e\u{2011}mail");
    let values = [("title", title), ("heading", heading.as_str()), ("&style", STYLE), ("&body", body)];
    Page { status, html: fill(LAYOUT, &values), retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_no_script_and_its_style_is_the_one_that_the_policy_names() {
        for purpose in ProofPurpose::ALL {
            let token = "tkp_1_\"><script>";
            for page in [form(*purpose, token, Some("<b>")), outcome(*purpose), invitation(token), unusable()] {
                let (_, rest) = page.html.split_once("<style>").unwrap();
                let (style, _) = rest.split_once("</style>").unwrap();
                let hash = BASE64_STANDARD.encode(Sha256::digest(style));
                assert!(policy().contains(&format!("style-src 'sha256-{hash}'")));
                for never in ["<script", "<b>", "style=", "onclick", "src=", "href="] {
                    assert!(!page.html.contains(never), "{never} in {}", page.html);
                }
            }
        }
    }

    /// WCAG 2.2, 1.4.3 and 1.4.11: 4.5 to 1 for text, 3 to 1 for the edges of what is operated.
    #[test]
    fn contrasts_are_high_enough_in_light_and_dark() {
        let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for scheme in [light, dark] {
            let colour = |name: &str| {
                let at = scheme.find(&format!("--{name}: #")).unwrap() + name.len() + 5;
                let digits: String = scheme[at..].chars().take_while(char::is_ascii_hexdigit).collect();
                let channel = |index: usize| match digits.len() {
                    3 => u8::from_str_radix(&digits[index..=index].repeat(2), 16).unwrap(),
                    _ => u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap(),
                };
                luminance([channel(0), channel(1), channel(2)])
            };
            let contrast = |one: &str, other: &str| {
                let (one, other) = (colour(one), colour(other));
                (one.max(other) + 0.05) / (one.min(other) + 0.05)
            };
            for (text, on) in
                [("ink", "card"), ("soft", "card"), ("main-ink", "main"), ("main-ink", "hover"), ("bad-ink", "bad")]
            {
                assert!(contrast(text, on) >= 4.5, "{text} on {on}: {}", contrast(text, on));
            }
            for (edge, on) in [("edge", "card"), ("main", "card"), ("focus", "card"), ("bad-ink", "card")] {
                assert!(contrast(edge, on) >= 3.0, "{edge} on {on}: {}", contrast(edge, on));
            }
        }
    }

    /// Of a colour in sRGB, as WCAG defines it.
    #[expect(clippy::float_arithmetic, reason = "a colour is no money")]
    fn luminance(channels: [u8; 3]) -> f64 {
        let linear = channels.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }
}
