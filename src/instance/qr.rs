//! QR codes as images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::{Color, QrCode};

/// Pixels of one module, and modules of the quiet zone that the QR standard asks for.
const SCALE: usize = 4;
const QUIET: usize = 4;

/// The text as a QR, as a data URI of a PNG with two colours.
///
/// Answers an empty text when the text does not fit into a QR, which WhatsApp's never does.
pub fn data_uri(text: &str, dark: [u8; 3]) -> String {
    png(text, dark).map_or_else(String::new, |png| format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

fn png(text: &str, dark: [u8; 3]) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, qrcode::EcLevel::M).ok()?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let is_dark = |pixel: usize| {
        let (x, y) = ((pixel % side) / SCALE, (pixel / side) / SCALE);
        let inside = |at: usize| (QUIET..QUIET + modules).contains(&at);
        inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark
    };
    // Palette of two: index 0 is white, index 1 is dark; a byte per pixel compresses to almost nothing.
    let pixels: Vec<u8> = (0..side * side).map(|pixel| u8::from(is_dark(pixel))).collect();
    let mut out = Vec::new();
    let side = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut out, side, side);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_palette([&[255, 255, 255], dark.as_slice()].concat());
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qr_is_a_square_png_in_the_chosen_colour() {
        let uri = data_uri("2@abc,def,ghi", [0x19, 0x87, 0x54]);
        let bytes = STANDARD.decode(uri.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let info = reader.info();
        assert_eq!(info.width, info.height);
        assert_eq!(info.palette.as_deref(), Some([255, 255, 255, 0x19, 0x87, 0x54].as_slice()));
    }

    #[test]
    fn a_text_that_is_too_long_is_no_qr() {
        assert_eq!(data_uri(&"x".repeat(10_000), [0; 3]), "");
    }
}
