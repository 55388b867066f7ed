//! What can be wrong with a text archive.

use crate::summary::FileTimeError;

/// A text archive that cannot be read or written. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The text ends before the third line.
    #[error("the archive ends before its third line")]
    NoHeader,
    /// The code page is not known.
    #[error("line 3: code page '{text}' is not supported")]
    CodePage {
        /// What the third line starts with.
        text: String,
    },
    /// Bytes that are no text in the archive's code page.
    #[error("line {line}: not valid in code page {code_page}")]
    Undecodable {
        /// The line.
        line: usize,
        /// The code page.
        code_page: u16,
    },
    /// A text that the code page cannot express.
    #[error("line {line} cannot be written in code page {code_page}")]
    Unencodable {
        /// The line.
        line: usize,
        /// The code page.
        code_page: u16,
    },
    /// The second line does not define as many columns as the first names.
    #[error("line 2: {got} definitions for {expected} columns")]
    Definitions {
        /// How many there are.
        got: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A definition that is none of the documented ones.
    #[error("line 2: column '{column}' has the unknown definition '{definition}'")]
    Definition {
        /// The column.
        column: String,
        /// The definition.
        definition: String,
    },
    /// A column without a name, or named twice.
    #[error("line 1: column name '{column}' is empty or used twice")]
    ColumnName {
        /// The name.
        column: String,
    },
    /// The key columns are not the first columns of the table.
    #[error("line 3: key column '{column}' is in a place where column '{expected}' should be")]
    KeyColumn {
        /// The key column named.
        column: String,
        /// The column that has its place; empty beyond the last.
        expected: String,
    },
    /// A table without a key.
    #[error("line 3: table '{table}' has no key column")]
    NoKey {
        /// The table.
        table: String,
    },
    /// A row with more values than the table has columns.
    #[error("line {line}: {got} values for {expected} columns")]
    Surplus {
        /// The line.
        line: usize,
        /// How many values there are.
        got: usize,
        /// How many columns there are.
        expected: usize,
    },
    /// A value that should be a number within the range of its column.
    #[error("line {line}, column '{column}': '{text}' is no number that fits the column")]
    Number {
        /// The line.
        line: usize,
        /// The column.
        column: String,
        /// The value.
        text: String,
    },
    /// A time of the summary information.
    #[error("line {line}")]
    Time {
        /// The line.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: FileTimeError,
    },
    /// Two rows with the same key.
    #[error("line {line}: there already is a row with the key '{key}'")]
    DuplicateKey {
        /// The line.
        line: usize,
        /// The key.
        key: String,
    },
}
