//! InstallODBC, RemoveODBC and SetODBCFolders (pages `installodbc-action.md`, `removeodbc-action.md`,
//! `setodbcfolders-action.md`, `odbcdriver-table.md`, `odbctranslator-table.md`, `odbcdatasource-table.md`).
//!
//! What is installed of ODBC is its registry: drivers and translators in `ODBCINST.INI` with a count of who uses them, data
//! sources in `ODBC.INI` of the machine or the user. The setup libraries of drivers are code for Windows and are not
//! asked.

use std::collections::HashMap;

use reseat_machine::{Hive, RegistryKey, RegistryValue, View, WindowsPath};
use reseat_package::{
    OdbcAttribute, OdbcDataSource, OdbcDriver, OdbcSourceAttribute, OdbcTranslator, Text, with_backslash,
};
use reseat_script::{RemoveRegistryKey, RemoveRegistryValue, SetRegistryValue};

use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

const INSTALLED: &str = r"Software\ODBC\ODBCINST.INI";
const SOURCES: &str = r"Software\ODBC\ODBC.INI";
const USAGE_COUNT: &str = "UsageCount";
/// The column Registration of a data source for the user.
const FOR_USER: i32 = 1;

/// A driver or a translator.
struct Module {
    component: Text,
    description: Text,
    /// The list of the modules of this sort.
    list: &'static str,
    /// The name of the value with the library.
    library: &'static str,
    file: Text,
    setup: Option<Text>,
    attributes: Vec<(Text, Option<Text>)>,
}

/// Registers the drivers, translators and data sources of components that are installed.
pub fn install_odbc(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for module in modules(session, Doing::Install)? {
        session.tell_data(&[&module.description]);
        let view = view(session, &module.component)?;
        let key = key(Hive::LocalMachine, view, INSTALLED, &module.description);
        let count = count(session, &key)?;
        let reinstalled =
            session.selection()?.component(&module.component).is_some_and(|it| it.installed.is_present());
        let count = if reinstalled { count.max(1) } else { count.saturating_add(1) };
        let mut values = vec![(module.library.to_owned(), file_path(session, &module.file)?)];
        if let Some(setup) = &module.setup {
            values.push(("Setup".to_owned(), file_path(session, setup)?));
        }
        for (name, value) in &module.attributes {
            let value = session.format(value.as_deref().unwrap_or_default()).text;
            values.push((name.to_string(), value));
        }
        for (name, value) in values {
            set(session, &key, &name, RegistryValue::String(value))?;
        }
        set(session, &key, USAGE_COUNT, RegistryValue::Dword(count))?;
        let list = self::key(Hive::LocalMachine, view, INSTALLED, module.list);
        set(session, &list, &module.description, RegistryValue::String("Installed".to_owned()))?;
    }
    for source in data_sources(session, Doing::Install)? {
        session.tell_data(&[&source.description]);
        let (hive, view) = place(session, &source)?;
        let key = key(hive, view, SOURCES, &source.description);
        let driver = driver_path(session, view, &source.driver)?;
        set(session, &key, "Driver", RegistryValue::String(driver))?;
        for row in session.package.clone().rows::<OdbcSourceAttribute>()?.iter() {
            if row.source == source.source {
                let value = session.format(row.value.as_deref().unwrap_or_default()).text;
                set(session, &key, &row.attribute, RegistryValue::String(value))?;
            }
        }
        let list = self::key(hive, view, SOURCES, "ODBC Data Sources");
        set(session, &list, &source.description, RegistryValue::String(source.driver.to_string()))?;
    }
    Ok(())
}

/// Takes back those of components that are removed; a driver goes with its last user.
pub fn remove_odbc(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for source in data_sources(session, Doing::Remove)? {
        session.tell_data(&[&source.description]);
        let (hive, view) = place(session, &source)?;
        let list = key(hive, view, SOURCES, "ODBC Data Sources");
        session.add(RemoveRegistryValue { key: list, name: source.description.to_string() }.into())?;
        session.add(RemoveRegistryKey { key: key(hive, view, SOURCES, &source.description) }.into())?;
    }
    for module in modules(session, Doing::Remove)? {
        session.tell_data(&[&module.description]);
        let view = view(session, &module.component)?;
        let key = key(Hive::LocalMachine, view, INSTALLED, &module.description);
        let left = count(session, &key)?.saturating_sub(1);
        if left > 0 {
            set(session, &key, USAGE_COUNT, RegistryValue::Dword(left))?;
            continue;
        }
        let list = self::key(Hive::LocalMachine, view, INSTALLED, module.list);
        session.add(RemoveRegistryValue { key: list, name: module.description.to_string() }.into())?;
        session.add(RemoveRegistryKey { key }.into())?;
    }
    Ok(())
}

/// Puts a driver into the folder of the one that it replaces.
pub fn set_odbc_folders(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for module in modules(session, Doing::Install)? {
        let key = key(Hive::LocalMachine, view(session, &module.component)?, INSTALLED, &module.description);
        let existing = session.machine().registry()?.value(&key, module.library);
        let existing =
            existing.as_ref().and_then(RegistryValue::as_text).and_then(|path| WindowsPath::parse(path).ok());
        let Some(folder) = existing.and_then(|path| path.parent()) else { continue };
        let directory = session.selection()?.component_directory(&module.component).to_owned();
        let folder = with_backslash(folder.as_str());
        let current = session.directory(&directory).unwrap_or_default();
        if !current.eq_ignore_ascii_case(&folder) {
            session.tell_data(&[&module.description, &current, &folder]);
            session.set_directory(&directory, &folder)?;
        }
    }
    Ok(())
}

fn modules(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<Module>, EngineError> {
    let package = &session.package;
    let mut attributes: HashMap<Text, Vec<(Text, Option<Text>)>> = HashMap::new();
    for row in package.rows::<OdbcAttribute>()?.iter() {
        attributes.entry(row.driver.clone()).or_default().push((row.attribute.clone(), row.value.clone()));
    }
    let mut modules = Vec::new();
    for row in package.rows::<OdbcDriver>()?.iter() {
        modules.push(Module {
            component: row.component.clone(),
            description: row.description.clone(),
            list: "ODBC Drivers",
            library: "Driver",
            file: row.file.clone(),
            setup: row.setup.clone(),
            attributes: attributes.remove(&row.driver).unwrap_or_default(),
        });
    }
    for row in package.rows::<OdbcTranslator>()?.iter() {
        modules.push(Module {
            component: row.component.clone(),
            description: row.description.clone(),
            list: "ODBC Translators",
            library: "Translator",
            file: row.file.clone(),
            setup: row.setup.clone(),
            attributes: Vec::new(),
        });
    }
    let selection = session.selection()?;
    modules.retain(|module| selection.does(&module.component, doing));
    Ok(modules)
}

fn data_sources(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<OdbcDataSource>, EngineError> {
    let selection = session.selection()?;
    let rows = session.package.rows::<OdbcDataSource>()?;
    Ok(rows.iter().filter(|row| selection.does(&row.component, doing)).cloned().collect())
}

fn view(session: &Session<'_, '_>, component: &str) -> Result<View, EngineError> {
    Ok(if session.selection()?.is_64_bit(component) { View::Native } else { View::Wow32 })
}

fn place(session: &Session<'_, '_>, source: &OdbcDataSource) -> Result<(Hive, View), EngineError> {
    let hive = if source.registration == FOR_USER { Hive::CurrentUser } else { Hive::LocalMachine };
    Ok((hive, view(session, &source.component)?))
}

fn key(hive: Hive, view: View, above: &str, name: &str) -> RegistryKey {
    // A backslash in a name would be a key of its own.
    RegistryKey::in_view(hive, view, format!("{above}\\{}", name.replace('\\', "/")))
}

fn count(session: &Session<'_, '_>, key: &RegistryKey) -> Result<u32, EngineError> {
    let value = session.machine().registry()?.value(key, USAGE_COUNT);
    Ok(value.and_then(|value| value.as_dword()).unwrap_or(0))
}

fn set(
    session: &mut Session<'_, '_>,
    key: &RegistryKey,
    name: &str,
    value: RegistryValue,
) -> Result<(), EngineError> {
    session.add(SetRegistryValue { key: key.clone(), name: name.to_owned(), value }.into())
}

fn file_path(session: &Session<'_, '_>, file: &str) -> Result<String, EngineError> {
    session
        .selection()?
        .file_target(file)
        .ok_or_else(|| EngineError::row("ODBCDriver", file, RowFault::NoFile { file: file.to_owned() }))
}

/// The library of a driver: of this package, else of one that is registered; its name when neither has it.
fn driver_path(session: &Session<'_, '_>, view: View, driver: &str) -> Result<String, EngineError> {
    for row in session.package.rows::<OdbcDriver>()?.iter() {
        if *row.description == *driver {
            return file_path(session, &row.file);
        }
    }
    let key = key(Hive::LocalMachine, view, INSTALLED, driver);
    let value = session.machine().registry()?.value(&key, "Driver");
    Ok(value.as_ref().and_then(RegistryValue::as_text).unwrap_or(driver).to_owned())
}
