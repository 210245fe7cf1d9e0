//! Whether the server takes payments, and who may reach the sandbox gateway.

use super::{Config, ConfigError, Gateway, parse};
use poem::http::Uri;

/// Who may use the built-in sandbox gateway. It pays for any ticket without money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SandboxAccess {
    /// Nobody: there is no sandbox.
    Nobody,
    /// Requests from this machine that no proxy has forwarded.
    ThisMachine,
    /// Everybody who reaches the server: for demonstrations and tests.
    Everybody,
}

impl Config {
    /// Whether only this machine can reach the server, as far as its settings tell.
    pub(crate) fn is_local(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback() && is_local_url(&self.public_url)
    }

    /// Refuses to sell through a sandbox that others can reach, or that is switched off. Called before a server starts; the other
    /// commands sell nothing.
    pub fn check_payments(&self) -> Result<(), ConfigError> {
        let why = match (&self.gateway, self.sandbox) {
            (Gateway::None | Gateway::Paystack { .. }, _) | (Gateway::Sandbox, SandboxAccess::Everybody) => {
                return Ok(());
            }
            (Gateway::Sandbox, SandboxAccess::Nobody) => "SANDBOX is off".to_owned(),
            (Gateway::Sandbox, SandboxAccess::ThisMachine) if self.is_local() => return Ok(()),
            (Gateway::Sandbox, SandboxAccess::ThisMachine) => {
                let open = match is_local_url(&self.public_url) {
                    true => format!("HOST is {}", self.listen.ip()),
                    false => format!("PUBLIC_URL is {}", self.public_url),
                };
                format!("{open}, so strangers could pay in the sandbox without money")
            }
        };
        let expected = format!(
            "a secret key of Paystack ({why}). Without a key, set SANDBOX=on to let everybody pay in the sandbox, or PAYMENTS=none \
            to have free events only"
        );
        Err(ConfigError { variable: "PAYSTACK_SECRET_KEY".to_owned(), found: "nothing".to_owned(), expected })
    }
}

/// Whether a URL leads to this machine.
pub(super) fn is_local_url(url: &str) -> bool {
    url.parse::<Uri>().ok().as_ref().and_then(Uri::host).is_some_and(is_local_name)
}

/// Whether a host's name, as in a URL, is this machine: also `shop.localhost`, which browsers look up nowhere (RFC 6761, 6.3).
pub(crate) fn is_local_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    parse::is_this_machine(host) || host.ends_with(".localhost")
}
