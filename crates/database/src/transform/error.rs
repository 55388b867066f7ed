//! What can be wrong with a transform, or keep it from being made or applied.

use crate::DatabaseError;

/// A transform that cannot be read, made or applied. Numbers in comments are those of the page
/// `windows-installer-error-messages.md`.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The transform's own file, or the database, cannot be read or written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The file is a package or a patch.
    #[error("the file is no transform")]
    NoTransform,
    /// The data of a table ends inside an operation (2246).
    #[error(
        "transform, table '{table}', operation {operation}: {needed} bytes at offset {offset} go beyond the {length} bytes"
    )]
    Truncated {
        /// The table.
        table: String,
        /// The operation's place in the table's data, from 0.
        operation: usize,
        /// Where the value would be.
        offset: usize,
        /// How long it is.
        needed: usize,
        /// Length of the data.
        length: usize,
    },
    /// An operation has values for columns that the table does not have, or not for all of its key (2246).
    #[error("transform, table '{table}', operation {operation}: {got} columns, but the table has {expected}")]
    ColumnCount {
        /// The table.
        table: String,
        /// The operation's place in the table's data, from 0.
        operation: usize,
        /// How many columns the operation has values for.
        got: usize,
        /// How many the table has.
        expected: usize,
    },
    /// A value refers to a string that is not there.
    #[error(
        "transform, table '{table}', operation {operation}, column '{column}': there is no string {string}"
    )]
    StringReference {
        /// The table.
        table: String,
        /// The operation's place in the table's data, from 0.
        operation: usize,
        /// The column.
        column: String,
        /// The string's number.
        string: u32,
    },
    /// The transform has no stream for a row with one.
    #[error("transform, table '{table}', row '{row}': there is no stream '{stream}'")]
    MissingStream {
        /// The table.
        table: String,
        /// The row's key.
        row: String,
        /// The stream.
        stream: String,
    },
    /// An operation on the lists of tables and columns that is none of adding and dropping tables and adding columns.
    #[error("transform, table '{table}', operation {operation}: tables and columns cannot be changed so")]
    SchemaOperation {
        /// The system table.
        table: &'static str,
        /// The operation's place in the table's data, from 0.
        operation: usize,
    },
    /// A table to be added is there (2252).
    #[error("table '{table}' is to be added, and is there")]
    AddExistingTable {
        /// The table.
        table: String,
    },
    /// A table to be dropped is not there (2253).
    #[error("table '{table}' is to be dropped, and is not there")]
    DeleteMissingTable {
        /// The table.
        table: String,
    },
    /// A row to be added is there (2250).
    #[error("table '{table}', row '{row}': is to be added, and is there")]
    AddExistingRow {
        /// The table.
        table: String,
        /// The row's key.
        row: String,
    },
    /// A row to be deleted is not there (2251).
    #[error("table '{table}', row '{row}': is to be deleted, and is not there")]
    DeleteMissingRow {
        /// The table.
        table: String,
        /// The row's key.
        row: String,
    },
    /// A row to be changed is not there (2254).
    #[error("table '{table}', row '{row}': is to be changed, and is not there")]
    UpdateMissingRow {
        /// The table.
        table: String,
        /// The row's key.
        row: String,
    },
    /// A table whose rows are to be changed is not there. Without it, the operations cannot be told apart.
    #[error("table '{table}' is to be changed, and is not there")]
    MissingTable {
        /// The table.
        table: String,
    },
    /// A table that is not stored is to be changed (2225).
    #[error("table '{table}' is temporary, or has temporary columns: it cannot be transformed")]
    TemporaryTable {
        /// The table.
        table: String,
    },
    /// A column to be added is there in another form (2255).
    #[error("table '{table}', column '{column}': is to be added, and is there")]
    AddExistingColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// More columns than a table can have (2279).
    #[error("table '{table}' would have {columns} columns, more than 32")]
    TooManyColumns {
        /// The table.
        table: String,
        /// How many.
        columns: usize,
    },
    /// Both code pages are not neutral, and differ (2222).
    #[error("the transform's code page {transform} differs from the database's code page {database}")]
    CodePage {
        /// The transform's.
        transform: u16,
        /// The database's.
        database: u16,
    },
    /// A column differs in name or definition, which a transform cannot express (2248, 2256, 2270).
    #[error("table '{table}', column {number}: '{old}' cannot become '{new}'")]
    ColumnDiffers {
        /// The table.
        table: String,
        /// The column's place, from 1.
        number: usize,
        /// Name and definition before.
        old: String,
        /// Name and definition after.
        new: String,
    },
    /// A column goes, which a transform cannot express (2249).
    #[error("table '{table}': a transform cannot remove column '{column}'")]
    ColumnRemoved {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table without a primary key: its rows cannot be told apart.
    #[error("table '{table}' has no primary key")]
    NoKey {
        /// The table.
        table: String,
    },
    /// A property that the transform's summary information has to name is missing.
    #[error("property '{property}' is missing, which the transform is to be checked by")]
    MissingProperty {
        /// The property.
        property: &'static str,
    },
    /// The transform is for another language (2745).
    #[error("the transform is for language {expected}, not {found}")]
    Language {
        /// The transform's.
        expected: u16,
        /// The database's; 0 when it is neutral.
        found: u16,
    },
    /// The transform is for another product (2746).
    #[error("the transform is for product '{expected}', not '{found}'")]
    Product {
        /// The transform's.
        expected: String,
        /// The database's.
        found: String,
    },
    /// The transform is for other versions (2747 to 2751).
    #[error("the transform is for versions {relation} {expected}, not {found}")]
    Version {
        /// `<`, `<=`, `=`, `>=` or `>`.
        relation: &'static str,
        /// The transform's.
        expected: String,
        /// The database's.
        found: String,
    },
    /// The transform is for another family of products (2760).
    #[error("the transform is for upgrade code '{expected}', not '{found}'")]
    UpgradeCode {
        /// The transform's.
        expected: String,
        /// The database's.
        found: String,
    },
}
