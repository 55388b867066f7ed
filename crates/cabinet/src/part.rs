//! One file of a cabinet set, read at offsets; every read is checked against the file's length before it is made.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::error::CabinetError;

/// What a cabinet can be read from: a file, a stream of a package, a cursor over bytes.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// The longest name with its terminating zero ([MS-CAB] 2.1 and 2.4).
const NAME_LIMIT: usize = 256;

/// Larger than any data block, so that a block is one read of the file.
const BUFFER_SIZE: usize = 64 * 1024;

/// An open cabinet file.
pub(crate) struct Part {
    /// How errors call it.
    label: String,
    source: BufReader<Box<dyn ReadSeek>>,
    length: u64,
    /// Where the source stands; `None` after a failed read.
    position: Option<u64>,
}

impl Part {
    /// Takes a source and asks for its length.
    pub fn new(label: String, mut source: Box<dyn ReadSeek>) -> Result<Self, CabinetError> {
        let length = source.seek(SeekFrom::End(0)).and_then(|length| source.rewind().map(|()| length));
        match length {
            Ok(length) => {
                let source = BufReader::with_capacity(BUFFER_SIZE, source);
                Ok(Self { label, source, length, position: Some(0) })
            }
            Err(source) => Err(CabinetError::Read { part: label, offset: 0, source }),
        }
    }

    /// How errors call this part.
    pub fn label(&self) -> String {
        self.label.clone()
    }

    /// Refuses a structure that passes the end of the file.
    pub fn require(&self, what: &'static str, offset: u64, needed: u64) -> Result<(), CabinetError> {
        if offset.checked_add(needed).is_some_and(|end| end <= self.length) {
            return Ok(());
        }
        Err(CabinetError::Truncated { part: self.label(), offset, what, needed, length: self.length })
    }

    /// Fills `bytes` from `offset`.
    pub fn read_exact_at(
        &mut self,
        what: &'static str,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), CabinetError> {
        self.require(what, offset, bytes.len() as u64)?;
        self.fill(offset, bytes).map_err(|source| CabinetError::Read { part: self.label(), offset, source })
    }

    /// The `N` bytes at `offset`.
    pub fn read_array_at<const N: usize>(
        &mut self,
        what: &'static str,
        offset: u64,
    ) -> Result<[u8; N], CabinetError> {
        let mut bytes = [0; N];
        self.read_exact_at(what, offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The bytes of a zero-terminated name at `offset`, without the zero.
    pub fn read_name_at(&mut self, what: &'static str, offset: u64) -> Result<Vec<u8>, CabinetError> {
        self.require(what, offset, 1)?;
        let available = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        let mut bytes = [0; NAME_LIMIT];
        let bytes = bytes.get_mut(..available.min(NAME_LIMIT)).unwrap_or_default();
        self.read_exact_at(what, offset, bytes)?;
        match bytes.split(|byte| *byte == 0).next() {
            Some(name) if name.len() < bytes.len() => Ok(name.to_vec()),
            _ => Err(CabinetError::Unterminated { part: self.label(), offset, what, limit: NAME_LIMIT }),
        }
    }

    fn fill(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        match self.position.take() {
            Some(position) => {
                // A move within the buffer keeps the buffer; both fit because a cabinet's offsets have 32 bits.
                self.source.seek_relative(offset.wrapping_sub(position) as i64)?;
            }
            None => {
                self.source.seek(SeekFrom::Start(offset))?;
            }
        }
        self.source.read_exact(bytes)?;
        self.position = Some(offset + bytes.len() as u64);
        Ok(())
    }
}
