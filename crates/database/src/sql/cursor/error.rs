//! Why a view cannot be executed, fetched from or modified through.

use super::super::{SqlCause, SqlError};
use crate::DatabaseError;
use crate::record::FieldError;

/// A view that cannot be used so.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The query cannot be carried out.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A field of the record cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It was not executed yet, or was closed.
    #[error("the view was not executed")]
    NotExecuted,
    /// It has no result that could be modified.
    #[error("the view has no result")]
    NoResult,
    /// Its query is about several tables.
    #[error("this cannot be done with a view of several tables")]
    Joined,
    /// The record was not fetched from this view.
    #[error("the record was not fetched from this view")]
    NotFetched,
    /// The row of the record is not there, or no longer.
    #[error("table '{table}' has no row with the key of the record")]
    NoRow {
        /// The table.
        table: String,
    },
    /// A row with the same primary key is there.
    #[error("table '{table}' already has a row with the key '{key}'")]
    DuplicateKey {
        /// The table.
        table: String,
        /// The key.
        key: String,
    },
    /// The row with this primary key has other values.
    #[error("the row '{key}' of table '{table}' is not what the record says")]
    Different {
        /// The table.
        table: String,
        /// The key.
        key: String,
    },
    /// The primary key of a row cannot be changed so.
    #[error("column '{column}' belongs to the primary key and cannot be changed")]
    KeyColumn {
        /// The column.
        column: String,
    },
    /// A column of the primary key is not in the query.
    #[error("column '{column}' belongs to the primary key and is not in the query")]
    KeyNotSelected {
        /// The column.
        column: String,
    },
    /// The record has fewer fields than the query columns.
    #[error("the record has {fields} fields, and the query {columns} columns")]
    FieldCount {
        /// Fields of the record.
        fields: usize,
        /// Columns of the query.
        columns: usize,
    },
    /// A value that the column cannot have.
    #[error("column '{column}': {cause}")]
    Value {
        /// The column.
        column: String,
        /// What is wrong.
        cause: SqlCause,
    },
    /// It may not be changed.
    #[error("{what} cannot be changed through this database")]
    Denied {
        /// What was to be changed.
        what: String,
    },
    /// There are no rules to validate by.
    #[error("the database has no table '_Validation'")]
    NoRules,
    /// The record breaks rules; [`super::Cursor::take_error`] says which.
    #[error("the record is not valid")]
    Invalid,
}
