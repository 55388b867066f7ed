//! Applying a transform: the database gets all of its changes, or none.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::operations::{MOST_COLUMNS, Operation, key_columns};
use super::schema::Schema;
use super::{ErrorConditions, Transform, TransformError, display_key};
use crate::save::SIGNATURES;
use crate::summary::{self, id};
use crate::{Column, Database, Stream, Table, Value};

impl Database {
    /// Applies a transform; where an error is met, nothing is changed. Whether the database is one that the transform
    /// is for is a question of its own: see [`Transform::check`]. The changes stay in memory until
    /// [`Database::save`]. Gives the conditions back that were met and `overlooked`.
    ///
    /// # Errors
    /// When a condition is met that is not to be overlooked, when an operation is damaged or refers to a string or
    /// stream that is not there, or when a table of the database cannot be read.
    pub fn apply_transform(
        &mut self,
        transform: &Transform,
        overlooked: ErrorConditions,
    ) -> Result<Vec<TransformError>, TransformError> {
        let operations = |table: &str, columns: &[Column]| transform.operations(table, columns);
        self.apply_operations(transform, overlooked, operations)
    }

    /// [`Database::apply_transform`] with operations on rows that need not be the transform's own.
    pub(crate) fn apply_operations(
        &mut self,
        transform: &Transform,
        overlooked: ErrorConditions,
        operations: impl Fn(&str, &[Column]) -> Result<Vec<Operation>, TransformError>,
    ) -> Result<Vec<TransformError>, TransformError> {
        let mut changes = Changes {
            database: self,
            transform,
            overlooked,
            met: Vec::new(),
            tables: BTreeMap::new(),
            streams: BTreeMap::new(),
        };
        let code_page = changes.code_page()?;
        changes.change_schema(&Schema::read(transform)?)?;
        for name in transform.tables() {
            changes.change_rows(name, &operations)?;
        }
        changes.add_other_streams()?;
        let Changes { met, tables, streams, .. } = changes;
        // The platform and languages of the result are in the transform (page `last-saved-by-summary.md`).
        let mut information = self.summary()?;
        let template = transform.summary().last_saved_by().filter(|template| !template.is_empty());
        if let Some(template) = template.filter(|template| information.template() != Some(*template)) {
            information.set_text(id::TEMPLATE, template);
            self.set_summary(information);
        }
        for (name, table) in tables {
            match table {
                Some(table) => self.put_table(table),
                None => self.drop_table(&name),
            }
        }
        for (name, content) in streams {
            match content {
                Some(content) => self.put_stream_from(&name, content),
                None => self.drop_stream(&name),
            }
        }
        self.set_code_page(code_page);
        Ok(met)
    }
}

/// The changes of a transform, before they are made.
struct Changes<'d> {
    database: &'d Database,
    transform: &'d Transform,
    overlooked: ErrorConditions,
    met: Vec<TransformError>,
    tables: BTreeMap<String, Option<Table>>,
    streams: BTreeMap<String, Option<Stream>>,
}

impl Changes<'_> {
    /// Makes a finding of the error when its condition is to be overlooked.
    fn overlook(&mut self, condition: ErrorConditions, error: TransformError) -> Result<(), TransformError> {
        if !self.overlooked.contains(condition) {
            return Err(error);
        }
        tracing::debug!(target: "reseat_database", "overlooked: {error}");
        self.met.push(error);
        Ok(())
    }

    fn code_page(&mut self) -> Result<u16, TransformError> {
        let (transform, database) = (self.transform.code_page(), self.database.code_page());
        if transform == 0 {
            return Ok(database);
        }
        if database != 0 && database != transform {
            self.overlook(
                ErrorConditions::CHANGE_CODE_PAGE,
                TransformError::CodePage { transform, database },
            )?;
        }
        Ok(transform)
    }

    /// The table as it is so far, to be changed.
    fn table(&mut self, name: &str) -> Result<Option<&mut Table>, TransformError> {
        match self.tables.entry(name.to_owned()) {
            Entry::Occupied(entry) => Ok(entry.into_mut().as_mut()),
            Entry::Vacant(entry) => {
                let Some(table) = self.database.table(name)? else { return Ok(None) };
                if table.persistent_columns().len() < table.columns().len() {
                    return Err(TransformError::TemporaryTable { table: name.to_owned() });
                }
                Ok(entry.insert(Some(Table::clone(&table))).as_mut())
            }
        }
    }

    fn change_schema(&mut self, schema: &Schema) -> Result<(), TransformError> {
        for name in &schema.dropped {
            match self.table(name)? {
                Some(table) => {
                    let streams = row_streams(table);
                    self.streams.extend(streams.into_iter().map(|stream| (stream, None)));
                    self.tables.insert(name.clone(), None);
                }
                None => {
                    let error = TransformError::DeleteMissingTable { table: name.clone() };
                    self.overlook(ErrorConditions::DELETE_MISSING_TABLE, error)?;
                }
            }
        }
        for name in &schema.added {
            if self.table(name)?.is_some() {
                let error = TransformError::AddExistingTable { table: name.clone() };
                self.overlook(ErrorConditions::ADD_EXISTING_TABLE, error)?;
            } else {
                self.tables.insert(name.clone(), Some(Table::new(name.as_str(), Vec::new())));
            }
        }
        for (name, columns) in &schema.columns {
            let overlooked = self.overlooked.contains(ErrorConditions::ADD_EXISTING_TABLE);
            let Some(table) = self.table(name)? else {
                let error = TransformError::MissingTable { table: name.clone() };
                self.overlook(ErrorConditions::UPDATE_MISSING_ROW, error)?;
                continue;
            };
            for column in columns {
                match table.position(&column.name).and_then(|place| table.columns().get(place)) {
                    Some(old) if overlooked && old.kind == column.kind => {}
                    Some(_) => {
                        let (table, column) = (name.clone(), column.name.clone());
                        return Err(TransformError::AddExistingColumn { table, column });
                    }
                    None if table.columns().len() >= MOST_COLUMNS => {
                        let columns = table.columns().len() + 1;
                        return Err(TransformError::TooManyColumns { table: name.clone(), columns });
                    }
                    None => table.add_column(column.clone(), false),
                }
            }
        }
        Ok(())
    }

    fn change_rows(
        &mut self,
        name: &str,
        operations: impl Fn(&str, &[Column]) -> Result<Vec<Operation>, TransformError>,
    ) -> Result<(), TransformError> {
        let Some(table) = self.table(name)? else {
            let error = TransformError::MissingTable { table: name.to_owned() };
            return self.overlook(ErrorConditions::UPDATE_MISSING_ROW, error);
        };
        let columns = table.columns().to_vec();
        let keys = key_columns(&columns);
        let operations = operations(name, &columns)?;
        if operations.is_empty() {
            return Ok(());
        }
        if keys == 0 {
            return Err(TransformError::NoKey { table: name.to_owned() });
        }
        // Taken out, so that streams can be noted beside it.
        let Some(mut table) = self.tables.insert(name.to_owned(), None).flatten() else { return Ok(()) };
        // Rows are removed all at once in the end, since that walks through the table.
        let mut removed = BTreeSet::new();
        for operation in operations {
            let row = || display_key(&columns, operation.key(keys));
            let place = table.place(operation.key(keys));
            let present = place.filter(|place| !removed.contains(place));
            match (&operation, present) {
                (Operation::Insert(values), present) => {
                    if present.is_some() {
                        let error = TransformError::AddExistingRow { table: name.to_owned(), row: row() };
                        self.overlook(ErrorConditions::ADD_EXISTING_ROW, error)?;
                    }
                    let mut values = values.clone();
                    values.resize(columns.len(), Value::Null);
                    let place = match place {
                        Some(place) => {
                            removed.remove(&place);
                            for (column, value) in values.into_iter().enumerate().skip(keys) {
                                self.set(&mut table, place, column, value)?;
                            }
                            continue;
                        }
                        None => table.len(),
                    };
                    table.push(values);
                    self.take_streams(&table, place, 0..columns.len())?;
                }
                (Operation::Update { values, .. }, Some(place)) => {
                    for (column, value) in values {
                        self.set(&mut table, place, *column, value.clone())?;
                    }
                }
                (Operation::Delete(_), Some(place)) => {
                    if let Some(row) = table.row(place)
                        && row.values().contains(&Value::Stream)
                    {
                        self.streams.insert(row.stream_name(), None);
                    }
                    removed.insert(place);
                }
                (Operation::Update { .. }, None) => {
                    let error = TransformError::UpdateMissingRow { table: name.to_owned(), row: row() };
                    self.overlook(ErrorConditions::UPDATE_MISSING_ROW, error)?;
                }
                (Operation::Delete(_), None) => {
                    let error = TransformError::DeleteMissingRow { table: name.to_owned(), row: row() };
                    self.overlook(ErrorConditions::DELETE_MISSING_ROW, error)?;
                }
            }
        }
        if !removed.is_empty() {
            table.remove(&removed.into_iter().collect::<Vec<_>>());
        }
        self.tables.insert(name.to_owned(), Some(table));
        Ok(())
    }

    fn set(
        &mut self,
        table: &mut Table,
        place: usize,
        column: usize,
        value: Value,
    ) -> Result<(), TransformError> {
        let stream =
            table.columns().get(column).is_some_and(|column| column.kind == crate::ColumnType::Stream);
        table.set(place, column, value);
        if stream { self.take_streams(table, place, column..column + 1) } else { Ok(()) }
    }

    /// Notes what becomes of the stream of a row whose values in these columns are new.
    fn take_streams(
        &mut self,
        table: &Table,
        place: usize,
        columns: std::ops::Range<usize>,
    ) -> Result<(), TransformError> {
        let Some(row) = table.row(place) else { return Ok(()) };
        let of_streams = table.columns().iter().zip(row.values()).take(columns.end).skip(columns.start);
        for (_, value) in of_streams.filter(|(column, _)| column.kind == crate::ColumnType::Stream) {
            let name = row.stream_name();
            if *value == Value::Null {
                self.streams.insert(name, None);
                continue;
            }
            let Some(content) = self.transform.database().stream(&name)? else {
                let (table, row) = (table.name().to_owned(), row.key());
                return Err(TransformError::MissingStream { table, row, stream: name });
            };
            self.streams.insert(name, Some(content));
        }
        Ok(())
    }

    /// Streams that belong to no row, such as cabinets.
    fn add_other_streams(&mut self) -> Result<(), TransformError> {
        for name in self.transform.database().stream_names() {
            let known = self.streams.contains_key(&name) || SIGNATURES.contains(&name.as_str());
            if known || name == summary::STREAM {
                continue;
            }
            if let Some(content) = self.transform.database().stream(&name)? {
                self.streams.insert(name, Some(content));
            }
        }
        Ok(())
    }
}

/// The names of the streams that belong to rows of a table.
pub(super) fn row_streams(table: &Table) -> Vec<String> {
    let rows = table.rows().filter(|row| row.values().contains(&Value::Stream));
    rows.map(|row| row.stream_name()).collect()
}
