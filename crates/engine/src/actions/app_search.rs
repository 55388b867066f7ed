//! AppSearch (pages `appsearch-action.md`, `appsearch-table.md`, `reglocator-table.md`, `signature-table.md`).
//!
//! Searches in the registry are served. Those in ini files, for components and through drives are not; a package that
//! has them is refused before it begins.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use jiff::Zoned;
use reseat_machine::{RegistryKey, RegistryValue, View, WindowsPath, file_version};
use reseat_package::{AppSearch, FileVersion, FoundFile, LocatorKind, RegLocator, RegistryRoot, Signature};

use crate::actions::files::NAMES;
use crate::error::EngineError;
use crate::session::Session;

/// Sets the properties of the AppSearch table to what is found; a search without a find leaves its property alone.
pub fn app_search(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let locators: HashMap<String, RegLocator> =
        package.rows::<RegLocator>()?.iter().map(|row| (row.signature.to_string(), row.clone())).collect();
    let signatures: HashMap<String, Signature> =
        package.rows::<Signature>()?.iter().map(|row| (row.signature.to_string(), row.clone())).collect();
    let mut found: HashSet<String> = HashSet::new();
    for row in package.rows::<AppSearch>()?.iter() {
        // The first of several searches for one property that finds something counts.
        if found.contains(&*row.property) {
            continue;
        }
        let Some(locator) = locators.get(&*row.signature) else { continue };
        if let Some(value) = search(session, locator, signatures.get(&*row.signature))? {
            found.insert(row.property.to_string());
            session.set_property(&row.property, &value);
        }
    }
    Ok(())
}

fn search(
    session: &Session<'_, '_>,
    locator: &RegLocator,
    signature: Option<&Signature>,
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
            // The value may be a quoted command line.
            let text = text.trim().trim_start_matches('"');
            let text = text.split('"').next().unwrap_or_default();
            let Ok(path) = WindowsPath::parse(text.trim_end_matches('\\')) else { return Ok(None) };
            find(session, &path, locator.kind.kind, signature)
        }
    }
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

/// Looks at a file or folder that the registry names.
fn find(
    session: &Session<'_, '_>,
    path: &WindowsPath,
    kind: LocatorKind,
    signature: Option<&Signature>,
) -> Result<Option<String>, EngineError> {
    let machine = session.machine();
    let is_folder = |path: &WindowsPath| -> Result<bool, EngineError> {
        Ok(machine.metadata(path)?.is_some_and(|metadata| metadata.kind == reseat_machine::FileKind::Folder))
    };
    let Some(signature) = signature else {
        // Without a file to look for, a folder is what is searched for; of a file, the folder that it is in.
        let folder = if is_folder(path)? { Some(path.clone()) } else { path.parent() };
        return Ok(match (kind, folder) {
            (LocatorKind::Folder, Some(folder)) if is_folder(&folder)? => Some(folder.with_separator()),
            _ => None,
        });
    };
    let name = signature.name.name(NAMES);
    let file = if is_folder(path)? { path.join(name).ok() } else { Some(path.clone()) };
    let Some(file) =
        file.filter(|file| file.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name)))
    else {
        return Ok(None);
    };
    let Some(metadata) = machine.metadata(&file)? else { return Ok(None) };
    let version = file_version::read(&machine.open_file(&file)?).ok().flatten();
    let facts = FoundFile {
        version: version.as_ref().map(|version| FileVersion(version.version.0)),
        languages: version.map(|version| version.languages).unwrap_or_default(),
        size: metadata.len,
        date: dos_date(metadata.modified),
    };
    if !signature.matches(&facts) {
        return Ok(None);
    }
    Ok(match kind {
        LocatorKind::File => Some(file.to_string()),
        _ => file.parent().map(|folder| folder.with_separator()),
    })
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
