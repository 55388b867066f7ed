//! New cabinets: single ones, stored or MSZIP.
//!
//! A cabinet's tables come before its data and hold lengths that are known only afterwards, so the data waits in an
//! unnamed temporary file until [`CabinetWriter::finish`].

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::block::{BLOCK_SIZE, BlockHeader, HEADER_SIZE};
use crate::date_time::DosDateTime;
use crate::error::CabinetError;
use crate::file::attributes;
use crate::header::{self, FileEntry, FolderEntry, Header};

/// The longest name in bytes, without its terminating zero.
const NAME_LIMIT: usize = 255;
/// The most blocks that a folder's entry can count.
const BLOCKS_LIMIT: usize = u16::MAX as usize;
/// The longest folder, so that its data fits its blocks.
const FOLDER_LIMIT: u64 = (BLOCKS_LIMIT * BLOCK_SIZE) as u64;
/// The longest cabinet that Windows reads.
const CABINET_LIMIT: u64 = i32::MAX as u64;
/// The most files: higher folder and file numbers have other meanings.
const FILES_LIMIT: usize = u16::MAX as usize;
const MSZIP_SIGNATURE: [u8; 2] = *b"CK";
/// What deflate adds to a block that it stores as it is. A block that grows by more is stored so instead: the format's
/// readers count on it.
const STORED_OVERHEAD: usize = 5;
/// Room for what deflate makes of a block at first, codes of nine bits a byte at worst. With less, zlib-rs 0.6.8 panics at
/// level 1.
const DEFLATE_ROOM: usize = BLOCK_SIZE + BLOCK_SIZE / 4;

/// How a writer compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterCompression {
    /// Not at all.
    Stored,
    /// Deflate at a level from 0 (none) to 9 (smallest).
    Mszip {
        /// The level; more than 9 counts as 9.
        level: u8,
    },
}

/// What a new cabinet is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriterOptions {
    /// How its folders are compressed.
    pub compression: WriterCompression,
    /// A number that the cabinets of one set share.
    pub set_id: u16,
    /// When a folder has at least this many bytes, the next file starts another one: files of other folders need not be
    /// decompressed to reach one. At most 2 GB less 32 KB, which is the format's limit.
    pub folder_size: u64,
}

impl Default for WriterOptions {
    /// MSZIP at level 6 in folders as large as can be.
    fn default() -> Self {
        Self { compression: WriterCompression::Mszip { level: 6 }, set_id: 0, folder_size: FOLDER_LIMIT }
    }
}

/// Writes a cabinet. Nothing reaches the receiver before [`CabinetWriter::finish`].
#[must_use = "a cabinet is written by finish()"]
pub struct CabinetWriter<W: Write> {
    out: W,
    options: WriterOptions,
    files: Vec<FileEntry>,
    folders: Vec<FolderEntry>,
    /// Bytes in the current folder.
    folder_size: u64,
    /// Finished blocks, and how many bytes they take.
    spool: File,
    spooled: u64,
    /// The block being filled.
    block: Vec<u8>,
    /// The block before it, which MSZIP uses as dictionary.
    previous: Vec<u8>,
    deflate: Option<Compress>,
    stored: Vec<u8>,
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
        let spool = tempfile::tempfile().map_err(|source| write_error("temporary file", source))?;
        let deflate = match options.compression {
            WriterCompression::Stored => None,
            WriterCompression::Mszip { level } => {
                Some(Compress::new(Compression::new(u32::from(level.min(9))), false))
            }
        };
        Ok(Self {
            out,
            options,
            files: Vec::new(),
            folders: Vec::new(),
            folder_size: 0,
            spool,
            spooled: 0,
            block: Vec::with_capacity(BLOCK_SIZE),
            previous: Vec::new(),
            deflate,
            stored: Vec::new(),
        })
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
        if name.is_empty() || name.len() > NAME_LIMIT || name.contains('\0') {
            return Err(CabinetError::Name { name: name.to_owned() });
        }
        limit("files", self.files.len() as u64 + 1, FILES_LIMIT as u64)?;
        if self.folders.is_empty() || self.folder_size >= self.options.folder_size.min(FOLDER_LIMIT) {
            self.start_folder(name)?;
        }
        let offset = self.folder_size;
        let size = self.copy_content(name, content)?;
        let (date, time) = modified.map_or((0, 0), DosDateTime::to_raw);
        let attributes = attributes & !attributes::NAME_IS_UTF8;
        let utf8 = if name.is_ascii() { 0 } else { attributes::NAME_IS_UTF8 };
        self.files.push(FileEntry {
            size: size as u32,
            offset: offset as u32,
            folder: (self.folders.len() - 1) as u16,
            date,
            time,
            attributes: attributes | utf8,
            name: name.as_bytes().to_vec(),
        });
        Ok(size)
    }

    /// Starts another folder, in which the next file will be the first.
    ///
    /// # Errors
    /// When the last block cannot be written, or there are too many folders.
    pub fn new_folder(&mut self) -> Result<(), CabinetError> {
        self.start_folder("folder")
    }

    /// Writes the cabinet and gives the receiver back, flushed.
    ///
    /// # Errors
    /// When the cabinet is too large, or the receiver reports an error.
    pub fn finish(mut self) -> Result<W, CabinetError> {
        self.end_block("last block")?;
        let tables = self.tables()?;
        let mut write =
            |bytes: &[u8]| self.out.write_all(bytes).map_err(|source| write_error("cabinet", source));
        for table in tables {
            write(&table)?;
        }
        self.spool.rewind().map_err(|source| write_error("temporary file", source))?;
        io::copy(&mut self.spool, &mut self.out).map_err(|source| write_error("cabinet", source))?;
        self.out.flush().map_err(|source| write_error("cabinet", source))?;
        Ok(self.out)
    }

    /// The tables as stored, with their final offsets.
    fn tables(&self) -> Result<[Vec<u8>; 3], CabinetError> {
        let files: Vec<u8> = self.files.iter().flat_map(FileEntry::to_bytes).collect();
        let files_offset = header::HEADER_SIZE + header::FOLDER_SIZE * self.folders.len() as u64;
        let data_offset = files_offset + files.len() as u64;
        let size = data_offset + self.spooled;
        limit("bytes", size, CABINET_LIMIT)?;
        let header = Header {
            size: size as u32,
            files_offset: files_offset as u32,
            folders: self.folders.len() as u16,
            files: self.files.len() as u16,
            set_id: self.options.set_id,
            ..Header::default()
        };
        // Until now a folder's offset counts from the start of the data.
        let place = |folder: &FolderEntry| {
            let data_offset = folder.data_offset + data_offset as u32;
            FolderEntry { data_offset, ..*folder }.to_bytes()
        };
        Ok([header.to_bytes(), self.folders.iter().flat_map(place).collect(), files])
    }

    fn start_folder(&mut self, file: &str) -> Result<(), CabinetError> {
        self.end_block(file)?;
        // An unused folder would be one without blocks.
        if self.folders.is_empty() || self.folder_size > 0 {
            limit("folders", self.folders.len() as u64 + 1, u64::from(header::CONTINUED_FROM_PREVIOUS))?;
            let compression = match self.options.compression {
                WriterCompression::Stored => crate::decoder::Compression::Stored,
                WriterCompression::Mszip { .. } => crate::decoder::Compression::Mszip,
            };
            let data_offset = self.spooled as u32;
            self.folders.push(FolderEntry { data_offset, blocks: 0, compression: compression.to_raw() });
        }
        self.folder_size = 0;
        self.previous.clear();
        Ok(())
    }

    fn copy_content(&mut self, name: &str, mut content: impl Read) -> Result<u64, CabinetError> {
        let start = self.folder_size;
        loop {
            let room = (BLOCK_SIZE - self.block.len()) as u64;
            let taken = content.by_ref().take(room).read_to_end(&mut self.block);
            let taken =
                taken.map_err(|source| CabinetError::Content { file: name.to_owned(), source })? as u64;
            self.folder_size += taken;
            limit("bytes in a folder", self.folder_size, FOLDER_LIMIT)?;
            if taken < room {
                return Ok(self.folder_size - start);
            }
            self.end_block(name)?;
        }
    }

    /// Writes the block being filled, if there is anything in it.
    fn end_block(&mut self, file: &str) -> Result<(), CabinetError> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.compress(file)?;
        let stored = if self.deflate.is_some() { &self.stored } else { &self.block };
        let mut header =
            BlockHeader { checksum: 0, stored: stored.len() as u16, uncompressed: self.block.len() as u16 };
        header.checksum = header.compute_checksum(&[], stored);
        let written = self.spool.write_all(&header.to_bytes()).and_then(|()| self.spool.write_all(stored));
        written.map_err(|source| write_error("temporary file", source))?;
        self.spooled += (HEADER_SIZE + stored.len()) as u64;
        limit("bytes", self.spooled, CABINET_LIMIT)?;
        if let Some(folder) = self.folders.last_mut() {
            folder.blocks += 1;
        }
        std::mem::swap(&mut self.previous, &mut self.block);
        self.block.clear();
        Ok(())
    }

    /// Compresses the block into `stored`: `CK` and a deflate stream of its own, with the block before as dictionary.
    fn compress(&mut self, file: &str) -> Result<(), CabinetError> {
        let Some(deflate) = &mut self.deflate else { return Ok(()) };
        let error = |reason: String| CabinetError::Compress { file: file.to_owned(), reason };
        deflate.reset();
        if !self.previous.is_empty() {
            deflate.set_dictionary(&self.previous).map_err(|cause| error(cause.to_string()))?;
        }
        self.stored.clear();
        self.stored.extend(MSZIP_SIGNATURE);
        self.stored.resize(MSZIP_SIGNATURE.len() + DEFLATE_ROOM, 0);
        let room = self.stored.get_mut(MSZIP_SIGNATURE.len()..).unwrap_or_default();
        let status = deflate.compress(&self.block, room, FlushCompress::Finish);
        let status = status.map_err(|cause| error(cause.to_string()))?;
        let length = deflate.total_out() as usize;
        if status == Status::StreamEnd && length <= self.block.len() + STORED_OVERHEAD {
            self.stored.truncate(MSZIP_SIGNATURE.len() + length);
        } else {
            self.store_uncompressed();
        }
        Ok(())
    }

    /// Makes `stored` an MSZIP block of one deflate block without compression: final, with its length and the complement.
    fn store_uncompressed(&mut self) {
        let length = self.block.len() as u16;
        self.stored.clear();
        self.stored.extend(MSZIP_SIGNATURE);
        self.stored.push(1);
        self.stored.extend(length.to_le_bytes());
        self.stored.extend((!length).to_le_bytes());
        self.stored.extend(&self.block);
    }
}

fn write_error(what: &str, source: io::Error) -> CabinetError {
    CabinetError::Write { file: what.to_owned(), source }
}

fn limit(what: &'static str, count: u64, limit: u64) -> Result<(), CabinetError> {
    if count > limit { Err(CabinetError::TooMuch { what, count, limit }) } else { Ok(()) }
}
