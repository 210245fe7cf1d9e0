//! Ticket codes as QR images (ISO/IEC 18004), for screens, paper and mails.
//!
//! An image carries the 26 upper-case symbols of the code and nothing else. Upper case matters: QR has a dense mode for it,
//! so that 25 by 25 modules are enough and a cheap camera reads them. An image is as secret as the code.

mod png;
mod symbol;

use crate::domain::code::TicketCode;
use qrcode::types::{EcLevel, Version};
use std::fmt::Write as _;
use std::sync::OnceLock;
use symbol::{Encoder, Symbol};

/// The number of light modules around the code, which scanners need (ISO/IEC 18004, 9.1).
const QUIET_ZONE: usize = 4;

/// Encodes the code as a PNG: about 300 bytes, 1-bit greyscale, 264 by 264 pixels. The same code always gives the same bytes.
pub fn png(code: &TicketCode) -> Vec<u8> {
    png::encode(&symbol(code), QUIET_ZONE)
}

/// Encodes the code as an SVG document without a fixed size: it fills its container. It has no external references, styles or
/// scripts, so a strict Content-Security-Policy allows it. The same code always gives the same text.
pub fn svg(code: &TicketCode) -> String {
    let symbol = symbol(code);
    drawn(symbol.width(), symbol.rows().map(Iterator::collect))
}

/// Encodes a URI as an SVG document, as [`svg`] does a ticket code; empty if it is longer than a QR image can be (2,331 bytes).
pub fn uri_svg(uri: &str) -> String {
    let Ok(symbol) = qrcode::QrCode::with_error_correction_level(uri, EcLevel::M) else { return String::new() };
    let width = symbol.width();
    let dark: Vec<bool> = symbol.into_colors().into_iter().map(|color| color == qrcode::types::Color::Dark).collect();
    drawn(width, dark.chunks(width).map(<[bool]>::to_vec))
}

/// Draws rows of modules, of which the dark ones are `true`.
fn drawn(width: usize, rows: impl Iterator<Item = Vec<bool>>) -> String {
    let side = width + 2 * QUIET_ZONE;
    let mut path = String::with_capacity(4096);
    for (y, row) in (QUIET_ZONE..).zip(rows) {
        let mut x = QUIET_ZONE;
        for run in row.chunk_by(|left, right| left == right) {
            if run.first() == Some(&true) {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{x} {y}h{len}v1h-{len}z", len = run.len());
            }
            x += run.len();
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
    )
}

/// Level Q corrects 25 % of damage, such as a fold or a thumb. Version 2 holds 29 characters at that level, and a code has 26.
fn symbol(code: &TicketCode) -> Symbol {
    static ENCODER: OnceLock<Encoder> = OnceLock::new();
    let (version, level) = (Version::Normal(2), EcLevel::Q);
    let encoder = ENCODER.get_or_init(|| match Encoder::new(version, level) {
        Ok(encoder) => encoder,
        Err(error) => unreachable!("every version has every level: {error}"),
    });
    match encoder.encode(code.as_str()) {
        Ok(symbol) => symbol,
        Err(error) => unreachable!("a ticket code has 26 alphanumeric characters: {error}"),
    }
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
        let mut decoder = ::png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(::png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.width, info.color_type, info.bit_depth),
            (info.height, ::png::ColorType::Grayscale, ::png::BitDepth::Eight)
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

    #[test]
    fn a_uri_is_read_back_by_another_decoder() {
        let uri =
            "otpauth://totp/tickets.example.com:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ada";
        assert_eq!(scan(&draw(&uri_svg(uri))), uri);
        assert_eq!(uri_svg(&"x".repeat(3000)), "");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_image_is_read_back_by_another_decoder(seed: [u8; 32], index: u32) {
            let code = TicketCode::derive(&Seed(seed), index);
            let pictures = [unpack(&png(&code)), draw(&svg(&code))];
            for picture in &pictures {
                prop_assert_eq!(scan(picture), code.as_str());
                prop_assert_eq!(picture, &pictures[0]);
            }
        }
    }

    proptest! {
        /// Wider symbols need two copies a band, and another distance.
        #[test]
        fn symbols_of_other_sizes_are_read_back_too(
            text in "[0-9A-Z]{1,20}",
            (version, width) in prop_oneof![Just((1, 21)), Just((3, 29)), Just((6, 41)), Just((11, 61))],
        ) {
            let encoder = Encoder::new(Version::Normal(version), EcLevel::L).unwrap();
            for quiet_zone in [4, 7] {
                let picture = unpack(&png::encode(&encoder.encode(&text).unwrap(), quiet_zone));
                prop_assert_eq!(picture.0, (width + 2 * quiet_zone) * 8);
                prop_assert_eq!(scan(&picture), text.clone());
            }
        }
    }

    #[test]
    fn images_are_small() {
        let png = png(&TicketCode::derive(&Seed([7; 32]), 0));
        assert_eq!(unpack(&png).0, 264);
        assert!(png.len() < 400, "{}", png.len());
    }

    #[test]
    fn an_svg_has_one_path_and_points_nowhere() {
        let svg = svg(&TicketCode::derive(&Seed([7; 32]), 0));
        assert_eq!(svg.matches("<path").count(), 1);
        assert!(svg.contains("viewBox=\"0 0 33 33\"") && svg.contains("crispEdges"));
        assert!(!svg.contains("href") && !svg.contains("url(") && !svg.contains("style") && !svg.contains("<script"));
    }
}
