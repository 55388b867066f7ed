//! MsiConfigureServices (pages `msiconfigureservices-action.md`, `msiserviceconfig-table.md`,
//! `msiserviceconfigfailureactions-table.md`): settings of services, which are values of their keys.

use reseat_machine::RegistryValue;
use reseat_package::{MsiServiceConfig, MsiServiceConfigFailureActions};
use reseat_script::{RemoveRegistryValue, SetRegistryValue};

use crate::actions::services::{self, Remaining};
use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

const ON_INSTALL: i32 = 1;
const ON_UNINSTALL: i32 = 2;
const ON_REINSTALL: i32 = 4;

/// How long Windows waits for a service before it shuts down, in milliseconds.
const PRESHUTDOWN_TIMEOUT: u32 = 180_000;
/// Failures are counted for ever.
const NEVER_RESET: u32 = u32::MAX;
/// Bytes before the list of actions in the structure SERVICE_FAILURE_ACTIONS.
const ACTIONS_OFFSET: u32 = 20;

/// Configures services.
pub fn configure_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let remaining = Remaining::of(session)?;
    for row in package.rows::<MsiServiceConfig>()?.iter() {
        let table = "MsiServiceConfig";
        let Some(name) = wanted(session, &remaining, table, &row.key, row.event, &row.component, &row.name)?
        else {
            continue;
        };
        let argument = session.format(row.argument.as_deref().unwrap_or_default()).text;
        let number = || {
            argument.trim().parse().map(RegistryValue::Dword).map_err(|_| {
                let reason = format!("'{argument}' is not a number");
                EngineError::row(table, &row.key, RowFault::Value { column: "Argument", reason })
            })
        };
        let (value_name, value) = match row.config_type {
            3 => ("DelayedAutostart", number()?),
            4 => ("FailureActionsOnNonCrashFailures", number()?),
            5 => ("ServiceSidType", number()?),
            6 => ("RequiredPrivileges", RegistryValue::MultiString(list(&argument))),
            7 if argument.is_empty() => ("PreshutdownTimeout", RegistryValue::Dword(PRESHUTDOWN_TIMEOUT)),
            7 => ("PreshutdownTimeout", number()?),
            other => {
                let why = format!("table {table}, row {}: {other} is no setting of a service", row.key);
                session.warn(1939, &[&name, &name], &why);
                continue;
            }
        };
        set(session, &name, value_name, value)?;
    }
    for row in package.rows::<MsiServiceConfigFailureActions>()?.iter() {
        let table = "MsiServiceConfigFailureActions";
        let Some(name) = wanted(session, &remaining, table, &row.key, row.event, &row.component, &row.name)?
        else {
            continue;
        };
        if let Some(actions) = failure_actions(session, row)? {
            set(session, &name, "FailureActions", RegistryValue::Binary(actions))?;
        }
        for (value_name, text) in [("RebootMessage", &row.reboot_message), ("FailureCommand", &row.command)] {
            let Some(text) = text.as_deref().map(|text| session.format(text).text) else { continue };
            match text.trim_matches('\0') {
                // A null character deletes what is there, an empty text leaves it.
                "" if text.contains('\0') => session.add(
                    RemoveRegistryValue { key: services::key(&name), name: value_name.to_owned() }.into(),
                )?,
                "" => {}
                text => set(session, &name, value_name, RegistryValue::String(text.to_owned()))?,
            }
        }
    }
    Ok(())
}

fn set(
    session: &mut Session<'_, '_>,
    service: &str,
    name: &str,
    value: RegistryValue,
) -> Result<(), EngineError> {
    session.add(SetRegistryValue { key: services::key(service), name: name.to_owned(), value }.into())
}

/// The service that a row configures now, if it does.
fn wanted(
    session: &mut Session<'_, '_>,
    remaining: &Remaining,
    table: &str,
    key: &str,
    event: i32,
    component: &str,
    name: &str,
) -> Result<Option<String>, EngineError> {
    let selection = session.selection()?;
    let was_there = selection.component(component).is_some_and(|state| state.installed.is_present());
    let now = if selection.does(component, Doing::Remove) {
        ON_UNINSTALL
    } else if !selection.does(component, Doing::Install) {
        return Ok(None);
    } else if was_there {
        ON_REINSTALL
    } else {
        ON_INSTALL
    };
    if event & now == 0 {
        return Ok(None);
    }
    let name = session.format(name).text;
    if remaining.has(session, &name)? {
        return Ok(Some(name));
    }
    if now != ON_UNINSTALL {
        let why = format!("table {table}, row {key}: there is no such service");
        session.warn(1939, &[&name, &name], &why);
    }
    Ok(None)
}

fn list(text: &str) -> Vec<String> {
    text.split('\0').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The structure SERVICE_FAILURE_ACTIONS as the registry holds it; nothing when a row has no actions.
fn failure_actions(
    session: &Session<'_, '_>,
    row: &MsiServiceConfigFailureActions,
) -> Result<Option<Vec<u8>>, EngineError> {
    let numbers = |text: &Option<reseat_package::Text>| -> Option<Vec<u32>> {
        let text = session.format(text.as_deref().unwrap_or_default()).text;
        list(&text).iter().map(|number| number.parse().ok()).collect()
    };
    let wrong = |reason: &str| EngineError::row("MsiServiceConfigFailureActions", &row.key, reason);
    let actions = numbers(&row.actions).ok_or_else(|| wrong("an action is not a number"))?;
    let delays = numbers(&row.delays).ok_or_else(|| wrong("a delay is not a number"))?;
    if actions.len() != delays.len() {
        return Err(wrong("there are not as many delays as actions"));
    }
    if actions.is_empty() {
        return Ok(None);
    }
    let reset = row.reset_period.map_or(NEVER_RESET, i32::cast_unsigned);
    let count = u32::try_from(actions.len()).map_err(|_| wrong("there are too many actions"))?;
    let words = [reset, 0, 0, count, ACTIONS_OFFSET];
    let pairs = actions.into_iter().zip(delays).flat_map(|(action, delay)| [action, delay]);
    Ok(Some(words.into_iter().chain(pairs).flat_map(u32::to_le_bytes).collect()))
}
