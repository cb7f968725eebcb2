//! Owns what is done to files and pages on their way to and from WhatsApp; must not know instances,
//! the protocol or HTTP. To add a kind of file: one file here.

mod preview;

pub use preview::{Preview, Previews, Thumbnail};
