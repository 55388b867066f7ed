//! Where the bytes of a compound file come from.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::StorageError;

/// Bytes that are read by position, so that several streams can share them without a common file offset.
#[derive(Debug)]
pub(super) enum Source {
    File { file: File, length: u64 },
    Memory(Arc<[u8]>),
}

impl Source {
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let file = File::open(path).map_err(StorageError::Open)?;
        let metadata = file.metadata().map_err(StorageError::Open)?;
        if !metadata.is_file() {
            return Err(StorageError::Open(io::Error::other("not a regular file")));
        }
        Ok(Self::File { file, length: metadata.len() })
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::File { length, .. } => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `buffer` from `offset` on.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), StorageError> {
        let length = buffer.len();
        let truncated = || StorageError::Truncated { offset, length, file_length: self.len() };
        match self {
            Self::File { file, .. } => match file.read_exact_at(buffer, offset) {
                Ok(()) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(truncated()),
                Err(source) => Err(StorageError::Read { offset, length, source }),
            },
            Self::Memory(bytes) => {
                let start = usize::try_from(offset).map_err(|_| truncated())?;
                let end = start.checked_add(length).ok_or_else(truncated)?;
                buffer.copy_from_slice(bytes.get(start..end).ok_or_else(truncated)?);
                Ok(())
            }
        }
    }

    /// Fills `buffer` from `offset` on; what lies beyond the end is zero, as the last sector may be cut
    /// short.
    pub fn read_padded(&self, buffer: &mut [u8], offset: u64) -> Result<(), StorageError> {
        let available = self.len().saturating_sub(offset).min(buffer.len() as u64) as usize;
        let (present, absent) = buffer.split_at_mut(available);
        absent.fill(0);
        self.read(present, offset)
    }
}
