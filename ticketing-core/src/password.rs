//! Passwords: argon2id, at the parameters that OWASP recommends, on a bounded number of threads.

use crate::clock::Random;
use crate::error::{Error, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// OWASP Password Storage Cheat Sheet: argon2id with m = 19 MiB, t = 2, p = 1.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// So many may wait for each one that is being hashed; who comes beyond is told to come again.
const WAITING_PER_THREAD: usize = 32;

/// Hashes and checks passwords. One hash takes some 20 ms of a core and 19 MiB, so no more run at once than there are cores,
/// and the queue is bounded.
#[derive(Debug)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Checked against when there is no account, so that the answer takes as long.
    decoy: String,
}

impl Passwords {
    pub(crate) fn new(threads: usize, random: &dyn Random) -> Result<Self> {
        let mut nobody = [0; 16];
        random.fill(&mut nobody);
        Ok(Self {
            running: Arc::new(Semaphore::new(threads)),
            waiting: Arc::new(Semaphore::new(threads * (WAITING_PER_THREAD + 1))),
            decoy: hash(&nobody)?,
        })
    }

    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let password = password.as_bytes().to_vec();
        self.run(move || hash(&password)).await?
    }

    /// Whether the password is the one of this hash. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(&self, password: &str, phc: Option<&str>) -> Result<bool> {
        let exists = phc.is_some();
        let phc = phc.unwrap_or(&self.decoy).to_owned();
        let password = password.as_bytes().to_vec();
        let fits = self.run(move || verify(&password, &phc)).await?;
        Ok(fits && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::Busy { retry_after: Duration::from_secs(1) };
        let in_queue = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| busy())?;
        let at_work = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        // The permits go with the work: a caller that leaves does not make room while its hash still runs.
        let work = tokio::task::spawn_blocking(move || {
            let _permits = (in_queue, at_work);
            work()
        });
        work.await.map_err(|_| busy())
    }
}

fn hasher() -> Result<Argon2<'static>> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::Configuration(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String> {
    let hash = hasher()?.hash_password(password).map_err(|error| Error::Configuration(error.to_string()))?;
    Ok(hash.to_string())
}

fn verify(password: &[u8], phc: &str) -> bool {
    let Ok(hash) = PasswordHash::new(phc) else { return false };
    Argon2::default().verify_password(password, &hash).is_ok()
}

/// Whether the hash was made with less than we use today, so that the next login should renew it.
pub(crate) fn is_weak(phc: &str) -> bool {
    let Ok(hash) = PasswordHash::new(phc) else { return true };
    let Ok(params) = Params::try_from(&hash) else { return true };
    hash.algorithm.as_str() != "argon2id" || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;

    fn passwords() -> Passwords {
        Passwords::new(2, &SystemRandom).unwrap()
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_at_owasp_parameters_and_fits_its_password_only() {
        let passwords = passwords();
        let hash = passwords.hash("pässwörd 64 characters long or more, nothing is ever cut off here 1").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let fits = |password: &'static str| passwords.verify(password, Some(&hash));
        assert!(fits("pässwörd 64 characters long or more, nothing is ever cut off here 1").await.unwrap());
        assert!(!fits("pässwörd 64 characters long or more, nothing is ever cut off here 2").await.unwrap());
        assert!(!is_weak(&hash));
    }

    #[tokio::test]
    async fn nobody_has_the_decoys_password() {
        let passwords = passwords();
        assert!(!passwords.verify("", None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_of_the_other_recommended_parameters_still_work_but_are_weak_if_below_ours() {
        let params = Params::new(8_192, 1, 1, None).unwrap();
        let old =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"password123").unwrap().to_string();
        assert!(passwords().verify("password123", Some(&old)).await.unwrap());
        assert!(is_weak(&old));
        assert!(is_weak("$2b$12$notours"));
    }

    #[tokio::test]
    async fn who_comes_beyond_the_queue_is_told_to_come_again() {
        let passwords = Passwords::new(1, &SystemRandom).unwrap();
        let _taken = Arc::clone(&passwords.waiting).try_acquire_many_owned(33).unwrap();
        assert!(matches!(passwords.hash("x").await, Err(Error::Busy { .. })));
    }
}
