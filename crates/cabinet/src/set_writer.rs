//! New sets of cabinets: none is larger than wanted, and files go on from one to the next.

use std::io::{self, Read, Write};

use crate::block::BLOCK_SIZE;
use crate::contents::{CABINET_LIMIT, Contents, WriterOptions, limit, write_error};
use crate::date_time::DosDateTime;
use crate::error::CabinetError;
use crate::header::{FILE_SIZE, HEADER_SIZE, Header, Neighbour};
use crate::layout::Layout;
use crate::lzx::MOST_FRAMES;

/// Names are as long as that of this cabinet at most.
const LAST_NUMBER: usize = 65_535;

/// Gives the name of a cabinet by its number from 1.
pub type CabinetName = Box<dyn Fn(usize) -> String + Send>;

/// Writes a set of cabinets. Nothing is written before [`CabinetSetWriter::finish`], because only then it is known which file
/// goes on in which cabinet.
#[must_use = "a set is written by finish()"]
pub struct CabinetSetWriter {
    contents: Contents,
    most: u64,
    name: CabinetName,
    layout: Layout,
    /// So many folders are laid out.
    laid_out: usize,
}

impl CabinetSetWriter {
    /// Starts a set whose cabinets have at most `most` bytes each, and names by which each refers to those beside it. Readers
    /// tell sets apart by [`WriterOptions::set_id`].
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn create(most: u64, name: CabinetName, options: WriterOptions) -> Result<Self, CabinetError> {
        let most = most.min(CABINET_LIMIT);
        // Two names and the zeros after them and after the two empty names of disks.
        let header = HEADER_SIZE + 2 * (name(LAST_NUMBER).len() as u64 + 2);
        let layout = Layout::new(most, header);
        // While blocks are held back their room has to be guessed: that much of a cabinet may have folders of one file.
        let most_waiting = usize::try_from(most / (8 * BLOCK_SIZE as u64)).unwrap_or(MOST_FRAMES);
        let contents = Contents::new(options, most_waiting.clamp(1, MOST_FRAMES))?;
        Ok(Self { contents, most, name, layout, laid_out: 0 })
    }

    /// Adds a file and gives its length in bytes. Names that are not ASCII are stored as UTF-8 and marked so.
    ///
    /// # Errors
    /// When the name cannot be stored, a limit of the format is passed, or `content` cannot be read; the set then is not fit
    /// for anything but being dropped.
    pub fn add(
        &mut self,
        name: &str,
        content: impl Read,
        modified: Option<DosDateTime>,
        attributes: u16,
    ) -> Result<u64, CabinetError> {
        self.lay_out(self.contents.folders.len().saturating_sub(1))?;
        // The entry of the file itself, whose name has 255 bytes at most.
        let entry = FILE_SIZE + name.len() as u64 + 1;
        if self.layout.is_full_with(self.contents.folder_bound() + entry) {
            self.contents.start_folder(name)?;
            self.lay_out(self.contents.folders.len().saturating_sub(1))?;
        }
        self.contents.add(name, content, modified, attributes)
    }

    /// Starts another folder, in which the next file will be the first.
    ///
    /// # Errors
    /// When the last block cannot be written, or there are too many folders.
    pub fn new_folder(&mut self) -> Result<(), CabinetError> {
        self.contents.start_folder("folder")
    }

    /// Lays out the folders before this one.
    fn lay_out(&mut self, before: usize) -> Result<(), CabinetError> {
        while self.laid_out < before {
            let files = self.contents.files_of(self.laid_out);
            let blocks = self.contents.folders.get(self.laid_out).map_or(&[][..], Vec::as_slice);
            let too_small = CabinetError::TooSmall { most: self.most };
            self.layout.add_folder(self.laid_out, files, blocks).ok_or(too_small)?;
            self.laid_out += 1;
        }
        Ok(())
    }

    /// Writes the cabinets one after the other and gives their receivers back, flushed. `open` makes a receiver for the
    /// cabinet of a name.
    ///
    /// # Errors
    /// When the cabinets would be too small to hold anything, there are too many, or a receiver reports an error.
    pub fn finish<W: Write>(
        mut self,
        mut open: impl FnMut(&str) -> io::Result<W>,
    ) -> Result<Vec<W>, CabinetError> {
        self.contents.end_folder("last block")?;
        self.lay_out(self.contents.folders.len())?;
        let Self { mut contents, name, layout, .. } = self;
        let plans = layout.finish();
        limit("cabinets in a set", plans.len() as u64, LAST_NUMBER as u64)?;
        let neighbour = |number: usize| Some(Neighbour { name: name(number), disk: String::new() });
        let mut written = Vec::with_capacity(plans.len());
        for (index, plan) in plans.iter().enumerate() {
            let number = index + 1;
            let header = Header {
                index: index as u16,
                previous: if index == 0 { None } else { neighbour(index) },
                next: if number == plans.len() { None } else { neighbour(number + 1) },
                ..Header::default()
            };
            let mut out = open(&name(number)).map_err(|source| write_error(&name(number), source))?;
            contents.write(plan, header, &mut out)?;
            written.push(out);
        }
        Ok(written)
    }
}
