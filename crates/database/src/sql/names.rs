//! Which column of which table a name means.

use std::ops::Range;
use std::sync::Arc;

use super::statement::{ColumnName, Constant, ConstantKind};
use super::{Parameter, SqlCause, SqlError};
use crate::{Column, ColumnType, Table, Value};

/// A column of one of the tables of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The table, by its place in the query.
    pub table: usize,
    pub column: usize,
}

/// The tables of a query and the parameters for its markers.
pub struct Names<'q> {
    pub tables: &'q [Arc<Table>],
    pub parameters: &'q [Parameter],
}

impl Names<'_> {
    /// The place of a column.
    pub fn place(&self, name: &ColumnName) -> Result<Place, SqlError> {
        let column = &name.column.text;
        let mut found = None;
        for (position, table) in self.tables.iter().enumerate() {
            if name.table.as_ref().is_some_and(|wanted| wanted.text != table.name()) {
                continue;
            }
            if let Some(column_position) = table.position(column) {
                if found.is_some() {
                    let cause = SqlCause::AmbiguousColumn { column: column.clone() };
                    return Err(SqlError::new(cause, name.span()));
                }
                found = Some(Place { table: position, column: column_position });
            }
        }
        if let (None, Some(table)) = (found, &name.table)
            && !self.tables.iter().any(|known| known.name() == table.text)
        {
            let cause = SqlCause::UnknownTable { table: table.text.clone() };
            return Err(SqlError::new(cause, table.span.clone()));
        }
        found.ok_or_else(|| SqlError::new(SqlCause::UnknownColumn { column: column.clone() }, name.span()))
    }

    /// The column at a place.
    pub fn column(&self, place: Place, span: Range<usize>) -> Result<&Column, SqlError> {
        let column = self.tables.get(place.table).and_then(|table| table.columns().get(place.column));
        column.ok_or_else(|| SqlError::new(SqlCause::UnknownColumn { column: String::new() }, span))
    }

    /// The value of a constant that is compared with a column or stored in it.
    pub fn value(&self, constant: &Constant, column: &Column) -> Result<Value, SqlError> {
        let error = |cause| SqlError::new(cause, constant.span.clone());
        let value = match &constant.kind {
            ConstantKind::Value(value) => value.clone(),
            ConstantKind::Marker(marker) => match self.parameters.get(*marker) {
                Some(Parameter::Value(value)) => value.clone(),
                Some(Parameter::Stream(_)) => Value::Stream,
                None => return Err(error(SqlCause::NoParameter { marker: marker + 1 })),
            },
        };
        match (column.kind, &value) {
            (_, Value::Null)
            | (ColumnType::Text(_), Value::Text(_))
            | (ColumnType::Short | ColumnType::Long, Value::Integer(_))
            | (ColumnType::Stream, Value::Stream) => Ok(value),
            (ColumnType::Stream, _) | (_, Value::Stream) => Err(error(SqlCause::StreamValue)),
            _ => Err(error(SqlCause::Types)),
        }
    }

    /// The bytes of a stream that a marker stands for.
    pub fn stream(&self, constant: &Constant) -> Option<Arc<[u8]>> {
        match &constant.kind {
            ConstantKind::Marker(marker) => match self.parameters.get(*marker)? {
                Parameter::Stream(content) => Some(content.clone()),
                Parameter::Value(_) => None,
            },
            ConstantKind::Value(_) => None,
        }
    }
}
