//! WriteRegistryValues and RemoveRegistryValues (pages `writeregistryvalues-action.md`,
//! `removeregistryvalues-action.md`, `registry-table.md`, `removeregistry-table.md`).

use reseat_machine::{ClassesOf, Hive, RegistryKey, RegistryValue, View};
use reseat_package::registry::join_strings;
use reseat_package::{
    Component, Placement, RegistryData, RegistryRequest, RegistryRoot, RegistryRow, RemoveRegistry,
};
use reseat_script::{CreateRegistryKey, RemoveRegistryKey, RemoveRegistryValue, SetRegistryValue};

use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::{Again, Session};

/// Writes the values of components that are installed, after removing what the RemoveRegistry table names for them.
pub fn write_registry_values(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<RegistryRow>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let key = key(session, row.root, &row.key, &row.component)?;
        let of_user = matches!(key.hive, Hive::CurrentUser | Hive::Users);
        if !session.writes_again(
            &row.component,
            if of_user { Again::UserRegistry } else { Again::MachineRegistry },
        )? {
            continue;
        }
        let [shown_name, shown_value] =
            [&row.name, &row.value].map(|text| session.format(text.as_deref().unwrap_or_default()).text);
        session.tell_data(&[&key.to_string(), &shown_name, &shown_value]);
        match row.request() {
            RegistryRequest::CreateKey | RegistryRequest::CreateAndRemoveKey => {
                session.add(CreateRegistryKey { key }.into())?;
            }
            RegistryRequest::RemoveKey => {}
            RegistryRequest::Value => {
                let name = name(session, row);
                let value = value(session, row, &key, &name)?;
                session.add(SetRegistryValue { key, name, value }.into())?;
            }
        }
    }
    Ok(())
}

/// Removes the values of components that are removed, and keys that are empty then.
pub fn remove_registry_values(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    super::patches::remove_registry_values(session)?;
    let package = session.package.clone();
    for row in package.rows::<RegistryRow>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Remove) {
            continue;
        }
        let key = key(session, row.root, &row.key, &row.component)?;
        let shown_name = session.format(row.name.as_deref().unwrap_or_default()).text;
        session.tell_data(&[&key.to_string(), &shown_name]);
        match row.request() {
            RegistryRequest::RemoveKey | RegistryRequest::CreateAndRemoveKey => {
                session.add(RemoveRegistryKey { key }.into())?;
            }
            RegistryRequest::CreateKey => {}
            RegistryRequest::Value => {
                let name = name(session, row);
                let rest = rest_of_strings(session, row, &key, &name)?;
                session.add(match rest {
                    Some(value) => SetRegistryValue { key, name, value }.into(),
                    None => RemoveRegistryValue { key, name }.into(),
                })?;
            }
        }
    }
    for row in package.rows::<RemoveRegistry>()?.iter() {
        // The page of the table: these are removed when the component is installed.
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let key = key(session, row.root, &row.key, &row.component)?;
        session.tell_data(&[&key.to_string()]);
        if row.removes_key() {
            session.add(RemoveRegistryKey { key }.into())?;
        } else {
            let name = session.format(row.name.as_deref().unwrap_or_default()).text;
            session.add(RemoveRegistryValue { key, name }.into())?;
        }
    }
    Ok(())
}

/// The key that a row means: the component decides which view it is in, the context which root −1 is.
pub fn key(
    session: &Session<'_, '_>,
    root: RegistryRoot,
    path: &str,
    component: &str,
) -> Result<RegistryKey, EngineError> {
    key_in(session, root, path, session.selection()?.is_64_bit(component))
}

/// The same for a component of which only this is known.
///
/// # Errors
/// None so far.
pub fn key_in(
    session: &Session<'_, '_>,
    root: RegistryRoot,
    path: &str,
    is_64_bit: bool,
) -> Result<RegistryKey, EngineError> {
    let hive = match root {
        RegistryRoot::UserOrMachine if session.is_per_machine() => Hive::LocalMachine,
        RegistryRoot::UserOrMachine | RegistryRoot::CurrentUser => Hive::CurrentUser,
        RegistryRoot::ClassesRoot => Hive::ClassesRoot,
        RegistryRoot::LocalMachine => Hive::LocalMachine,
        RegistryRoot::Users => Hive::Users,
    };
    let view = if is_64_bit { View::Native } else { View::Wow32 };
    let path = session.format(path).text.trim_matches('\\').to_owned();
    // Classes of a per-user installation are the user's own.
    let whose = if session.is_per_machine() { ClassesOf::Machine } else { ClassesOf::User };
    Ok(RegistryKey { hive, view, path }.in_classes_of(whose))
}

/// The name of a row's value.
pub fn name(session: &Session<'_, '_>, row: &RegistryRow) -> String {
    session.format(row.name.as_deref().unwrap_or_default()).text
}

/// What stays of a list to which a row had added strings; nothing when the whole value goes.
fn rest_of_strings(
    session: &Session<'_, '_>,
    row: &RegistryRow,
    key: &RegistryKey,
    name: &str,
) -> Result<Option<RegistryValue>, EngineError> {
    let text = session.format(row.value.as_deref().unwrap_or_default()).text;
    let Ok(RegistryData::MultiString { strings, placement: Placement::Append | Placement::Prepend }) =
        RegistryData::parse(&text)
    else {
        return Ok(None);
    };
    let Some(RegistryValue::MultiString(existing)) = session.machine().registry()?.value(key, name) else {
        return Ok(None);
    };
    let rest: Vec<String> = existing.into_iter().filter(|string| !strings.contains(string)).collect();
    Ok(if rest.is_empty() { None } else { Some(RegistryValue::MultiString(rest)) })
}

/// The value that a row asks for.
pub fn value(
    session: &Session<'_, '_>,
    row: &RegistryRow,
    key: &RegistryKey,
    name: &str,
) -> Result<RegistryValue, EngineError> {
    let text = session.format(row.value.as_deref().unwrap_or_default()).text;
    let data = RegistryData::parse(&text).map_err(|error| {
        let fault = RowFault::Value { column: "Value", reason: error.to_string() };
        EngineError::row("Registry", &row.registry, fault)
    })?;
    Ok(match data {
        RegistryData::String(text) => RegistryValue::String(text),
        RegistryData::ExpandString(text) => RegistryValue::ExpandString(text),
        RegistryData::Dword(number) => RegistryValue::Dword(number),
        RegistryData::Binary(bytes) => RegistryValue::Binary(bytes),
        RegistryData::MultiString { strings, placement: Placement::Replace } => {
            RegistryValue::MultiString(strings)
        }
        RegistryData::MultiString { strings, placement } => {
            let existing = match session.machine().registry()?.value(key, name) {
                Some(RegistryValue::MultiString(strings)) => strings,
                _ => Vec::new(),
            };
            RegistryValue::MultiString(join_strings(&existing, &strings, placement))
        }
    })
}

/// Whether the value or key of a row is there already.
pub fn exists(session: &Session<'_, '_>, row: &str, component: &Component) -> bool {
    let found = || -> Result<bool, EngineError> {
        let Some(row) = session.package.find::<RegistryRow>(row)? else { return Ok(false) };
        let key = key(session, row.root, &row.key, &component.component)?;
        let registry = session.machine().registry()?;
        Ok(match row.request() {
            RegistryRequest::Value => registry.value(&key, &name(session, &row)).is_some(),
            _ => registry.exists(&key),
        })
    };
    found().unwrap_or(false)
}
