//! What can be wrong with a package as a database.

use std::io;

use crate::StorageError;

/// A package that cannot be read or written, or not as it stands.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The compound file is damaged, or cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A stream that every database has is missing.
    #[error("the package has no stream '{name}', so it is no installer database")]
    MissingStream {
        /// The stream.
        name: &'static str,
    },
    /// The list of strings is too short or does not agree with the strings' bytes.
    #[error("string {string} of the pool ends at byte {end}, beyond the {available} bytes of string data")]
    StringData {
        /// The string's number, from 1.
        string: usize,
        /// Where it would end.
        end: u64,
        /// How many bytes there are.
        available: usize,
    },
    /// The list of strings has no place for its header, or ends inside an entry.
    #[error("the string pool has {length} bytes, which is no whole number of entries")]
    StringPool {
        /// Its length in bytes.
        length: usize,
    },
    /// A code page that is not known here.
    #[error("code page {code_page} is not supported")]
    CodePage {
        /// The code page.
        code_page: u16,
    },
    /// Bytes that are no text in the code page.
    #[error("string {string} of the pool is no text in code page {code_page}")]
    Undecodable {
        /// The string's number, from 1.
        string: usize,
        /// The code page.
        code_page: u16,
    },
    /// A text that the code page cannot express.
    #[error("'{text}' cannot be written in code page {code_page}")]
    Unencodable {
        /// The text.
        text: String,
        /// The code page.
        code_page: u16,
    },
    /// A value that refers to a string that is not there.
    #[error("table '{table}', column '{column}', row {row}: there is no string {string}")]
    StringReference {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The string's number.
        string: u32,
    },
    /// A number outside the range of its column.
    #[error("table '{table}', column '{column}', row {row}: {value} does not fit the column")]
    OutOfRange {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// The number.
        value: i32,
    },
    /// A value of another kind than its column.
    #[error("table '{table}', column '{column}', row {row}: the value does not have the column's type")]
    WrongKind {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
    },
    /// Two rows of a table have the same key.
    #[error("table '{table}' has more than one row with the key '{key}'")]
    DuplicateKey {
        /// The table.
        table: String,
        /// The key.
        key: String,
    },
    /// The data of a table is no whole number of rows.
    #[error("table '{table}' has {length} bytes of data, which is no multiple of {row_length} bytes a row")]
    TableLength {
        /// The table.
        table: String,
        /// Length of the data in bytes.
        length: usize,
        /// Length of a row in bytes.
        row_length: usize,
    },
    /// The data of tables overlaps in the file.
    #[error("table '{table}': the data of the tables is longer than the file")]
    SharedData {
        /// The table that was read last.
        table: String,
    },
    /// A column whose type is none of the documented ones.
    #[error("table '{table}', column '{column}': type {bits:#06x} is unknown")]
    ColumnKind {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The type as stored.
        bits: u16,
    },
    /// The column list of a table has a gap or names a column twice.
    #[error("table '{table}': column number {got} in place of {expected}")]
    ColumnNumber {
        /// The table.
        table: String,
        /// The number found.
        got: i32,
        /// The number that should be next.
        expected: i32,
    },
    /// A table without columns.
    #[error("table '{table}' has no columns")]
    NoColumns {
        /// The table.
        table: String,
    },
    /// The package has two tables, or two streams, of one name.
    #[error("the name '{name}' is used twice")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A name that cannot be the name of a stream, because it is too long when encoded or has a character
    /// that is not allowed.
    #[error("'{name}' cannot be the name of a stream")]
    StreamName {
        /// The name.
        name: String,
    },
    /// A stream that a row refers to is not there.
    #[error("there is no stream '{name}'")]
    NoStream {
        /// The stream.
        name: String,
    },
    /// The summary information is damaged.
    #[error("summary information: {reason} at byte {offset}")]
    Summary {
        /// What is wrong.
        reason: &'static str,
        /// Where, in bytes from the start of its stream.
        offset: usize,
    },
    /// A file cannot be written.
    #[error("cannot write '{path}'")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A stream cannot be read.
    #[error("cannot read stream '{name}'")]
    ReadStream {
        /// The stream.
        name: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A stream cannot be read or written while saving.
    #[error("cannot write stream '{name}'")]
    WriteStream {
        /// The stream.
        name: String,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
}
