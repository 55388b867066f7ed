//! UPDATE: other values in rows that are there.
//!
//! With several tables (page `sql-syntax.md` has a list of them) the condition joins them, and the rows of each that are in the
//! join get the values for its columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::names::Names;
use super::super::relations::{self, STREAMS};
use super::super::statement::{Name, Update};
use super::super::step::Tables;
use super::super::{Parameter, SqlCause, SqlError, plan};
use super::{NewValue, check, read_only, unknown_table};
use crate::{ColumnType, Database, Stream, Table};

pub fn update(database: &mut Database, update: &Update, parameters: &[Parameter]) -> Result<(), SqlError> {
    let targets = targets(database, update, parameters)?;
    let is_read_only = |target: &&Target<'_>| {
        target.name.text != STREAMS && relations::is_system(&target.name.text) && !target.changes.is_empty()
    };
    if let Some(target) = targets.iter().find(is_read_only) {
        return Err(read_only(target.name));
    }
    // While the tables are in use here, changing them would copy them: all are let go first.
    let work: Vec<Work<'_>> = targets.into_iter().map(Work::new).collect();
    work.into_iter().try_for_each(|work| work.apply(database))
}

/// The tables of the statement, with the rows that it is about.
pub fn targets<'q>(
    database: &Database,
    update: &'q Update,
    parameters: &[Parameter],
) -> Result<Vec<Target<'q>>, SqlError> {
    let tables: Vec<_> =
        update.tables.iter().map(|name| relations::table(database, name)).collect::<Result<_, _>>()?;
    let tables: Tables = tables.into();
    let names = Names { tables: &tables, parameters };
    let mut changes: Vec<Vec<NewValue>> = tables.iter().map(|_| Vec::new()).collect();
    for (column, constant) in &update.changes {
        let place = names.place(column)?;
        let definition = names.column(place, column.span())?;
        let value = names.value(constant, definition)?;
        check(&value, definition, constant.span.clone())?;
        if definition.key {
            let cause = SqlCause::KeyColumn { column: column.column.text.clone() };
            return Err(SqlError::new(cause, column.span()));
        }
        if let Some(changes) = changes.get_mut(place.table) {
            changes.push(NewValue { column: place.column, value, stream: names.stream(constant) });
        }
    }
    let mut places: Vec<BTreeSet<usize>> = tables.iter().map(|_| BTreeSet::new()).collect();
    for tuple in plan::matching(&tables, update.condition.as_ref(), &names)? {
        for (places, place) in places.iter_mut().zip(tuple.iter()) {
            places.insert(*place);
        }
    }
    let of_tables = update.tables.iter().zip(tables.iter()).zip(changes.into_iter().zip(places));
    let target = |((name, table), (changes, places)): ((_, &Arc<Table>), (_, BTreeSet<usize>))| Target {
        name,
        table: table.clone(),
        places: places.into_iter().collect(),
        changes,
    };
    Ok(of_tables.map(target).collect())
}

/// A table of the statement.
pub struct Target<'q> {
    pub name: &'q Name,
    pub table: Arc<Table>,
    /// The rows that match, ascending.
    pub places: Vec<usize>,
    changes: Vec<NewValue>,
}

impl Target<'_> {
    /// The places of the columns that get values.
    pub fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.changes.iter().map(|new| new.column)
    }
}

/// What changes in one table.
struct Work<'q> {
    name: &'q Name,
    /// False for the table that only shows streams.
    of_rows: bool,
    places: Vec<usize>,
    /// The streams of the rows.
    streams: Vec<String>,
    of_streams: Vec<NewValue>,
    values: Vec<NewValue>,
}

impl<'q> Work<'q> {
    fn new(target: Target<'q>) -> Self {
        let Target { name, table, places, changes } = target;
        let of_rows = name.text != STREAMS;
        let rows = places.iter().filter_map(|place| table.row(*place));
        let streams = rows.map(|row| if of_rows { row.stream_name() } else { row.key() }).collect();
        let is_stream = |new: &NewValue| {
            table.columns().get(new.column).is_some_and(|column| column.kind == ColumnType::Stream)
        };
        let (of_streams, values) = changes.into_iter().partition(is_stream);
        Self { name, of_rows, places, streams, of_streams, values }
    }

    fn apply(self, database: &mut Database) -> Result<(), SqlError> {
        for new in &self.of_streams {
            for stream in &self.streams {
                match &new.stream {
                    Some(content) => {
                        database.put_stream_from(stream, Stream::from_bytes(Arc::clone(content)))
                    }
                    None => database.drop_stream(stream),
                }
            }
        }
        let changes: Vec<&NewValue> = self.of_streams.iter().chain(&self.values).collect();
        if !self.of_rows || changes.is_empty() {
            return Ok(());
        }
        let stored = database.table_mut(&self.name.text).ok_or_else(|| unknown_table(self.name))?;
        for new in changes {
            for place in &self.places {
                stored.set(*place, new.column, new.value.clone());
            }
        }
        Ok(())
    }
}
