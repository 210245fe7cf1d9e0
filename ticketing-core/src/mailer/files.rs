//! Mail as files, for development and for a mail system that picks them up.

use super::message::{build, mailbox};
use super::{Mail, MailError, Mailer};
use async_trait::async_trait;
use lettre::message::Mailbox;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Writes every mail to `<message id>.eml` in one directory. Mail programs open these files.
///
/// A repeated mail replaces its file. Files appear atomically: each is written under another name and then renamed.
/// [`flush`](Mailer::flush) flushes all of them to the disk, on Linux with one call for the whole file system. On Unix, files and
/// directories that it creates are readable by their owner only, since anyone who can read a ticket can use it.
#[derive(Debug)]
pub struct FileMailer {
    directory: PathBuf,
    from: Mailbox,
    /// The files that were written since the last flush.
    unflushed: Mutex<Vec<PathBuf>>,
}

impl FileMailer {
    /// Writes mail from `from`, such as `Tickets <tickets@example.com>`, into `directory`, which is created with the first mail.
    /// Fails with [`Error::Configuration`](crate::Error::Configuration) if `from` is not an address.
    pub fn new(directory: impl Into<PathBuf>, from: &str) -> crate::error::Result<Self> {
        Ok(Self { directory: directory.into(), from: mailbox(from)?, unflushed: Mutex::default() })
    }

    /// The path of the mail with this Message-ID.
    pub fn path(&self, message_id: &str) -> PathBuf {
        self.directory.join(file_name(message_id))
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let bytes = build(&self.from, mail)?.formatted();
        let path = self.path(&mail.message_id);
        // A disk can take its time; the runtime's threads have other work. A write that began also ends when nobody waits.
        let written = path.clone();
        off_the_runtime(move || write(&path, &bytes)).await?;
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner).push(written);
        Ok(())
    }

    async fn flush(&self) -> Result<(), MailError> {
        let files = std::mem::take(&mut *self.unflushed.lock().unwrap_or_else(PoisonError::into_inner));
        if files.is_empty() {
            return Ok(());
        }
        let directory = self.directory.clone();
        off_the_runtime(move || flush(&directory, &files)).await
    }
}

async fn off_the_runtime(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), MailError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(MailError::Later(format!("the file cannot be written: {error}"))),
        Err(_) => Err(MailError::Later("the runtime is shutting down".to_owned())),
    }
}

/// Two Message-IDs never share a name, and no name leaves the directory: characters that are not safe in every file system are
/// written as their bytes, `%2F`. A name that would be too long becomes its hash.
fn file_name(message_id: &str) -> String {
    let mut name = String::with_capacity(message_id.len() + 4);
    for (at, byte) in message_id.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => name.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'=' | b'@' | b'+' => {
                name.push(char::from(byte))
            }
            // Writing to a String cannot fail.
            other => _ = write!(name, "%{other:02X}"),
        }
    }
    if name.len() > 200 {
        name = Sha256::digest(message_id).iter().map(|byte| format!("{byte:02x}")).collect();
    }
    name + ".eml"
}

/// Writes a file that appears whole.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    make(path.parent().unwrap_or(Path::new(".")))?;
    // A unique name, since two writers may write the same mail at once. The last one wins.
    let count = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{count}.tmp", std::process::id()));
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Flushes the files and their names. One flush of the file system costs about as much as that of one file.
#[cfg(target_os = "linux")]
fn flush(directory: &Path, _files: &[PathBuf]) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(directory)?)?)
}

/// Flushes the files and their names. The new names are on the disk when the directory is. Windows opens no directories, and needs no
/// such call.
#[cfg(not(target_os = "linux"))]
fn flush(directory: &Path, files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        OpenOptions::new().write(true).open(file)?.sync_all()?;
    }
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(message_id: &str, subject: &str) -> Mail {
        Mail {
            message_id: message_id.to_owned(),
            to: "ada@example.com".parse().unwrap(),
            subject: subject.to_owned(),
            text: "text".to_owned(),
            html: "<p>html".to_owned(),
            attachments: Vec::new(),
        }
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("ticketing-mail-{}-{name}", std::process::id())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn a_mail_sent_again_replaces_its_file() {
        let scratch = Scratch::new("again");
        let mailer = FileMailer::new(scratch.0.join("a/b"), "Box <box@example.com>").unwrap();
        mailer.send(&mail("tickets.1@x", "first")).await.unwrap();
        mailer.send(&mail("tickets.1@x", "second")).await.unwrap();
        mailer.send(&mail("tickets.2@x", "other")).await.unwrap();
        assert_eq!(mailer.unflushed.lock().unwrap().len(), 3);
        mailer.flush().await.unwrap();
        assert!(mailer.unflushed.lock().unwrap().is_empty());
        mailer.flush().await.unwrap();
        let mut names: Vec<_> =
            fs::read_dir(scratch.0.join("a/b")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["tickets.1@x.eml", "tickets.2@x.eml"]);
        let text = fs::read_to_string(mailer.path("tickets.1@x")).unwrap();
        assert!(text.contains("Subject: second\r\n") && text.contains("To: ada@example.com\r\n"), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&mailer.path("tickets.1@x")), mode(&scratch.0.join("a/b"))), (0o600, 0o700));
        }
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_made_is_trouble_for_later() {
        let scratch = Scratch::new("later");
        fs::write(&scratch.0, "a file").unwrap();
        let mailer = FileMailer::new(scratch.0.join("in"), "box@example.com").unwrap();
        let sent = mailer.send(&mail("1@x", "s")).await;
        fs::remove_file(&scratch.0).unwrap();
        assert!(matches!(sent, Err(MailError::Later(_))), "{sent:?}");
    }

    #[test]
    fn no_id_leaves_the_directory_or_shares_a_name() {
        assert_eq!(file_name("a.b=c@d-e.f"), "a.b=c@d-e.f.eml");
        assert_eq!(file_name("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd.eml");
        assert_ne!(file_name("a/b"), file_name("a%2Fb"));
        assert_eq!(file_name(&"x".repeat(300)).len(), 68);
        assert_ne!(file_name(&"x".repeat(300)), file_name(&"x".repeat(301)));
    }
}
