//! Writing a database: tables into data streams, all streams into a compound file, and that in place of the
//! old one.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cfb::{CompoundFile, Version};

use crate::catalog;
use crate::counted::Counted;
use crate::database::Database;
use crate::findings::Findings;
use crate::replacement;
use crate::storage::{EntryKind, Storage};
use crate::stream_name::{self, Content};
use crate::string_pool::StringPoolBuilder;
use crate::summary;
use crate::table_data::Numbered;
use crate::{DatabaseError, FileTime, Table};

/// Streams that vouch for the other streams as they were, so that they are void after any change (page
/// `digital-signatures-and-windows-installer.md`).
pub(crate) const SIGNATURES: [&str; 2] = ["\u{5}DigitalSignature", "\u{5}MsiDigitalSignatureEx"];
/// Storages in storages deeper than this are refused; patches have one level.
const MOST_LEVELS: usize = 8;

impl Database {
    /// Writes the database to `path`, whole or not at all: a new file is written and synchronised beside it,
    /// and then takes its place. Digital signatures are left out, since they would not hold for the new file.
    ///
    /// # Errors
    /// When a table cannot be read or has a value that its column cannot hold, when a text cannot be written
    /// in the code page, when a name cannot be the name of a stream, or when the operating system refuses a
    /// write.
    pub fn save(&self, path: &Path) -> Result<(), DatabaseError> {
        self.save_with(path, &mut |_| ())
    }

    /// [`Database::save`] for whoever shows progress: `hears` is told how many more bytes of streams were written.
    ///
    /// # Errors
    /// As for [`Database::save`].
    pub fn save_with(&self, path: &Path, hears: &mut dyn FnMut(u64)) -> Result<(), DatabaseError> {
        let failed = |source| DatabaseError::Write { path: path.to_owned(), source };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let temporary = replacement::begin(path).map_err(failed)?;
        let file = self.write_with(temporary.reopen().map_err(failed)?, hears)?;
        file.sync_all().map_err(failed)?;
        temporary.persist(path).map_err(|error| failed(error.error))?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Writes the database as a compound file and gives the written file back.
    ///
    /// # Errors
    /// As for [`Database::save`].
    pub fn write<F: io::Read + io::Write + io::Seek>(&self, file: F) -> Result<F, DatabaseError> {
        self.write_with(file, &mut |_| ())
    }

    fn write_with<F: io::Read + io::Write + io::Seek>(
        &self,
        file: F,
        hears: &mut dyn FnMut(u64),
    ) -> Result<F, DatabaseError> {
        let mut out = Compound::create(file)?;
        out.set_class("/", self.class())?;

        if self.kind() == crate::DatabaseKind::Transform {
            if let Some(storage) = self.stored_storage() {
                out.copy_storage("", storage, &self.findings, 0)?;
            }
        } else {
            self.write_tables(&mut out)?;
            for name in self.stream_names() {
                if SIGNATURES.contains(&name.as_str()) {
                    tracing::info!(target: "reseat_database", "leaving out {name:?}: it does not hold for a new file");
                    continue;
                }
                if let Some(stream) = self.stream(&name)? {
                    out.put(Content::Other, &name, Counted { source: stream, hears: &mut *hears })?;
                }
            }
            for name in self.storage_names() {
                if let Some(storage) = self.nested(&name)? {
                    let units: Vec<u16> = name.encode_utf16().collect();
                    out.nest("", &units, &storage, &self.findings, 0)?;
                }
            }
        }
        out.put(Content::Other, summary::STREAM, summary::write(&self.summary()?)?.as_slice())?;
        out.finish()
    }

    fn write_tables<F: io::Read + io::Write + io::Seek>(
        &self,
        out: &mut Compound<F>,
    ) -> Result<(), DatabaseError> {
        let mut tables: Vec<Arc<Table>> = Vec::new();
        for name in self.table_names()? {
            // A table without columns that are stored is temporary.
            tables.extend(self.table(&name)?.filter(|table| !table.persistent_columns().is_empty()));
        }
        let system = catalog::describe(tables.iter().map(|table| (table.name(), table.persistent_columns())));
        let mut pool = StringPoolBuilder::new(self.code_page());
        let mut numbered = Vec::with_capacity(tables.len() + system.len());
        for table in system.iter().chain(tables.iter().map(AsRef::as_ref)) {
            numbered.push(Numbered::new(table, &mut pool)?);
        }
        let (strings, data) = pool.write()?;
        out.put(Content::Table, "_StringPool", strings.as_slice())?;
        out.put(Content::Table, "_StringData", data.as_slice())?;
        let (numbers, size) = (pool.final_numbers(), pool.reference_size());
        for table in numbered {
            let name = table.name();
            let data = table.write(&numbers, size, &self.findings)?;
            // A table without rows has no stream; the lists of tables and columns are always there.
            if !data.is_empty() || [catalog::TABLES, catalog::COLUMNS].contains(&name) {
                out.put(Content::Table, name, data.as_slice())?;
            }
        }
        Ok(())
    }
}

/// A compound file that is being written.
pub(crate) struct Compound<F> {
    file: CompoundFile<F>,
}

impl<F: io::Read + io::Write + io::Seek> Compound<F> {
    pub fn create(file: F) -> Result<Self, DatabaseError> {
        // Version 3 is what every reader knows.
        let file = CompoundFile::create_with_version(Version::V3, file).map_err(|error| failed("", error))?;
        Ok(Self { file })
    }

    pub fn set_class(&mut self, path: &str, class: [u8; 16]) -> Result<(), DatabaseError> {
        self.file
            .set_storage_clsid(path, uuid::Uuid::from_bytes_le(class))
            .map_err(|error| failed(path, error))
    }

    pub fn put(&mut self, content: Content, name: &str, source: impl io::Read) -> Result<(), DatabaseError> {
        let refused = || DatabaseError::StreamName { name: name.to_owned() };
        let units = stream_name::encode(content, name).ok_or_else(refused)?;
        let path = format!("/{}", String::from_utf16(&units).map_err(|_| refused())?);
        self.put_path(&path, name, source)
    }

    fn put_path(&mut self, path: &str, name: &str, mut source: impl io::Read) -> Result<(), DatabaseError> {
        if self.file.exists(path) {
            return Err(DatabaseError::Duplicate { name: name.to_owned() });
        }
        let mut stream = self.file.create_new_stream(path).map_err(|error| failed(name, error))?;
        io::copy(&mut source, &mut stream).map_err(|error| failed(name, error))?;
        io::Write::flush(&mut stream).map_err(|error| failed(name, error))
    }

    /// Writes a storage as one nested in the storage at `parent`.
    fn nest(
        &mut self,
        parent: &str,
        name: &[u16],
        storage: &Storage,
        findings: &Findings,
        level: usize,
    ) -> Result<(), DatabaseError> {
        let name = String::from_utf16_lossy(name);
        if level > MOST_LEVELS || name.contains('/') {
            return Err(DatabaseError::StreamName { name });
        }
        let path = format!("{parent}/{name}");
        self.file.create_storage(&path).map_err(|error| failed(&name, error))?;
        self.set_class(&path, storage.class())?;
        self.copy_storage(&path, storage, findings, level)?;
        // Without a time, the same content gives the same file.
        let Some(none) = FileTime(0).to_system_time() else { return Ok(()) };
        let timed =
            self.file.set_created_time(&path, none).and_then(|()| self.file.set_modified_time(&path, none));
        timed.map_err(|error| failed(&name, error))
    }

    fn copy_storage(
        &mut self,
        path: &str,
        storage: &Storage,
        findings: &Findings,
        level: usize,
    ) -> Result<(), DatabaseError> {
        for (id, entry) in storage.entries() {
            if entry.kind == EntryKind::Storage {
                self.nest(path, &entry.name, &storage.nested(id, findings)?, findings, level + 1)?;
                continue;
            }
            let name = String::from_utf16_lossy(&entry.name);
            if path.is_empty() && name == summary::STREAM {
                continue;
            }
            if name.contains('/') {
                return Err(DatabaseError::StreamName { name });
            }
            self.put_path(&format!("{path}/{name}"), &name, storage.stream(id, findings)?)?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<F, DatabaseError> {
        self.file.flush().map_err(|error| failed("", error))?;
        Ok(self.file.into_inner())
    }
}

fn failed(name: &str, source: io::Error) -> DatabaseError {
    DatabaseError::WriteStream { name: name.to_owned(), source }
}
