//! InstallServices, DeleteServices, StartServices and StopServices (pages `installservices-action.md`,
//! `deleteservices-action.md`, `startservices-action.md`, `stopservices-action.md`, `serviceinstall-table.md`,
//! `servicecontrol-table.md`).
//!
//! A service is a key of the registry. No service runs while an installation does: services of a prefix run under Wine,
//! and nothing is installed while Wine runs. So there is nothing to stop, and what is to be started cannot be started
//! now; that is said and is no failure, whether the row waits or not: vital (`serviceinstall-table.md`) is that a service
//! can be installed. Wine's service manager starts automatic services when the prefix is used next.

use reseat_machine::{Hive, RegistryKey, RegistryValue};
use reseat_package::{ServiceControl, ServiceEvents, ServiceInstall};
use reseat_script::{RemoveRegistryKey, SetRegistryValue};

use crate::error::EngineError;
use crate::interface::Message;
use crate::log::service;
use crate::selection::Doing;
use crate::session::Session;

const OWN_PROCESS: i32 = 0x10;
const SHARE_PROCESS: i32 = 0x20;
const INTERACTIVE: i32 = 0x100;

const AUTO_START: u32 = 2;
const DISABLED: u32 = 4;

/// The longest name of a service, in characters.
const LONGEST_NAME: usize = 256;

/// Registers the services of components that are installed.
pub fn install_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<ServiceInstall>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let name = session.format(&row.name).text;
        let values = match values(session, row, &name) {
            Ok(values) => values,
            Err(reason) if row.is_vital() => {
                return Err(EngineError::row("ServiceInstall", &row.key, reason));
            }
            Err(reason) => {
                let shown = session.format(row.display_name.as_deref().unwrap_or(&row.name)).text;
                session.warn(
                    1923,
                    &[&shown, &name],
                    &format!("table ServiceInstall, row {}: {reason}", row.key),
                );
                continue;
            }
        };
        session.tell_data(&[&name, &name]);
        let account = row.start_name.as_deref().map(|account| session.format(account).text);
        if account.is_some_and(|account| !account.is_empty()) && row.password.is_some() {
            let text =
                format!("the password of service {name} is not kept: services run as the prefix's user");
            session.tell(&Message::warning(text));
        }
        let key = key(&name);
        for (name, value) in values {
            session.add(SetRegistryValue { key: key.clone(), name: name.to_owned(), value }.into())?;
        }
    }
    Ok(())
}

/// The registry values of a service, or why it cannot be one.
fn values(
    session: &Session<'_, '_>,
    row: &ServiceInstall,
    name: &str,
) -> Result<Vec<(&'static str, RegistryValue)>, String> {
    check_name(name)?;
    let number = |number: i32| RegistryValue::Dword(number.cast_unsigned());
    let text = |column: &Option<reseat_package::Text>| {
        let text = column.as_deref().map(|text| session.format(text).text.trim_end_matches('\0').to_owned());
        text.filter(|text| !text.is_empty())
    };
    if !matches!(row.service_type & !INTERACTIVE, OWN_PROCESS | SHARE_PROCESS) {
        return Err(format!("{} is not a type of service that can be installed", row.service_type));
    }
    if !matches!(row.start_type, 2..=4) {
        return Err(format!("{} is not a start type of a service", row.start_type));
    }
    let program = session
        .selection
        .as_ref()
        .and_then(|selection| selection.key_path_file(&row.component))
        .ok_or_else(|| format!("its component {} has no file as its key path", row.component))?;
    let command_line = match text(&row.arguments) {
        Some(arguments) => format!("\"{program}\" {arguments}"),
        None => format!("\"{program}\""),
    };
    let mut values = vec![
        ("Type", number(row.service_type)),
        ("Start", number(row.start_type)),
        ("ErrorControl", number(row.error_control_flags())),
        ("ImagePath", RegistryValue::ExpandString(command_line)),
    ];
    let mut add_text = |name, text: Option<String>| {
        values.extend(text.map(|text| (name, RegistryValue::String(text))));
    };
    add_text("DisplayName", text(&row.display_name));
    add_text("Group", text(&row.load_order_group));
    add_text("ObjectName", Some(text(&row.start_name).unwrap_or_else(|| "LocalSystem".to_owned())));
    // A null character erases a description that is there.
    add_text(
        "Description",
        row.description.as_deref().map(|text| session.format(text).text.trim_matches('\0').to_owned()),
    );
    let needed = session.format(row.dependencies.as_deref().unwrap_or_default()).text;
    let (groups, services): (Vec<&str>, Vec<&str>) =
        needed.split('\0').filter(|name| !name.is_empty()).partition(|name| name.starts_with('+'));
    if !services.is_empty() {
        let services = services.into_iter().map(str::to_owned).collect();
        values.push(("DependOnService", RegistryValue::MultiString(services)));
    }
    if !groups.is_empty() {
        let groups = groups.into_iter().map(|group| group.trim_start_matches('+').to_owned()).collect();
        values.push(("DependOnGroup", RegistryValue::MultiString(groups)));
    }
    Ok(values)
}

fn check_name(name: &str) -> Result<(), String> {
    let wrong = name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(['/', '\\', '\0']);
    if wrong { Err(format!("'{name}' cannot be the name of a service")) } else { Ok(()) }
}

/// The key of a service.
pub fn key(name: &str) -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, format!("System\\CurrentControlSet\\Services\\{name}"))
}

/// Removes the services that the ServiceControl table names; those of the ServiceInstall table stay without that.
pub fn delete_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for name in controlled(session, ServiceEvents::DELETE, ServiceEvents::UNINSTALL_DELETE)? {
        if session.machine().registry()?.exists(&key(&name)) {
            session.tell_data(&[&name, &name]);
            session.add(RemoveRegistryKey { key: key(&name) }.into())?;
        }
    }
    Ok(())
}

/// Says of each service that is to be started when it will be.
pub fn start_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for name in controlled(session, ServiceEvents::START, ServiceEvents::UNINSTALL_START)? {
        let how = match start_type(session, &name)? {
            None => "there is no such service".to_owned(),
            Some(AUTO_START) => "Wine's service manager starts it when the prefix is used next".to_owned(),
            Some(DISABLED) => "it is disabled".to_owned(),
            Some(_) => format!("'wine net start \"{name}\"' starts it"),
        };
        session.tell(&Message::warning(format!("service {name} was not started: {how}")));
    }
    Ok(())
}

/// Notes that the services which are to be stopped do not run.
pub fn stop_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for name in controlled(session, ServiceEvents::STOP, ServiceEvents::UNINSTALL_STOP)? {
        service!("Service {name} does not run, as Wine does not run on this prefix");
    }
    Ok(())
}

/// The start type of a service that is installed now or is there already.
fn start_type(session: &Session<'_, '_>, name: &str) -> Result<Option<u32>, EngineError> {
    for row in session.package.rows::<ServiceInstall>()?.iter() {
        if session.selection()?.does(&row.component, Doing::Install)
            && session.format(&row.name).text.eq_ignore_ascii_case(name)
        {
            return Ok(Some(row.start_type.cast_unsigned()));
        }
    }
    let value = session.machine().registry()?.value(&key(name), "Start");
    Ok(value.and_then(|value| value.as_dword()))
}

/// The services with one of these events, when their component is installed or removed.
pub fn controlled(
    session: &Session<'_, '_>,
    on_install: ServiceEvents,
    on_uninstall: ServiceEvents,
) -> Result<Vec<String>, EngineError> {
    let selection = session.selection()?;
    let mut names: Vec<String> = Vec::new();
    for row in session.package.rows::<ServiceControl>()?.iter() {
        let wanted = (row.events.has(on_install) && selection.does(&row.component, Doing::Install))
            || (row.events.has(on_uninstall) && selection.does(&row.component, Doing::Remove));
        let name = session.format(&row.name).text;
        if wanted && !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            check_name(&name).map_err(|reason| EngineError::row("ServiceControl", &row.key, reason))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether a service will be there: it is installed now, or is there and not deleted.
pub fn will_exist(session: &Session<'_, '_>, name: &str) -> Result<bool, EngineError> {
    for row in session.package.rows::<ServiceInstall>()?.iter() {
        if session.selection()?.does(&row.component, Doing::Install)
            && session.format(&row.name).text.eq_ignore_ascii_case(name)
        {
            return Ok(true);
        }
    }
    let deleted = controlled(session, ServiceEvents::DELETE, ServiceEvents::UNINSTALL_DELETE)?;
    Ok(!deleted.iter().any(|deleted| deleted.eq_ignore_ascii_case(name))
        && session.machine().registry()?.exists(&key(name)))
}
