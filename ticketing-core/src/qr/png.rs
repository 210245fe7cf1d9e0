//! A PNG (RFC 2083) of a symbol, 1-bit greyscale.
//!
//! A general compressor allocates and clears several hundred kilobytes, which costs more than everything else in a ticket's mail. This
//! picture is simple: each module is one byte, 00 or FF, and eight equal rows make a band. So a band is one row of literals and one
//! copy, and the Huffman codes (RFC 1951) are the same for every picture.

use super::symbol::Symbol;
use simd_adler32::Adler32;

/// The size of a module, in pixels: sharp on paper, and not scaled up by most screens. With 8, a module is a byte.
const MODULE_PX: usize = 8;
const LIGHT: u8 = 0xff;
const DARK: u8 = 0x00;

/// The symbol with this many light modules around it. Symbols are at most 61 modules wide.
pub(super) fn encode(symbol: &Symbol, quiet_zone: usize) -> Vec<u8> {
    let modules = symbol.width() + 2 * quiet_zone;
    let side = u32::try_from(modules * MODULE_PX).unwrap_or(u32::MAX).to_be_bytes();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    // 1 bit a pixel, greyscale, deflate, the five usual filters, not interlaced.
    chunk(&mut file, *b"IHDR", &[&side[..], &side[..], &[1, 0, 0, 0, 0][..]].concat());
    chunk(&mut file, *b"IDAT", &zlib(symbol, quiet_zone));
    chunk(&mut file, *b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    // Contents are a few hundred bytes.
    file.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes());
    let mut sum = crc32fast::Hasher::new();
    for part in [&kind[..], content] {
        file.extend(part);
        sum.update(part);
    }
    file.extend(sum.finalize().to_be_bytes());
}

/// The picture's rows as a zlib stream (RFC 1950).
fn zlib(symbol: &Symbol, quiet_zone: usize) -> Vec<u8> {
    let edge = || std::iter::repeat_n(LIGHT, quiet_zone);
    // Every row begins with its filter: none.
    let light_row: Vec<u8> = std::iter::once(0).chain(vec![LIGHT; symbol.width() + 2 * quiet_zone]).collect();
    let dark_or_light = |dark: bool| if dark { DARK } else { LIGHT };
    let rows =
        symbol.rows().map(|row| std::iter::once(0).chain(edge()).chain(row.map(dark_or_light)).chain(edge()).collect());
    let quiet = || std::iter::repeat_n(&light_row, quiet_zone).cloned();

    let mut stream = Deflate::new(light_row.len());
    let mut sum = Adler32::new();
    for row in quiet().chain(rows).chain(quiet()).collect::<Vec<Vec<u8>>>() {
        stream.band(&row);
        (0..MODULE_PX).for_each(|_| sum.write(&row));
    }
    // A window of 32 kB, no dictionary.
    let mut out = vec![0x78, 0x9c];
    out.extend(stream.finish());
    out.extend(sum.finish().to_be_bytes());
    out
}

/// One block with its own Huffman codes.
struct Deflate {
    bits: BitWriter,
    row_bytes: usize,
}

/// Lengths of the codes of literals and lengths: 1 bit for a light module, 2 for a dark one. The others share what is left of the code
/// space; they occur three times in a band at most.
const fn code_length(symbol: usize) -> u32 {
    match symbol {
        0 => 2,
        255 => 1,
        256..=283 => 7,
        284 | 285 => 6,
        _ => 0,
    }
}
const END_OF_BLOCK: usize = 256;
const SYMBOLS: usize = 286;

/// RFC 1951, 3.2.5: for each symbol from 257 on, the shortest match and the number of extra bits.
const LENGTHS: [(usize, u32); 29] = {
    let mut lengths = [(258, 0); 29];
    let (mut at, mut shortest) = (0_u32, 3);
    while at < 28 {
        let extra = if at < 8 { 0 } else { at / 4 - 1 };
        lengths[at as usize] = (shortest, extra);
        shortest += 1 << extra;
        at += 1;
    }
    lengths
};

/// The same for distances.
const DISTANCES: [(usize, u32); 30] = {
    let mut distances = [(1, 0); 30];
    let (mut at, mut nearest) = (0_u32, 1);
    while at < 30 {
        let extra = if at < 4 { 0 } else { at / 2 - 1 };
        distances[at as usize] = (nearest, extra);
        nearest += 1 << extra;
        at += 1;
    }
    distances
};

/// The last entry that begins at `value` or before.
fn entry<const N: usize>(table: &[(usize, u32); N], value: usize) -> (usize, usize, u32) {
    let after = table.partition_point(|(first, _)| *first <= value);
    let at = after.saturating_sub(1);
    table.get(at).map_or((0, 0, 0), |(first, extra)| (at, value - first, *extra))
}

impl Deflate {
    /// Begins the block: the only one, with its codes (3.2.7). Codes of code lengths are three bits each.
    fn new(row_bytes: usize) -> Self {
        let mut bits = BitWriter::default();
        let (distance, _, _) = entry(&DISTANCES, row_bytes);
        bits.put(1, 1);
        bits.put(2, 2);
        bits.put(SYMBOLS - 257, 5);
        bits.put(distance, 5);
        bits.put(19 - 4, 4);
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        for length in ORDER {
            bits.put(if USED.contains(&length) { 3 } else { 0 }, 3);
        }
        let lengths = (0..SYMBOLS).map(code_length).chain((0..distance).map(|_| 0)).chain([1]);
        write_lengths(&mut bits, &lengths.collect::<Vec<_>>());
        Self { bits, row_bytes }
    }

    /// A row, and seven copies of it.
    fn band(&mut self, row: &[u8]) {
        row.iter().for_each(|byte| self.symbol(usize::from(*byte)));
        let mut left = row.len() * (MODULE_PX - 1);
        while left > 0 {
            // No match is shorter than 3.
            let length = if left > 258 && left < 261 { left - 3 } else { left.min(258) };
            let (symbol, rest, extra) = entry(&LENGTHS, length);
            self.symbol(257 + symbol);
            self.bits.put(rest, extra);
            // The only distance, so its code is the first one: a single 0 bit.
            self.bits.put(0, 1);
            let (_, rest, extra) = entry(&DISTANCES, self.row_bytes);
            self.bits.put(rest, extra);
            left -= length;
        }
    }

    fn symbol(&mut self, symbol: usize) {
        // Canonical codes (3.2.2): shorter ones first, then by symbol.
        let code = match symbol {
            255 => 0b0,
            0 => 0b10,
            284 | 285 => 0b11_0000 + (symbol - 284),
            _ => 0b110_0100 + (symbol - END_OF_BLOCK),
        };
        self.bits.code(code, code_length(symbol));
    }

    fn finish(mut self) -> Vec<u8> {
        self.symbol(END_OF_BLOCK);
        self.bits.finish()
    }
}

/// The code lengths that occur, and 16 to 18, which repeat them. Eight, so three bits each.
const USED: [usize; 8] = [0, 1, 2, 6, 7, 16, 17, 18];

/// Code lengths, with runs of them shortened (3.2.7).
fn write_lengths(bits: &mut BitWriter, lengths: &[u32]) {
    let mut put = |code: usize, rest: usize, extra: u32| {
        let at = USED.iter().position(|used| *used == code).unwrap_or_default();
        bits.code(at, 3);
        bits.put(rest, extra);
    };
    for run in lengths.chunk_by(|left, right| left == right) {
        let length = run.first().map_or(0, |length| *length as usize);
        let mut left = run.len();
        if length > 0 {
            put(length, 0, 0);
            left -= 1;
        }
        while left > 0 {
            let some = match (length, left) {
                (0, 11..) => left.min(138),
                (0, 3..) => left,
                (_, 3..) => left.min(6),
                _ => 1,
            };
            match (length, some) {
                (_, 1) => put(length, 0, 0),
                (0, 11..) => put(18, some - 11, 7),
                (0, _) => put(17, some - 3, 3),
                _ => put(16, some - 3, 2),
            }
            left -= some;
        }
    }
}

/// Bits, from the least significant one of each byte on.
#[derive(Default)]
struct BitWriter {
    out: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl BitWriter {
    /// A number of this many bits, at most 32.
    fn put(&mut self, value: usize, count: u32) {
        self.waiting |= (value as u64) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.out.push((self.waiting & 0xff) as u8);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code, whose most significant bit comes first.
    fn code(&mut self, code: usize, count: u32) {
        self.put(code.reverse_bits() >> (usize::BITS - count), count);
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(0, (8 - self.count) % 8);
        self.out
    }
}
