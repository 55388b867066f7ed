//! Searching for what is installed already: by component, in the registry, in ini files and through folders, in this order
//! (pages `appsearch-action.md`, `signature-table.md`, `complocator-table.md`, `reglocator-table.md`,
//! `inilocator-table.md`, `drlocator-table.md`).
//!
//! A signature that is in the Signature table is a file with bounds; any other is a folder, or with the type for raw values
//! the value itself.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::time::SystemTime;

use jiff::Zoned;
use reseat_machine::{
    FileKind, KnownFolder, RegistryKey, RegistryValue, View, WindowsPath, file_version, products,
};
use reseat_package::{
    CompLocator, DrLocator, FileVersion, FoundFile, IniLocator, LocatorKind, LocatorType, RegLocator,
    RegistryRoot, Signature,
};

use crate::actions::files::NAMES;
use crate::error::EngineError;
use crate::session::Session;

/// How many parents a row of the DrLocator table may have above it.
const DEEPEST_PARENT: usize = 32;
/// How many folders a search through a drive looks into at most.
const MOST_FOLDERS: usize = 100_000;
/// The longest ini file that is searched, in bytes.
const LONGEST_INI: u64 = 16 << 20;

/// The tables of a package by their signatures.
pub struct Search {
    signatures: HashMap<String, Signature>,
    components: HashMap<String, Vec<CompLocator>>,
    registry: HashMap<String, Vec<RegLocator>>,
    ini: HashMap<String, Vec<IniLocator>>,
    folders: HashMap<String, Vec<DrLocator>>,
}

impl Search {
    /// Reads the tables.
    ///
    /// # Errors
    /// When a row is wrong.
    pub fn load(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        let package = &session.package;
        let mut search = Self {
            signatures: HashMap::new(),
            components: HashMap::new(),
            registry: HashMap::new(),
            ini: HashMap::new(),
            folders: HashMap::new(),
        };
        for row in package.rows::<Signature>()?.iter() {
            search.signatures.insert(row.signature.to_string(), row.clone());
        }
        for row in package.rows::<CompLocator>()?.iter() {
            search.components.entry(row.signature.to_string()).or_default().push(row.clone());
        }
        for row in package.rows::<RegLocator>()?.iter() {
            search.registry.entry(row.signature.to_string()).or_default().push(row.clone());
        }
        for row in package.rows::<IniLocator>()?.iter() {
            search.ini.entry(row.signature.to_string()).or_default().push(row.clone());
        }
        for row in package.rows::<DrLocator>()?.iter() {
            search.folders.entry(row.signature.to_string()).or_default().push(row.clone());
        }
        Ok(search)
    }

    /// Searches for a signature.
    ///
    /// # Errors
    /// When the machine cannot be read.
    pub fn find(&self, session: &Session<'_, '_>, signature: &str) -> Result<Option<String>, EngineError> {
        self.find_below(session, signature, DEEPEST_PARENT)
    }

    /// Searches for a signature in the folders of the DrLocator table, beneath a root.
    ///
    /// # Errors
    /// When the machine cannot be read.
    pub fn find_beneath(
        &self,
        session: &Session<'_, '_>,
        signature: &str,
        root: &WindowsPath,
    ) -> Result<Option<String>, EngineError> {
        for row in rows(&self.folders, signature) {
            let path = session.format(row.path.as_deref().unwrap_or_default()).text;
            let path = path.trim_matches('\\');
            let beneath = path.split_once(":\\").map_or(path, |(_, beneath)| beneath);
            let Ok(folder) = (if beneath.is_empty() { Ok(root.clone()) } else { root.join(beneath) }) else {
                continue;
            };
            if let Some(found) = self.in_folder(session, signature, &folder, depth(row))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn find_below(
        &self,
        session: &Session<'_, '_>,
        signature: &str,
        left: usize,
    ) -> Result<Option<String>, EngineError> {
        let wanted = self.signatures.get(signature);
        for row in rows(&self.components, signature) {
            for client in products::component_clients(session.machine().registry()?, row.component) {
                if let Some(found) = self.named(session, &client.key_path, row.kind, wanted)? {
                    return Ok(Some(found));
                }
            }
        }
        for row in rows(&self.registry, signature) {
            if let Some(found) = self.in_registry(session, row, wanted)? {
                return Ok(Some(found));
            }
        }
        for row in rows(&self.ini, signature) {
            if let Some(value) = ini_value(session, row)? {
                let found = match row.kind.kind {
                    LocatorKind::RawValue => Some(value),
                    _ => self.named(session, &value, row.kind, wanted)?,
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        for row in rows(&self.folders, signature) {
            if let Some(found) = self.through_folders(session, row, left)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn in_registry(
        &self,
        session: &Session<'_, '_>,
        locator: &RegLocator,
        wanted: Option<&Signature>,
    ) -> Result<Option<String>, EngineError> {
        let view = if locator.kind.bits_64 { View::Native } else { View::Wow32 };
        let hive = match locator.root {
            RegistryRoot::ClassesRoot => reseat_machine::Hive::ClassesRoot,
            RegistryRoot::LocalMachine => reseat_machine::Hive::LocalMachine,
            RegistryRoot::Users => reseat_machine::Hive::Users,
            RegistryRoot::CurrentUser | RegistryRoot::UserOrMachine => reseat_machine::Hive::CurrentUser,
        };
        let key = RegistryKey::in_view(hive, view, session.format(&locator.key).text);
        let name = session.format(locator.name.as_deref().unwrap_or_default()).text;
        let Some(value) = session.machine().registry()?.value(&key, &name) else { return Ok(None) };
        match locator.kind.kind {
            LocatorKind::RawValue => Ok(Some(raw(&value))),
            LocatorKind::Folder | LocatorKind::File => {
                let Some(text) = value.as_text() else { return Ok(None) };
                self.named(session, text, locator.kind, wanted)
            }
        }
    }

    /// Looks at a file or folder that a key path, a registry value or an ini entry names.
    fn named(
        &self,
        session: &Session<'_, '_>,
        text: &str,
        kind: LocatorType,
        wanted: Option<&Signature>,
    ) -> Result<Option<String>, EngineError> {
        // The value may be a quoted command line.
        let text = text.trim().trim_start_matches('"');
        let text = text.split('"').next().unwrap_or_default();
        let Ok(path) = WindowsPath::parse(text.trim_end_matches('\\')) else { return Ok(None) };
        let Some(wanted) = wanted else {
            // Without a file to look for, a folder is what is searched for; of a file, the folder that it is in.
            let folder = if is_folder(session, &path)? { Some(path) } else { path.parent() };
            return Ok(match folder {
                Some(folder) if kind.kind == LocatorKind::Folder && is_folder(session, &folder)? => {
                    Some(folder.with_separator())
                }
                _ => None,
            });
        };
        let name = wanted.name.name(NAMES);
        let file = if is_folder(session, &path)? { path.join(name).ok() } else { Some(path) };
        let is_named =
            |file: &WindowsPath| file.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name));
        let Some(file) = file.filter(is_named) else { return Ok(None) };
        if !matches(session, wanted, &file)? {
            return Ok(None);
        }
        Ok(match kind.kind {
            LocatorKind::File => Some(file.to_string()),
            _ => file.parent().map(|folder| folder.with_separator()),
        })
    }

    fn through_folders(
        &self,
        session: &Session<'_, '_>,
        row: &DrLocator,
        left: usize,
    ) -> Result<Option<String>, EngineError> {
        let path = session.format(row.path.as_deref().unwrap_or_default()).text;
        let path = path.trim_end_matches('\\');
        let mut starts = Vec::new();
        match &row.parent {
            Some(parent) => {
                let Some(left) = left.checked_sub(1) else { return Ok(None) };
                if let Some(above) = self.find_below(session, parent, left)?
                    && let Ok(above) = WindowsPath::parse(above.trim_end_matches('\\'))
                {
                    // A parent that is a file means the folder that it is in.
                    let above = if is_folder(session, &above)? { Some(above) } else { above.parent() };
                    starts.extend(above.and_then(|above| beneath(&above, path)));
                }
            }
            None => match WindowsPath::parse(path) {
                Ok(full) => starts.push(full),
                // The only fixed drive of a prefix; others lead out of it.
                Err(_) => starts.extend(WindowsPath::root('C').ok().and_then(|root| beneath(&root, path))),
            },
        }
        for start in starts {
            if let Some(found) = self.in_folder(session, &row.signature, &start, depth(row))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Searches for a file in a folder and so many levels below, or for the folder itself.
    fn in_folder(
        &self,
        session: &Session<'_, '_>,
        signature: &str,
        folder: &WindowsPath,
        depth: usize,
    ) -> Result<Option<String>, EngineError> {
        if !is_folder(session, folder)? {
            return Ok(None);
        }
        let Some(wanted) = self.signatures.get(signature) else { return Ok(Some(folder.with_separator())) };
        let machine = session.machine();
        let mut folders = VecDeque::from([(folder.clone(), depth)]);
        for _ in 0..MOST_FOLDERS {
            let Some((folder, left)) = folders.pop_front() else { break };
            if let Ok(file) = folder.join(wanted.name.name(NAMES))
                && matches(session, wanted, &file)?
            {
                return Ok(Some(file.to_string()));
            }
            let Some(left) = left.checked_sub(1) else { continue };
            // A folder that cannot be read, or leads out of the drive, holds nothing that could be found.
            let Ok(mut entries) = machine.read_folder(&folder) else { continue };
            entries.retain(|entry| entry.kind == FileKind::Folder);
            entries.sort_by(|one, other| one.name.cmp(&other.name));
            folders.extend(entries.iter().filter_map(|entry| Some((folder.join(&entry.name).ok()?, left))));
        }
        Ok(None)
    }
}

fn rows<'r, R>(table: &'r HashMap<String, Vec<R>>, signature: &str) -> impl Iterator<Item = &'r R> {
    table.get(signature).into_iter().flatten()
}

fn depth(row: &DrLocator) -> usize {
    row.depth.and_then(|depth| usize::try_from(depth).ok()).unwrap_or(0)
}

fn beneath(above: &WindowsPath, path: &str) -> Option<WindowsPath> {
    let path = path.trim_start_matches('\\');
    if path.is_empty() { Some(above.clone()) } else { above.join(path).ok() }
}

fn is_folder(session: &Session<'_, '_>, path: &WindowsPath) -> Result<bool, EngineError> {
    // A drive that is not there, or a link out of one, has no such folder.
    let metadata = session.machine().metadata(path).unwrap_or_default();
    Ok(metadata.is_some_and(|metadata| metadata.kind == FileKind::Folder))
}

/// Whether there is such a file within the bounds of a signature.
fn matches(session: &Session<'_, '_>, wanted: &Signature, file: &WindowsPath) -> Result<bool, EngineError> {
    let machine = session.machine();
    let Ok(Some(metadata)) = machine.metadata(file) else { return Ok(false) };
    if metadata.kind != FileKind::File {
        return Ok(false);
    }
    let version = match machine.open_file(file) {
        Ok(content) => file_version::read(&content).ok().flatten(),
        Err(_) => None,
    };
    let facts = FoundFile {
        version: version.as_ref().map(|version| FileVersion(version.version.0)),
        languages: version.map(|version| version.languages).unwrap_or_default(),
        size: metadata.len,
        date: dos_date(metadata.modified),
    };
    Ok(wanted.matches(&facts))
}

/// The entry that a row of the IniLocator table names, in a file of the Windows folder; one of its fields, which commas
/// separate, when the row asks for that.
fn ini_value(session: &Session<'_, '_>, row: &IniLocator) -> Result<Option<String>, EngineError> {
    let machine = session.machine();
    let Ok(path) = machine.folder(KnownFolder::Windows).join(row.name.name(NAMES)) else { return Ok(None) };
    let Ok(Some(metadata)) = machine.metadata(&path) else { return Ok(None) };
    if metadata.kind != FileKind::File {
        return Ok(None);
    }
    let unreadable = |source| EngineError::ExistingFile { path: path.clone(), source };
    let mut content = Vec::new();
    machine.open_file(&path)?.take(LONGEST_INI).read_to_end(&mut content).map_err(unreadable)?;
    let value = reseat_script::ini_value(&content, &row.section, &row.key);
    let field = row.field.and_then(|field| usize::try_from(field).ok()).unwrap_or(0);
    let value = match field.checked_sub(1) {
        None => value,
        Some(field) => value.and_then(|value| value.split(',').nth(field).map(|text| text.trim().to_owned())),
    };
    Ok(value.filter(|value| !value.is_empty()))
}

/// A value as the property shows it (page `reglocator-table.md`): numbers after `#`, bytes after `#x`, expandable texts
/// after `#%`, a text that begins with `#` with one more.
fn raw(value: &RegistryValue) -> String {
    match value {
        RegistryValue::String(text) if text.starts_with('#') => format!("#{text}"),
        RegistryValue::String(text) => text.clone(),
        RegistryValue::ExpandString(text) => format!("#%{text}"),
        RegistryValue::Dword(number) => format!("#{}", number.cast_signed()),
        RegistryValue::MultiString(parts) => format!("[~]{}[~]", parts.join("[~]")),
        other => other.data().iter().fold("#x".to_owned(), |text, byte| format!("{text}{byte:02X}")),
    }
}

/// A time as the Signature table writes it: date and time of the FAT file system, the date in the upper 16 bits.
fn dos_date(time: SystemTime) -> u32 {
    let Ok(time) = Zoned::try_from(time) else { return 0 };
    let part = |number: i8| u32::from(number.unsigned_abs());
    let year = u32::try_from(time.year()).unwrap_or(0).saturating_sub(1980).min(127);
    let date = year << 9 | part(time.month()) << 5 | part(time.day());
    let time = part(time.hour()) << 11 | part(time.minute()) << 5 | (part(time.second()) / 2);
    date << 16 | time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_values_are_shown_with_the_documented_prefixes() {
        for (value, expected) in [
            (RegistryValue::String("text".to_owned()), "text"),
            (RegistryValue::String("#1".to_owned()), "##1"),
            (RegistryValue::ExpandString("%X%".to_owned()), "#%%X%"),
            (RegistryValue::Dword(42), "#42"),
            (RegistryValue::Dword(u32::MAX), "#-1"),
            (RegistryValue::Binary(vec![0, 0xab]), "#x00AB"),
            (RegistryValue::MultiString(vec!["a".to_owned(), "b".to_owned()]), "[~]a[~]b[~]"),
        ] {
            assert_eq!(raw(&value), expected, "{value:?}");
        }
    }
}
