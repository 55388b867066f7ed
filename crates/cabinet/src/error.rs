//! What can be wrong with a cabinet, one variant per cause.
//!
//! A cabinet set is several files, so an error about content names the part (`part`: "cabinet 1" for the one that was
//! opened first, later ones with their name) and the offset in bytes within that part. What is wrong inside a compressed
//! block is a [`DecodeError`]; the block's place is in the [`CabinetError::Block`] around it.

use std::io;

/// Why a cabinet could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CabinetError {
    /// The file beneath the cabinet could not be read.
    #[error("{part}: reading at offset {offset:#x} failed")]
    Read {
        /// The part of the set.
        part: String,
        /// Offset in bytes within that part.
        offset: u64,
        /// What the file reported.
        #[source]
        source: io::Error,
    },
    /// The part ends before a structure is complete.
    #[error(
        "{part}: {what} at offset {offset:#x} takes {needed} bytes, but the cabinet is {length} bytes long"
    )]
    Truncated {
        /// The part of the set.
        part: String,
        /// Offset of the structure.
        offset: u64,
        /// The structure.
        what: &'static str,
        /// Its length in bytes.
        needed: u64,
        /// Length of the part in bytes.
        length: u64,
    },
    /// The first four bytes are not `MSCF`.
    #[error("{part}: not a cabinet: it starts with {found:02x?} instead of 'MSCF'")]
    Signature {
        /// The part of the set.
        part: String,
        /// The bytes that were found.
        found: [u8; 4],
    },
    /// The format's major version is not 1.
    #[error("{part}: cabinet format {major}.{minor} is not known, only 1.x")]
    Version {
        /// The part of the set.
        part: String,
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// A name has no terminating zero within the 256 bytes that the format gives it.
    #[error("{part}: the {what} at offset {offset:#x} is not ended within {limit} bytes")]
    Unterminated {
        /// The part of the set.
        part: String,
        /// Offset of the name.
        offset: u64,
        /// Which name.
        what: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// A folder names a compression type that the format does not define.
    #[error("{part}: folder {folder} has the unknown compression type {value:#06x}")]
    Compression {
        /// The part of the set.
        part: String,
        /// Index of the folder in this part.
        folder: usize,
        /// The type as stored.
        value: u16,
    },
    /// A file belongs to a folder that does not exist.
    #[error("{part}: file '{file}' is in folder {folder:#06x}, but there are {folders} folders")]
    FolderIndex {
        /// The part of the set.
        part: String,
        /// The file's name.
        file: String,
        /// The folder index as stored.
        folder: u16,
        /// Folders in this part.
        folders: usize,
    },
    /// A data block's length is beyond what the format allows.
    #[error("{part}: the block at offset {offset:#x} has {compressed} bytes for {uncompressed}: {rule}")]
    BlockSize {
        /// The part of the set.
        part: String,
        /// Offset of the block.
        offset: u64,
        /// Stored bytes (all parts of a split block together).
        compressed: usize,
        /// Bytes after decompression.
        uncompressed: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A data block's checksum does not fit its content.
    #[error(
        "{part}: the block at offset {offset:#x} has checksum {computed:#010x}, stored is {stored:#010x}"
    )]
    Checksum {
        /// The part of the set.
        part: String,
        /// Offset of the block.
        offset: u64,
        /// The checksum as stored.
        stored: u32,
        /// The checksum of the content.
        computed: u32,
    },
    /// A data block could not be decompressed.
    #[error("{part}: the block at offset {offset:#x} of folder {folder} is damaged")]
    Block {
        /// The part of the set.
        part: String,
        /// Offset of the block.
        offset: u64,
        /// Index of the folder in the set.
        folder: usize,
        /// What is wrong inside the block.
        #[source]
        source: DecodeError,
    },
    /// A file's range lies beyond the end of its folder's data.
    #[error("file '{file}' takes bytes {offset}..{end} of folder {folder}, which ends after {available}")]
    BeyondFolder {
        /// The file's name.
        file: String,
        /// Start of the file within the folder's data.
        offset: u64,
        /// End of the file within the folder's data.
        end: u64,
        /// Index of the folder in the set.
        folder: usize,
        /// Bytes that the folder has.
        available: u64,
    },
    /// A file starts in a cabinet before the one that was opened first.
    #[error("file '{file}' starts in the preceding cabinet '{previous}', open the set from there")]
    StartsBefore {
        /// The file's name.
        file: String,
        /// Name of the preceding cabinet.
        previous: String,
    },
    /// The following cabinet of the set could not be opened.
    #[error("the next cabinet '{name}' (disk '{disk}') could not be opened")]
    Next {
        /// Its name as the cabinet before it gives it.
        name: String,
        /// The name of its disk, often empty.
        disk: String,
        /// What the caller's opener reported.
        #[source]
        source: io::Error,
    },
    /// The file opened as the following cabinet is another one.
    #[error(
        "{part}: cabinet {got_index} of set {got_set} where cabinet {expected_index} of set {expected_set} belongs"
    )]
    WrongPart {
        /// The part of the set.
        part: String,
        /// Set identifier of the first cabinet.
        expected_set: u16,
        /// Expected place in the set.
        expected_index: u32,
        /// Set identifier found.
        got_set: u16,
        /// Place found.
        got_index: u16,
    },
    /// A folder goes on in the following cabinet, which does not continue it.
    #[error("{part}: does not continue folder {folder} of the cabinet before it: {reason}")]
    NotContinued {
        /// The part of the set.
        part: String,
        /// Index of the folder in the set.
        folder: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// There is no file of this index.
    #[error("there is no file {index}, the cabinet has {files}")]
    NoSuchFile {
        /// The index asked for.
        index: usize,
        /// Number of files.
        files: usize,
    },
    /// The receiver of a file's content, or of a new cabinet, reported an error.
    #[error("writing '{file}' failed")]
    Write {
        /// The file being copied or the structure being written.
        file: String,
        /// What the receiver reported.
        #[source]
        source: io::Error,
    },
    /// The content of a file to be added could not be read.
    #[error("reading the content of '{file}' failed")]
    Content {
        /// The file being added.
        file: String,
        /// What the reader reported.
        #[source]
        source: io::Error,
    },
    /// A name cannot be stored: empty, longer than 255 bytes, or with a zero in it.
    #[error("'{name}' cannot be a name in a cabinet: it needs 1 to 255 bytes, none of them zero")]
    Name {
        /// The name.
        name: String,
    },
    /// A new cabinet grows beyond a limit of the format.
    #[error("the cabinet would have {count} {what}, the format allows {limit}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there would be.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// The cabinets of a set cannot be so small.
    #[error("cabinets of {most} bytes are too small for their tables and a part of a file")]
    TooSmall {
        /// The largest size wanted, in bytes.
        most: u64,
    },
    /// Compressing a block failed.
    #[error("a block of '{file}' could not be compressed: {reason}")]
    Compress {
        /// The file being added.
        file: String,
        /// What the compressor reported.
        reason: String,
    },
}

/// What is wrong inside one compressed block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// An MSZIP block does not start with `CK`.
    #[error("it starts with {found:02x?} instead of 'CK'")]
    MszipSignature {
        /// The bytes that were found (fewer at the end of a block).
        found: Vec<u8>,
    },
    /// The deflate stream of an MSZIP block is damaged.
    #[error("its deflate stream is damaged after {output} bytes: {reason}")]
    Deflate {
        /// Bytes decompressed before.
        output: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The block yields another number of bytes than its header says.
    #[error("it yields {got} bytes, its header says {expected}")]
    OutputLength {
        /// Bytes that it yields.
        got: u64,
        /// Bytes that the block's header promises.
        expected: u64,
    },
    /// The compressed bytes end in the middle of a symbol.
    #[error("its compressed bytes end after {output} bytes of output")]
    InputEnds {
        /// Bytes decompressed before.
        output: usize,
    },
    /// A block follows one of less than 32768 bytes, which only the last one may be.
    #[error("it follows a block of {previous} bytes, and only the last one may be shorter than 32768")]
    AfterShortBlock {
        /// Bytes in the block before.
        previous: usize,
    },
    /// An LZX block is of a type that is not defined.
    #[error("its LZX block type is {found}, not 1 (verbatim), 2 (aligned) or 3 (uncompressed)")]
    LzxBlockType {
        /// The type that was found.
        found: u32,
    },
    /// The lengths of a Huffman code give more codes than there are.
    #[error("the code lengths of its {tree} tree are oversubscribed")]
    CodeLengths {
        /// Which tree.
        tree: &'static str,
    },
    /// The lengths of a Huffman code leave bit patterns without a symbol.
    #[error("the code lengths of its {tree} tree leave codes without a symbol")]
    IncompleteCode {
        /// Which tree.
        tree: &'static str,
    },
    /// A run of code lengths goes on beyond the last symbol.
    #[error("a run of {run} code lengths passes the end of its {tree} tree, where {left} are left")]
    CodeLengthRun {
        /// Which tree.
        tree: &'static str,
        /// Length of the run.
        run: usize,
        /// Symbols left.
        left: usize,
    },
    /// A bit pattern stands for no symbol.
    #[error("a code of its {tree} tree stands for no symbol")]
    UnusedCode {
        /// Which tree.
        tree: &'static str,
    },
    /// A match starts before the folder's first byte.
    #[error("a match {distance} bytes back starts before the folder's first byte, {available} bytes back")]
    MatchStart {
        /// Distance in bytes.
        distance: u64,
        /// Bytes there are.
        available: u64,
    },
    /// A match is longer than what is left of its block.
    #[error("a match of {length} bytes passes the end of its block, where {left} are left")]
    MatchEnd {
        /// Length of the match in bytes.
        length: usize,
        /// Bytes left.
        left: usize,
    },
    /// The thread that was to make sense of the block has failed, which is a defect of this program.
    #[error("the thread that decompresses it has failed")]
    ThreadFailed,
    /// An arithmetic coder's state is impossible: the bits are no Quantum stream.
    #[error("its arithmetic coder fails after {output} bytes of output")]
    ArithmeticCoder {
        /// Bytes decompressed before.
        output: usize,
    },
}
