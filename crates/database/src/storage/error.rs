//! What can be wrong with a compound file.

use std::io;

/// A compound file that cannot be read, or not as it stands.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file cannot be opened.
    #[error("cannot open the file")]
    Open(#[source] io::Error),
    /// The operating system refused a read.
    #[error("cannot read {length} bytes at offset {offset}")]
    Read {
        /// Where, in bytes from the start.
        offset: u64,
        /// How many bytes were wanted.
        length: usize,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file ends before what it says it has.
    #[error("the file ends at {file_length} bytes, before {length} bytes at offset {offset}")]
    Truncated {
        /// Where, in bytes from the start.
        offset: u64,
        /// How many bytes were wanted.
        length: usize,
        /// How long the file is, in bytes.
        file_length: u64,
    },
    /// The first eight bytes are not those of a compound file.
    #[error("not a compound file: its first bytes are {found:02x?}")]
    Signature {
        /// The bytes found.
        found: [u8; 8],
    },
    /// A field of the header has a value that the format does not know.
    #[error("header field '{field}' is {got}, expected {expected}")]
    Header {
        /// The field.
        field: &'static str,
        /// Its value.
        got: u32,
        /// What the format allows.
        expected: &'static str,
    },
    /// A sector number beyond the file.
    #[error("sector {sector} is beyond the {count} sectors of the file")]
    SectorOutOfRange {
        /// The number.
        sector: u32,
        /// How many sectors the file has.
        count: u32,
    },
    /// A chain of sectors is longer than the file, so it turns back on itself.
    #[error("the chain that starts at sector {start} does not end within {limit} sectors")]
    ChainLoop {
        /// The first sector.
        start: u32,
        /// The longest a chain can be.
        limit: u64,
    },
    /// A chain of sectors ends before the stream that it holds.
    #[error("the chain that starts at sector {start} ends after {got} of {expected} sectors")]
    ChainEnds {
        /// The first sector.
        start: u32,
        /// How many sectors it has.
        got: u64,
        /// How many are needed.
        expected: u64,
    },
    /// The name of a directory entry has an impossible length.
    #[error("directory entry {entry}: the name has a length of {got} bytes")]
    EntryName {
        /// The entry's number.
        entry: u32,
        /// The length found, in bytes.
        got: u16,
    },
    /// A directory entry points to one that is not there, or that was met before.
    #[error("directory entry {entry} points to entry {link}, which is absent or already in use")]
    EntryLink {
        /// The entry's number.
        entry: u32,
        /// The entry pointed to.
        link: u32,
    },
    /// The directory does not start with a root entry.
    #[error("the directory has no root entry")]
    NoRoot,
    /// A stream's length is more than the file can hold.
    #[error("stream '{name}' has a length of {got} bytes, more than the {limit} bytes there are")]
    StreamLength {
        /// The stream.
        name: String,
        /// The length found, in bytes.
        got: u64,
        /// The most it could be, in bytes.
        limit: u64,
    },
}
