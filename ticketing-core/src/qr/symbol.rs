//! The modules of a QR symbol (ISO/IEC 18004).
//!
//! The `qrcode` crate encodes the text, computes the error correction and draws the symbol. Choosing the mask is done here, because it
//! is most of the work: the crate compares eight drawings module by module, which costs as much CPU time as the rest of a sale's mail.
//! Here a row is one integer, and the four penalties of the standard (7.8.3) are shifts and bit counts. The result is the mask that the
//! crate chooses; a test compares them.

use qrcode::bits::Bits;
use qrcode::canvas::{Canvas, MaskPattern};
use qrcode::ec::construct_codewords;
use qrcode::types::{Color, EcLevel, QrError, Version};

const MASKS: [MaskPattern; 8] = [
    MaskPattern::Checkerboard,
    MaskPattern::HorizontalLines,
    MaskPattern::VerticalLines,
    MaskPattern::DiagonalLines,
    MaskPattern::LargeCheckerboard,
    MaskPattern::Fields,
    MaskPattern::Diamonds,
    MaskPattern::Meadow,
];

/// A symbol. Bit `x` of row `y` is set if that module is dark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    rows: Vec<u64>,
}

impl Symbol {
    fn of(canvas: Canvas, width: usize) -> Self {
        let colors = canvas.into_colors();
        let row = |row: &[Color]| row.iter().rev().fold(0, |bits, color| bits << 1 | u64::from(*color == Color::Dark));
        Self { rows: colors.chunks_exact(width).map(row).collect() }
    }

    /// The number of modules per side.
    pub(super) fn width(&self) -> usize {
        self.rows.len()
    }

    /// The rows, each from left to right. `true` is dark.
    pub(super) fn rows(&self) -> impl Iterator<Item = impl Iterator<Item = bool> + Clone> {
        let width = self.width();
        self.rows.iter().map(move |row| (0..width).map(move |x| row >> x & 1 == 1))
    }

    fn xor(&self, other: &Self) -> Self {
        Self { rows: self.rows.iter().zip(&other.rows).map(|(left, right)| left ^ right).collect() }
    }

    fn transposed(&self) -> Self {
        let column = |x: usize| self.rows.iter().rev().fold(0, |bits, row| bits << 1 | (row >> x & 1));
        Self { rows: (0..self.width()).map(column).collect() }
    }

    /// How badly the symbol reads (7.8.3). The mask with the least penalty is used.
    fn penalty(&self) -> u32 {
        let columns = self.transposed();
        self.runs() + columns.runs() + self.blocks() + self.finders() + columns.finders() + self.imbalance()
    }

    fn all_dark(&self) -> u64 {
        (1 << self.width()) - 1
    }

    /// Runs of at least five modules of one colour: 3 points, and 1 for each further module.
    fn runs(&self) -> u32 {
        let points = |bits: u64| {
            let five = bits & bits >> 1 & bits >> 2 & bits >> 3 & bits >> 4;
            let starts = five & !(five << 1);
            five.count_ones() + 2 * starts.count_ones()
        };
        self.rows.iter().map(|row| points(*row) + points(!row & self.all_dark())).sum()
    }

    /// Blocks of two by two modules of one colour: 3 points each.
    fn blocks(&self) -> u32 {
        let inner = self.all_dark() >> 1;
        let same = |pair: &[u64]| match pair {
            [upper, lower] => !(upper ^ lower) & !(upper ^ upper >> 1) & !(lower ^ lower >> 1) & inner,
            _ => 0,
        };
        self.rows.windows(2).map(|pair| 3 * same(pair).count_ones()).sum()
    }

    /// Rows that look like a finder pattern, dark-light-dark-dark-dark-light-dark with four light modules on one side: 40 points each.
    fn finders(&self) -> u32 {
        let points = |row: &u64| {
            let (dark, light) = (*row, !row & self.all_dark());
            let found = dark & light >> 1 & dark >> 2 & dark >> 3 & dark >> 4 & light >> 5 & dark >> 6;
            let dark_before = dark << 1 | dark << 2 | dark << 3 | dark << 4;
            let dark_after = dark >> 7 | dark >> 8 | dark >> 9 | dark >> 10;
            40 * (found & !(dark_before & dark_after)).count_ones()
        };
        self.rows.iter().map(points).sum()
    }

    /// One point for each half percent that the dark modules are away from half of all.
    fn imbalance(&self) -> u32 {
        let dark: u32 = self.rows.iter().map(|row| row.count_ones()).sum();
        let all: u32 = self.rows.iter().map(|_| self.all_dark().count_ones()).sum();
        (dark * 200 / all).abs_diff(100)
    }
}

/// Draws the symbols of one version and level. What does not depend on the text is drawn once.
#[derive(Debug)]
pub(super) struct Encoder {
    version: Version,
    level: EcLevel,
    /// A symbol whose data is all zero, without a mask.
    blank: Symbol,
    /// The same with each mask.
    masked: Vec<Symbol>,
}

impl Encoder {
    pub(super) fn new(version: Version, level: EcLevel) -> Result<Self, QrError> {
        let (data, correction) = codewords(b"", version, level)?;
        let canvas = drawn(version, level, &vec![0; data.len()], &vec![0; correction.len()]);
        let width = usize::try_from(version.width()).unwrap_or_default();
        let masked = MASKS.iter().map(|mask| {
            let mut canvas = canvas.clone();
            canvas.apply_mask(*mask);
            Symbol::of(canvas, width)
        });
        Ok(Self { version, level, masked: masked.collect(), blank: Symbol::of(canvas, width) })
    }

    /// The symbol of a text of QR's alphanumeric characters.
    pub(super) fn encode(&self, text: &str) -> Result<Symbol, QrError> {
        let (data, correction) = codewords(text.as_bytes(), self.version, self.level)?;
        let unmasked = Symbol::of(drawn(self.version, self.level, &data, &correction), self.blank.width());
        let data = unmasked.xor(&self.blank);
        let masked = self.masked.iter().map(|mask| data.xor(mask));
        Ok(masked.min_by_key(Symbol::penalty).unwrap_or(unmasked))
    }
}

type Codewords = (Vec<u8>, Vec<u8>);

/// The text in alphanumeric mode, padded, and its error correction.
fn codewords(text: &[u8], version: Version, level: EcLevel) -> Result<Codewords, QrError> {
    let mut bits = Bits::new(version);
    bits.push_alphanumeric_data(text)?;
    bits.push_terminator(level)?;
    construct_codewords(&bits.into_bytes(), version, level)
}

fn drawn(version: Version, level: EcLevel, data: &[u8], correction: &[u8]) -> Canvas {
    let mut canvas = Canvas::new(version, level);
    canvas.draw_all_functional_patterns();
    canvas.draw_data(data, correction);
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use qrcode::QrCode;

    fn of_the_crate(text: &str, version: Version, level: EcLevel) -> Symbol {
        let mut bits = Bits::new(version);
        bits.push_alphanumeric_data(text.as_bytes()).unwrap();
        bits.push_terminator(level).unwrap();
        let code = QrCode::with_bits(bits, level).unwrap();
        let (width, colors) = (code.width(), code.into_colors());
        let row = |row: &[Color]| (0..).zip(row).map(|(x, color)| u64::from(*color == Color::Dark) << x).sum();
        Symbol { rows: colors.chunks(width).map(row).collect() }
    }

    proptest! {
        #[test]
        fn symbols_are_those_of_the_qrcode_crate_with_the_same_mask(text in "[0-9A-Z $%*+./:-]{1,26}") {
            for (version, level) in [(Version::Normal(2), EcLevel::Q), (Version::Normal(6), EcLevel::M)] {
                let encoder = Encoder::new(version, level).unwrap();
                prop_assert_eq!(encoder.encode(&text).unwrap(), of_the_crate(&text, version, level));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let encoder = Encoder::new(Version::Normal(2), EcLevel::Q).unwrap();
        assert_eq!(encoder.encode(&"A".repeat(29)).unwrap().width(), 25);
        assert!(encoder.encode(&"A".repeat(30)).is_err());
    }
}
