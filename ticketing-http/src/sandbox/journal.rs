//! The journal of the ledger, which survives restarts: one line of JSON for each set of changes that belong together.

use super::config::SandboxError;
use super::ledger::{Change, Ledger};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An append-only file. A line is handed to the operating system before the response is sent, so it survives the end of the process,
/// but not necessarily a power failure.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The length of all complete lines.
    len: u64,
}

impl Journal {
    /// Opens or creates the file, and replays it into `ledger`.
    ///
    /// An incomplete last line is cut off: the process died while writing it, before a response. Anything else that is unreadable is
    /// an error, because going on would lose payments.
    pub(super) fn open(path: &Path, ledger: &mut Ledger) -> Result<Self, SandboxError> {
        Self::replay(path, ledger).map_err(|source| SandboxError::Journal { path: path.to_owned(), source })
    }

    fn replay(path: &Path, ledger: &mut Ledger) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600); // it contains personal data
        let mut file = options.open(path)?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                io::Error::other("is in use by another process: each needs its own file")
            }
            std::fs::TryLockError::Error(error) => error,
        })?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for (index, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let changes: Vec<Change> = serde_json::from_slice(line).map_err(|error| {
                io::Error::other(format!("line {} cannot be read ({error}): repair or delete the file", index + 1))
            })?;
            changes.into_iter().for_each(|change| ledger.apply(change));
        }
        if whole < bytes.len() {
            tracing::warn!(journal = %path.display(), bytes = bytes.len() - whole, "cut off an incomplete last line");
        }
        let len = u64::try_from(whole).map_err(io::Error::other)?;
        file.set_len(len)?;
        Ok(Self { path: path.to_owned(), file, len })
    }

    /// Writes changes that belong together: after a crash all of them are there, or none.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<(), SandboxError> {
        self.write(changes).map_err(|source| SandboxError::Journal { path: self.path.clone(), source })
    }

    fn write(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut line = serde_json::to_vec(changes)?;
        line.push(b'\n');
        // The rest of an earlier failed write is overwritten, or cut off at the next start.
        self.file.set_len(self.len)?;
        self.file.seek(SeekFrom::Start(self.len))?;
        self.file.write_all(&line)?;
        self.file.flush()?;
        self.len += u64::try_from(line.len()).map_err(io::Error::other)?;
        Ok(())
    }
}
