//! The secret that signs sessions, if none is configured: generated once, kept beside the database.

use super::parse::file_name;
use super::{ConfigError, Secret};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use ticketing_core::clock::Random;

/// Reads the secret beside `database`, or generates it. Two processes that start at once get the same one: the file appears
/// whole or not at all.
pub fn secret_beside(database: &Path, random: &dyn Random) -> Result<Secret, ConfigError> {
    let path = path_beside(database);
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    let (secret, nonce) = (Secret::fresh(random), Secret::fresh(random));
    let mut fresh = path.clone().into_os_string();
    fresh.push(format!(".{}", nonce.expose().get(..16).unwrap_or_default()));
    let fresh = PathBuf::from(fresh);
    let kept = keep(&fresh, &path, secret.expose());
    // The temporary file is of no further use; if it cannot be removed, it does no harm.
    let _ = fs::remove_file(&fresh);
    kept.map_err(|error| trouble(&path, &error))?;
    read(&path)?.ok_or_else(|| wrong(&path, "a file that has disappeared"))
}

fn path_beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".jwt-secret");
    PathBuf::from(path)
}

/// A hard link cannot replace a file, so the first of several processes wins.
fn keep(fresh: &Path, path: &Path, secret: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(fresh)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(fresh, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<Secret>, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble(path, &error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map_err(|error| trouble(path, &error))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(wrong(path, "a file that other users can read"));
        }
    }
    let text = text.trim();
    match text.len() >= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(Some(Secret::new(text))),
        false => Err(wrong(path, "a file with other content")),
    }
}

fn wrong(path: &Path, found: &str) -> ConfigError {
    let expected =
        format!("{} to contain 64 hexadecimal digits, with mode 0600; or set JWT_SECRET_KEY", file_name(path));
    ConfigError { variable: "JWT_SECRET_KEY".to_owned(), found: found.to_owned(), expected }
}

fn trouble(path: &Path, error: &std::io::Error) -> ConfigError {
    let expected = format!("that {} can be read and written; or set JWT_SECRET_KEY", path.display());
    ConfigError { variable: "JWT_SECRET_KEY".to_owned(), found: format!("a file error ({})", error.kind()), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketing_core::clock::SystemRandom;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ticketing-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_secret_is_generated_once_even_concurrently_and_only_its_owner_can_read_it() {
        let folder = folder("secret");
        let database = folder.join("ticketing.db");
        let make = || secret_beside(&database, &SystemRandom).unwrap();
        let secrets: Vec<Secret> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_eq!(secrets[0].expose().len(), 64);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = path_beside(&database);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert_eq!(secret_beside(&database, &SystemRandom).unwrap_err().found, "a file that other users can read");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            fs::write(&path, "hunter2").unwrap();
            assert!(!secret_beside(&database, &SystemRandom).unwrap_err().to_string().contains("hunter2"));
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_folder_is_reported() {
        let error = secret_beside(Path::new("/nowhere/ticketing.db"), &SystemRandom).unwrap_err();
        assert!(error.to_string().starts_with("JWT_SECRET_KEY: found a file error"), "{error}");
    }
}
