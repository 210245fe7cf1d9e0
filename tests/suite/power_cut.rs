//! The power is cut at every moment of a running sale. The file that is left contains everything that the box office had
//! acknowledged by then, whatever part of the unflushed writes has reached the disk too.
//!
//! The box office runs under strace, which lists every call that changes a file; a model of a disk replays them. The flushed state
//! is checked after every change. The unflushed writes that may be there too are checked at `POWER_CUT_POINTS` moments (300; 0 means
//! all), in two ways. `POWER_CUT_SALES` is the number of sales (40).

use std::path::{Path, PathBuf};
use std::time::Instant;
use ticketing_tests::disk::{Disk, Unflushed};
use ticketing_tests::number;
use ticketing_tests::promises::{Effects, look_into};
use ticketing_tests::proof::told;
use ticketing_tests::random::Random;
use ticketing_tests::strace::{self, Step};

const BOX_OFFICE: &str = env!("CARGO_BIN_EXE_box_office");
const SEED: u64 = 20_261_122;

/// What cutting the power at every moment of one sale showed.
#[derive(Debug, Default)]
struct Found {
    calls: usize,
    flushes: usize,
    points: usize,
    images: usize,
    promises: usize,
    /// Moments at which a promise was lost.
    lost_at: usize,
    /// The most promises that were lost at one of them.
    most_lost: usize,
    /// The first few losses and damages in words.
    words: Vec<String>,
    damaged: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_lost_by_a_power_cut() {
    if !strace::is_there() {
        return;
    }
    let found = cut_everywhere("full", &[], &[], number("POWER_CUT_POINTS", 300)).await;
    assert_eq!((found.lost_at, found.damaged), (0, 0), "{:#?}", found.words);
    told("power_cut", "power cuts (images of the disk)", found.images, "0 promises lost, 0 damaged");
    // A sale in which nothing was flushed back into the file itself would have shown half of it.
    assert!(found.promises > 40 && found.flushes > 100, "{found:?}");
}

/// The control: a test that cannot find losses where there must be some proves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_flushed_at_every_commit_does_lose_promises() {
    if !strace::is_there() {
        return;
    }
    let found = cut_everywhere("normal", &["careless"], &[], 50).await;
    assert!(found.lost_at > 0 && found.most_lost > 1, "this test does not find what it is for: {found:?}");
    assert_eq!(found.damaged, 0, "{:#?}", found.words);
    told(
        "power_cut: control",
        "the same with synchronous=NORMAL",
        found.images,
        &format!("losses at {} moments, as there must be", found.lost_at),
    );
}

/// A flush fails, its pages are lost for good, and the power is cut some time later: whatever was said after the failed flush
/// must not rest on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_depends_on_a_failed_flush() {
    if !strace::is_there() {
        return;
    }
    for nth in [20, 41, 77] {
        let fault = format!("fsync,fdatasync:error=EIO:when={nth}..{}", nth + nth % 3);
        let found = cut_everywhere(&format!("failing-{nth}"), &[], &[fault], 60).await;
        assert_eq!((found.lost_at, found.damaged), (0, 0), "{:#?}", found.words);
        assert!(found.promises > 40, "sales did not go on: {found:?}");
    }
}

async fn cut_everywhere(name: &str, more: &[&str], inject: &[String], points: usize) -> Found {
    let began = Instant::now();
    let folder = Folder::new(name);
    let sales = number("POWER_CUT_SALES", 40).to_string();
    let file = folder.0.join("tickets.db");
    let file = file.to_string_lossy();
    let command = [&[BOX_OFFICE, &file, &sales], more].concat();
    let (steps, output) = strace::run(&folder.0, &command, inject);
    let mut said = Effects::default();
    said.hear(&String::from_utf8_lossy(&output.stdout));
    assert!(said.is_done, "the box office did not come to its end: {output:?}");
    assert_eq!(said.failed.is_empty(), inject.is_empty(), "{:?}", said.failed);

    let mut random = Random::seeded(SEED);
    let (mut disk, mut promised, mut found) = (Disk::default(), Effects::default(), Found::default());
    let mut certain: Option<(usize, Result<Effects, String>)> = None;
    let every = if points == 0 { 1 } else { steps.len().div_ceil(points) };
    found.calls = steps.len();
    for (when, step) in steps {
        let is_marked = matches!(step, Step::Say(_) | Step::Flush(..) | Step::Cut(..) | Step::Remove(_));
        take(&mut disk, &mut promised, when, step);
        found.points += 1;
        if certain.as_ref().is_none_or(|(flushed, _)| *flushed != disk.flushed) {
            let left = folder.look_into(&disk, Unflushed::Nothing, &mut random).await;
            certain = Some((disk.flushed, left));
            found.images += 1;
        }
        found.compare(&promised, certain.as_ref().unwrap().1.as_ref(), "nothing that was not flushed");
        // More often where something has just become certain, or was just said.
        if random.below(every as u64) == 0 || (is_marked && random.below(every as u64 / 4) == 0) {
            for unflushed in [Unflushed::SomeWrites, Unflushed::SomeSectors] {
                let left = folder.look_into(&disk, unflushed, &mut random).await;
                found.compare(&promised, left.as_ref(), "some of what was not flushed");
                found.images += 1;
            }
        }
    }
    found.flushes = disk.flushed;
    found.promises = promised.count();
    println!(
        "power_cut {name}: {} calls, {} flushes, {} promises; cut at {} points, {} images; lost promises at {} points (most {}), \
         damaged {}; failed steps {}; {:.1?}",
        found.calls,
        found.flushes,
        found.promises,
        found.points,
        found.images,
        found.lost_at,
        found.most_lost,
        found.damaged,
        said.failed.len(),
        began.elapsed(),
    );
    found
}

fn take(disk: &mut Disk, promised: &mut Effects, when: usize, step: Step) {
    match step {
        Step::Make(name) => disk.make(when, &name),
        Step::Write(name, at, bytes) => disk.write(when, &name, at, bytes),
        Step::Cut(name, length) => disk.cut(when, &name, length),
        Step::Remove(name) => disk.remove(when, &name),
        Step::Flush(name, began, worked) => disk.flush(began, &name, worked),
        Step::FlushNames(began) => disk.flush_names(began),
        Step::Say(line) => promised.hear(&line),
    }
}

impl Found {
    fn compare(&mut self, promised: &Effects, left: Result<&Effects, &String>, with: &str) {
        match left {
            Ok(left) => {
                let missing = promised.missing_in(left);
                self.lost_at += usize::from(!missing.is_empty());
                self.most_lost = self.most_lost.max(missing.len());
                if !missing.is_empty() && self.words.len() < 5 {
                    self.words.push(format!("point {}, {with}: {missing:?}", self.points));
                }
            }
            Err(damage) => {
                self.damaged += 1;
                if self.words.len() < 5 {
                    self.words.push(format!("point {}, {with}: {damage}", self.points));
                }
            }
        }
    }
}

/// In memory where there is such a folder: the files are many, and none of them needs to last.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = parent.join(format!("ticketing-power-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    /// What is in the file that a cut leaves.
    async fn look_into(&self, disk: &Disk, unflushed: Unflushed, random: &mut Random) -> Result<Effects, String> {
        let left = self.0.join("left");
        let _ = std::fs::remove_dir_all(&left);
        std::fs::create_dir(&left).unwrap();
        disk.leave(&left, unflushed, random);
        look_into(&left.join("tickets.db")).await
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
