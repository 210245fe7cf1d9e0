//! Codes: proofs of which the mail has six digits instead of a token, for people who cannot follow a link.
//!
//! Six digits are few. So a code is of use only to who has asked for it, which the caller checks, and for a few tries.

use super::{BY_ACCOUNT, MAX_CODE_TRIES, Proof, ProofPurpose};
use crate::domain::account::Account;
use crate::domain::command::Command;
use crate::domain::id::{AccountId, ProofId};
use crate::domain::load::LoadKeys;
use crate::domain::wire_names::wire_names;
use crate::domain::working_set::WorkingSet;
use jiff::Timestamp;
use std::hint::black_box;

/// How many digits a code has.
const DIGITS: usize = 6;

/// For what somebody asks for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeFor {
    /// That the account's address belongs to its owner, as [`BeginProof::VerifyEmail`](super::BeginProof::VerifyEmail).
    VerifyEmail(AccountId),
}

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CodePurpose {
    /// The address of an account belongs to its owner.
    VerifyEmail,
}

wire_names!(CodePurpose {
    VerifyEmail => "verify_email",
});

impl CodeFor {
    /// What it is for.
    pub fn purpose(self) -> CodePurpose {
        match self {
            Self::VerifyEmail(_) => CodePurpose::VerifyEmail,
        }
    }
}

impl Proof {
    /// For what the code was asked for. `None` if it is no code.
    pub fn code_for(&self) -> Option<CodeFor> {
        match self.code_for? {
            CodePurpose::VerifyEmail => self.account_id.map(CodeFor::VerifyEmail),
        }
    }
}

/// The digits of a code. Compared in constant time, and not shown.
#[derive(Clone, Copy, Eq)]
pub struct CodeDigits([u8; DIGITS]);

impl CodeDigits {
    /// The digits of a number below 1,000,000. Of a greater one, the last digits.
    pub fn of(mut number: u32) -> Self {
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(number % 10).unwrap_or_default();
            number /= 10;
        }
        Self(digits)
    }

    /// The digits as text, for the mail.
    pub(crate) fn text(&self) -> String {
        self.0.iter().copied().map(char::from).collect()
    }
}

impl PartialEq for CodeDigits {
    fn eq(&self, other: &Self) -> bool {
        // Every digit is compared, whether or not an earlier one differs.
        let pairs = self.0.iter().zip(&other.0);
        pairs.fold(0, |differs, (one, other)| black_box(differs | (one ^ other))) == 0
    }
}

impl std::fmt::Debug for CodeDigits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeDigits(..)")
    }
}

/// It is not six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the six digits of the mail")]
pub struct NoCode;

impl std::str::FromStr for CodeDigits {
    type Err = NoCode;

    /// Reads a code as typed: spaces and dashes are ignored.
    fn from_str(typed: &str) -> Result<Self, NoCode> {
        let digits = typed.bytes().filter(|byte| !matches!(byte, b' ' | b'-')).take(DIGITS + 1).collect::<Vec<u8>>();
        let digits = <[u8; DIGITS]>::try_from(digits).map_err(|_| NoCode)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(NoCode) }
    }
}

/// Uses a code that somebody typed. The caller has checked that this is who has asked for it.
///
/// - A right one works once, and what it is for is done: with [`CodePurpose::VerifyEmail`], the address counts as verified.
/// - A wrong one counts, in the same transaction. The [fifth](MAX_CODE_TRIES) ends the code: then a right one is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UseMailedCode {
    /// The proof.
    pub id: ProofId,
    /// What it must be for.
    pub purpose: CodePurpose,
    /// The code that was mailed.
    pub mailed: CodeDigits,
    /// The code that was typed.
    pub typed: CodeDigits,
}

/// The outcome of a code that was mailed. Since a wrong one is counted, it is an outcome and no refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailedCodeOutcome {
    /// It was right, and is used up.
    Right {
        /// The proof as it is now.
        proof: Box<Proof>,
        /// Its account as it is now, if it has one.
        account: Option<Box<Account>>,
    },
    /// It was wrong.
    Wrong {
        /// How many more tries there are.
        left: i64,
    },
    /// It cannot be used: it never was, is for something else, was used or replaced, has expired, or there were too many wrong ones.
    Unknown,
}

impl Command for UseMailedCode {
    type Outcome = MailedCodeOutcome;
    const NAME: &'static str = "use_mailed_code";

    /// As for [`UseProof`](super::UseProof): the account is the lock of its proofs.
    fn needs(&self, rows: &WorkingSet, load: &mut LoadKeys) {
        load.look::<Proof>(&self.id);
        let Some(proof) = rows.proofs.loaded_row(&self.id) else { return };
        if let Some(id) = proof.account_id {
            load.row::<Account>(&id);
            load.find(BY_ACCOUNT, &id);
        }
        load.row::<Proof>(&self.id);
    }

    fn apply(&self, rows: &mut WorkingSet, now: Timestamp) -> MailedCodeOutcome {
        let Some(proof) = self.usable(rows, now) else { return MailedCodeOutcome::Unknown };
        if self.mailed != self.typed {
            rows.proofs.update(&self.id, |proof| proof.tries += 1);
            return MailedCodeOutcome::Wrong { left: MAX_CODE_TRIES - proof.tries - 1 };
        }
        rows.proofs.update(&self.id, |proof| {
            // Only what an account has proved is noted as used.
            proof.used_at = proof.account_id.map(|_| now);
            proof.expires_at = now;
        });
        match proof.code_for() {
            Some(CodeFor::VerifyEmail(id)) => {
                rows.verify_account(now, id);
                rows.accounts.update(&id, |account| account.updated_at = now);
                rows.end_proofs(now, id, ProofPurpose::OF_VERIFICATION);
            }
            None => {}
        }
        let account = proof.account_id.and_then(|id| rows.accounts.get(&id)).cloned().map(Box::new);
        let proof = rows.proofs.get(&self.id).cloned().unwrap_or(proof);
        MailedCodeOutcome::Right { proof: Box::new(proof), account }
    }
}

impl UseMailedCode {
    fn usable(&self, rows: &WorkingSet, now: Timestamp) -> Option<Proof> {
        let proof = rows.proofs.get(&self.id).filter(|proof| proof.code_for == Some(self.purpose))?;
        let account = proof.account_id.and_then(|id| rows.accounts.get(&id));
        proof.is_usable_by(account, now).then(|| proof.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_as_typed_and_is_not_shown() {
        assert_eq!((CodeDigits::of(0).text(), CodeDigits::of(70_123).text()), ("000000".into(), "070123".into()));
        for typed in ["070123", " 070 123 ", "070-123"] {
            assert_eq!(typed.parse(), Ok(CodeDigits::of(70_123)), "{typed}");
        }
        for wrong in ["", "70123", "0701234", "07012x", "\u{664}70123", "070123 070123"] {
            assert_eq!(wrong.parse::<CodeDigits>(), Err(NoCode), "{wrong}");
        }
        for place in 0..6 {
            assert_ne!(CodeDigits::of(70_123 + 10_u32.pow(place)), CodeDigits::of(70_123));
        }
        assert_eq!(format!("{:?}", CodeDigits::of(70_123)), "CodeDigits(..)");
    }
}
