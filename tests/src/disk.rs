//! What a power cut would leave of files.
//!
//! What was flushed is there. Of what was only written any part may be there, down to single sectors. A name that was made or
//! removed is so for certain only once its directory was flushed: some file systems do better, none does worse. And where a
//! flush failed, what it was for is gone unless it is written again: Linux marks such pages as clean.

use crate::random::Random;
use std::collections::BTreeMap;
use std::path::Path;

/// The piece of a disk that is written whole or not at all.
const SECTOR: usize = 512;

/// One folder of a disk, and what is on its way to it.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, File>,
    /// Grows with everything that becomes certain: the image of what is certain differs only where this does.
    pub flushed: usize,
}

#[derive(Clone, Debug, Default)]
struct File {
    certain: Vec<u8>,
    /// What was written and not flushed, with when.
    pending: Vec<(usize, Change)>,
    made_at: usize,
    is_made: bool,
    removed_at: Option<usize>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// How much of what was not flushed is there after the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unflushed {
    /// Nothing of it.
    Nothing,
    /// Each write with even chances.
    SomeWrites,
    /// Each sector of each write with even chances.
    SomeSectors,
}

impl Disk {
    /// A file is made, unless it is there.
    pub fn make(&mut self, when: usize, name: &str) {
        let fresh = || File { made_at: when, ..File::default() };
        let file = self.files.entry(name.to_owned()).or_insert_with(fresh);
        if file.removed_at.is_some() {
            *file = fresh();
        }
    }

    /// Bytes are written.
    pub fn write(&mut self, when: usize, name: &str, at: usize, bytes: Vec<u8>) {
        self.change(when, name, Change::Write { at, bytes });
    }

    /// A file is cut off, or filled up with zeros.
    pub fn cut(&mut self, when: usize, name: &str, length: usize) {
        self.change(when, name, Change::Cut(length));
    }

    fn change(&mut self, when: usize, name: &str, change: Change) {
        if let Some(file) = self.files.get_mut(name) {
            file.pending.push((when, change));
        }
    }

    /// A file is removed.
    pub fn remove(&mut self, when: usize, name: &str) {
        if let Some(file) = self.files.get_mut(name) {
            file.removed_at = Some(when);
        }
    }

    /// A flush of a file that began at `began` is over: it covers what was written before it began.
    pub fn flush(&mut self, began: usize, name: &str, worked: bool) {
        let Some(file) = self.files.get_mut(name) else { return };
        let pending = std::mem::take(&mut file.pending);
        let (covered, later): (Vec<_>, Vec<_>) = pending.into_iter().partition(|(when, _)| *when < began);
        file.pending = later;
        if worked && !covered.is_empty() {
            covered.iter().for_each(|(_, change)| apply(&mut file.certain, change));
            self.flushed += 1;
        }
    }

    /// A flush of the directory is over.
    pub fn flush_names(&mut self, began: usize) {
        self.files.retain(|_, file| file.removed_at.is_none_or(|when| when >= began));
        for file in self.files.values_mut().filter(|file| file.made_at < began) {
            file.is_made = true;
        }
        self.flushed += 1;
    }

    /// Puts into `folder` what a cut at this moment would leave.
    pub fn leave(&self, folder: &Path, unflushed: Unflushed, random: &mut Random) {
        for (name, file) in &self.files {
            let mut some = |often| unflushed != Unflushed::Nothing && random.percent(often);
            if !(file.is_made || some(50)) || (file.removed_at.is_some() && some(50)) {
                continue;
            }
            let mut content = file.certain.clone();
            for (_, change) in &file.pending {
                match (change, unflushed) {
                    (_, Unflushed::Nothing) => {}
                    (Change::Write { at, bytes }, Unflushed::SomeSectors) => {
                        for (number, sector) in sectors(*at, bytes) {
                            if random.percent(50) {
                                apply(&mut content, &Change::Write { at: number, bytes: sector.to_vec() });
                            }
                        }
                    }
                    (change, _) if random.percent(50) => apply(&mut content, change),
                    _ => {}
                }
            }
            std::fs::write(folder.join(name), content).unwrap();
        }
    }
}

/// The pieces of a write by the sectors that they are in.
fn sectors(at: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut pieces = Vec::new();
    let (mut from, end) = (at, at + bytes.len());
    while from < end {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        pieces.push((from, &bytes[from - at..to - at]));
        from = to;
    }
    pieces
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Cut(length) => content.resize(*length, 0),
        Change::Write { at, bytes } => {
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(disk: &Disk, unflushed: Unflushed) -> Option<Vec<u8>> {
        let folder = std::env::temp_dir().join(format!("ticketing-disk-{}-{unflushed:?}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        disk.leave(&folder, unflushed, &mut Random::seeded(1));
        let content = std::fs::read(folder.join("file")).ok();
        std::fs::remove_dir_all(folder).unwrap();
        content
    }

    #[test]
    fn only_what_was_flushed_is_certain() {
        let mut disk = Disk::default();
        disk.make(1, "file");
        disk.write(2, "file", 0, b"abc".to_vec());
        disk.flush(3, "file", true);
        assert_eq!(content(&disk, Unflushed::Nothing), None);
        disk.flush_names(4);
        disk.write(5, "file", 3, b"def".to_vec());
        assert_eq!(content(&disk, Unflushed::Nothing).unwrap(), b"abc");
        disk.flush(6, "file", false);
        disk.flush(7, "file", true);
        assert_eq!(content(&disk, Unflushed::Nothing).unwrap(), b"abc");
    }

    #[test]
    fn a_write_is_torn_at_sectors() {
        let bytes = [1; 1024];
        let pieces: Vec<(usize, usize)> = sectors(500, &bytes).iter().map(|(at, piece)| (*at, piece.len())).collect();
        assert_eq!(pieces, [(500, 12), (512, 512), (1024, 500)]);
    }
}
