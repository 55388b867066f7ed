//! Cabinet files and sets of cabinets: read and written, streaming.
//!
//! The map:
//! - `set`: [`CabinetSet`], one or more cabinets as one list of files, and copying their content.
//! - `folder`: a folder across cabinets and its bytes in order; `blocks`: its blocks as they are stored; `block`: one of them with its
//!   checksum.
//! - `ahead`: threads that decompress what comes next; `queue`: how far each batch of blocks is; `batch`: one of them.
//! - `decoder`: what a folder is compressed with; `mszip`, `lzx`, `quantum`: the decoders; `padded`: their input; `window`,
//!   `slots`: what the last two share.
//! - `header`: the raw tables, read and written; `part`: one file of a set, read with checked offsets.
//! - `file`, `date_time`: what a cabinet says about a file.
//! - `writer`, `set_writer`: [`CabinetWriter`] and [`CabinetSetWriter`], new cabinets: stored, MSZIP or LZX; `contents`: what they
//!   hold; `encoder`: how it is compressed; `layout`: which block and file goes into which cabinet of a set.
//! - `error`: [`CabinetError`], and [`DecodeError`] for what is inside a block.
//!
//! Memory: reading takes a folder's window (2 MB at most) and one block, with one thread beside 48 blocks more (6 MB, and 8 MB where
//! blocks refer to each other) and up to 120 with many, whatever the size of the files; writing takes one block and an entry per file,
//! compressed data waits in a temporary file.
//!
//! Not here: what the names mean, where files go, packages.
//!
//! The formats are described in [MS-CAB] (cabinet), [MS-MCI] (MSZIP) and [MS-PATCH] (LZX).
//!
//! ```
//! use std::io::Cursor;
//! use reseat_cabinet::{CabinetSet, CabinetWriter};
//!
//! let mut writer = CabinetWriter::create(Vec::new())?;
//! writer.add("readme.txt", "hello".as_bytes(), None, 0)?;
//! let cabinet = writer.finish()?;
//!
//! let mut set = CabinetSet::open_single(Box::new(Cursor::new(cabinet)))?;
//! let mut text = Vec::new();
//! if let Some(index) = set.find("README.TXT") {
//!     set.copy(index, &mut text)?;
//! }
//! assert_eq!(text, b"hello");
//! # Ok::<(), reseat_cabinet::CabinetError>(())
//! ```

mod ahead;
mod batch;
mod block;
mod blocks;
mod contents;
mod date_time;
mod decoder;
mod encoder;
mod error;
mod file;
mod folder;
mod header;
mod layout;
mod lzx;
mod mszip;
mod padded;
mod part;
mod quantum;
mod queue;
mod set;
mod set_writer;
mod slots;
#[cfg(test)]
mod test_cabinet;
mod window;
mod writer;

pub use contents::WriterOptions;
pub use date_time::DosDateTime;
pub use decoder::Compression;
pub use encoder::WriterCompression;
pub use error::{CabinetError, DecodeError};
pub use file::{CabinetFile, attributes};
pub use part::ReadSeek;
pub use set::{CabinetSet, NextCabinet};
pub use set_writer::{CabinetName, CabinetSetWriter};
pub use writer::CabinetWriter;
