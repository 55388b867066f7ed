//! A database as a folder of files: tables as text archives, streams as files of their own.
//!
//! The form is the one of the page `archive-file-format.md`: `Table.idt`, and `Table/key.ibd` for the streams
//! of a table's rows. Besides, `_Streams` holds the other streams, such as cabinets, and `_Storages` the
//! embedded transforms; both are named for the tables of the pages `-streams-table.md` and
//! `-storages-table.md`. Names are file names with whatever is unusual written as `%XX`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::archive::{self, Archive, ArchiveError, RowOrder, TableArchive, TableText};
use crate::counted::Counted;
use crate::{Database, DatabaseError, DatabaseKind, Reading, Row, StorageError, Stream, Value, code_page};

const STREAMS: &str = "_Streams";
const STORAGES: &str = "_Storages";
const SUMMARY_FILE: &str = "_SummaryInformation.idt";
const CODE_PAGE_FILE: &str = "_ForceCodepage.idt";
const ARCHIVE_EXTENSION: &str = "idt";

/// A folder that cannot be read as a database, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The database cannot be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A text archive is wrong.
    #[error("'{path}'")]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ArchiveError,
    },
    /// A file cannot be read or written.
    #[error("'{path}'")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file that holds a stream cannot be read.
    #[error("'{path}'")]
    Stream {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: StorageError,
    },
    /// The folder has no text archive.
    #[error("'{path}' has no .idt file")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// Two archives are about one table.
    #[error("'{path}' is about table '{table}', and so is another file")]
    DuplicateTable {
        /// The second file.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// The archives have different code pages, and none says which the database is to have.
    #[error("'{path}' has code page {got}, another file {expected}; _ForceCodepage.idt could decide")]
    CodePages {
        /// The second file.
        path: PathBuf,
        /// Its code page.
        got: u16,
        /// That of the files before it.
        expected: u16,
    },
    /// A row names a file outside its folder.
    #[error("'{name}' in '{path}' is not the name of a file in the table's folder")]
    StreamFile {
        /// The archive.
        path: PathBuf,
        /// The name.
        name: String,
    },
}

/// Writes a database to a folder, which is created unless it is there. Files of the same names are replaced. Tables
/// and streams of an earlier export that the database does not have are removed, all other files stay.
///
/// # Errors
/// When the database cannot be read or a file cannot be written.
pub fn export(database: &Database, folder: &Path) -> Result<(), FolderError> {
    export_with(database, folder, &mut |_| ())
}

/// [`export`] for whoever shows progress: `hears` is told how many more bytes of streams were written.
///
/// # Errors
/// As for [`export`].
pub fn export_with(
    database: &Database,
    folder: &Path,
    hears: &mut dyn FnMut(u64),
) -> Result<(), FolderError> {
    create(folder)?;
    let mut outdated = files_of_export(folder)?;
    let mut in_rows = HashSet::new();
    for name in database.table_names()? {
        let (Some(columns), Some(pieces)) = (database.columns(&name), database.pieces(&name)?) else {
            continue;
        };
        let path = folder.join(file_name(&name) + ".idt");
        let failed = |source| FolderError::Archive { path: path.clone(), source };
        let mut text = TableText::new(&name, &columns, database.code_page());
        for piece in pieces {
            for row in piece?.rows() {
                text.add(row).map_err(failed)?;
                if row.values().contains(&Value::Stream) {
                    outdated.remove(&folder.join(file_name(&name)).join(archive::stream_file(row)));
                    in_rows.extend(export_stream(database, row, &folder.join(file_name(&name)), hears)?);
                }
            }
        }
        outdated.remove(&path);
        write(&path, &text.finish(RowOrder::ByText).map_err(failed)?)?;
    }
    for name in database.stream_names().into_iter().filter(|name| !in_rows.contains(name)) {
        let Some(stream) = database.stream(&name)? else { continue };
        create(&folder.join(STREAMS))?;
        let path = folder.join(STREAMS).join(file_name(&name));
        outdated.remove(&path);
        copy(Counted { source: stream, hears: &mut *hears }, &path)?;
    }
    for name in database.storage_names() {
        let Some(storage) = database.storage(&name)? else { continue };
        create(&folder.join(STORAGES))?;
        let path = folder.join(STORAGES).join(file_name(&name));
        outdated.remove(&path);
        storage.save(&path)?;
    }
    let path = folder.join(SUMMARY_FILE);
    outdated.remove(&path);
    let summary = archive::export_summary(&database.summary()?);
    write(&path, &summary.map_err(|source| FolderError::Archive { path: path.clone(), source })?)?;
    let path = folder.join(CODE_PAGE_FILE);
    outdated.remove(&path);
    write(&path, &archive::export_code_page(database.code_page()))?;
    let removed = |path: PathBuf| fs::remove_file(&path).map_err(|source| FolderError::File { path, source });
    outdated.into_iter().try_for_each(removed)
}

/// What an earlier export has written to a folder: text archives, the streams of their rows, other streams, and storages.
/// Nothing when there is no summary information, which each export writes.
fn files_of_export(folder: &Path) -> Result<BTreeSet<PathBuf>, FolderError> {
    let mut found = BTreeSet::new();
    if !folder.join(SUMMARY_FILE).is_file() {
        return Ok(found);
    }
    for path in files(folder)?.into_iter().filter(|path| is_archive(path)) {
        let is_stream = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "ibd");
        found.extend(files_if_any(&path.with_extension(""))?.into_iter().filter(is_stream));
        found.insert(path);
    }
    for name in [STREAMS, STORAGES] {
        found.extend(files_if_any(&folder.join(name))?);
    }
    Ok(found)
}

/// Writes the stream of a row into the folder of its table, and gives its name if it is there.
fn export_stream(
    database: &Database,
    row: Row<'_>,
    folder: &Path,
    hears: &mut dyn FnMut(u64),
) -> Result<Option<String>, FolderError> {
    let name = row.stream_name();
    let Some(stream) = database.stream(&name)? else {
        database.findings.tolerate(DatabaseError::NoStream { name })?;
        return Ok(None);
    };
    create(folder)?;
    copy(Counted { source: stream, hears }, &folder.join(archive::stream_file(row)))?;
    Ok(Some(name))
}

/// Reads a database from a folder.
///
/// The code page of the database is that of `_ForceCodepage.idt`, or else the one that archives declare.
///
/// # Errors
/// When a file cannot be read or contradicts its format, or when the code pages do not agree.
pub fn import(folder: &Path) -> Result<Database, FolderError> {
    let mut database = Database::create();
    let mut tables = BTreeMap::new();
    let mut forced = None;
    for path in files(folder)?.into_iter().filter(|path| is_archive(path)) {
        let failed = |source| FolderError::Archive { path: path.clone(), source };
        match archive::import(&read(&path)?).map_err(failed)? {
            Archive::CodePage(code_page) => forced = Some(code_page),
            Archive::Summary(summary) => database.set_summary(summary),
            Archive::Table(archive) => {
                let table = archive.table.name().to_owned();
                if tables.contains_key(&table) {
                    return Err(FolderError::DuplicateTable { path, table });
                }
                tables.insert(table, (path, *archive));
            }
        }
    }
    if tables.is_empty() {
        return Err(FolderError::Empty { path: folder.to_owned() });
    }
    match forced {
        Some(code_page) => database.set_code_page(code_page),
        None => database.set_code_page(declared_code_page(tables.values())?),
    }
    for (path, archive) in tables.into_values() {
        put_table(&mut database, folder, &path, archive)?;
    }
    for path in files_if_any(&folder.join(STREAMS))? {
        database.put_stream_from(&name_of(&path), stream_of(&path)?);
    }
    for path in files_if_any(&folder.join(STORAGES))? {
        let storage = Database::open(&path, Reading::Permissive)?;
        // Only patches have their transforms under names in pairs, one of which starts with this sign.
        if name_of(&path).starts_with('#') {
            database.set_kind(DatabaseKind::Patch);
        }
        database.put_storage(&name_of(&path), &storage)?;
    }
    Ok(database)
}

/// The one code page that archives declare; those of ASCII text declare none.
fn declared_code_page<'a>(
    archives: impl Iterator<Item = &'a (PathBuf, TableArchive)>,
) -> Result<u16, FolderError> {
    let mut expected = code_page::NEUTRAL;
    for (path, archive) in archives {
        let got = archive.code_page;
        if got == code_page::NEUTRAL || got == expected {
            continue;
        }
        if expected != code_page::NEUTRAL {
            return Err(FolderError::CodePages { path: path.clone(), got, expected });
        }
        expected = got;
    }
    Ok(expected)
}

fn put_table(
    database: &mut Database,
    folder: &Path,
    path: &Path,
    archive: TableArchive,
) -> Result<(), FolderError> {
    for stream in &archive.streams {
        if stream.file.contains(['/', '\0']) || [".", ".."].contains(&stream.file.as_str()) {
            return Err(FolderError::StreamFile { path: path.to_owned(), name: stream.file.clone() });
        }
        let file = folder.join(file_name(archive.table.name())).join(&stream.file);
        database.put_stream_from(&stream.name, stream_of(&file)?);
    }
    database.put_table(archive.table);
    Ok(())
}

/// A file name for any name: what is neither a letter, a digit nor one of a few signs is written as `%XX`.
pub(crate) fn file_name(name: &str) -> String {
    let mut file = String::new();
    for (position, character) in name.char_indices() {
        let usual = character.is_alphanumeric() || "_-+=#@()[]{}$&,; ".contains(character);
        if usual || (character == '.' && position > 0) {
            file.push(character);
        } else {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                file.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    file
}

/// The name that [`file_name`] made a file name of.
fn name_of(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let mut bytes = Vec::new();
    let mut rest = file.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digit = |place: usize| after.get(place).and_then(|&byte| char::from(byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ARCHIVE_EXTENSION))
}

/// The regular files in a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |source| FolderError::File { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn files_if_any(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    if folder.is_dir() { files(folder) } else { Ok(Vec::new()) }
}

fn read(path: &Path) -> Result<Vec<u8>, FolderError> {
    fs::read(path).map_err(|source| FolderError::File { path: path.to_owned(), source })
}

fn stream_of(path: &Path) -> Result<Stream, FolderError> {
    Stream::open_file(path).map_err(|source| FolderError::Stream { path: path.to_owned(), source })
}

fn write(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    fs::write(path, content).map_err(|source| FolderError::File { path: path.to_owned(), source })
}

fn create(folder: &Path) -> Result<(), FolderError> {
    fs::create_dir_all(folder).map_err(|source| FolderError::File { path: folder.to_owned(), source })
}

fn copy(mut stream: impl io::Read, path: &Path) -> Result<(), FolderError> {
    let copied = File::create(path).and_then(|mut file| io::copy(&mut stream, &mut file));
    copied.map(drop).map_err(|source| FolderError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_written_by_hand_is_a_database() {
        let folder = folder(&[
            ("Property.idt", "Property\tValue\ns72\tL0\nProperty\tProperty\nProductName\tŻuraw\n"),
            ("Binary.idt", "Name\tData\ns72\tv0\nBinary\tName\nTool\ttool.sh\n"),
            ("Binary/tool.sh", "#!/bin/sh\n"),
            ("_Streams/data.cab", "MSCF"),
            (
                "_SummaryInformation.idt",
                "PropertyId\tValue\ni2\tl255\n_SummaryInformation\tPropertyId\n14\t500\n",
            ),
            ("notes.txt", "not part of it"),
        ]);
        let database = import(folder.path()).unwrap();
        assert_eq!(database.code_page(), 65001);
        assert_eq!(database.table_names().unwrap(), ["Binary", "Property"]);
        assert_eq!(database.stream_names(), ["Binary.Tool", "data.cab"]);
        assert_eq!(database.stream("Binary.Tool").unwrap().unwrap().to_bytes().unwrap(), b"#!/bin/sh\n");
        assert_eq!(database.summary().unwrap().page_count(), Some(500));
    }

    #[test]
    fn a_second_export_leaves_nothing_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::create();
        let create = "CREATE TABLE Binary (Name CHAR(72) NOT NULL, Data OBJECT PRIMARY KEY Name)";
        database.execute(create, &[]).unwrap();
        let insert = "INSERT INTO Binary (Name, Data) VALUES ('icon', ?)";
        database.execute(insert, &[crate::sql::Parameter::Stream(b"bytes".as_slice().into())]).unwrap();
        database.put_stream("a.cab", b"cabinet".to_vec());
        let notes = folder.path().join("notes.txt");
        fs::write(&notes, "of the user").unwrap();
        export(&database, folder.path()).unwrap();
        assert!(folder.path().join("Binary/icon.ibd").is_file());
        let mut other = Database::create();
        other.execute("CREATE TABLE Other (A INT NOT NULL PRIMARY KEY A)", &[]).unwrap();
        export(&other, folder.path()).unwrap();
        assert!(notes.is_file());
        let again = import(folder.path()).unwrap();
        assert_eq!(again.table_names().unwrap(), ["Other"]);
        assert!(again.stream_names().is_empty(), "{:?}", again.stream_names());
        assert_eq!(files(&folder.path().join("Binary")).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_is_wrong_in_a_folder_is_named() {
        let table = |line: &str| format!("A\tB\ns9\tV0\n{line}\tA\n");
        for (files, message) in [
            (vec![], "has no .idt file"),
            (
                vec![("a.idt", table("T")), ("b.idt", table("T"))],
                "b.idt' is about table 'T', and so is another file",
            ),
            (
                vec![("a.idt", table("1252\tT")), ("b.idt", table("932\tU"))],
                "b.idt' has code page 932, another file 1252",
            ),
            (vec![("a.idt", table("T") + "x\t../a.idt\n")], "'../a.idt' in '"),
            (vec![("a.idt", table("T") + "x\tmissing\n")], "T/missing'"),
            (vec![("a.idt", "A\n".to_owned())], "a.idt'"),
        ] {
            let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
            let error = import(folder(&files).path()).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn any_name_becomes_a_file_name_and_comes_back() {
        for name in ["putty.cab", "\u{5}DigitalSignature", "..", ".", "a/b", "100%", "a%41", "żółw", "x\\y:z"]
        {
            let file = file_name(name);
            assert!(!file.contains(['/', '\\', ':', '\0']) && !file.starts_with('.'), "{file}");
            assert_eq!(name_of(Path::new(&file)), name);
        }
    }
}
