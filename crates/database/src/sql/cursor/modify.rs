//! MsiViewModify: changing rows through the result of a view (its page names the modes), and validating them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::change;
use super::super::relations::{self, STREAMS};
use super::super::{SqlCause, SqlError};
use super::access::{Access, is_temporary};
use super::{Cursor, CursorError};
use crate::record::{Field, NULL_INTEGER, Origin, Record};
use crate::validate::{self, CheckCondition};
use crate::{Column, ColumnType, Database, Stream, Table, Value};

/// What is done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `MSIMODIFY_SEEK`: the record gets the values of the row with its key.
    Seek,
    /// `MSIMODIFY_REFRESH`: the record gets the values that its row has now.
    Refresh,
    /// `MSIMODIFY_INSERT`: a new row.
    Insert,
    /// `MSIMODIFY_UPDATE`: its row gets other values outside the primary key.
    Update,
    /// `MSIMODIFY_ASSIGN`: the row with its key gets its values, or is new.
    Assign,
    /// `MSIMODIFY_REPLACE`: its row gets its values, those of the primary key too.
    Replace,
    /// `MSIMODIFY_MERGE`: a new row, or one that is there with just these values.
    Merge,
    /// `MSIMODIFY_DELETE`: its row goes.
    Delete,
    /// `MSIMODIFY_INSERT_TEMPORARY`: a new row that is not stored.
    InsertTemporary,
    /// `MSIMODIFY_VALIDATE`: whether a fetched record keeps the rules.
    Validate,
    /// `MSIMODIFY_VALIDATE_NEW`: whether a new record keeps the rules and has a new key.
    ValidateNew,
    /// `MSIMODIFY_VALIDATE_FIELD`: whether those fields that are set keep the rules.
    ValidateField,
    /// `MSIMODIFY_VALIDATE_DELETE`: whether no row refers to the row.
    ValidateDelete,
}

impl Mode {
    /// The mode with this documented number.
    pub fn of_number(number: i32) -> Option<Self> {
        Some(match number {
            -1 => Self::Seek,
            0 => Self::Refresh,
            1 => Self::Insert,
            2 => Self::Update,
            3 => Self::Assign,
            4 => Self::Replace,
            5 => Self::Merge,
            6 => Self::Delete,
            7 => Self::InsertTemporary,
            8 => Self::Validate,
            9 => Self::ValidateNew,
            10 => Self::ValidateField,
            11 => Self::ValidateDelete,
            _ => return None,
        })
    }

    /// Whether it changes rows.
    pub fn changes(self) -> bool {
        matches!(
            self,
            Self::Insert
                | Self::Update
                | Self::Assign
                | Self::Replace
                | Self::Merge
                | Self::Delete
                | Self::InsertTemporary
        )
    }
}

/// The table of a view, and what of it the record has.
struct Target {
    table: Arc<Table>,
    /// For each field, the column.
    columns: Vec<usize>,
}

/// A new value of a row that is there.
struct NewValue {
    table: String,
    place: usize,
    column: usize,
    value: Value,
    /// The name of the stream and its content, when the column has streams.
    stream: Option<(String, Option<Stream>)>,
}

/// What a record says about a row.
struct Wanted {
    /// In the order of the table's columns; null for those that are not in the query.
    values: Vec<Value>,
    stream: Option<Stream>,
}

impl Cursor {
    /// Changes a row, or validates it, by a record.
    ///
    /// `condition` says what is wrong with the text of a condition.
    ///
    /// # Errors
    /// When the view was not executed or has no result, the mode does not fit the record or the query, the row is not
    /// there or may not be changed, or a value does not fit its column; [`CursorError::Invalid`] when validation finds
    /// something, which [`Cursor::take_error`] tells.
    pub fn modify(
        &mut self,
        database: &mut Database,
        mode: Mode,
        record: &mut Record,
        condition: CheckCondition<'_>,
    ) -> Result<(), CursorError> {
        let is_joined = self.statement()?.tables.len() > 1;
        if is_joined && !matches!(mode, Mode::Refresh | Mode::Update) {
            return Err(CursorError::Joined);
        }
        match mode {
            Mode::Refresh => self.refresh(database, record),
            Mode::Update => self.update(database, record),
            Mode::Seek => self.seek(database, record),
            Mode::Insert => self.insert(database, record, false),
            Mode::InsertTemporary => self.insert(database, record, true),
            Mode::Assign => match self.place(database, record)? {
                Some(_) => {
                    self.adopt(database, record)?;
                    self.update(database, record)
                }
                None => self.insert(database, record, false),
            },
            Mode::Merge => match self.place(database, record)? {
                Some(place) => self.compare(database, record, place),
                None => self.insert(database, record, false),
            },
            Mode::Replace => self.replace(database, record),
            Mode::Delete => self.delete(database, record),
            Mode::Validate | Mode::ValidateNew | Mode::ValidateField | Mode::ValidateDelete => {
                self.validate(database, mode, record, condition)
            }
        }
    }

    fn table(&self, database: &Database, place: usize) -> Result<Arc<Table>, CursorError> {
        let name = self.statement()?.tables.get(place).ok_or(CursorError::NoResult)?;
        Ok(relations::table(database, name)?)
    }

    fn target(&self, database: &Database) -> Result<Target, CursorError> {
        let columns = self.places.iter().map(|(_, column)| *column).collect();
        Ok(Target { table: self.table(database, 0)?, columns })
    }

    /// The keys of the rows that the record was fetched from.
    fn origin<'r>(&'r self, record: &'r Record) -> Result<&'r [Vec<Value>], CursorError> {
        match &record.origin {
            Some(origin) if origin.view == self.number => Ok(&origin.keys),
            _ => self.current.as_deref().ok_or(CursorError::NotFetched),
        }
    }

    /// Takes the row that has the record's key as the one that it was fetched from.
    fn adopt(&self, database: &Database, record: &mut Record) -> Result<(), CursorError> {
        let target = self.target(database)?;
        let key = target.key(&target.wanted(record)?)?;
        record.origin = Some(Origin { view: self.number, keys: vec![key] });
        Ok(())
    }

    /// Where the row with the record's key is.
    fn place(&self, database: &Database, record: &Record) -> Result<Option<usize>, CursorError> {
        let target = self.target(database)?;
        let key = target.key(&target.wanted(record)?)?;
        Ok(target.table.place(&key))
    }

    fn seek(&mut self, database: &Database, record: &mut Record) -> Result<(), CursorError> {
        let (fields, columns) = (record.len(), self.columns.len());
        if fields < columns {
            return Err(CursorError::FieldCount { fields, columns });
        }
        self.adopt(database, record)?;
        self.refresh(database, record)
    }

    fn refresh(&self, database: &Database, record: &mut Record) -> Result<(), CursorError> {
        let keys = self.origin(record)?.to_vec();
        let tables =
            (0..keys.len()).map(|place| self.table(database, place)).collect::<Result<Vec<_>, _>>()?;
        let mut fields = Vec::with_capacity(self.places.len());
        for (place, column) in &self.places {
            let (Some(table), Some(key)) = (tables.get(*place), keys.get(*place)) else {
                return Err(CursorError::NotFetched);
            };
            let row = table.find(key).ok_or_else(|| no_row(table))?;
            fields.push(match row.values().get(*column) {
                None | Some(Value::Null) => Field::Null,
                Some(Value::Integer(number)) => Field::Integer(*number),
                Some(Value::Text(text)) => Field::Text(text.to_string()),
                Some(Value::Stream) => {
                    let name = stream_name(table, row.key(), row.stream_name());
                    database.stream(&name)?.map_or(Field::Null, Field::Stream)
                }
            });
        }
        for (field, value) in (1..).zip(fields) {
            record.set(field, value)?;
        }
        record.origin = Some(Origin { view: self.number, keys });
        Ok(())
    }

    fn insert(
        &self,
        database: &mut Database,
        record: &mut Record,
        temporary: bool,
    ) -> Result<(), CursorError> {
        let target = self.target(database)?;
        let name = target.table.name().to_owned();
        self.permit(temporary || is_temporary(&target.table), || format!("table '{name}'"))?;
        let wanted = target.wanted(record)?;
        target.check(&wanted)?;
        let key = target.key(&wanted)?;
        if let Some(row) = target.table.find(&key) {
            return Err(CursorError::DuplicateKey { table: name, key: row.key() });
        }
        drop(target);
        if name == STREAMS {
            if let (Some(stream), Some(content)) = (key.first().and_then(Value::as_text), wanted.stream) {
                database.put_stream_from(stream, content);
            }
        } else {
            let stored = change(database, &name)?;
            stored.insert(wanted.values, temporary);
            let stream = stored.rows().next_back().map(|row| row.stream_name());
            if let (Some(stream), Some(content)) = (stream, wanted.stream) {
                database.put_stream_from(&stream, content);
            }
        }
        record.origin = Some(Origin { view: self.number, keys: vec![key] });
        Ok(())
    }

    fn update(&self, database: &mut Database, record: &Record) -> Result<(), CursorError> {
        let keys = self.origin(record)?.to_vec();
        // Everything is checked before anything is changed.
        let mut changes = Vec::new();
        for (table_place, key) in keys.iter().enumerate() {
            let table = self.table(database, table_place)?;
            let place = table.place(key).ok_or_else(|| no_row(&table))?;
            let row = table.row(place).ok_or_else(|| no_row(&table))?;
            let may_be_stored = !row.is_temporary() && !is_temporary(&table);
            for (field, (_, column)) in
                (1..).zip(&self.places).filter(|(_, (of_table, _))| *of_table == table_place)
            {
                let Some(definition) = table.columns().get(*column) else { continue };
                let (value, stream) = value(record.field(field), definition)?;
                let old = row.values().get(*column).unwrap_or(&Value::Null);
                if value == *old && stream.is_none() {
                    continue;
                }
                if definition.key {
                    if value == *old {
                        continue;
                    }
                    return Err(CursorError::KeyColumn { column: definition.name.clone() });
                }
                check(&value, definition)?;
                let is_stored = may_be_stored && *column < table.persistent_columns().len();
                if value != *old || !is_same(database, &table, place, stream.as_ref()) {
                    let name = || format!("row '{}' of table '{}'", row.key(), table.name());
                    self.permit(!is_stored, name)?;
                    let is_stream = definition.kind == ColumnType::Stream;
                    changes.push(NewValue {
                        table: table.name().to_owned(),
                        place,
                        column: *column,
                        value,
                        stream: is_stream
                            .then(|| (stream_name(&table, row.key(), row.stream_name()), stream)),
                    });
                }
            }
        }
        for NewValue { table, place, column, value, stream } in changes {
            match stream {
                Some((name, Some(content))) => database.put_stream_from(&name, content),
                Some((name, None)) => database.drop_stream(&name),
                None => {}
            }
            if table != STREAMS {
                change(database, &table)?.set(place, column, value);
            }
        }
        Ok(())
    }

    fn replace(&self, database: &mut Database, record: &mut Record) -> Result<(), CursorError> {
        let old = self.origin(record)?.first().cloned().ok_or(CursorError::NotFetched)?;
        let target = self.target(database)?;
        let wanted = target.wanted(record)?;
        let new = target.key(&wanted)?;
        if new == old {
            return self.update(database, record);
        }
        target.check(&wanted)?;
        let place = target.table.place(&old).ok_or_else(|| no_row(&target.table))?;
        if let Some(row) = target.table.find(&new) {
            let table = target.table.name().to_owned();
            return Err(CursorError::DuplicateKey { table, key: row.key() });
        }
        let temporary = target.table.row(place).is_some_and(|row| row.is_temporary());
        drop(target);
        self.delete(database, record)?;
        self.insert(database, record, temporary)
    }

    fn delete(&self, database: &mut Database, record: &Record) -> Result<(), CursorError> {
        let table = self.table(database, 0)?;
        let key = self.origin(record)?.first().ok_or(CursorError::NotFetched)?;
        let place = table.place(key).ok_or_else(|| no_row(&table))?;
        let row = table.row(place).ok_or_else(|| no_row(&table))?;
        let name = || format!("row '{}' of table '{}'", row.key(), table.name());
        self.permit(row.is_temporary() || is_temporary(&table), name)?;
        let has_stream = row.values().contains(&Value::Stream);
        let stream = stream_name(&table, row.key(), row.stream_name());
        let name = table.name().to_owned();
        drop(table);
        if has_stream {
            database.drop_stream(&stream);
        }
        if name != STREAMS {
            change(database, &name)?.remove(&[place]);
        }
        Ok(())
    }

    /// Whether the row at a place has just the record's values.
    fn compare(&self, database: &Database, record: &Record, place: usize) -> Result<(), CursorError> {
        let target = self.target(database)?;
        let wanted = target.wanted(record)?;
        let row = target.table.row(place).ok_or_else(|| no_row(&target.table))?;
        let is_equal = |column: &usize| row.values().get(*column) == wanted.values.get(*column);
        let has_content =
            wanted.stream.is_none() || is_same(database, &target.table, place, wanted.stream.as_ref());
        if target.columns.iter().all(is_equal) && has_content {
            Ok(())
        } else {
            Err(CursorError::Different { table: target.table.name().to_owned(), key: row.key() })
        }
    }

    fn validate(
        &mut self,
        database: &Database,
        mode: Mode,
        record: &Record,
        condition: CheckCondition<'_>,
    ) -> Result<(), CursorError> {
        self.errors.clear();
        if database.columns(validate::VALIDATION).is_none() {
            return Err(CursorError::NoRules);
        }
        let target = self.target(database)?;
        if mode == Mode::ValidateDelete {
            let key = self.origin(record)?.first().ok_or(CursorError::NotFetched)?;
            let row = target.table.find(key).ok_or_else(|| no_row(&target.table))?;
            self.errors.extend(validate::references(database, &row)?);
        } else {
            if mode == Mode::Validate {
                self.origin(record)?;
            }
            let wanted = target.wanted(record)?;
            let is_set = |field: usize| mode != Mode::ValidateField || !record.is_null(field);
            let fields = (1..).zip(&target.columns).filter(|(field, _)| is_set(*field));
            let columns: BTreeSet<usize> = fields.map(|(_, column)| *column).collect();
            let is_new = mode == Mode::ValidateNew;
            let found =
                validate::validate_row(database, &target.table, wanted.values, &columns, is_new, condition)?;
            self.errors.extend(found);
        }
        if self.errors.is_empty() { Ok(()) } else { Err(CursorError::Invalid) }
    }

    /// Refuses a change that the access does not allow.
    fn permit(&self, is_temporary: bool, what: impl FnOnce() -> String) -> Result<(), CursorError> {
        match self.access {
            Access::Write => Ok(()),
            Access::Temporary if is_temporary => Ok(()),
            Access::Temporary | Access::Read => Err(CursorError::Denied { what: what() }),
        }
    }
}

impl Target {
    fn wanted(&self, record: &Record) -> Result<Wanted, CursorError> {
        let mut wanted = Wanted { values: vec![Value::Null; self.table.columns().len()], stream: None };
        for (field, column) in (1..).zip(&self.columns) {
            let Some(definition) = self.table.columns().get(*column) else { continue };
            let (value, stream) = value(record.field(field), definition)?;
            if let Some(place) = wanted.values.get_mut(*column) {
                *place = value;
            }
            wanted.stream = stream.or(wanted.stream);
        }
        Ok(wanted)
    }

    /// Whether the columns can hold the values of a new row.
    fn check(&self, wanted: &Wanted) -> Result<(), CursorError> {
        wanted.values.iter().zip(self.table.columns()).try_for_each(|(value, column)| check(value, column))
    }

    /// The primary key that a record names, which has to be whole.
    fn key(&self, wanted: &Wanted) -> Result<Vec<Value>, CursorError> {
        let keys = self.table.columns().iter().take_while(|column| column.key).count();
        for (place, column) in self.table.columns().iter().enumerate().take(keys) {
            if !self.columns.contains(&place) {
                return Err(CursorError::KeyNotSelected { column: column.name.clone() });
            }
        }
        Ok(wanted.values.iter().take(keys).cloned().collect())
    }
}

/// The value that a field is in a column, and the content if that is a stream.
fn value(field: Option<&Field>, column: &Column) -> Result<(Value, Option<Stream>), CursorError> {
    let wrong = || CursorError::Value { column: column.name.clone(), cause: SqlCause::Types };
    let is_number = matches!(column.kind, ColumnType::Short | ColumnType::Long);
    Ok(match (field, column.kind) {
        (None | Some(Field::Null | Field::Integer(NULL_INTEGER)), _) => (Value::Null, None),
        (Some(Field::Stream(stream)), ColumnType::Stream) => (Value::Stream, Some(stream.clone())),
        (Some(Field::Integer(number)), _) if is_number => (Value::Integer(*number), None),
        (Some(Field::Text(text)), _) if is_number => {
            (Value::Integer(text.trim().parse().map_err(|_| wrong())?), None)
        }
        (Some(Field::Text(text)), ColumnType::Text(_)) => (text.as_str().into(), None),
        (Some(Field::Integer(number)), ColumnType::Text(_)) => (number.to_string().as_str().into(), None),
        _ => return Err(wrong()),
    })
}

fn check(value: &Value, column: &Column) -> Result<(), CursorError> {
    change::check(value, column, 0..0)
        .map_err(|SqlError { cause, .. }| CursorError::Value { column: column.name.clone(), cause })
}

/// Whether a stream is the one that is stored already.
fn is_same(database: &Database, table: &Table, place: usize, content: Option<&Stream>) -> bool {
    let (Some(row), Some(content)) = (table.row(place), content) else { return false };
    let stored = database.stream(&stream_name(table, row.key(), row.stream_name())).ok().flatten();
    let Some(stored) = stored.filter(|stored| stored.len() == content.len()) else { return false };
    matches!((stored.to_bytes(), content.to_bytes()), (Ok(stored), Ok(content)) if stored == content)
}

/// The name of a row's stream; the rows of one table are the streams themselves.
fn stream_name(table: &Table, key: String, of_row: String) -> String {
    if table.name() == STREAMS { key } else { of_row }
}

/// The table to be changed; those that only show what is in the database cannot be.
fn change<'d>(database: &'d mut Database, table: &str) -> Result<&'d mut Table, CursorError> {
    if relations::is_system(table) {
        return Err(CursorError::Denied { what: format!("table '{table}'") });
    }
    database.table_mut(table).ok_or_else(|| CursorError::NoRow { table: table.to_owned() })
}

fn no_row(table: &Table) -> CursorError {
    CursorError::NoRow { table: table.name().to_owned() }
}
