//! Making a transform: what has to be done to one database so that it gets the tables of another.

use std::collections::BTreeSet;
use std::io::Cursor;

use super::apply::row_streams;
use super::operations::{MOST_COLUMNS, OperationWriter, key_columns};
use super::{ErrorConditions, Transform, TransformError, Validation, check::property};
use crate::catalog::{self, COLUMNS, TABLES};
use crate::save::{Compound, SIGNATURES};
use crate::stream_name::Content;
use crate::string_pool::StringPoolBuilder;
use crate::summary::{self, PropertyValue, id};
use crate::{
    Column, ColumnType, Database, DatabaseError, DatabaseKind, Reading, SummaryInformation, Table, Value,
};

/// The value of the property on page `security-summary.md` that the documentation asks for: enforced read-only.
const READ_ONLY: i32 = 4;

/// What is said in a transform about how to apply it, as `MsiCreateTransformSummaryInfo` takes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct MakeOptions {
    /// Conditions that are not to be errors.
    pub conditions: ErrorConditions,
    /// What a target is to be compared by.
    pub validation: Validation,
}

impl Transform {
    /// Makes the transform that gives `old` the tables of `new`, and the streams that belong to their rows. Streams that
    /// belong to no row, such as cabinets, are carried along when they are new or differ; that such a stream goes
    /// cannot be expressed.
    ///
    /// # Errors
    /// When a table cannot be read or has no key, when a column goes or changes its definition, when a property is missing
    /// that a target is to be compared by, or when a text cannot be written in the code page of `new`.
    pub fn make(old: &Database, new: &Database, options: MakeOptions) -> Result<Self, TransformError> {
        let mut maker = Maker {
            old,
            new,
            pool: StringPoolBuilder::new(new.code_page()),
            tables: Vec::new(),
            streams: BTreeSet::new(),
            owned: BTreeSet::new(),
        };
        maker.compare_tables()?;
        maker.compare_other_streams()?;
        let information = information(old, new, options)?;
        Self::from_bytes(maker.write(&information)?, Reading::Strict)
    }
}

struct Maker<'d> {
    old: &'d Database,
    new: &'d Database,
    pool: StringPoolBuilder,
    tables: Vec<(String, OperationWriter)>,
    streams: BTreeSet<String>,
    /// Streams that belong to rows.
    owned: BTreeSet<String>,
}

impl Maker<'_> {
    fn compare_tables(&mut self) -> Result<(), TransformError> {
        let mut names: BTreeSet<String> = self.old.table_names()?.into_iter().collect();
        names.extend(self.new.table_names()?);
        let mut tables = Table::new(TABLES, catalog::tables_columns());
        let mut columns = Table::new(COLUMNS, catalog::columns_columns());
        let mut dropped = BTreeSet::new();
        for name in names {
            let stored = |table: Option<_>| {
                table.filter(|table: &std::sync::Arc<Table>| !table.persistent_columns().is_empty())
            };
            let (old, new) = (stored(self.old.table(&name)?), stored(self.new.table(&name)?));
            for table in old.iter().chain(&new) {
                self.owned.extend(row_streams(table));
            }
            let new_columns = new.as_ref().map_or(&[][..], |table| table.persistent_columns());
            if new_columns.len() > MOST_COLUMNS {
                return Err(TransformError::TooManyColumns { table: name, columns: new_columns.len() });
            }
            let added = match (&old, &new) {
                (Some(_), None) => {
                    dropped.insert(tables.len());
                    tables.push(vec![name.as_str().into()]);
                    continue;
                }
                (None, Some(_)) => {
                    tables.push(vec![name.as_str().into()]);
                    new_columns
                }
                (Some(old), Some(_)) => added_columns(&name, old.persistent_columns(), new_columns)?,
                (None, None) => continue,
            };
            for column in added {
                // Columns are not numbered, they follow each other: so it is in transforms in the wild.
                let bits = i32::from(catalog::bits(column));
                columns.push(vec![
                    name.as_str().into(),
                    Value::Null,
                    column.name.as_str().into(),
                    bits.into(),
                ]);
            }
            if let Some(new) = &new {
                let rows = self.compare_rows(&name, old.as_deref(), new)?;
                self.tables.push((name, rows));
            }
        }
        for table in [&tables, &columns] {
            let mut writer = OperationWriter::default();
            for place in 0..table.len() {
                if table.name() == TABLES && dropped.contains(&place) {
                    writer.delete(table, place, &mut self.pool)?;
                } else {
                    writer.insert(table, place, &mut self.pool)?;
                }
            }
            self.tables.push((table.name().to_owned(), writer));
        }
        Ok(())
    }

    fn compare_rows(
        &mut self,
        name: &str,
        old: Option<&Table>,
        new: &Table,
    ) -> Result<OperationWriter, TransformError> {
        let mut writer = OperationWriter::default();
        let columns = new.persistent_columns();
        let keys = key_columns(columns);
        if keys == 0 {
            return Err(TransformError::NoKey { table: name.to_owned() });
        }
        for (place, row) in new.rows().enumerate().filter(|(_, row)| !row.is_temporary()) {
            if new.place(row.key_values()) != Some(place) {
                let (table, key) = (name.to_owned(), row.key());
                return Err(DatabaseError::DuplicateKey { table, key }.into());
            }
            let before = old.and_then(|old| old.find(row.key_values())).filter(|row| !row.is_temporary());
            let Some(before) = before else {
                writer.insert(new, place, &mut self.pool)?;
                if row.values().contains(&Value::Stream) {
                    self.streams.insert(row.stream_name());
                }
                continue;
            };
            let mut mask = 0;
            for (position, column) in columns.iter().enumerate().skip(keys) {
                let [old, new] = [before, row].map(|row| row.values().get(position).unwrap_or(&Value::Null));
                let both =
                    column.kind == ColumnType::Stream && *old == Value::Stream && *new == Value::Stream;
                let differs = if both { self.differs(&row.stream_name())? } else { old != new };
                if differs {
                    mask |= 1_u32 << position;
                    if *new == Value::Stream {
                        self.streams.insert(row.stream_name());
                    }
                }
            }
            match u16::try_from(mask) {
                Ok(0) => {}
                Ok(mask) => writer.update(new, place, mask, &mut self.pool)?,
                // A mask has no bits for columns so far behind.
                Err(_) => {
                    writer.delete(new, place, &mut self.pool)?;
                    writer.insert(new, place, &mut self.pool)?;
                    if row.values().contains(&Value::Stream) {
                        self.streams.insert(row.stream_name());
                    }
                }
            }
        }
        if let Some(old) = old {
            for (place, row) in old.rows().enumerate().filter(|(_, row)| !row.is_temporary()) {
                if new.find(row.key_values()).is_none_or(|row| row.is_temporary())
                    && old.place(row.key_values()) == Some(place)
                {
                    writer.delete(old, place, &mut self.pool)?;
                }
            }
        }
        Ok(writer)
    }

    fn compare_other_streams(&mut self) -> Result<(), TransformError> {
        for name in self.new.stream_names() {
            let other = !self.owned.contains(&name) && !SIGNATURES.contains(&name.as_str());
            if other && self.differs(&name)? {
                self.streams.insert(name);
            }
        }
        for name in self.old.stream_names() {
            let other = !self.owned.contains(&name) && !SIGNATURES.contains(&name.as_str());
            if other && self.new.stream(&name)?.is_none() {
                tracing::warn!(target: "reseat_database", "a transform cannot remove the stream {name:?}");
            }
        }
        Ok(())
    }

    /// Whether a stream differs in the two databases.
    fn differs(&self, name: &str) -> Result<bool, TransformError> {
        Ok(match (self.old.stream(name)?, self.new.stream(name)?) {
            (Some(old), Some(new)) => {
                old.len() != new.len()
                    || old.to_bytes().map_err(DatabaseError::from)?
                        != new.to_bytes().map_err(DatabaseError::from)?
            }
            (old, new) => old.is_some() != new.is_some(),
        })
    }

    fn write(self, information: &SummaryInformation) -> Result<Vec<u8>, TransformError> {
        let mut out = Compound::create(Cursor::new(Vec::new()))?;
        out.set_class("/", DatabaseKind::Transform.class())?;
        let (strings, data) = self.pool.write()?;
        out.put(Content::Table, "_StringPool", strings.as_slice())?;
        out.put(Content::Table, "_StringData", data.as_slice())?;
        let (numbers, size) = (self.pool.final_numbers(), self.pool.reference_size());
        for (name, operations) in self.tables.iter().filter(|(_, operations)| !operations.is_empty()) {
            out.put(Content::Table, name, operations.write(&numbers, size).as_slice())?;
        }
        for name in &self.streams {
            if let Some(stream) = self.new.stream(name)? {
                out.put(Content::Other, name, stream)?;
            }
        }
        out.put(Content::Other, summary::STREAM, summary::write(information)?.as_slice())?;
        Ok(out.finish()?.into_inner())
    }
}

/// The columns that a table gets at its end; its others have to stay as they are.
fn added_columns<'c>(table: &str, old: &[Column], new: &'c [Column]) -> Result<&'c [Column], TransformError> {
    for (place, column) in old.iter().enumerate() {
        match new.get(place) {
            None => {
                let (table, column) = (table.to_owned(), column.name.clone());
                return Err(TransformError::ColumnRemoved { table, column });
            }
            Some(after) if after != column => {
                return Err(differs(table, place, shown(column), shown(after)));
            }
            Some(_) => {}
        }
    }
    let added = new.get(old.len()..).unwrap_or_default();
    match added.first() {
        Some(column) if column.key => Err(differs(table, old.len(), String::new(), shown(column))),
        _ => Ok(added),
    }
}

fn differs(table: &str, place: usize, old: String, new: String) -> TransformError {
    TransformError::ColumnDiffers { table: table.to_owned(), number: place + 1, old, new }
}

fn shown(column: &Column) -> String {
    let key = if column.key { " key" } else { "" };
    format!("{} {:#06x}{key}", column.name, catalog::bits(column))
}

/// The summary information of a transform (pages `summary-property-descriptions.md`, `revision-number-summary.md`).
fn information(
    old: &Database,
    new: &Database,
    options: MakeOptions,
) -> Result<SummaryInformation, TransformError> {
    let (before, after) = (old.summary()?, new.summary()?);
    let mut information = SummaryInformation::default();
    let subject = before.subject().unwrap_or_default();
    information.set_code_page(before.code_page());
    information.set_text(id::TITLE, "Transform");
    information.set_text(id::SUBJECT, subject);
    information.set_text(id::AUTHOR, after.author().unwrap_or_default());
    information.set_text(id::KEYWORDS, "Installer");
    information.set_text(
        id::COMMENTS,
        &format!("This transform contains the logic and data required to install {subject}."),
    );
    information.set_text(id::TEMPLATE, before.template().unwrap_or_default());
    information.set_text(id::LAST_SAVED_BY, after.template().unwrap_or_default());
    let required = |database: &Database, name: &'static str, flag| -> Result<String, TransformError> {
        let value = property(database, name)?;
        if value.is_empty() && options.validation.contains(flag) {
            return Err(TransformError::MissingProperty { property: name });
        }
        Ok(value)
    };
    information.set_text(
        id::REVISION_NUMBER,
        &format!(
            "{}{};{}{};{}",
            required(old, "ProductCode", Validation::PRODUCT)?,
            required(old, "ProductVersion", Validation::UPDATE_VERSION)?,
            property(new, "ProductCode")?,
            property(new, "ProductVersion")?,
            required(old, "UpgradeCode", Validation::UPGRADE_CODE)?,
        ),
    );
    let version = before.number(id::PAGE_COUNT).max(after.number(id::PAGE_COUNT));
    information.set(id::PAGE_COUNT, PropertyValue::Long(version.unwrap_or_default()));
    let mut conditions = options.conditions;
    if old.code_page() != new.code_page() {
        conditions = conditions | ErrorConditions::CHANGE_CODE_PAGE;
    }
    let flags = u32::from(options.validation.bits()) << 16 | u32::from(conditions.bits());
    information.set(id::CHARACTER_COUNT, PropertyValue::Long(flags as i32));
    information.set_text(id::CREATING_APPLICATION, concat!("Reseat ", env!("CARGO_PKG_VERSION")));
    information.set(id::SECURITY, PropertyValue::Long(READ_ONLY));
    Ok(information)
}
