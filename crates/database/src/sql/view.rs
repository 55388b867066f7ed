//! A query that was read, and its execution.

use std::sync::Arc;

use super::rows::Rows;
use super::statement::Statement;
use super::{SqlCause, SqlError, change, parser, plan};
use crate::{Database, Value};

/// A value for a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// A text, a number or null.
    Value(Value),
    /// The content of a stream.
    Stream(Arc<[u8]>),
}

impl<T: Into<Value>> From<T> for Parameter {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// A query that was read and can be executed with different parameters (page `working-with-queries.md`).
#[derive(Debug, Clone)]
pub struct View {
    pub(super) statement: Statement,
    length: usize,
}

impl View {
    /// Reads a query.
    ///
    /// # Errors
    /// When it is not in the dialect of the page `sql-syntax.md`.
    pub fn open(query: &str) -> Result<Self, SqlError> {
        Ok(Self { statement: parser::parse(query)?, length: query.len() })
    }

    /// Whether it is a SELECT, which changes nothing.
    pub fn is_select(&self) -> bool {
        matches!(self.statement, Statement::Select(_))
    }

    /// Executes a SELECT; the parameters stand for its markers in order.
    ///
    /// # Errors
    /// When a table or column is not there, types do not agree, a parameter is missing, or the database
    /// cannot be read; and when the statement is no SELECT.
    pub fn select(&self, database: &Database, parameters: &[Parameter]) -> Result<Rows, SqlError> {
        match &self.statement {
            Statement::Select(select) => plan::select(database, select, parameters),
            _ => Err(SqlError::new(SqlCause::NoQuery, 0..self.length)),
        }
    }

    /// Executes any statement; only a SELECT has rows.
    ///
    /// # Errors
    /// As for [`View::select`], and when a change contradicts the columns or keys of its table.
    pub fn execute(&self, database: &mut Database, parameters: &[Parameter]) -> Result<Rows, SqlError> {
        match &self.statement {
            Statement::Select(select) => return plan::select(database, select, parameters),
            Statement::Insert(insert) => change::insert::insert(database, insert, parameters)?,
            Statement::Update(update) => change::update::update(database, update, parameters)?,
            Statement::Delete(delete) => change::delete::delete(database, delete, parameters)?,
            Statement::Create(create) => change::create_table::create(database, create)?,
            Statement::Drop(table) => change::drop_table::drop(database, table)?,
            Statement::Alter { table, alteration } => {
                change::alter_table::alter(database, table, alteration)?
            }
        }
        Ok(Rows::none())
    }
}

impl Database {
    /// The rows of a SELECT; see [`View`].
    ///
    /// # Errors
    /// As for [`View::open`] and [`View::select`].
    pub fn query(&self, query: &str, parameters: &[Parameter]) -> Result<Rows, SqlError> {
        View::open(query)?.select(self, parameters)
    }

    /// Executes any statement; see [`View`].
    ///
    /// # Errors
    /// As for [`View::open`] and [`View::execute`].
    pub fn execute(&mut self, query: &str, parameters: &[Parameter]) -> Result<Rows, SqlError> {
        View::open(query)?.execute(self, parameters)
    }
}
