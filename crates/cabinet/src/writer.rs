//! New cabinets by themselves: stored, MSZIP or LZX. Sets are written by [`crate::CabinetSetWriter`].
//!
//! A cabinet's tables come before its data and hold lengths that are known only afterwards, so nothing is written until
//! [`CabinetWriter::finish`].

use std::io::{Read, Write};

use crate::contents::{CABINET_LIMIT, Contents, WriterOptions, limit};
use crate::date_time::DosDateTime;
use crate::error::CabinetError;
use crate::header::{HEADER_SIZE, Header};
use crate::layout::Layout;
use crate::lzx::MOST_FRAMES;

/// Writes a cabinet. Nothing reaches the receiver before [`CabinetWriter::finish`].
#[must_use = "a cabinet is written by finish()"]
pub struct CabinetWriter<W: Write> {
    out: W,
    contents: Contents,
}

impl<W: Write> CabinetWriter<W> {
    /// Starts a cabinet that goes to `out`, with the default options.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn create(out: W) -> Result<Self, CabinetError> {
        Self::create_with(out, WriterOptions::default())
    }

    /// Starts a cabinet that goes to `out`.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn create_with(out: W, options: WriterOptions) -> Result<Self, CabinetError> {
        Ok(Self { out, contents: Contents::new(options, MOST_FRAMES)? })
    }

    /// Adds a file and gives its length in bytes. Names that are not ASCII are stored as UTF-8 and marked so.
    ///
    /// # Errors
    /// When the name cannot be stored, a limit of the format is passed, or `content` cannot be read; the cabinet then is not
    /// fit for anything but being dropped.
    pub fn add(
        &mut self,
        name: &str,
        content: impl Read,
        modified: Option<DosDateTime>,
        attributes: u16,
    ) -> Result<u64, CabinetError> {
        let size = self.contents.add(name, content, modified, attributes)?;
        limit("bytes", self.contents.spooled(), CABINET_LIMIT)?;
        Ok(size)
    }

    /// Starts another folder, in which the next file will be the first.
    ///
    /// # Errors
    /// When the last block cannot be written, or there are too many folders.
    pub fn new_folder(&mut self) -> Result<(), CabinetError> {
        self.contents.start_folder("folder")
    }

    /// Writes the cabinet and gives the receiver back, flushed.
    ///
    /// # Errors
    /// When the cabinet is too large, or the receiver reports an error.
    pub fn finish(mut self) -> Result<W, CabinetError> {
        self.contents.end_folder("last block")?;
        let mut layout = Layout::new(u64::MAX, HEADER_SIZE);
        for (index, blocks) in self.contents.folders.iter().enumerate() {
            // Without a limit all of it is one cabinet.
            let _: Option<()> = layout.add_folder(index, self.contents.files_of(index), blocks);
        }
        for plan in layout.finish() {
            self.contents.write(&plan, Header::default(), &mut self.out)?;
        }
        Ok(self.out)
    }
}
