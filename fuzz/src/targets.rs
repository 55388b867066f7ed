//! What is fed with hostile bytes: every parser. Each target takes bytes and must come back: with a result or an error,
//! never with a panic, and in bounded time and memory.
//!
//! `fuzz/` runs them under libFuzzer; `crates/reseat/tests/mutations.rs` runs the same with mutated seeds in `cargo test`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Cursor, Write};
use std::path::PathBuf;

use reseat_cabinet::{CabinetSet, ReadSeek};
use reseat_database::{Database, Patch, Reading, Transform, archive, transform::ErrorConditions};
use reseat_machine::{Bitness, ClrHeader, Machine, ShellLink, WindowsPath};
use reseat_package::{
    Condition, ConditionContext, FormatContext, Formatted, InstallState, Package, PathForm, parse_assignment,
};

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("package", package),
    ("patch", patch),
    ("transform", transform),
    ("archive", idt),
    ("sql", sql),
    ("condition", condition),
    ("formatted", formatted),
    ("cabinet", cabinet),
    ("mszip", |bytes| compressed(1, bytes)),
    ("quantum", |bytes| compressed(0x1472, bytes)),
    ("lzx", |bytes| compressed(0x1503, bytes)),
    ("registry", registry),
    ("shortcut", shortcut),
    ("journal", journal),
    ("path", path),
    ("assembly", assembly),
];

/// Storage, string pool, tables, streams and summary information, and what the tables mean.
fn package(bytes: &[u8]) {
    for reading in [Reading::Strict, Reading::Permissive] {
        let Ok(database) = Database::from_bytes(bytes.to_vec(), reading) else { continue };
        for name in database.table_names().unwrap_or_default() {
            let _ = database.table(&name);
        }
        for name in database.stream_names() {
            let _ = database.stream(&name).map(|stream| stream.map(|stream| stream.to_bytes()));
        }
        let _ = database.summary();
        let _ = Package::open(database);
    }
}

fn patch(bytes: &[u8]) {
    let Ok(patch) = Patch::from_bytes(bytes.to_vec(), Reading::Permissive) else { return };
    for name in patch.database().storage_names() {
        let _ = patch.transform(&name).map(|transform| transform.conditions());
    }
    let _ = (patch.code(), patch.replaces(), patch.products(), patch.targets());
}

/// Applied to a database with one table.
fn transform(bytes: &[u8]) {
    let Ok(transform) = Transform::from_bytes(bytes.to_vec(), Reading::Permissive) else { return };
    let mut database = with_properties();
    let _ = transform.describe(&database).map(|changes| changes.len());
    let _ = database.apply_transform(&transform, ErrorConditions::ALL);
    let _ = database.write(Cursor::new(Vec::new()));
}

const PROPERTIES: &[u8] =
    b"Property\tValue\r\ns72\tl0\r\nProperty\tProperty\r\nA\t1\r\nProductName\tTest\r\nB\t\r\n";

fn with_properties() -> Database {
    let mut database = Database::create();
    if let Ok(archive::Archive::Table(archive)) = archive::import(PROPERTIES) {
        database.put_table(archive.table);
    }
    database
}

fn idt(bytes: &[u8]) {
    let _ = archive::import(bytes);
}

fn sql(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let mut database = with_properties();
    // A join of many tables has more rows than anybody waits for.
    let _ = database.execute(query, &[]).map(|rows| rows.take(10_000).count());
}

/// A world in which everything has a value.
struct World;

impl ConditionContext for World {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        (!name.len().is_multiple_of(3)).then(|| Cow::Owned(name.to_lowercase()))
    }
    fn environment(&self, name: &str) -> Option<String> {
        Some(name.len().to_string())
    }
    fn component_action(&self, _: &str) -> Option<InstallState> {
        Some(InstallState::Local)
    }
    fn component_installed(&self, _: &str) -> Option<InstallState> {
        None
    }
    fn feature_action(&self, _: &str) -> Option<InstallState> {
        Some(InstallState::Absent)
    }
    fn feature_installed(&self, _: &str) -> Option<InstallState> {
        None
    }
}

impl FormatContext for World {
    fn property(&self, name: &str) -> Option<Cow<'_, str>> {
        (!name.len().is_multiple_of(3)).then(|| Cow::Owned(format!("[{name}]")))
    }
    fn environment(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }
    fn file_path(&self, file: &str, _: PathForm) -> Option<String> {
        Some(format!("C:\\{file}"))
    }
    fn component_folder(&self, _: &str) -> Option<String> {
        None
    }
}

fn condition(bytes: &[u8]) {
    if let Ok(condition) = Condition::parse(&String::from_utf8_lossy(bytes)) {
        let _ = condition.evaluate(&World);
    }
}

fn formatted(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = Formatted::resolve(&text, &World);
    let _ = parse_assignment(&text);
}

/// Takes so many bytes and no more.
struct Limited(u64);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other("enough"))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn cabinet(bytes: &[u8]) {
    let none = |_: &str| -> io::Result<Box<dyn ReadSeek>> { Err(io::ErrorKind::NotFound.into()) };
    let Ok(mut set) = CabinetSet::open(Box::new(Cursor::new(bytes.to_vec())), Box::new(none)) else { return };
    let mut out = Limited(8 << 20);
    for index in set.reading_order() {
        let _ = set.copy(index, &mut out);
    }
}

/// One block of compressed data in a cabinet around it.
fn compressed(method: u16, bytes: &[u8]) {
    let data = bytes.get(..bytes.len().min(0x9800)).unwrap_or_default();
    let (header, folder, file) = (36_u32, 8, 18);
    let place = header + folder + file;
    let mut cabinet = b"MSCF\0\0\0\0".to_vec();
    let total = place + 8 + data.len() as u32;
    for number in [total, 0, header + folder, 0] {
        cabinet.extend(number.to_le_bytes());
    }
    cabinet.extend([3, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    cabinet.extend(place.to_le_bytes());
    cabinet.extend([1, 0]);
    cabinet.extend(method.to_le_bytes());
    cabinet.extend(0x8000_u32.to_le_bytes());
    cabinet.extend([0; 12]);
    cabinet.extend(*b"a\0");
    cabinet.extend([0; 4]);
    cabinet.extend((data.len() as u16).to_le_bytes());
    cabinet.extend(0x8000_u16.to_le_bytes());
    cabinet.extend(data);
    self::cabinet(&cabinet);
}

fn shortcut(bytes: &[u8]) {
    let _ = ShellLink::from_bytes(bytes).map(|link| link.to_bytes());
}

fn assembly(bytes: &[u8]) {
    let _ = ClrHeader::read(bytes);
}

fn path(bytes: &[u8]) {
    if let Ok(path) = WindowsPath::parse(&String::from_utf8_lossy(bytes)) {
        let again = WindowsPath::parse(&path.to_string());
        assert_eq!(again.ok().as_ref(), Some(&path), "a path is read as it is shown");
    }
}

thread_local! {
    /// A prefix for what is read from one; it goes with the thread.
    static PREFIX: RefCell<Option<(tempfile::TempDir, PathBuf)>> = const { RefCell::new(None) };
}

fn in_prefix(work: impl FnOnce(&PathBuf)) {
    PREFIX.with_borrow_mut(|prefix| {
        if prefix.is_none() {
            let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).ok();
            *prefix = made.and_then(|folder| {
                let path = folder.path().join("prefix");
                Machine::create(&path, Bitness::X64).ok()?;
                std::fs::create_dir(path.join("drive_c/Config.Msi")).ok()?;
                Some((folder, path))
            });
        }
        if let Some((_, path)) = prefix {
            work(path);
        }
    });
}

fn registry(bytes: &[u8]) {
    in_prefix(|prefix| {
        if std::fs::write(prefix.join("user.reg"), bytes).is_ok()
            && let Ok(machine) = Machine::open(prefix)
        {
            let _ = machine.registry().map(|registry| {
                registry
                    .exists(&reseat_machine::RegistryKey::new(reseat_machine::Hive::CurrentUser, "Software"))
            });
        }
        let _ = std::fs::remove_file(prefix.join("user.reg"));
    });
}

fn journal(bytes: &[u8]) {
    in_prefix(|prefix| {
        if std::fs::write(prefix.join("drive_c/Config.Msi/t.rbs"), bytes).is_ok()
            && let Ok(machine) = Machine::open(prefix)
        {
            let _ = reseat_script::pending(&machine);
        }
    });
}
