//! Ticket codes as QR images (ISO/IEC 18004), for screens, paper and mails.
//!
//! An image carries the 26 upper-case symbols of the code and nothing else. Upper case matters: QR has a dense mode for it,
//! so that 25 by 25 modules are enough and a cheap camera reads them. An image is as secret as the code.

use crate::domain::code::TicketCode;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// The size of a module in the PNG, in pixels: sharp on paper, and not scaled up by most screens.
const MODULE_PX: usize = 8;
/// The number of light modules around the code, which scanners need (ISO/IEC 18004, 9.1).
const QUIET_ZONE: usize = 4;

/// Encodes the code as a PNG, optimised for speed: about 1 kB, 1-bit greyscale, 264 by 264 pixels. The same code always gives the
/// same bytes.
pub fn png(code: &TicketCode) -> Vec<u8> {
    encode_png(code, png::Compression::Fast)
}

/// Like [`png`](fn@png), but optimised for size: a third of the bytes in twice the time. For mails, where every byte is sent and
/// stored.
pub fn png_small(code: &TicketCode) -> Vec<u8> {
    encode_png(code, png::Compression::Balanced)
}

/// Encodes the code as an SVG document without a fixed size: it fills its container. It has no external references, styles or
/// scripts, so a strict Content-Security-Policy allows it. The same code always gives the same text.
pub fn svg(code: &TicketCode) -> String {
    let (width, dark) = modules(code.as_str().as_bytes());
    let side = width + 2 * QUIET_ZONE;
    let mut path = String::with_capacity(4096);
    for (y, row) in dark.chunks_exact(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&true) {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{len}v1h-{len}z", x + QUIET_ZONE, y + QUIET_ZONE, len = run.len());
            }
            x += run.len();
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

/// The number of modules per side, and which of them are dark, row by row. The only function that uses the encoder.
fn modules(data: &[u8]) -> (usize, Vec<bool>) {
    // Level M corrects 15 % of damage, such as a fold or a thumb, at a size that still fits a phone.
    let Ok(code) = QrCode::with_error_correction_level(data, EcLevel::M) else {
        unreachable!("level M takes 2331 bytes, and a ticket code has 26")
    };
    (code.width(), code.into_colors().into_iter().map(|color| color == Color::Dark).collect())
}

fn encode_png(code: &TicketCode, compression: png::Compression) -> Vec<u8> {
    let (width, dark) = modules(code.as_str().as_bytes());
    let side = (width + 2 * QUIET_ZONE) * MODULE_PX;
    let row_bytes = side.div_ceil(8);
    // In 1-bit greyscale a set bit is white.
    let mut pixels = vec![0xff_u8; row_bytes * side];
    for (y, row) in dark.chunks_exact(width).enumerate() {
        let top = (y + QUIET_ZONE) * MODULE_PX * row_bytes;
        let band = &mut pixels[top..top + MODULE_PX * row_bytes];
        let (first, others) = band.split_at_mut(row_bytes);
        for (x, _) in row.iter().enumerate().filter(|(_, dark)| **dark) {
            for px in (x + QUIET_ZONE) * MODULE_PX..(x + QUIET_ZONE + 1) * MODULE_PX {
                first[px / 8] &= !(0x80 >> (px % 8));
            }
        }
        for other in others.chunks_exact_mut(row_bytes) {
            other.copy_from_slice(first);
        }
    }
    match write_png(side, &pixels, compression) {
        Ok(png) => png,
        Err(error) => unreachable!("memory takes every byte, and the rows have the size that the header says: {error}"),
    }
}

fn write_png(side: usize, pixels: &[u8], compression: png::Compression) -> Result<Vec<u8>, png::EncodingError> {
    let side = u32::try_from(side).map_err(std::io::Error::other)?;
    let mut out = Vec::with_capacity(2048);
    let mut encoder = png::Encoder::new(&mut out, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.set_compression(compression);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Seed;
    use proptest::prelude::*;

    /// Greyscale pixels, row by row, and the number of pixels per side.
    type Picture = (usize, Vec<u8>);

    /// Decodes an image, with a scanner that shares no code with the encoder.
    fn scan((side, pixels): &Picture) -> String {
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(*side, *side, |x, y| pixels[y * side + x]);
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    fn unpack(png: &[u8]) -> Picture {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.width, info.color_type, info.bit_depth),
            (info.height, png::ColorType::Grayscale, png::BitDepth::Eight)
        );
        (info.width as usize, pixels)
    }

    /// Draws the SVG's only path at 8 pixels per unit.
    fn draw(svg: &str) -> Picture {
        let attribute = |name: &str| svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let units: usize = attribute("viewBox").split(' ').nth(2).unwrap().parse().unwrap();
        let side = units * 8;
        let mut pixels = vec![255; side * side];
        for run in attribute("d").split_terminator('z') {
            let (start, length) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = start.split_once(' ').unwrap();
            let [x, y, length] = [x, y, length.split('v').next().unwrap()].map(|n| n.parse::<usize>().unwrap());
            assert!(run.ends_with(&format!("v1h-{length}")));
            for py in y * 8..(y + 1) * 8 {
                pixels[py * side + x * 8..py * side + (x + length) * 8].fill(0);
            }
        }
        (side, pixels)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_image_is_read_back_by_another_decoder(seed: [u8; 32], index: u32) {
            let code = TicketCode::derive(&Seed(seed), index);
            let pictures = [unpack(&png(&code)), unpack(&png_small(&code)), draw(&svg(&code))];
            for picture in &pictures {
                prop_assert_eq!(scan(picture), code.as_str());
                prop_assert_eq!(picture, &pictures[0]);
            }
        }
    }

    #[test]
    fn images_are_small() {
        let code = TicketCode::derive(&Seed([7; 32]), 0);
        let (fast, small) = (png(&code), png_small(&code));
        assert_eq!(unpack(&small).0, 264);
        assert!(small.len() < 500 && fast.len() < 1500, "{} {}", small.len(), fast.len());
    }

    #[test]
    fn an_svg_has_one_path_and_points_nowhere() {
        let svg = svg(&TicketCode::derive(&Seed([7; 32]), 0));
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(svg.contains("viewBox=\"0 0 33 33\"") && svg.contains("crispEdges"));
        assert!(!svg.contains("href") && !svg.contains("url(") && !svg.contains("style") && !svg.contains("<script"));
    }
}
