//! What a transform does to the lists of tables and columns: its operations on `_Tables` and `_Columns`.

use std::collections::{BTreeMap, BTreeSet};

use super::operations::{MOST_COLUMNS, Operation};
use super::{Transform, TransformError};
use crate::catalog::{self, COLUMNS, TABLES};
use crate::{Column, DatabaseError, Value};

/// The tables that are added and dropped, and the columns that are added to new and old tables.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub added: BTreeSet<String>,
    pub dropped: BTreeSet<String>,
    /// By table, in their order.
    pub columns: BTreeMap<String, Vec<Column>>,
}

impl Schema {
    pub fn read(transform: &Transform) -> Result<Self, TransformError> {
        let mut schema = Self::default();
        for (operation, change) in
            transform.operations(TABLES, &catalog::tables_columns())?.into_iter().enumerate()
        {
            let refused = TransformError::SchemaOperation { table: TABLES, operation };
            let name = change.key(1).first().and_then(Value::as_text).map(str::to_owned);
            match (change, name) {
                (Operation::Insert(_), Some(name)) => _ = schema.added.insert(name),
                (Operation::Delete(_), Some(name)) => _ = schema.dropped.insert(name),
                _ => return Err(refused),
            }
        }
        // A number is given for each column in some transforms, and none at all in others, where columns just follow
        // each other.
        let mut numbered: BTreeMap<String, Vec<(i32, Column)>> = BTreeMap::new();
        for (operation, change) in
            transform.operations(COLUMNS, &catalog::columns_columns())?.into_iter().enumerate()
        {
            let refused = || TransformError::SchemaOperation { table: COLUMNS, operation };
            match change {
                Operation::Insert(values) => {
                    let [Value::Text(table), number, Value::Text(name), Value::Integer(kind)] = &*values
                    else {
                        return Err(refused());
                    };
                    let bits = *kind as u16;
                    if bits & !catalog::KNOWN != 0 || bits & catalog::VALID == 0 {
                        let (table, column) = (table.to_string(), name.to_string());
                        transform.findings().tolerate(DatabaseError::ColumnKind { table, column, bits })?;
                    }
                    let columns = numbered.entry(table.to_string()).or_default();
                    if columns.len() == MOST_COLUMNS {
                        let columns = columns.len() + 1;
                        return Err(TransformError::TooManyColumns { table: table.to_string(), columns });
                    }
                    columns.push((number.as_integer().unwrap_or_default(), catalog::column(name, bits)));
                }
                // The columns of a table go with it.
                Operation::Delete(key)
                    if key
                        .first()
                        .and_then(Value::as_text)
                        .is_some_and(|table| schema.dropped.contains(table)) => {}
                _ => return Err(refused()),
            }
        }
        for (table, mut columns) in numbered {
            columns.sort_by_key(|(number, _)| *number);
            schema.columns.insert(table, columns.into_iter().map(|(_, column)| column).collect());
        }
        Ok(schema)
    }

    /// The columns of a table as they are after the transform; nothing when it is not there, or dropped.
    pub fn columns_after(&self, table: &str, before: Option<Vec<Column>>) -> Option<Vec<Column>> {
        let mut columns = match before {
            Some(columns) => columns,
            None if self.added.contains(table) => Vec::new(),
            None => return None,
        };
        for new in self.columns.get(table).into_iter().flatten() {
            if !columns.iter().any(|column| column.name == new.name) {
                columns.push(new.clone());
            }
        }
        Some(columns)
    }
}
