//! Writes log lines from a thread of its own.
//!
//! A request should not wait for its log line: that would be one system call per line, under a lock that all threads share.
//! Lines that arrive during a write are written together in the next one, in order.

use crate::lock::lock;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The size of the buffer. Once it is full, writers wait: a slow reader of the log slows down the server, but does not fill its
/// memory.
const LOG_BUFFER_BYTES: usize = 256 * 1024;

/// A buffered writer. Cheap to clone; all clones share one thread.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    has_lines: Condvar,
    has_written: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    waiting: Vec<u8>,
    is_writing: bool,
}

impl LogWriter {
    /// Starts the thread, which writes to `to`.
    pub(crate) fn to(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let lines = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).stack_size(64 * 1024).spawn(move || {
            let mut batch = Vec::new();
            loop {
                lines.next(&mut batch);
                // If the log cannot be written, there is no place to report it.
                let _ = to.write_all(&batch).and_then(|()| to.flush());
                batch.clear();
                batch.shrink_to(LOG_BUFFER_BYTES);
            }
        })?;
        Ok(Self(shared))
    }

    /// Waits until all pending lines are written.
    pub(crate) fn flush(&self) {
        let mut lines = self.0.lock();
        while lines.is_writing || !lines.waiting.is_empty() {
            lines = self.0.has_written.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        lock(&self.lines)
    }

    /// Waits for lines, and takes all of them.
    fn next(&self, batch: &mut Vec<u8>) {
        let mut lines = self.lock();
        lines.is_writing = false;
        self.has_written.notify_all();
        while lines.waiting.is_empty() {
            lines = self.has_lines.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut lines.waiting, batch);
        lines.is_writing = true;
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock();
        while lines.waiting.len() >= LOG_BUFFER_BYTES {
            lines = self.0.has_written.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
        let is_asleep = lines.waiting.is_empty() && !lines.is_writing;
        lines.waiting.extend_from_slice(line);
        drop(lines);
        if is_asleep {
            self.0.has_lines.notify_one();
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

    /// A slow writer.
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
    fn every_line_is_written_whole_and_in_order() {
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
