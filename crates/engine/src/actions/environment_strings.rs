//! WriteEnvironmentStrings and RemoveEnvironmentStrings (pages `writeenvironmentstrings-action.md`,
//! `removeenvironmentstrings-action.md`, `environment-table.md`).

use std::collections::HashMap;

use reseat_machine::RegistryKey;
use reseat_machine::environment::{self, EnvironmentOf};
use reseat_package::{EnvironmentRow, VariableInstall, VariableName, VariableValue};
use reseat_script::{RemoveRegistryValue, SetRegistryValue};

use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// Variables as they will be when the script has run so far: several rows may change the same one.
type Pending = HashMap<(bool, String), Option<String>>;

/// Sets variables of components that are installed.
pub fn write_environment_strings(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut pending = Pending::new();
    let package = session.package.clone();
    for row in package.rows::<EnvironmentRow>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let name = name(row)?;
        let value = VariableValue::parse(&session.format(row.value.as_deref().unwrap_or_default()).text);
        let current = current(session, &pending, &name)?;
        let new = match name.install {
            VariableInstall::Set => Some(value.set(current.as_deref())),
            VariableInstall::Create if current.is_none() => Some(value.set(None)),
            VariableInstall::Create | VariableInstall::Nothing => continue,
            VariableInstall::Remove => match &current {
                Some(old) => value.unset(old),
                None => continue,
            },
        };
        change(session, &mut pending, &name, current, new)?;
    }
    Ok(())
}

/// Takes back variables of components that are removed.
pub fn remove_environment_strings(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut pending = Pending::new();
    let package = session.package.clone();
    for row in package.rows::<EnvironmentRow>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Remove) {
            continue;
        }
        let name = name(row)?;
        if !name.remove {
            continue;
        }
        let value = VariableValue::parse(&session.format(row.value.as_deref().unwrap_or_default()).text);
        if let Some(old) = current(session, &pending, &name)? {
            let new = value.unset(&old);
            change(session, &mut pending, &name, Some(old), new)?;
        }
    }
    Ok(())
}

fn name(row: &EnvironmentRow) -> Result<VariableName, EngineError> {
    VariableName::parse(&row.name).map_err(|error| {
        let fault = RowFault::Value { column: "Name", reason: error.to_string() };
        EngineError::row("Environment", &row.environment, fault)
    })
}

fn key(name: &VariableName) -> RegistryKey {
    environment::key(if name.system { EnvironmentOf::Machine } else { EnvironmentOf::User })
}

fn current(
    session: &Session<'_, '_>,
    pending: &Pending,
    name: &VariableName,
) -> Result<Option<String>, EngineError> {
    if let Some(value) = pending.get(&(name.system, name.name.to_uppercase())) {
        return Ok(value.clone());
    }
    let whose = if name.system { EnvironmentOf::Machine } else { EnvironmentOf::User };
    Ok(environment::read(session.machine().registry()?, whose, &name.name))
}

fn change(
    session: &mut Session<'_, '_>,
    pending: &mut Pending,
    name: &VariableName,
    old: Option<String>,
    new: Option<String>,
) -> Result<(), EngineError> {
    if old == new {
        return Ok(());
    }
    session.tell_data(&[&name.name]);
    pending.insert((name.system, name.name.to_uppercase()), new.clone());
    let (key, name) = (key(name), name.name.clone());
    session.add(match new {
        Some(text) => SetRegistryValue { key, name, value: environment::value(text) }.into(),
        None => RemoveRegistryValue { key, name }.into(),
    })
}
