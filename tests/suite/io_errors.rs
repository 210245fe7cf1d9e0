//! The disk fails, or is full: each call of a short sale once, and each from some moment on. Nothing that was confirmed is lost,
//! the file stays sound, callers get an error, and once the disk works again sales go on without a restart.
//!
//! By default calls further on are only sampled; with `IO_ERRORS=all` each is failed, which takes minutes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use ticketing_tests::promises::{Effects, look_into};
use ticketing_tests::proof::told;
use ticketing_tests::strace;

const BOX_OFFICE: &str = env!("CARGO_BIN_EXE_box_office");
/// Enough that each kind of step is there more than once.
const SALES: usize = 4;
/// More calls than a connection needs to be opened and to do one transaction. It may fail after that: the sale has moved on.
const ONE_TRANSACTION: usize = 80;
/// How many calls are each failed; further ones are sampled.
const EACH: usize = 24;

/// What failing calls of one kind showed.
#[derive(Debug, Default)]
struct Found {
    runs: usize,
    hit: usize,
    /// Runs in which a caller got an error.
    told: usize,
    /// Runs in which the box office could not even open.
    unopened: usize,
    promises: usize,
    beyond: usize,
    /// Runs after which it went on to sell everything.
    recovered: usize,
}

/// What is there when calls begin to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Nothing,
    OneSale,
}

/// How long calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lasting {
    /// Only the one call. strace counts each thread's calls, so that a fresh connection meets the same fault again: where it is
    /// within the first transaction, nothing works at all.
    Once,
    /// All of a connection's calls from the one on.
    Always,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_cannot_be_made() {
    sweep("fsync,fdatasync,write,pwrite64:error=EIO", Start::Nothing, Lasting::Once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_that_fails_once() {
    sweep("fsync,fdatasync:error=EIO", Start::OneSale, Lasting::Once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_once() {
    sweep("write,pwrite64:error=EIO", Start::OneSale, Lasting::Once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_for_a_moment() {
    sweep("write,pwrite64:error=ENOSPC", Start::OneSale, Lasting::Once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_gets_full_again_and_again() {
    sweep("write,pwrite64:error=ENOSPC", Start::OneSale, Lasting::Always).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_to_flush_again_and_again() {
    sweep("fsync,fdatasync:error=EIO", Start::OneSale, Lasting::Always).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_fails_once() {
    sweep("read,pread64:error=EIO", Start::OneSale, Lasting::Once).await;
}

/// Fails the first call, the second, and so on, until a run has no such call any more.
async fn sweep(fault: &str, start: Start, lasting: Lasting) {
    if !strace::is_there() {
        return;
    }
    let began = Instant::now();
    let folder = Folder::new();
    if start == Start::OneSale {
        let sold = Command::new(BOX_OFFICE).arg(folder.0.join("start.db")).arg("1").output().unwrap();
        assert!(sold.status.success(), "{sold:?}");
    }
    let all = std::env::var("IO_ERRORS").is_ok_and(|word| word == "all");
    let (mut nth, mut found) = (1, Found::default());
    let plenty = if fault.starts_with("fsync") { 4 } else { ONE_TRANSACTION };
    let plus = if lasting == Lasting::Always { "+" } else { "" };
    loop {
        let is_passing = lasting == Lasting::Once && nth > plenty;
        let fault = format!("{fault}:when={nth}{plus}");
        if !fail(&folder.0, &fault, start, is_passing, &mut found).await {
            break;
        }
        nth += if all || nth < EACH { 1 } else { nth / 6 };
    }
    println!(
        "io_errors {fault} {lasting:?}, from {start:?}: calls 1 to {nth}, {} runs, {} failed a call; told {}, could not open {}, sold everything all the same \
         {}; promises kept {}, done and not promised {}; {:.1?}",
        found.runs,
        found.hit,
        found.told,
        found.unopened,
        found.recovered,
        found.promises,
        found.beyond,
        began.elapsed(),
    );
    told("io_errors", &format!("{fault} {lasting:?}"), found.hit, &format!("0 of {} promises lost", found.promises));
    assert!(found.hit > 3 && found.told > 0, "hardly anything was failed: {found:?}");
}

/// One run; where the fault is passing, sales must go on. Whether a call was failed in it.
async fn fail(folder: &Path, fault: &str, start: Start, is_passing: bool, found: &mut Found) -> bool {
    let run = folder.join(found.runs.to_string());
    std::fs::create_dir(&run).unwrap();
    let file = run.join("tickets.db");
    if start == Start::OneSale {
        std::fs::copy(folder.join("start.db"), &file).unwrap();
    }
    let files = [file.clone(), run.join("tickets.db-wal"), run.join("tickets.db-journal"), run.clone()];
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let began = Instant::now();
    let (output, was_hit) = strace::inject(&files, &[BOX_OFFICE, &file.to_string_lossy(), &SALES.to_string()], fault);
    assert!(began.elapsed() < Duration::from_secs(60), "{fault}: nobody was told for a minute");

    let mut said = Effects::default();
    said.hear(&String::from_utf8_lossy(&output.stdout));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{fault}: {errors}");
    let is_unopened = matches!(output.status.code(), Some(3 | 4));
    assert!(said.is_done || is_unopened, "{fault}: {output:?}");
    // A caller that got an error would retry. Once the disk works again, that must succeed.
    let sold_all = said.is_done && said.sold.len() == SALES;
    if is_passing && !is_unopened {
        assert!(sold_all, "{fault}: sales did not go on: {:?}", said.failed);
    }
    let left = look_into(&file).await.unwrap_or_else(|damage| panic!("{fault}: the file {damage}; {:?}", said.failed));
    assert_eq!(said.missing_in(&left), Vec::<String>::new(), "{fault}: {:?}", said.failed);

    found.runs += 1;
    found.hit += usize::from(was_hit);
    found.told += usize::from(!said.failed.is_empty());
    found.unopened += usize::from(is_unopened);
    found.recovered += usize::from(was_hit && sold_all);
    found.promises += said.count();
    // What was sold before calls began to fail was not promised here either.
    let before = if start == Start::OneSale { 3 } else { 0 };
    found.beyond += left.beyond(&said) - before;
    std::fs::remove_dir_all(run).unwrap();
    was_hit
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let path = parent.join(format!("ticketing-io-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
