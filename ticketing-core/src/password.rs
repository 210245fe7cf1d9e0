//! Passwords: argon2id, at the parameters that OWASP recommends, on a bounded number of threads.

mod common;

pub(crate) use common::{is_common, is_public};

use crate::clock::{Random, SystemRandom};
use crate::error::{Error, Result};
use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, RECOMMENDED_SALT_LEN, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

mod queue;

use queue::Queue;

/// The work that goes into one hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    memory_kib: u32,
    passes: u32,
}

impl Cost {
    /// OWASP Password Storage Cheat Sheet: argon2id with m = 19 MiB, t = 2, p = 1.
    pub(crate) const OWASP: Self = Self { memory_kib: 19_456, passes: 2 };
    /// The least that argon2 accepts. For tests that are not about passwords.
    #[cfg(feature = "testing")]
    pub(crate) const LEAST: Self = Self { memory_kib: Params::MIN_M_COST, passes: Params::MIN_T_COST };
}

const LANES: u32 = 1;

/// glibc returns allocations above this size to the operating system as soon as they are freed.
const RETURNED_WHEN_FREED_BYTES: usize = 33 * 1024 * 1024;

/// Hashes and checks passwords. One hash takes about 20 ms of a core and 19 MiB, so at most as many run at once as there are
/// cores, and the queue is bounded.
#[derive(Debug)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    queue: Arc<Queue>,
    cost: Cost,
    /// Checked when there is no account, so that the response takes just as long.
    decoy: String,
}

impl Passwords {
    pub(crate) fn new(threads: usize, cost: Cost, random: &dyn Random) -> Result<Self> {
        let mut nobody = [0; 16];
        random.fill(&mut nobody);
        Ok(Self {
            running: Arc::new(Semaphore::new(threads)),
            queue: Arc::new(Queue::new(threads)),
            cost,
            decoy: hash(&nobody, cost)?,
        })
    }

    /// The hash of a new password, in PHC form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let (password, cost) = (password.as_bytes().to_vec(), self.cost);
        self.run(move || hash(&password, cost)).await?
    }

    /// Whether the password matches the hash. Without a hash, takes just as long and returns false.
    pub(crate) async fn verify(&self, password: &str, phc: Option<&str>) -> Result<bool> {
        let exists = phc.is_some();
        let phc = phc.unwrap_or(&self.decoy).to_owned();
        let password = password.as_bytes().to_vec();
        let fits = self.run(move || verify(&password, &phc)).await?;
        Ok(fits && exists)
    }

    /// Whether the hash was made with less work than today's, so that the next login should renew it.
    pub(crate) fn is_weak(&self, phc: &str) -> bool {
        let Ok(hash) = PasswordHash::new(phc) else { return true };
        let Ok(params) = Params::try_from(&hash) else { return true };
        let has_less = params.m_cost() < self.cost.memory_kib || params.t_cost() < self.cost.passes;
        hash.algorithm.as_str() != "argon2id" || has_less
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy = || Error::Busy { retry_after: Duration::from_secs(1) };
        let in_queue = queue::enter(&self.queue).map_err(|retry_after| Error::Busy { retry_after })?;
        // First come, first served.
        let at_work = Arc::clone(&self.running).acquire_owned().await.map_err(|_| busy())?;
        // The places go with the work: a caller that leaves does not make room while its hash still runs.
        let work = tokio::task::spawn_blocking(move || {
            let _at_work = at_work;
            in_queue.measure(work)
        });
        work.await.map_err(|_| busy())
    }
}

fn hasher(cost: Cost) -> Result<Argon2<'static>> {
    let params = Params::new(cost.memory_kib, cost.passes, LANES, None)
        .map_err(|error| Error::Configuration(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8], cost: Cost) -> Result<String> {
    let wrong = |error: &dyn std::fmt::Display| Error::Configuration(error.to_string());
    let (argon2, mut salt, mut out) = (hasher(cost)?, [0; RECOMMENDED_SALT_LEN], [0; Params::DEFAULT_OUTPUT_LEN]);
    SystemRandom.fill(&mut salt);
    fill(&argon2, password, &salt, &mut out).map_err(|error| wrong(&error))?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: argon2.params().try_into().map_err(|error: argon2::password_hash::Error| wrong(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| wrong(&error))?),
        hash: Some(Output::new(&out).map_err(|error| wrong(&error))?),
    };
    Ok(hash.to_string())
}

/// Whether the password matches the hash, whatever its parameters.
fn verify(password: &[u8], phc: &str) -> bool {
    let fits = || {
        let known = PasswordHash::new(phc).ok()?;
        let (salt, wanted) = (known.salt.as_ref()?, known.hash.as_ref()?);
        let algorithm = Algorithm::try_from(known.algorithm.as_str()).ok()?;
        let version = known.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let argon2 = Argon2::new(algorithm, version, Params::try_from(&known).ok()?);
        let mut out = vec![0; wanted.len()];
        fill(&argon2, password, salt, &mut out).ok()?;
        // Compared in constant time by `Output`.
        Some(Output::new(&out).ok()? == *wanted)
    };
    fits().unwrap_or(false)
}

/// Hashes in memory that goes back to the operating system at once. glibc keeps freed allocations of up to 32 MiB for every
/// thread that ever made one, which added up to 200 MB. It keeps nothing above that size, and pages that are never touched cost
/// nothing.
fn fill(argon2: &Argon2<'_>, password: &[u8], salt: &[u8], out: &mut [u8]) -> argon2::Result<()> {
    let wanted = argon2.params().block_count();
    let mut memory = Vec::with_capacity(wanted.max(RETURNED_WHEN_FREED_BYTES / Block::SIZE));
    memory.resize(wanted, Block::new());
    argon2.hash_password_into_with_memory(password, salt, out, memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    fn passwords() -> Passwords {
        Passwords::new(2, Cost::OWASP, &SystemRandom).unwrap()
    }

    #[tokio::test]
    async fn a_hash_has_the_owasp_parameters_and_matches_only_its_password() {
        let passwords = passwords();
        let hash = passwords.hash("pässwörd 64 characters long or more, nothing is ever cut off here 1").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let fits = |password: &'static str| passwords.verify(password, Some(&hash));
        assert!(fits("pässwörd 64 characters long or more, nothing is ever cut off here 1").await.unwrap());
        assert!(!fits("pässwörd 64 characters long or more, nothing is ever cut off here 2").await.unwrap());
        assert!(!passwords.is_weak(&hash));
    }

    #[tokio::test]
    async fn the_argon2_crate_verifies_our_hashes() {
        let ours = hash(b"password123", Cost::OWASP).unwrap();
        let read = PasswordHash::new(&ours).unwrap();
        assert!(Argon2::default().verify_password(b"password123", &read).is_ok());
        assert!(Argon2::default().verify_password(b"password124", &read).is_err());
        assert_ne!(hash(b"password123", Cost::OWASP).unwrap(), ours, "every hash has a salt of its own");
        for broken in [
            "",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
            "$argon2x$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA",
        ] {
            assert!(!verify(b"password123", broken), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn no_password_matches_the_decoy() {
        let passwords = passwords();
        assert!(!passwords.verify("", None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_with_weaker_parameters_still_verify_but_count_as_weak() {
        let params = Params::new(8_192, 1, 1, None).unwrap();
        let old =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"password123").unwrap().to_string();
        let passwords = passwords();
        assert!(passwords.verify("password123", Some(&old)).await.unwrap());
        assert!(passwords.is_weak(&old));
        assert!(passwords.is_weak("$2b$12$notours"));
    }

    #[tokio::test]
    async fn calls_beyond_the_queue_limit_are_rejected_as_busy() {
        let passwords = Passwords::new(1, Cost::OWASP, &SystemRandom).unwrap();
        let _taken: Vec<_> = std::iter::from_fn(|| queue::enter(&passwords.queue).ok()).collect();
        assert!(matches!(passwords.hash("x").await, Err(Error::Busy { .. })));
    }

    /// Three hundred people log in at the same moment: all of them are served, at the speed of the cores.
    #[tokio::test]
    async fn a_storm_waits_in_the_queue() {
        let passwords = Arc::new(passwords());
        let hash = passwords.hash("x").await.unwrap();
        let storm: Vec<_> = (0..300)
            .map(|_| {
                let (passwords, hash) = (Arc::clone(&passwords), hash.clone());
                tokio::spawn(async move { passwords.verify("x", Some(&hash)).await })
            })
            .collect();
        for one in storm {
            assert!(one.await.unwrap().unwrap());
        }
    }
}
