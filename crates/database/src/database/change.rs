//! Changes to a database, which stay in memory until it is saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Database, DatabaseKind};
use crate::{DatabaseError, Stream, SummaryInformation, Table};

/// The changes to a database so far.
#[derive(Debug)]
pub(crate) struct Snapshot {
    code_page: u16,
    changed: BTreeMap<String, Option<Arc<Table>>>,
    streams: BTreeMap<String, Option<Stream>>,
    summary: Option<SummaryInformation>,
}

impl Database {
    /// Notes tables, streams and summary information as they are.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            code_page: self.code_page,
            changed: self.changed.clone(),
            streams: self.streams.clone(),
            summary: self.summary.clone(),
        }
    }

    /// Makes tables, streams and summary information what they were.
    pub(crate) fn restore(&mut self, snapshot: Snapshot) {
        let Snapshot { code_page, changed, streams, summary } = snapshot;
        self.code_page = code_page;
        self.changed = changed;
        self.streams = streams;
        self.summary = summary;
    }

    /// Says what kind of file this is to be when saved.
    pub fn set_kind(&mut self, kind: DatabaseKind) {
        self.kind = kind;
    }

    /// Adds a table or replaces the one of its name.
    pub fn put_table(&mut self, table: Table) {
        self.changed.insert(table.name().to_owned(), Some(Arc::new(table)));
    }

    /// Removes a table, if there is one. Streams of its rows stay.
    pub fn drop_table(&mut self, name: &str) {
        self.changed.insert(name.to_owned(), None);
    }

    /// Adds a stream or replaces the one of its name.
    pub fn put_stream(&mut self, name: &str, content: Vec<u8>) {
        self.put_stream_from(name, Stream::from_bytes(content));
    }

    /// Adds a stream or replaces the one of its name; the content, such as that of a cabinet beside the
    /// package, is read when it is asked for and when the database is saved.
    pub fn put_stream_from(&mut self, name: &str, content: Stream) {
        self.streams.insert(name.to_owned(), Some(content));
    }

    /// Removes a stream, if there is one.
    pub fn drop_stream(&mut self, name: &str) {
        self.streams.insert(name.to_owned(), None);
    }

    /// Adds a storage, or replaces the one of its name, by what is in another file, such as a transform.
    ///
    /// # Errors
    /// When the other database is not one that was opened from a file.
    pub fn put_storage(&mut self, name: &str, content: &Self) -> Result<(), DatabaseError> {
        let storage =
            content.stored_storage().ok_or_else(|| DatabaseError::NoStream { name: name.to_owned() })?;
        self.storages.insert(name.to_owned(), Some(storage.clone()));
        Ok(())
    }

    /// Removes a storage, if there is one.
    pub fn drop_storage(&mut self, name: &str) {
        self.storages.insert(name.to_owned(), None);
    }

    /// Replaces the summary information.
    pub fn set_summary(&mut self, summary: SummaryInformation) {
        self.summary = Some(summary);
    }

    /// Sets the code page of the tables' text, as importing `_ForceCodepage` does (page `-forcecodepage.md`).
    pub fn set_code_page(&mut self, code_page: u16) {
        self.code_page = code_page;
    }

    /// The table of this name, to be changed. Those who have the table from before keep it as it was.
    pub(crate) fn table_mut(&mut self, name: &str) -> Option<&mut Table> {
        if !self.changed.contains_key(name) {
            let table = self.table(name).ok()??;
            self.lock_loaded().remove(name);
            self.changed.insert(name.to_owned(), Some(table));
        }
        self.changed.get_mut(name)?.as_mut().map(Arc::make_mut)
    }

    /// Keeps the temporary columns of a table until as many [`Database::free`].
    pub(crate) fn hold(&mut self, table: &str) {
        *self.holds.entry(table.to_owned()).or_default() += 1;
    }

    /// Takes one hold off a table; with the last one its temporary columns go, and itself if it has no
    /// others.
    pub(crate) fn free(&mut self, table: &str) {
        let Some(holds) = self.holds.get_mut(table) else { return };
        *holds -= 1;
        if *holds > 0 {
            return;
        }
        self.holds.remove(table);
        let Some(stored) = self.table_mut(table) else { return };
        stored.remove_temporary_columns();
        if stored.columns().is_empty() {
            self.drop_table(table);
        }
    }
}
