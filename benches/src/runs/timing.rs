//! Whether the time of an answer tells who has an account: log-ins and requests for a new password, for known and unknown addresses.

use crate::Failure;
use crate::runs::http::{Databases, Services, prepare};
use crate::shop::Kind;
use crate::table::{Line, Table};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use ticketing_tests::client::Client;
use ticketing_tests::random::Random;
use ticketing_tests::server::Server;

/// How many addresses of each kind.
const TRIES: usize = 300;
/// How often the labels of the times are shuffled.
const SHUFFLES: usize = 10_000;
/// Below this, the times differ by more than chance. Of 200 runs without a difference, one is expected to.
const CHANCE: f64 = 0.005;

/// `None` if PostgreSQL is not installed. An error if the times differ by more than chance.
pub async fn timing(kind: Kind) -> Result<Option<Table>, Failure> {
    let Some(databases) = Databases::open(kind) else { return Ok(None) };
    let services = Services::open().await?;
    let url = databases.create("timing");
    let mut server = prepare(url.as_deref(), &services);
    // The mails of registrations would go on while it measures.
    server.set("VERIFY_EMAILS", "off");
    server.restart().await;
    let mut random = Random::default();
    for number in 0..TRIES {
        let person = json!({"email": address(true, number), "name": "Ada", "password": "correct horse battery"});
        let (took, status) = ask(&server, number, "/auth/register", &person).await?;
        if status != 201 {
            return Err(format!("registering got {status} after {took:?}").into());
        }
    }
    let mut table = Table::new(format!("Answers for known and unknown addresses, {}", kind.name()));
    let log_in = |email: String| json!({"email": email, "password": "not the right one"});
    let log_in = compare(&server, &mut random, "/auth/login", 401, &log_in).await?;
    let forgot = compare(&server, &mut random, "/auth/forgot-password", 202, &|email| json!({"email": email})).await?;
    let mut differing = vec![];
    for (what, Compared { known, unknown, chance }) in [("log in", log_in), ("forgotten password", forgot)] {
        for (who, times) in [("unknown", &unknown), ("known", &known)] {
            let ratio = (who == "known").then(|| percentile(&known, 50) / percentile(&unknown, 50));
            table.add(Line {
                what: format!("{what}, {who} address"),
                figure: mean(times),
                unit: "ms",
                ratio,
                p50_ms: Some(percentile(times, 50)),
                p99_ms: Some(percentile(times, 99)),
                note: if ratio.is_some() { format!("p = {chance:.3}") } else { format!("{TRIES} tries") },
            });
        }
        if chance < CHANCE {
            differing.push(what);
        }
    }
    server.stop().await;
    if differing.is_empty() {
        Ok(Some(table))
    } else {
        Err(format!("the times differ: {}", differing.join(", ")).into())
    }
}

/// Times in milliseconds, and how probable it is that they differ so much by chance.
struct Compared {
    known: Vec<f64>,
    unknown: Vec<f64>,
    chance: f64,
}

async fn compare(
    server: &Server,
    random: &mut Random,
    path: &str,
    expected: u16,
    body: &(dyn Fn(String) -> Value + Sync),
) -> Result<Compared, Failure> {
    // Each address is tried once, in an order that has nothing to do with who has an account.
    let mut tries: Vec<(bool, usize)> = (0..TRIES).flat_map(|number| [(true, number), (false, number)]).collect();
    shuffle(random, &mut tries);
    let (mut known, mut unknown) = (vec![], vec![]);
    for (turn, (is_known, number)) in tries.into_iter().enumerate() {
        let (took, status) = ask(server, turn, path, &body(address(is_known, number))).await?;
        if status != expected {
            return Err(format!("{path} got {status}").into());
        }
        if is_known { &mut known } else { &mut unknown }.push(took.as_secs_f64() * 1000.0);
    }
    let chance = permutation_test(random, &known, &unknown);
    Ok(Compared { known, unknown, chance })
}

fn address(is_known: bool, number: usize) -> String {
    // Of equal length.
    format!("{}-{number:04}@example.com", if is_known { "known" } else { "other" })
}

/// Each try comes from an address of its own, so that no limit applies, and on a connection that is there already.
async fn ask(server: &Server, number: usize, path: &str, body: &Value) -> Result<(Duration, u16), Failure> {
    let [high, low] = u16::try_from(number + 1)?.to_be_bytes();
    let mut client = Client::from(IpAddr::from(Ipv4Addr::new(127, 7, high, low)), server.address);
    let lost = |lost: ticketing_tests::client::Lost| Failure::from(lost.0);
    client.get("/health", None).await.map_err(lost)?;
    let began = Instant::now();
    let answer = client.post(path, None, body).await.map_err(lost)?;
    Ok((began.elapsed(), answer.status))
}

/// How probable it is that two groups from one source differ as much as these, by the mean of all but the slowest twentieth.
fn permutation_test(random: &mut Random, one: &[f64], other: &[f64]) -> f64 {
    let mut all = [one, other].concat();
    let observed = difference(one, other);
    let mut as_much = 0_u32;
    for _ in 0..SHUFFLES {
        shuffle(random, &mut all);
        let (first, second) = all.split_at(one.len());
        as_much += u32::from(difference(first, second) >= observed);
    }
    f64::from(as_much + 1) / (SHUFFLES as f64 + 1.0)
}

fn difference(one: &[f64], other: &[f64]) -> f64 {
    (trimmed_mean(one) - trimmed_mean(other)).abs()
}

fn trimmed_mean(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    mean(&sorted[..sorted.len() - sorted.len() / 20])
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

fn percentile(times: &[f64], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * percent / 100]
}

fn shuffle<T>(random: &mut Random, all: &mut [T]) {
    for at in (1..all.len()).rev() {
        let other = random.below(at as u64 + 1);
        all.swap(at, usize::try_from(other).unwrap_or(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(random: &mut Random, slower_by: f64) -> Vec<f64> {
        (0..TRIES).map(|_| 30.0 + slower_by + random.below(1000) as f64 / 200.0).collect()
    }

    #[test]
    fn a_difference_of_a_millisecond_is_found_and_none_is_not() {
        let mut random = Random::seeded(7);
        let (one, same, slower) = (times(&mut random, 0.0), times(&mut random, 0.0), times(&mut random, 1.0));
        assert!(permutation_test(&mut random, &one, &same) > CHANCE);
        assert!(permutation_test(&mut random, &one, &slower) < CHANCE);
    }
}
