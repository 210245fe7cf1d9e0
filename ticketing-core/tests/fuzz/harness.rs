//! Fuzzing with the stable compiler, as a test among tests: kept inputs are changed at random, and whatever shows something new
//! is changed on.
//!
//! Why our own: bolero 0.13 builds with a stable compiler, but there only replays its corpus and generates at random; what
//! mutates and is led by coverage wants a nightly compiler and a program beside cargo. proptest, which we use for what has a
//! shape, knows no corpus of bytes. Here a target tells in a word what it saw of an input (`"accepted"`, `"too long"`), which
//! leads the search in place of coverage.
//!
//! `FUZZ_SECONDS` says how long each target runs; each run then tries other inputs. If it is not set, it is a second, and the
//! same inputs. `FUZZ_KEEP=1` adds to the corpus what showed something
//! new. What fails is made smaller, and kept in the corpus always: it is tried first from then on.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a target says of an input: what it saw, or what is wrong.
pub(crate) type Seen = Result<String, String>;

/// No input is longer.
const MOST: usize = 2048;

/// Looks at every input of the corpus, and then at changed ones until the time is over. `words` are put in now and then.
pub(crate) fn fuzz(target: &str, words: &[&str], look: impl Fn(&[u8]) -> Seen) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut pool = corpus(&folder);
    assert!(!pool.is_empty(), "no corpus in {}", folder.display());
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for input in &pool {
        *seen.entry(judge(&folder, input, &look)).or_default() += 1;
    }
    let (kept, began) = (pool.len(), Instant::now());
    let time = Duration::from_secs(setting("FUZZ_SECONDS").unwrap_or(1));
    // As one test among many it always runs the same inputs: a random failure would be blamed on an unrelated change.
    let is_short = setting("FUZZ_SECONDS").is_none();
    let mut chance = Chance(if is_short { 1 } else { RandomState::new().build_hasher().finish() });
    let mut tried = kept;
    while began.elapsed() < time {
        let mut input = pool[chance.below(pool.len())].clone();
        for _ in 0..=chance.below(5) {
            change(&mut input, &pool, words, &mut chance);
        }
        input.truncate(MOST);
        tried += 1;
        let count = seen.entry(judge(&folder, &input, &look)).or_default();
        *count += 1;
        // The first few of a kind lead on.
        if *count <= 4 {
            if *count == 1 && setting("FUZZ_KEEP").is_some() {
                keep(&folder, &input);
            }
            pool.push(input);
        }
    }
    println!("fuzz {target}: {tried} inputs, {kept} of them kept, {} kinds of answers, nothing wrong", seen.len());
    crate::proof::told(&format!("fuzz: {target}"), "changed inputs", tried, "0 wrong");
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

fn corpus(folder: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap_or_default()).collect()
}

/// Where something is wrong, the smallest input that shows it is kept, and told.
fn judge(folder: &Path, input: &[u8], look: &impl Fn(&[u8]) -> Seen) -> String {
    let wrong = |input: &[u8]| match catch_unwind(AssertUnwindSafe(|| look(input))) {
        Ok(seen) => seen,
        Err(_) => Err("it panicked".to_owned()),
    };
    let first = match wrong(input) {
        Ok(seen) => return seen,
        Err(first) => first,
    };
    let (mut small, mut what) = (input.to_vec(), first);
    let mut step = small.len().div_ceil(2);
    while step > 0 {
        let mut at = 0;
        while at < small.len() {
            let mut shorter = small.clone();
            shorter.drain(at..(at + step).min(small.len()));
            match wrong(&shorter) {
                Err(still) => (small, what) = (shorter, still),
                Ok(_) => at += step,
            }
        }
        step /= 2;
    }
    let path = keep(folder, &small);
    panic!("{what}: {:?} (kept as {})", String::from_utf8_lossy(&small), path.display());
}

fn keep(folder: &Path, input: &[u8]) -> PathBuf {
    // FNV-1a: the same input has the same name.
    let hash = input
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let path = folder.join(format!("found-{hash:016x}"));
    let _ = std::fs::write(&path, input);
    path
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.draw() % limit.max(1) as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.draw().to_le_bytes()[0]
    }
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let end = (at + 1 + chance.below(8)).min(input.len());
    match chance.below(10) {
        0 => input.insert(at, chance.byte()),
        // Printable.
        1 => input.insert(at, b' ' + chance.byte() % 95),
        2 if at < input.len() => input[at] ^= 1 << chance.below(8),
        3 if at < input.len() => input[at] = chance.byte(),
        4 if at < end => drop(input.drain(at..end)),
        5 if at < end => {
            let again = input[at..end].to_vec();
            input.splice(at..at, again);
        }
        6 if !words.is_empty() => {
            let word = words[chance.below(words.len())].bytes();
            input.splice(at..end.max(at), word);
        }
        7 if !words.is_empty() => {
            let word = words[chance.below(words.len())].bytes();
            input.splice(at..at, word);
        }
        // One word for another.
        8 if !words.is_empty() => {
            let word = words[chance.below(words.len())].as_bytes();
            let (from, len) = (input.windows(word.len()).position(|part| part == word), word.len());
            if let Some(from) = from {
                input.splice(from..from + len, words[chance.below(words.len())].bytes());
            }
        }
        9 => {
            let other = &pool[chance.below(pool.len())];
            let from = chance.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {}
    }
}
