//! Second factors: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for who has lost it.
//!
//! The row holds nothing that opens anything: the app's secret is encrypted, and recovery codes are hashed, under keys that are in no
//! database (`token/factor.rs`). So rules see a code only as what it is found to be: see [`FactorCode`].

use super::account::Account;
use super::id::AccountId;
use super::row::{Field, Kind, RowError, Sink, Source};
use super::table::{Lock, table};
use super::working_set::{Noun, WorkingSet};
use jiff::{SignedDuration, Timestamp};

mod begin;
mod remove;
mod use_code;

pub use begin::BeginFactor;
pub(crate) use remove::remove_factor;
pub use use_code::{CodeOutcome, CodeUse, FactorCode, UseCode};

/// How many wrong codes in a row close the way.
pub const MAX_WRONG_CODES: i64 = 5;
/// How long the way is closed then.
pub const CLOSED_FOR: SignedDuration = SignedDuration::from_mins(15);
/// How long a factor that was begun can be confirmed.
pub const CONFIRM_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 8;

/// The second factor of an account. An account that had one keeps its row, without a secret.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct Factor {
    /// The account.
    pub account_id: AccountId,
    /// The secret of the app, encrypted. `None`: there is no factor.
    pub secret: Option<Vec<u8>>,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// When it was confirmed. Until then, it is asked for nowhere.
    pub confirmed_at: Option<Timestamp>,
    /// The last time step whose code was used. This one and all earlier ones are used up.
    pub last_step: i64,
    /// The hashes of the recovery codes that are left.
    pub recovery_hashes: Hashes,
    /// How many wrong codes were tried since the last right one, or since the way was closed.
    pub wrong_codes: i64,
    /// Until when no code is taken.
    pub closed_until: Option<Timestamp>,
    /// How many mails there were about it. It tells them apart.
    pub mails: i64,
}

table! {
    Factor in "factors", lock Lock::With(Noun::Account, "account_id");
    keyed account_id: AccountId, secret, begun_at, confirmed_at, last_step, recovery_hashes, wrong_codes, closed_until, mails;
}

impl std::fmt::Debug for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Factor")
            .field("account_id", &self.account_id)
            .field("confirmed_at", &self.confirmed_at)
            .field("last_step", &self.last_step)
            .field("recovery_codes", &self.recovery_hashes.0.len())
            .field("wrong_codes", &self.wrong_codes)
            .field("closed_until", &self.closed_until)
            .finish_non_exhaustive()
    }
}

impl Factor {
    /// Whether it is asked for.
    pub fn is_on(&self) -> bool {
        self.secret.is_some() && self.confirmed_at.is_some()
    }

    /// Whether it was begun and can still be confirmed.
    pub fn is_begun(&self, now: Timestamp) -> bool {
        self.secret.is_some() && self.confirmed_at.is_none() && now.duration_since(self.begun_at) < CONFIRM_WITHIN
    }

    /// Until when no code is taken, if that is so.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.closed_until.filter(|until| now < *until)
    }
}

/// Hashes of recovery codes.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hashes(pub Vec<String>);

impl std::fmt::Debug for Hashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hashes({})", self.0.len())
    }
}

/// One text, separated by spaces.
impl Field for Hashes {
    const KINDS: &'static [Kind] = &[Kind::Text];

    fn store(&self, to: &mut dyn Sink) {
        to.text(Some(&self.0.join(" ")));
    }

    fn read(from: &mut dyn Source) -> Result<Option<Self>, RowError> {
        Ok(from.text()?.map(|text| Self(text.split_whitespace().map(str::to_owned).collect())))
    }
}

/// What a person has who has given a password and still needs a code: it is no session, and lasts for five minutes.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct FactorTicket(pub String);

impl std::fmt::Debug for FactorTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FactorTicket(..)")
    }
}

/// Finds an account and its second factor, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FindFactor(pub AccountId);

impl super::command::Query for FindFactor {
    type Found = Option<(Account, Option<Factor>)>;
    const ONE_MOMENT: bool = true;

    fn needs(&self, _rows: &WorkingSet, load: &mut super::load::LoadKeys) {
        load.look::<Account>(&self.0);
        load.look::<Factor>(&self.0);
    }

    fn find(&self, rows: &WorkingSet) -> Self::Found {
        Some((rows.accounts.get(&self.0)?.clone(), rows.factors.get(&self.0).cloned()))
    }
}
