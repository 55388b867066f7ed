//! A package as a database: tables, streams and summary information, read when they are asked for.

mod change;
mod kind;
mod pieces;

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{COLUMNS, Catalog, TABLES};
use crate::findings::Findings;
use crate::storage::{EntryKind, Storage};
use crate::stream_name::{self, Content};
use crate::string_pool::StringPool;
use crate::summary::{self, SummaryInformation};
use crate::table_data;
use crate::{Column, DatabaseError, Reading, Stream, Table, Transform, TransformError, code_page};
pub use kind::DatabaseKind;
pub use pieces::Pieces;
pub(crate) use pieces::RowSource;

/// An open package. Tables are read on first use and kept; changes stay in memory until [`Database::save`].
#[derive(Debug)]
pub struct Database {
    pub(crate) findings: Findings,
    kind: DatabaseKind,
    code_page: u16,
    stored: Option<Arc<Stored>>,
    /// Tables that were put (present) or dropped (absent).
    changed: BTreeMap<String, Option<Arc<Table>>>,
    /// Tables of the file that were read.
    loaded: Mutex<HashMap<String, Arc<Table>>>,
    /// The entries of the tables read so far, and the length of their data together.
    read: Mutex<(HashSet<u32>, u64)>,
    /// Streams that were put (present) or dropped (absent).
    streams: BTreeMap<String, Option<Stream>>,
    /// Storages that were put (present) or dropped (absent).
    storages: BTreeMap<String, Option<Storage>>,
    /// How often the temporary columns of a table are held (page `sql-syntax.md`).
    holds: HashMap<String, u32>,
    summary: Option<SummaryInformation>,
}

/// The file behind a database.
#[derive(Debug)]
struct Stored {
    storage: Storage,
    pool: StringPool,
    catalog: Catalog,
    tables: HashMap<String, u32>,
    streams: Vec<(String, u32)>,
    positions: HashMap<String, u32>,
    storages: Vec<(String, u32)>,
}

/// A copy shares the file, and the tables that were read, until one of the two is changed.
impl Clone for Database {
    fn clone(&self) -> Self {
        Self {
            findings: self.findings.clone(),
            kind: self.kind,
            code_page: self.code_page,
            stored: self.stored.clone(),
            changed: self.changed.clone(),
            loaded: Mutex::new(self.lock_loaded().clone()),
            read: Mutex::new(self.lock_read().clone()),
            streams: self.streams.clone(),
            storages: self.storages.clone(),
            holds: self.holds.clone(),
            summary: self.summary.clone(),
        }
    }
}

impl Database {
    /// Opens the package at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is no compound file, or has no string pool; with [`Reading::Strict`]
    /// also when its storage, string pool or list of tables contradicts the format.
    pub fn open(path: &Path, reading: Reading) -> Result<Self, DatabaseError> {
        let findings = Findings::new(reading);
        Self::from_storage(Storage::open(path, &findings)?, findings)
    }

    /// Opens a package that is in memory.
    ///
    /// # Errors
    /// As for [`Database::open`].
    pub fn from_bytes(bytes: Vec<u8>, reading: Reading) -> Result<Self, DatabaseError> {
        let findings = Findings::new(reading);
        Self::from_storage(Storage::from_bytes(bytes, &findings)?, findings)
    }

    pub(crate) fn open_kind(
        path: &Path,
        kind: DatabaseKind,
        reading: Reading,
    ) -> Result<Self, DatabaseError> {
        let findings = Findings::new(reading);
        Self::from_storage_of_kind(Storage::open(path, &findings)?, kind, findings)
    }

    pub(crate) fn from_bytes_of_kind(
        bytes: Vec<u8>,
        kind: DatabaseKind,
        reading: Reading,
    ) -> Result<Self, DatabaseError> {
        let findings = Findings::new(reading);
        Self::from_storage_of_kind(Storage::from_bytes(bytes, &findings)?, kind, findings)
    }

    /// An empty package in memory, with a neutral code page.
    pub fn create() -> Self {
        Self {
            findings: Findings::default(),
            kind: DatabaseKind::Package,
            code_page: code_page::NEUTRAL,
            stored: None,
            changed: BTreeMap::new(),
            loaded: Mutex::default(),
            read: Mutex::default(),
            streams: BTreeMap::new(),
            storages: BTreeMap::new(),
            holds: HashMap::new(),
            summary: Some(SummaryInformation::default()),
        }
    }

    fn from_storage(storage: Storage, findings: Findings) -> Result<Self, DatabaseError> {
        let kind = DatabaseKind::of_class(storage.class());
        Self::from_storage_of_kind(storage, kind, findings)
    }

    /// The database in a storage whose class need not tell what it is.
    fn from_storage_of_kind(
        storage: Storage,
        kind: DatabaseKind,
        findings: Findings,
    ) -> Result<Self, DatabaseError> {
        let mut tables = HashMap::new();
        let mut streams = Vec::new();
        let mut positions = HashMap::new();
        let mut storages = Vec::new();
        for (id, entry) in storage.entries() {
            let (content, name) = stream_name::decode(&entry.name);
            match (entry.kind, content) {
                (EntryKind::Storage, _) => storages.push((name, id)),
                (_, Content::Table) => {
                    tables.entry(name).or_insert(id);
                }
                _ => {
                    // A name can be stored in two forms; the one that is not compressed is the real property
                    // set.
                    let plain = name.encode_utf16().eq(entry.name.iter().copied());
                    match positions.entry(name) {
                        Occupied(mut position) if plain => _ = position.insert(id),
                        Occupied(_) => {}
                        Vacant(position) => {
                            streams.push((position.key().clone(), id));
                            position.insert(id);
                        }
                    }
                }
            }
        }
        let read = |name| -> Result<Vec<u8>, DatabaseError> {
            let &id = tables.get(name).ok_or(DatabaseError::MissingStream { name })?;
            Ok(storage.stream(id, &findings)?.to_bytes()?)
        };
        let pool = StringPool::read(&read("_StringPool")?, read("_StringData")?, &findings)?;
        let catalog = if kind == DatabaseKind::Transform {
            Catalog::default()
        } else {
            // A database without tables may lack the streams that list them.
            let system = |name| match tables.get(name) {
                Some(_) => read(name),
                None => Ok(Vec::new()),
            };
            Catalog::read(&system(TABLES)?, &system(COLUMNS)?, &pool, &findings)?
        };
        Ok(Self {
            kind,
            code_page: pool.code_page(),
            stored: Some(Arc::new(Stored { storage, pool, catalog, tables, streams, positions, storages })),
            changed: BTreeMap::new(),
            loaded: Mutex::default(),
            read: Mutex::default(),
            streams: BTreeMap::new(),
            storages: BTreeMap::new(),
            holds: HashMap::new(),
            summary: None,
            findings,
        })
    }

    /// What kind of file this is.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// The names of all tables but the system tables: those of the file in stored order, then new ones.
    ///
    /// # Errors
    /// None at present: the list is read when the package is opened.
    pub fn table_names(&self) -> Result<Vec<String>, DatabaseError> {
        let stored = self.stored.iter().flat_map(|stored| stored.catalog.names());
        let kept = stored.filter(|name| !matches!(self.changed.get(*name), Some(None)));
        let mut names: Vec<String> = kept.map(str::to_owned).collect();
        let new = self
            .changed
            .iter()
            .filter(|(name, table)| table.is_some() && self.stored_columns(name).is_none());
        names.extend(new.map(|(name, _)| name.clone()));
        Ok(names)
    }

    /// The columns of a table, without reading its rows.
    pub fn columns(&self, table: &str) -> Option<Vec<Column>> {
        match self.changed.get(table) {
            Some(changed) => changed.as_ref().map(|table| table.columns().to_vec()),
            None => self.stored_columns(table).map(<[Column]>::to_vec),
        }
    }

    /// The table of this name; nothing when there is none.
    ///
    /// # Errors
    /// When its data cannot be read; with [`Reading::Strict`] also when a value contradicts the format.
    pub fn table(&self, name: &str) -> Result<Option<Arc<Table>>, DatabaseError> {
        if let Some(changed) = self.changed.get(name) {
            return Ok(changed.clone());
        }
        let Some((stored, columns)) = self.stored.as_ref().zip(self.stored_columns(name)) else {
            return Ok(None);
        };
        if let Some(table) = self.lock_loaded().get(name) {
            return Ok(Some(table.clone()));
        }
        // A table without rows has no stream.
        let data = self.table_data(name)?.unwrap_or_default();
        let table = Arc::new(table_data::decode(name, columns, &data, &stored.pool, &self.findings)?);
        self.lock_loaded().insert(name.to_owned(), table.clone());
        Ok(Some(table))
    }

    /// How many rows a table has, without reading them; nothing when there is no such table.
    ///
    /// # Errors
    /// When the storage is damaged where the table is.
    pub fn row_count(&self, name: &str) -> Result<Option<u64>, DatabaseError> {
        if let Some(changed) = self.changed.get(name) {
            return Ok(changed.as_ref().map(|table| table.len() as u64));
        }
        let Some((stored, columns)) = self.stored.as_ref().zip(self.stored_columns(name)) else {
            return Ok(None);
        };
        // A table without rows has no stream.
        let Some(&id) = stored.tables.get(name) else { return Ok(Some(0)) };
        let length = stored.storage.stream(id, &self.findings)?.len();
        Ok(Some(length.checked_div(table_data::row_length(columns, &stored.pool)).unwrap_or(0)))
    }

    /// The names of the streams that are neither data of tables nor the summary information.
    pub fn stream_names(&self) -> Vec<String> {
        let stored = self.stored.iter().flat_map(|stored| &stored.streams).map(|(name, _)| name);
        let mut names: Vec<String> = stored
            .filter(|name| *name != summary::STREAM && !matches!(self.streams.get(*name), Some(None)))
            .cloned()
            .collect();
        let new =
            self.streams.iter().filter(|(name, content)| content.is_some() && self.stored_id(name).is_none());
        names.extend(new.map(|(name, _)| name.clone()));
        names
    }

    /// The stream of this name; nothing when there is none.
    ///
    /// # Errors
    /// When the storage is damaged where the stream is.
    pub fn stream(&self, name: &str) -> Result<Option<Stream>, DatabaseError> {
        if let Some(changed) = self.streams.get(name) {
            return Ok(changed.clone());
        }
        let Some((stored, id)) = self.stored.as_ref().zip(self.stored_id(name)) else { return Ok(None) };
        Ok(Some(stored.storage.stream(id, &self.findings)?))
    }

    /// The names of the storages within the package: its embedded transforms.
    pub fn storage_names(&self) -> Vec<String> {
        let stored = self.stored.iter().flat_map(|stored| &stored.storages).map(|(name, _)| name);
        let kept = stored.filter(|name| !self.storages.contains_key(*name));
        let new = self.storages.iter().filter(|(_, storage)| storage.is_some()).map(|(name, _)| name);
        kept.chain(new).cloned().collect()
    }

    /// A storage within the package as a database of its own; nothing when there is none of this name.
    ///
    /// # Errors
    /// As for [`Database::open`].
    pub fn storage(&self, name: &str) -> Result<Option<Self>, DatabaseError> {
        let Some(nested) = self.nested(name)? else { return Ok(None) };
        Self::from_storage(nested, self.findings.clone()).map(Some)
    }

    /// A storage within the package as a transform, whatever its class says; nothing when there is none of
    /// this name.
    ///
    /// # Errors
    /// As for [`Database::open`].
    pub fn transform(&self, name: &str) -> Result<Option<Transform>, TransformError> {
        let Some(nested) = self.nested(name)? else { return Ok(None) };
        let database = Self::from_storage_of_kind(nested, DatabaseKind::Transform, self.findings.clone())?;
        Transform::from_database(database).map(Some)
    }

    /// The summary information (page `summary-information-stream-property-set.md`).
    ///
    /// # Errors
    /// When it is damaged, or missing in a file that is read strictly.
    pub fn summary(&self) -> Result<SummaryInformation, DatabaseError> {
        if let Some(summary) = &self.summary {
            return Ok(summary.clone());
        }
        match self.stream(summary::STREAM)? {
            Some(stream) => summary::read(&stream.to_bytes()?, &self.findings),
            None => {
                self.findings.tolerate(DatabaseError::MissingStream { name: "SummaryInformation" })?;
                Ok(SummaryInformation::default())
            }
        }
    }

    /// The code page of the tables' text; 0 is neutral.
    pub fn code_page(&self) -> u16 {
        self.code_page
    }

    /// What permissive reading has overlooked so far.
    pub fn warnings(&self) -> Vec<String> {
        self.findings.warnings()
    }

    /// Whether a table is stored, not temporary (function MsiDatabaseIsTablePersistent); nothing when there is none.
    pub fn is_persistent(&self, table: &str) -> Option<bool> {
        self.persistent_columns(table).map(|columns| !columns.is_empty())
    }

    /// The columns of a table that are stored.
    pub(crate) fn persistent_columns(&self, table: &str) -> Option<Vec<Column>> {
        match self.changed.get(table) {
            Some(changed) => changed.as_ref().map(|table| table.persistent_columns().to_vec()),
            None => self.columns(table),
        }
    }

    /// The class identifier of the file, in stored order.
    pub(crate) fn class(&self) -> [u8; 16] {
        match (self.kind, &self.stored) {
            (DatabaseKind::Other, Some(stored)) => stored.storage.class(),
            (kind, _) => kind.class(),
        }
    }

    /// The compound file behind the database.
    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    pub(crate) fn stored_storage(&self) -> Option<&Storage> {
        self.stored.as_ref().map(|stored| &stored.storage)
    }

    /// A storage within the package, as it is.
    pub(crate) fn nested(&self, name: &str) -> Result<Option<Storage>, DatabaseError> {
        if let Some(storage) = self.storages.get(name) {
            return Ok(storage.clone());
        }
        let Some(stored) = &self.stored else { return Ok(None) };
        let Some((_, id)) = stored.storages.iter().find(|(storage, _)| storage == name) else {
            return Ok(None);
        };
        Ok(Some(stored.storage.nested(*id, &self.findings)?))
    }

    /// The stored data of a table as it is; nothing when there is no such stream.
    pub(crate) fn table_data(&self, table: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let Some(&id) = stored.tables.get(table) else { return Ok(None) };
        let stream = stored.storage.stream(id, &self.findings)?;
        // Tables do not share their data, so that all together are no longer than the file. Without this, a
        // small file with many names for the same sectors could fill the memory.
        let together = {
            let mut read = self.lock_read();
            if read.0.insert(id) {
                read.1 = read.1.saturating_add(stream.len());
            }
            read.1
        };
        if together > stored.storage.file_length() {
            return Err(DatabaseError::SharedData { table: table.to_owned() });
        }
        Ok(Some(stream.to_bytes()?))
    }

    /// What the class of the file behind the database says.
    pub(crate) fn stored_kind(&self) -> DatabaseKind {
        self.stored.as_ref().map_or(self.kind, |stored| DatabaseKind::of_class(stored.storage.class()))
    }

    /// Length of the file in bytes; 0 when there is none.
    pub(crate) fn file_length(&self) -> u64 {
        self.stored.as_ref().map_or(0, |stored| stored.storage.file_length())
    }

    /// The names of the tables that have stored data, the system tables among them, in alphabetical order.
    pub(crate) fn tables_with_data(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.stored.iter().flat_map(|stored| stored.tables.keys()).map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The strings of the file, which the database has no longer; none when it has a copy.
    pub(crate) fn take_pool(&mut self) -> StringPool {
        let stored = self.stored.as_mut().and_then(Arc::get_mut);
        stored.map(|stored| std::mem::take(&mut stored.pool)).unwrap_or_default()
    }

    fn stored_columns(&self, table: &str) -> Option<&[Column]> {
        self.stored.as_ref()?.catalog.columns(table)
    }

    fn stored_id(&self, stream: &str) -> Option<u32> {
        self.stored.as_ref()?.positions.get(stream).copied()
    }

    fn lock_read(&self) -> std::sync::MutexGuard<'_, (HashSet<u32>, u64)> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_loaded(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Table>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
