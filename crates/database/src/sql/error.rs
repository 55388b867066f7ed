//! What can be wrong with a query, and where in its text.

use std::ops::Range;

use crate::DatabaseError;

/// A query that cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[error("query, bytes {} to {}: {cause}", span.start, span.end)]
pub struct SqlError {
    /// What is wrong.
    pub cause: SqlCause,
    /// Which part of the query, in bytes.
    pub span: Range<usize>,
}

/// What is wrong with a query.
#[derive(Debug, thiserror::Error)]
pub enum SqlCause {
    /// A character that starts nothing in the dialect.
    #[error("unexpected character '{character}'")]
    Character {
        /// The character.
        character: char,
    },
    /// A text or a name without its closing mark.
    #[error("the closing {mark} is missing")]
    Unclosed {
        /// The mark.
        mark: char,
    },
    /// A number beyond the range of a column of four bytes.
    #[error("the number is too large")]
    NumberTooLarge,
    /// Something else than the grammar has at this place.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the grammar has.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// Too many conditions or parentheses.
    #[error("more than {limit} conditions")]
    TooManyConditions {
        /// How many there can be.
        limit: usize,
    },
    /// A list of columns, tables or values is too long.
    #[error("more than {limit} in one list")]
    TooManyItems {
        /// How many there can be.
        limit: usize,
    },
    /// There is no such table.
    #[error("there is no table '{table}'")]
    UnknownTable {
        /// The table.
        table: String,
    },
    /// There is no such column in the tables of the query.
    #[error("there is no column '{column}'")]
    UnknownColumn {
        /// The column.
        column: String,
    },
    /// More than one table of the query has the column.
    #[error("column '{column}' is in more than one of the tables")]
    AmbiguousColumn {
        /// The column.
        column: String,
    },
    /// A table to be made is there.
    #[error("there already is a table '{table}'")]
    TableExists {
        /// The table.
        table: String,
    },
    /// A query names a table twice.
    #[error("table '{table}' is named twice")]
    RepeatedTable {
        /// The table.
        table: String,
    },
    /// The name of a new table is too long (page `table-names.md`).
    #[error("the name of the table has {length} characters, and can have {limit}")]
    LongName {
        /// How many characters it has.
        length: usize,
        /// How many it can have.
        limit: usize,
    },
    /// A name is used twice where it has to be unique.
    #[error("'{name}' is there already")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A value or column of another type than the column beside it.
    #[error("the types do not agree")]
    Types,
    /// A text compared by its order.
    #[error("texts can be compared by = and <> only")]
    OrderOfTexts,
    /// A stream in a comparison.
    #[error("streams can be compared by IS NULL and IS NOT NULL only")]
    StreamComparison,
    /// A stream where a text or a number is needed, or the other way round.
    #[error("a stream can be given as a parameter only")]
    StreamValue,
    /// A marker without a parameter.
    #[error("there is no parameter for marker {marker}")]
    NoParameter {
        /// The marker, from 1.
        marker: usize,
    },
    /// Not as many values as columns.
    #[error("{values} values for {columns} columns")]
    ValueCount {
        /// How many values there are.
        values: usize,
        /// How many columns there are.
        columns: usize,
    },
    /// A null in a column that allows none.
    #[error("column '{column}' cannot be null")]
    Null {
        /// The column.
        column: String,
    },
    /// A number that the column cannot hold.
    #[error("{number} does not fit column '{column}'")]
    OutOfRange {
        /// The column.
        column: String,
        /// The number.
        number: i32,
    },
    /// A change of the primary key.
    #[error("column '{column}' belongs to the primary key and cannot be changed")]
    KeyColumn {
        /// The column.
        column: String,
    },
    /// A row with the same primary key is there.
    #[error("there already is a row with the key '{key}'")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// The key columns of a new table are not its first columns.
    #[error("key columns have to come first, and in this order")]
    KeyOrder,
    /// A second stream column in a table.
    #[error("a table has one column of type OBJECT at most")]
    SecondStream,
    /// A column that is stored after one that is not.
    #[error("columns that are stored have to come before temporary ones")]
    TemporaryOrder,
    /// A change of a table that only shows what is in the database.
    #[error("table '{table}' cannot be changed")]
    ReadOnly {
        /// The table.
        table: String,
    },
    /// The statement changes the database, which is open for queries only.
    #[error("the statement is no SELECT")]
    NoQuery,
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SqlError {
    pub(crate) fn new(cause: SqlCause, span: Range<usize>) -> Self {
        Self { cause, span }
    }
}
