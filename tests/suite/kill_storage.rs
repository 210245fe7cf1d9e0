//! Box offices that sell over one SQLite file are killed as by `kill -9`, at once and without a server around them: hundreds of
//! times in seconds. After each, the file opens, is sound, and has everything that was said.
//!
//! `CRASH_CYCLES_STORAGE` says how often; 100 if it is not set.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use ticketing_core::storage::sqlite::SqliteStorage;
use ticketing_tests::number;
use ticketing_tests::promises::{Effects, look_into};
use ticketing_tests::proof::told;
use ticketing_tests::random::Random;

const BOX_OFFICE: &str = env!("CARGO_BIN_EXE_box_office");
/// A fresh file so often: one that grows without end makes looking into it slow, and the test shorter.
const CYCLES_PER_FILE: usize = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeatedly_killed_storage_process_keeps_every_promise() {
    let _turn = ticketing_tests::one_at_a_time().await;
    let cycles = number("CRASH_CYCLES_STORAGE", 100);
    let folder = Folder::new();
    let mut random = Random::default();
    let (mut reopened, mut kept, mut unheard, mut cut_short, mut failed) = (Vec::new(), 0, 0, 0, Vec::new());
    let (mut promised, mut file) = (Effects::default(), PathBuf::new());
    for cycle in 0..cycles {
        if cycle % CYCLES_PER_FILE == 0 {
            kept += promised.count();
            promised = Effects::default();
            file = folder.0.join(format!("{cycle}.db"));
        }
        let before = promised.count();
        // Every second time two of them share the file, and die at the same moment.
        let offices: Vec<Office> = (0..=cycle % 2).map(|_| Office::open(&file)).collect();
        // A kill while the file is being opened matters too, but most are to hit a sale.
        if random.percent(80) {
            offices.iter().for_each(Office::wait);
        }
        thread::sleep(Duration::from_millis(2 + random.below(50)));
        for said in kill(offices) {
            promised.hear(&said);
        }
        let began = Instant::now();
        SqliteStorage::open(&file).await.unwrap();
        reopened.push(began.elapsed());
        let left = look_into(&file).await.unwrap_or_else(|damage| panic!("cycle {cycle}: the file {damage}"));
        assert_eq!(promised.missing_in(&left), Vec::<String>::new(), "cycle {cycle}");
        unheard += left.beyond(&promised);
        // What was done and not said is known from now on.
        promised = Effects { failed: promised.failed, ..left };
        cut_short += usize::from(promised.count() == before);
        failed.append(&mut promised.failed);
    }
    kept += promised.count();
    reopened.sort();
    println!(
        "kill_storage: {cycles} kills; effects kept {kept}; done and never said {unheard}; killed before anything was said \
         {cut_short}; failed steps {}; open again after p50 {:.1?}, max {:.1?}",
        failed.len(),
        reopened[cycles / 2],
        reopened[cycles - 1],
    );
    let found = format!("0 of {kept} effects lost; open after max {:.1?}", reopened[cycles - 1]);
    told("kill_storage", "SIGKILL of box offices on one file", cycles, &found);
    assert_eq!(failed, Vec::<String>::new(), "two that share a file do not disturb each other");
    assert!(kept > cycles / 2 && unheard > 0, "hardly anything was sold or cut off");
}

struct Office {
    process: Child,
    said: thread::JoinHandle<String>,
    is_selling: mpsc::Receiver<()>,
}

impl Office {
    fn open(file: &Path) -> Self {
        let mut command = Command::new(BOX_OFFICE);
        command.arg(file).arg("1000000").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let (begin, is_selling) = mpsc::channel();
        let said = thread::spawn(move || {
            let mut said = String::new();
            out.read_line(&mut said).unwrap();
            let _ = begin.send(());
            out.read_to_string(&mut said).unwrap();
            said
        });
        Self { process, said, is_selling }
    }

    /// Until it has said something, or will not say anything any more.
    fn wait(&self) {
        let _ = self.is_selling.recv_timeout(Duration::from_secs(30));
    }
}

/// All of them, as nearly at once as can be. Gives what they had said.
fn kill(mut offices: Vec<Office>) -> Vec<String> {
    for office in &mut offices {
        office.process.kill().unwrap();
    }
    let end = |mut office: Office| {
        office.process.wait().unwrap();
        office.said.join().unwrap()
    };
    offices.into_iter().map(end).collect()
}

/// On a real disk: what a kill leaves is the same in memory, but not how long it takes to open it again.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ticketing-kill-storage-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
