//! Overload: many more requests than the server can handle. Measures throughput, latency, rejections and recovery.

use crate::Failure;
use crate::flood::{Class, End, Phase, Pool, Sample, Script, find, flood, peak};
use crate::load::{ask, join, wanted};
use crate::runs::http::{Databases, SECRET, Services, prepare};
use crate::shop::Kind;
use crate::table::{Line, Table};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha512;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Options.
#[derive(Clone, Debug, clap::Args)]
pub struct Overload {
    /// The load, as a multiple of the capacity.
    #[arg(long, default_value_t = 6.0)]
    times: f64,
}

/// How many of every thousand requests are of each class.
const ALL: &[(Class, u64)] = &[(Class::Browse, 800), (Class::Buy, 170), (Class::Webhook, 15), (Class::CheckIn, 15)];
/// The same clients with separate connections, within the server's 512, so that waiting buyers do not block other classes.
const POOLS: [Pool; 3] = [
    Pool { connections: 260, shares: &[(Class::Browse, 800)] },
    Pool { connections: 200, shares: &[(Class::Buy, 170)] },
    Pool { connections: 40, shares: &[(Class::Webhook, 15), (Class::CheckIn, 15)] },
];
const CLASSES: [(Class, &str); 4] =
    [(Class::Browse, "browsing"), (Class::Buy, "buying"), (Class::Webhook, "webhooks"), (Class::CheckIn, "check-ins")];
const BUYERS: usize = 32;
const SLOT: Duration = Duration::from_millis(250);

impl Overload {
    /// `None` if PostgreSQL is not installed.
    pub async fn run(&self, kind: Kind, lasting: Duration) -> Result<Option<Table>, Failure> {
        let Some(databases) = Databases::open(kind) else { return Ok(None) };
        let services = Services::open().await?;
        let url = databases.create("overload");
        let mut server = prepare(url.as_deref(), &services);
        server.restart().await;
        let at = server.address;
        let crowd = Arc::new(Crowd::gather(at, usize::try_from(lasting.as_millis())? * 2).await?);

        let mut table = Table::new(format!("{} times as many as can be served, {}", self.times, kind.name()));
        let loop_ = peak(at, 64, ALL, lasting, &crowd).await?;
        let most = rate(&loop_, |_| true, lasting);
        table.figure("peak: done, by 64 who come again at once", most, "/s");
        table.figure("peak: of these bought", rate(&loop_, |one| one.class == Class::Buy, lasting), "/s");

        let (calm, burst) =
            (Phase { rate: most / 2.0, lasting }, Phase { rate: most * self.times, lasting: lasting * 3 });
        let after = Phase { rate: most / 2.0, lasting: lasting * 2 };
        let samples = flood(at, &POOLS, &[calm, burst, after], &crowd).await?;
        let (begins, ends) = (calm.lasting, calm.lasting + burst.lasting);
        let before: Vec<Sample> = samples.iter().filter(|one| one.at < begins).copied().collect();
        let during: Vec<Sample> = samples.iter().filter(|one| one.at >= begins && one.at < ends).copied().collect();
        let settled: Vec<Sample> =
            during.iter().filter(|one| one.at >= begins + Duration::from_secs(1)).copied().collect();
        add(&mut table, "half the peak arrives: done", rate(&before, |_| true, calm.lasting), None, &before);
        let done = rate(&during, |_| true, burst.lasting);
        add(&mut table, &format!("{} times the peak arrives: done", self.times), done, Some(done / most), &during);
        let within = percentile(&settled, 99);
        table.figure("p99 of what is done, from the second second on", within, "ms");
        for (class, name) in CLASSES {
            let of: Vec<Sample> = during.iter().filter(|one| one.class == class).copied().collect();
            let count = |end| of.iter().filter(|one| one.end == end).count();
            let (shed, late, failed) = (count(End::Shed), count(End::Late), count(End::Failed));
            table.add(Line {
                what: format!("then {name}: done"),
                figure: rate(&of, |_| true, burst.lasting),
                unit: "/s",
                ratio: None,
                p50_ms: Some(percentile(&of, 50)),
                p99_ms: Some(percentile(&of, 99)),
                note: format!("of {}: {shed} rejected, {late} timed out, {failed} failed", of.len()),
            });
        }
        let normal = percentile(&before, 99);
        let over = recovered(&samples, ends, normal.max(25.0) * 2.0);
        table.figure("until p99 is normal again after it", over.as_secs_f64(), "s");
        server.stop().await;
        Ok(Some(table))
    }
}

fn rate(samples: &[Sample], of: impl Fn(&Sample) -> bool, lasting: Duration) -> f64 {
    samples.iter().filter(|one| one.end == End::Done && of(one)).count() as f64 / lasting.as_secs_f64()
}

/// The latency of successful requests, in milliseconds.
fn percentile(samples: &[Sample], percent: usize) -> f64 {
    let mut times: Vec<Duration> = samples.iter().filter(|one| one.end == End::Done).map(|one| one.took).collect();
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

fn add(table: &mut Table, what: &str, figure: f64, ratio: Option<f64>, samples: &[Sample]) {
    let (p50, p99) = (percentile(samples, 50), percentile(samples, 99));
    let (what, note) = (what.to_owned(), format!("{} arrived", samples.len()));
    table.add(Line { what, figure, unit: "/s", ratio, p50_ms: Some(p50), p99_ms: Some(p99), note });
}

/// The time from `ends` to the last interval with a rejection or a p99 above the limit.
fn recovered(samples: &[Sample], ends: Duration, limit_ms: f64) -> Duration {
    let last = samples.iter().map(|one| one.at).max().unwrap_or_default();
    let (mut from, mut over) = (ends, Duration::ZERO);
    while from < last {
        let slot: Vec<Sample> = samples.iter().filter(|one| one.at >= from && one.at < from + SLOT).copied().collect();
        from += SLOT;
        if slot.iter().any(|one| one.end != End::Done) || percentile(&slot, 99) > limit_ms {
            over = from - ends;
        }
    }
    over
}

/// The clients, with their requests prepared.
struct Crowd {
    at: SocketAddr,
    event: i64,
    buyers: Vec<String>,
    organizer: String,
    codes: Vec<String>,
    paid: Vec<String>,
}

impl Crowd {
    async fn gather(at: SocketAddr, scans: usize) -> Result<Self, Failure> {
        let mut organizer = join(at, "organiser").await?;
        let token = organizer.token.clone();
        let mut events = vec![];
        for price in ["5000.00", "0.00"] {
            let event = json!({
                "title": "Everybody comes", "event_date": "2099-12-31T20:00:00Z", "location": "Lagos", "price": price,
                "capacity": 100_000_000,
            });
            let made = ask(&mut organizer.client, "/events/", Some(&token), Some(&event)).await?;
            wanted(&made, 201)?;
            events.push(made.json()["id"].as_i64().ok_or("no event")?);
        }
        let (mut buyers, mut codes, mut paid) = (vec![], vec![], vec![]);
        for number in 0..BUYERS {
            buyers.push(join(at, &format!("buyer-{number}")).await?.token);
        }
        let client = &mut organizer.client;
        for (event, quantity, orders) in [(events[0], 1, 50), (events[1], 100, scans.div_ceil(100))] {
            for _ in 0..orders {
                let wish = json!({"event_id": event, "quantity": quantity});
                let begun = ask(client, "/payments/initialize", Some(&token), Some(&wish)).await?;
                wanted(&begun, 200)?;
                let reference = begun.json()["reference"].as_str().ok_or("no reference")?.to_owned();
                let verified = ask(client, &format!("/payments/verify/{reference}"), Some(&token), None).await?;
                wanted(&verified, 200)?;
                if quantity == 1 {
                    paid.push(reference);
                    continue;
                }
                let body = verified.json();
                let tickets = body["tickets"].as_array().ok_or("no tickets")?;
                codes.extend(tickets.iter().filter_map(|ticket| Some(ticket["ticket_code"].as_str()?.to_owned())));
            }
        }
        Ok(Self { at, event: events[0], buyers, organizer: token, codes, paid })
    }

    fn request(&self, line: &str, headers: &str, body: &str) -> Option<Vec<u8>> {
        let (host, length) = (self.at, body.len());
        let json = "Content-Type: application/json";
        Some(
            format!("{line} HTTP/1.1\r\nHost: {host}\r\n{headers}{json}\r\nContent-Length: {length}\r\n\r\n{body}")
                .into(),
        )
    }

    fn buyer(&self, number: u64) -> String {
        let index = usize::try_from(number).unwrap_or(0) % self.buyers.len();
        format!("Authorization: Bearer {}\r\n", self.buyers[index])
    }

    fn webhook(&self, number: u64) -> Option<Vec<u8>> {
        let reference = &self.paid[usize::try_from(number).ok()? % self.paid.len()];
        let body = json!({"event": "charge.success", "data": {
            "id": number, "domain": "test", "status": "success", "reference": reference, "amount": 500_000, "currency": "NGN",
            "paid_at": "2026-01-01T00:00:00.000Z", "channel": "card",
        }});
        let body = body.to_string();
        let signature =
            Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).ok()?.chain_update(&body).finalize().into_bytes();
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        self.request("POST /payments/webhooks/paystack", &format!("x-paystack-signature: {hex}\r\n"), &body)
    }
}

impl Script for Crowd {
    fn first(&self, class: Class, number: u64) -> Option<Vec<u8>> {
        match class {
            Class::Browse => self.request(&format!("GET /events/{}", self.event), "", ""),
            Class::Buy => {
                let body = format!("{{\"event_id\": {}, \"quantity\": 1}}", self.event);
                self.request("POST /payments/initialize", &self.buyer(number), &body)
            }
            Class::Webhook => self.webhook(number),
            Class::CheckIn => {
                // A repeated scan gets the same response.
                let number = usize::try_from(number % crate::flood::PEAK).ok()?;
                let code = if number < self.codes.len() { &self.codes[number] } else { self.codes.last()? };
                let body = format!("{{\"code\": \"{code}\", \"nonce\": \"{code}\"}}");
                self.request("POST /check-ins", &format!("Authorization: Bearer {}\r\n", self.organizer), &body)
            }
        }
    }

    fn next(&self, class: Class, number: u64, body: &[u8]) -> Option<Vec<u8>> {
        if class != Class::Buy {
            return None;
        }
        // Only the first response has a checkout URL.
        find(body, b"authorization_url")?;
        let after = body.get(find(body, b"\"reference\":\"")? + 13..)?;
        let reference = std::str::from_utf8(after.get(..find(after, b"\"")?)?).ok()?;
        self.request(&format!("GET /payments/verify/{reference}"), &self.buyer(number), "")
    }
}
