//! What new cabinets hold, before it is known in which one each block lies: the files, and the compressed blocks of their
//! folders, which wait in an unnamed temporary file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::block::{BLOCK_SIZE, BlockHeader, HEADER_SIZE, MAX_STORED};
use crate::date_time::DosDateTime;
use crate::encoder::{Encoded, Encoder, WriterCompression};
use crate::error::CabinetError;
use crate::file::attributes;
use crate::header::{self, FileEntry, FolderEntry, Header};
use crate::layout::{Block, CabinetPlan, entry_size};

/// The longest name in bytes, without its terminating zero.
const NAME_LIMIT: usize = 255;
/// The most blocks that a folder's entry can count.
const BLOCKS_LIMIT: usize = u16::MAX as usize;
/// The longest folder, so that its data fits its blocks.
pub(crate) const FOLDER_LIMIT: u64 = (BLOCKS_LIMIT * BLOCK_SIZE) as u64;
/// The longest cabinet that Windows reads.
pub(crate) const CABINET_LIMIT: u64 = i32::MAX as u64;
/// The most files: higher folder and file numbers have other meanings.
const FILES_LIMIT: usize = u16::MAX as usize;

/// What new cabinets are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WriterOptions {
    /// How their folders are compressed.
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

/// The files and blocks so far.
pub(crate) struct Contents {
    pub options: WriterOptions,
    /// In the order of their data; `folder` is the index in `folders`.
    pub files: Vec<FileEntry>,
    /// The blocks of each folder.
    pub folders: Vec<Vec<Block>>,
    /// Bytes in the current folder.
    folder_size: u64,
    /// What the blocks and the files' entries of the current folder take so far.
    folder_stored: u64,
    spool: File,
    spooled: u64,
    /// The block being filled.
    block: Vec<u8>,
    encoder: Option<Encoder>,
    /// The encoder holds back so many blocks at most.
    most_waiting: usize,
}

impl Contents {
    /// Nothing yet. The encoder will hold back so many blocks at most.
    pub fn new(options: WriterOptions, most_waiting: usize) -> Result<Self, CabinetError> {
        let spool = tempfile::tempfile().map_err(|source| write_error("temporary file", source))?;
        Ok(Self {
            options,
            files: Vec::new(),
            folders: Vec::new(),
            folder_size: 0,
            folder_stored: 0,
            spool,
            spooled: 0,
            block: Vec::with_capacity(BLOCK_SIZE),
            encoder: None,
            most_waiting,
        })
    }

    /// Adds a file and gives its length in bytes.
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
        let file = FileEntry {
            size: size as u32,
            offset: offset as u32,
            folder: (self.folders.len() - 1) as u16,
            date,
            time,
            attributes: attributes | utf8,
            name: name.as_bytes().to_vec(),
        };
        self.folder_stored += entry_size(&file);
        self.files.push(file);
        Ok(size)
    }

    /// Starts another folder; `file` is for errors.
    pub fn start_folder(&mut self, file: &str) -> Result<(), CabinetError> {
        self.end_folder(file)?;
        // An unused folder would be one without blocks.
        if self.folders.is_empty() || self.folder_size > 0 {
            limit("folders", self.folders.len() as u64 + 1, u64::from(header::CONTINUED_FROM_PREVIOUS))?;
            self.folders.push(Vec::new());
        }
        self.folder_size = 0;
        self.folder_stored = 0;
        Ok(())
    }

    /// Bytes that the current folder takes at most with its files' entries.
    pub fn folder_bound(&self) -> u64 {
        let waiting = self.encoder.as_ref().map_or(0, Encoder::waiting) + u64::from(!self.block.is_empty());
        self.folder_stored + waiting * (MAX_STORED + HEADER_SIZE) as u64
    }

    /// The files of a folder.
    pub fn files_of(&self, folder: usize) -> &[FileEntry] {
        let start = self.files.partition_point(|file| usize::from(file.folder) < folder);
        let end = self.files.partition_point(|file| usize::from(file.folder) <= folder);
        self.files.get(start..end).unwrap_or_default()
    }

    /// Ends the last folder, if there is one; `file` is for errors.
    pub fn end_folder(&mut self, file: &str) -> Result<(), CabinetError> {
        self.end_block(file)?;
        match self.encoder.take() {
            Some(encoder) => self.spool_blocks(encoder.finish()),
            None => Ok(()),
        }
    }

    /// Bytes that the blocks take without their headers.
    pub fn spooled(&self) -> u64 {
        self.spooled
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

    /// Compresses the block being filled, if there is anything in it.
    fn end_block(&mut self, file: &str) -> Result<(), CabinetError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_SIZE));
        let compression = self.options.compression;
        let blocks = self
            .encoder
            .get_or_insert_with(|| Encoder::new(compression, self.most_waiting))
            .add(block, file)?;
        self.spool_blocks(blocks)
    }

    fn spool_blocks(&mut self, blocks: Vec<Encoded>) -> Result<(), CabinetError> {
        for (stored, size) in blocks {
            self.spool.write_all(&stored).map_err(|source| write_error("temporary file", source))?;
            if let Some(folder) = self.folders.last_mut() {
                folder.push(Block { place: self.spooled, stored: stored.len() as u16, size: size as u16 });
            }
            self.spooled += stored.len() as u64;
            self.folder_stored += (HEADER_SIZE + stored.len()) as u64;
        }
        Ok(())
    }

    /// Writes one of the cabinets; `header` has its neighbours and its place in the set.
    pub fn write(
        &mut self,
        plan: &CabinetPlan,
        header: Header,
        out: &mut dyn Write,
    ) -> Result<(), CabinetError> {
        let write_all = |bytes: &[u8], out: &mut dyn Write| {
            out.write_all(bytes).map_err(|source| write_error("cabinet", source))
        };
        for table in self.tables(plan, header)? {
            write_all(&table, out)?;
        }
        let mut data = Vec::new();
        for piece in plan.folders.iter().flat_map(|folder| &folder.pieces) {
            let length = piece.to - piece.from;
            data.resize(usize::from(length), 0);
            let place = SeekFrom::Start(piece.block.place + u64::from(piece.from));
            let read = self.spool.seek(place).and_then(|_| self.spool.read_exact(&mut data));
            read.map_err(|source| write_error("temporary file", source))?;
            let uncompressed = if piece.is_last() { piece.block.size } else { 0 };
            let mut header = BlockHeader { checksum: 0, stored: length, uncompressed };
            header.checksum = header.compute_checksum(&[], &data);
            write_all(&header.to_bytes(), out)?;
            write_all(&data, out)?;
        }
        out.flush().map_err(|source| write_error("cabinet", source))
    }

    /// The tables as stored, with their final offsets.
    fn tables(&self, plan: &CabinetPlan, header: Header) -> Result<[Vec<u8>; 3], CabinetError> {
        let entry = |&(index, folder): &(usize, u16)| {
            let file = self.files.get(index)?;
            Some(FileEntry { folder, ..file.clone() }.to_bytes())
        };
        let files: Vec<u8> = plan.files.iter().filter_map(entry).flatten().collect();
        let files_offset = header.to_bytes().len() as u64 + header::FOLDER_SIZE * plan.folders.len() as u64;
        let mut data_offset = files_offset + files.len() as u64;
        let mut folders = Vec::new();
        for folder in &plan.folders {
            limit("bytes", data_offset, CABINET_LIMIT)?;
            let compression = self.options.compression.stored_type().to_raw();
            let blocks = folder.pieces.len() as u16;
            folders.extend(FolderEntry { data_offset: data_offset as u32, blocks, compression }.to_bytes());
            data_offset += folder.pieces.iter().map(|piece| piece.stored_size()).sum::<u64>();
        }
        limit("bytes", data_offset, CABINET_LIMIT)?;
        let header = Header {
            size: data_offset as u32,
            files_offset: files_offset as u32,
            folders: plan.folders.len() as u16,
            files: plan.files.len() as u16,
            set_id: self.options.set_id,
            ..header
        };
        Ok([header.to_bytes(), folders, files])
    }
}

pub(crate) fn write_error(what: &str, source: io::Error) -> CabinetError {
    CabinetError::Write { file: what.to_owned(), source }
}

pub(crate) fn limit(what: &'static str, count: u64, limit: u64) -> Result<(), CabinetError> {
    if count > limit { Err(CabinetError::TooMuch { what, count, limit }) } else { Ok(()) }
}
