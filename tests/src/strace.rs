//! Running a program under strace: what it did to the files of one folder, call by call, and calls that fail on purpose.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Made a file, or opened it where it was.
    Make(String),
    /// Wrote bytes to a file at a place.
    Write(String, usize, Vec<u8>),
    /// Cut a file off, or filled it up.
    Cut(String, usize),
    /// Removed a file.
    Remove(String),
    /// Flushed a file: since when, and whether it worked.
    Flush(String, usize, bool),
    /// Flushed the folder, since when.
    FlushNames(usize),
    /// Said something.
    Say(String),
}

/// Whether strace can be used. In CI it must be: a test that was skipped there would look like one that passed.
pub fn is_there() -> bool {
    let there = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    assert!(there || std::env::var_os("CI").is_none(), "strace is required: apt-get install strace");
    if !there {
        #[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
        {
            eprintln!("skipped: strace is not installed (apt-get install strace)");
        }
    }
    there
}

/// Runs a program, and tells what it did to the files of `folder`, with the moment at which each step was done.
/// `inject` is a list of faults such as `fsync:error=EIO:when=3`, for the files whose names are given.
pub fn run(folder: &Path, command: &[&str], inject: &[String]) -> (Vec<(usize, Step)>, Output) {
    let log = folder.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-s", "70000", "--seccomp-bpf", "-o"]).arg(&log);
    strace.args(["-e", "trace=openat,lseek,write,pwrite64,fdatasync,fsync,ftruncate,unlink,rename,copy_file_range"]);
    for fault in inject {
        strace.arg("-e").arg(format!("inject={fault}"));
    }
    let output = strace.args(command).stdin(Stdio::null()).output().unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    (read(&text, &folder.to_string_lossy()), output)
}

/// Runs a program and fails calls on the named files; what it did is not recorded. Gives what it said, and whether a call
/// was failed.
pub fn inject(files: &[&Path], command: &[&str], fault: &str) -> (Output, bool) {
    let log = files[0].with_extension("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "--seccomp-bpf", "-s", "0", "-o"]).arg(&log).arg("-e").arg(format!("inject={fault}"));
    let call = fault.split(':').next().unwrap_or_default();
    strace.arg("-e").arg(format!("trace={call}"));
    for file in files {
        strace.arg("-P").arg(file);
    }
    let output = strace.args(command).stdin(Stdio::null()).output().unwrap();
    let was_hit = std::fs::read_to_string(&log).unwrap().contains("(INJECTED)");
    std::fs::remove_file(&log).unwrap();
    (output, was_hit)
}

/// The steps in a log of strace.
fn read(log: &str, folder: &str) -> Vec<(usize, Step)> {
    let mut reader = Reader { folder, places: HashMap::new() };
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut steps = Vec::new();
    for (now, line) in log.lines().enumerate() {
        let Some((process, line)) = line.split_once(' ') else { continue };
        let line = line.trim_start();
        if let Some(call) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (now, call));
            continue;
        }
        let (began, call) = match line.strip_prefix("<... ") {
            // The call's beginning was on a line of its own.
            Some(rest) => {
                let Some((began, call)) = begun.remove(process) else { continue };
                let Some((_, rest)) = rest.split_once(" resumed>") else { continue };
                (began, format!("{call}{rest}"))
            }
            None => (now, line.to_owned()),
        };
        if let Some(step) = reader.step(began, &call) {
            // What was said may have been heard as soon as it began to be said.
            let when = if matches!(step, Step::Say(_)) { began } else { now };
            steps.push((when, step));
        }
    }
    steps.sort_by_key(|(when, _)| *when);
    steps
}

struct Reader<'a> {
    folder: &'a str,
    /// Where the next write goes, by file.
    places: HashMap<String, usize>,
}

impl Reader<'_> {
    fn step(&mut self, began: usize, call: &str) -> Option<Step> {
        let (name, rest) = call.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let worked = !result.starts_with('-');
        if !worked && !["fdatasync", "fsync"].contains(&name) {
            return None;
        }
        let arguments: Vec<&str> = arguments.split(", ").collect();
        if name == "write" && arguments[0].starts_with("1<") {
            return Some(Step::Say(String::from_utf8(text(arguments[1])).ok()?));
        }
        let path = match name {
            "unlink" => text(arguments[0]),
            "openat" => text(arguments[1]),
            _ => text(arguments[0].split_once('<')?.1.strip_suffix('>')?),
        };
        let path = String::from_utf8(path).ok()?;
        if path == self.folder {
            return (name == "fsync" || name == "fdatasync").then_some(Step::FlushNames(began));
        }
        let file = path.strip_prefix(self.folder)?.strip_prefix('/')?.to_owned();
        // Shared memory of the processes that have the file open: made anew after a crash.
        if file.ends_with("-shm") {
            return None;
        }
        let number = |index: usize| arguments.get(index)?.parse::<usize>().ok();
        match name {
            "openat" => arguments[2].contains("O_CREAT").then_some(Step::Make(file)),
            "lseek" => {
                self.places.insert(file, result.parse().ok()?);
                None
            }
            "write" => {
                let bytes = text(arguments[1]);
                let place = self.places.entry(file.clone()).or_default();
                let at = *place;
                *place += bytes.len();
                Some(Step::Write(file, at, bytes))
            }
            "pwrite64" => Some(Step::Write(file, number(3)?, text(arguments[1]))),
            "ftruncate" => Some(Step::Cut(file, number(1)?)),
            "unlink" => Some(Step::Remove(file)),
            "fsync" | "fdatasync" => Some(Step::Flush(file, began, worked)),
            other => panic!("what {other} does to a file is not known here"),
        }
    }
}

/// The bytes of a string as strace -xx writes it.
fn text(quoted: &str) -> Vec<u8> {
    let digits = quoted.trim_matches('"').as_bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap();
    digits.chunks_exact(4).map(|each| digit(each[2]) * 16 + digit(each[3])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read() {
        let log = r#"1 openat(AT_FDCWD<\x2f>, "\x2f\x64\x2f\x66", O_RDWR|O_CREAT, 0644) = 3<\x2f\x64\x2f\x66>
1 pwrite64(3<\x2f\x64\x2f\x66>, "\x61\x62", 2, 24 <unfinished ...>
2 write(1<\x70>, "\x68\x69\x0a", 3) = 3
1 <... pwrite64 resumed>) = 2
1 lseek(3<\x2f\x64\x2f\x66>, 7, SEEK_SET) = 7
1 write(3<\x2f\x64\x2f\x66>, "\x63", 1)   = 1
1 fdatasync(3<\x2f\x64\x2f\x66>) = -1 EIO (Input/output error) (INJECTED)
1 fsync(4<\x2f\x64>)                      = 0
1 +++ exited with 0 +++
"#;
        let file = || "f".to_owned();
        let wanted = vec![
            (0, Step::Make(file())),
            (2, Step::Say("hi\n".to_owned())),
            (3, Step::Write(file(), 24, b"ab".to_vec())),
            (5, Step::Write(file(), 7, b"c".to_vec())),
            (6, Step::Flush(file(), 6, false)),
            (7, Step::FlushNames(7)),
        ];
        assert_eq!(read(log, "/d"), wanted);
    }
}
