//! Transforms: the difference of two databases, kept in a file (`.mst`) or in a storage of a package or patch.
//!
//! Documented on the pages `about-transforms.md` and `-transformview-table.md` and with the functions
//! `MsiDatabaseGenerateTransform`, `MsiCreateTransformSummaryInfo` and `MsiDatabaseApplyTransform`; the layout is
//! described in `docs/transforms.md`. `operations` and `schema` read it, `make` writes it, `apply` and `describe` use
//! it, `check` compares a target with the one that the transform is for.

mod apply;
mod check;
mod describe;
mod error;
mod flags;
mod make;
mod operations;
mod schema;
mod standard;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use check::property;
pub use describe::{Change, VIEW};
pub use error::TransformError;
pub use flags::{ErrorConditions, Validation};
pub use make::MakeOptions;
pub(crate) use operations::Operation;
pub use standard::standard_tables;

use crate::findings::Findings;
use crate::string_pool::StringPool;
use crate::summary::id;
use crate::{Column, Database, DatabaseError, DatabaseKind, Reading, SummaryInformation, Table};

/// An open transform. What its operations mean depends on the columns of the tables that they are for, so they are read
/// when there is a database to apply them to.
#[derive(Debug)]
pub struct Transform {
    database: Database,
    /// The operations as stored, by table.
    data: BTreeMap<String, Vec<u8>>,
    pool: StringPool,
    summary: SummaryInformation,
}

/// The code page of the strings and the strings that the rows refer to are in these.
const POOL: [&str; 2] = ["_StringPool", "_StringData"];

impl Transform {
    /// Opens the transform at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is no compound file, has no string pool, or is a package or patch.
    pub fn open(path: &Path, reading: Reading) -> Result<Self, TransformError> {
        Self::from_file(Database::open_kind(path, DatabaseKind::Transform, reading)?)
    }

    /// Opens a transform that is in memory.
    ///
    /// # Errors
    /// As for [`Transform::open`].
    pub fn from_bytes(bytes: Vec<u8>, reading: Reading) -> Result<Self, TransformError> {
        Self::from_file(Database::from_bytes_of_kind(bytes, DatabaseKind::Transform, reading)?)
    }

    fn from_file(database: Database) -> Result<Self, TransformError> {
        match database.stored_kind() {
            DatabaseKind::Package | DatabaseKind::Patch => Err(TransformError::NoTransform),
            DatabaseKind::Transform | DatabaseKind::Other => Self::from_database(database),
        }
    }

    pub(crate) fn from_database(mut database: Database) -> Result<Self, TransformError> {
        let names: Vec<String> = database.tables_with_data().into_iter().map(str::to_owned).collect();
        let mut data = BTreeMap::new();
        for name in names.into_iter().filter(|name| !POOL.contains(&name.as_str())) {
            if let Some(content) = database.table_data(&name)? {
                data.insert(name, content);
            }
        }
        let pool = database.take_pool();
        // Without the information the transform can be applied, but says nothing about its target.
        let summary = match database.stream(crate::summary::STREAM)? {
            Some(_) => database.summary()?,
            None => SummaryInformation::default(),
        };
        Ok(Self { database, data, pool, summary })
    }

    /// The summary information: what the transform is for (page `summary-property-descriptions.md`).
    pub fn summary(&self) -> &SummaryInformation {
        &self.summary
    }

    /// The conditions that its maker wants not to be errors; none when it does not say.
    pub fn conditions(&self) -> ErrorConditions {
        ErrorConditions::from_bits(self.flags() as u16)
    }

    /// What its maker wants the target to be compared by.
    pub fn validation(&self) -> Validation {
        Validation::from_bits((self.flags() >> 16) as u16)
    }

    /// The code page of its text; 0 is neutral.
    pub fn code_page(&self) -> u16 {
        self.database.code_page()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.data.values().all(Vec::is_empty) && self.database.stream_names().is_empty()
    }

    /// The names of the tables that it changes, adds or drops rows of, in alphabetical order.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.data.keys().map(String::as_str).filter(|name| !is_system(name))
    }

    /// What permissive reading has overlooked so far.
    pub fn warnings(&self) -> Vec<String> {
        self.database.warnings()
    }

    /// Writes the transform to `path`, whole or not at all.
    ///
    /// # Errors
    /// As for [`Database::save`].
    pub fn save(&self, path: &Path) -> Result<(), DatabaseError> {
        self.database.save(path)
    }

    /// The transform's file as a database without tables, such as [`Database::put_storage`] takes it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// How many bytes of operations and strings were read.
    pub(crate) fn length(&self) -> u64 {
        let data = self.data.values().map(Vec::len).sum::<usize>();
        (data + self.pool.length()) as u64
    }

    fn flags(&self) -> u32 {
        self.summary.number(id::CHARACTER_COUNT).unwrap_or_default() as u32
    }

    fn findings(&self) -> &Findings {
        &self.database.findings
    }

    /// The operations on a table that has these columns.
    pub(crate) fn operations(
        &self,
        table: &str,
        columns: &[Column],
    ) -> Result<Vec<Operation>, TransformError> {
        let Some(data) = self.data.get(table) else { return Ok(Vec::new()) };
        if columns.len() > operations::MOST_COLUMNS {
            return Err(TransformError::TooManyColumns { table: table.to_owned(), columns: columns.len() });
        }
        operations::decode(table, columns, data, &self.pool, self.findings())
    }
}

/// Whether the table is one of those that list tables, columns, streams and storages.
fn is_system(table: &str) -> bool {
    [crate::catalog::TABLES, crate::catalog::COLUMNS, "_Streams", "_Storages"].contains(&table)
}

/// A key as it is shown in messages.
fn display_key(columns: &[Column], key: &[crate::Value]) -> String {
    let mut table = Table::new("", columns.to_vec());
    table.push(key.to_vec());
    table.row(0).map(|row| row.key()).unwrap_or_default()
}
