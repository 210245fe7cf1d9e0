//! Lines of the log on their way to standard error, by a thread of its own.
//!
//! A request should not wait until its line is written: that is a call of the system for each, under a lock that all threads share.
//! Lines that come while others are being written are written together. What is written has not changed, nor its order.

use crate::lock::lock;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How much may wait to be written. Who comes then waits too: a log that nobody reads fast enough holds up the server, as it does
/// without a thread, and does not eat its memory.
const MOST: usize = 256 * 1024;

/// Where lines wait. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    has_come: Condvar,
    has_gone: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    is_at_work: bool,
}

impl LogWriter {
    /// Writes to `to`, from now on. Where there is no thread to be had, each line is written by who brings it.
    pub(crate) fn to(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let lines = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).stack_size(64 * 1024).spawn(move || {
            let mut batch = Vec::new();
            loop {
                lines.next(&mut batch);
                // There is nobody to tell that the log cannot be written.
                let _ = to.write_all(&batch).and_then(|()| to.flush());
                batch.clear();
                batch.shrink_to(MOST);
            }
        })?;
        Ok(Self(shared))
    }

    /// Waits until everything that was said is written.
    pub(crate) fn flush(&self) {
        let mut lines = self.0.lock();
        while lines.is_at_work || !lines.waiting.is_empty() {
            lines = self.0.has_gone.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }

    /// Waits for lines, and takes all there are.
    fn next(&self, batch: &mut Vec<u8>) {
        let mut lines = self.lock();
        lines.is_at_work = false;
        self.has_gone.notify_all();
        while lines.waiting.is_empty() {
            lines = self.has_come.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut lines.waiting, batch);
        lines.is_at_work = true;
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock();
        while lines.waiting.len() >= MOST {
            lines = self.0.has_gone.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        let is_asleep = lines.waiting.is_empty() && !lines.is_at_work;
        lines.waiting.extend_from_slice(line);
        drop(lines);
        if is_asleep {
            self.0.has_come.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Takes its time.
    #[derive(Clone, Default)]
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            thread::sleep(Duration::from_micros(200));
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_arrives_whole_and_in_its_order() {
        let slow = Slow::default();
        let lines = LogWriter::to(slow.clone()).unwrap();
        let speak = |speaker: usize| {
            let mut lines = lines.clone();
            move || {
                for number in 0..2000 {
                    lines.write_all(format!("{speaker} {number} {}\n", "x".repeat(200)).as_bytes()).unwrap();
                }
            }
        };
        thread::scope(|scope| {
            for speaker in 0..4 {
                scope.spawn(speak(speaker));
            }
        });
        lines.flush();
        let written = String::from_utf8(slow.0.lock().unwrap().clone()).unwrap();
        for speaker in 0..4 {
            let of_one = written.lines().filter_map(|line| line.strip_prefix(&format!("{speaker} ")));
            let numbers: Vec<usize> = of_one.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
            assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
        }
        assert!(written.lines().all(|line| line.ends_with(&"x".repeat(200))));
    }
}
