//! InstallServices, DeleteServices, StartServices and StopServices (pages `installservices-action.md`,
//! `deleteservices-action.md`, `startservices-action.md`, `stopservices-action.md`, `serviceinstall-table.md`,
//! `servicecontrol-table.md`).
//!
//! A service is a key of the registry. Services of a prefix run under Wine. While Wine runs, its service manager is told of
//! each that is registered or removed, by what writes the registry there, and starts and stops them. Whether it does is
//! decided when the script comes to that: an action may have started Wine meanwhile, and with it automatic services. While it
//! does not, there is nothing to stop, and what is to be started cannot be started now; that is said and is no failure,
//! whether the row waits or not: vital (`serviceinstall-table.md`) is that a service can be installed. Wine's service manager starts
//! automatic services when the prefix is used next.

use std::collections::{HashMap, HashSet};

use reseat_machine::{Hive, RegistryKey, RegistryValue, WindowsPath, fold};
use reseat_package::{SequenceTable, ServiceControl, ServiceEvents, ServiceInstall};
use reseat_script::{RemoveRegistryKey, SetRegistryValue};

use crate::custom_action::service_control::{DID_NOT_START, Request, schedule, stopped_services};
use crate::error::EngineError;
use crate::error_message::with_causes;
use crate::host::{ServiceOrder, ServiceState};
use crate::log::service;
use crate::notice::Notice;
use crate::numbered_message::NumberedMessage;
use crate::selection::Doing;
use crate::session::Session;

const OWN_PROCESS: i32 = 0x10;
const SHARE_PROCESS: i32 = 0x20;
const INTERACTIVE: i32 = 0x100;

const AUTO_START: u32 = 2;
const DISABLED: u32 = 4;

/// The key of all services.
const SERVICES: &str = r"System\CurrentControlSet\Services";

/// The longest name of a service, in characters.
const LONGEST_NAME: usize = 256;

/// Registers the services of components that are installed.
pub fn install_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let named = Named::of(session)?;
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
                let shown = named.display_name(session, &name)?;
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
            session.warn_of_notice(Notice::PasswordNotKept { service: &name });
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
    RegistryKey::new(Hive::LocalMachine, format!("{SERVICES}\\{name}"))
}

/// Removes the services that the ServiceControl table names; those of the ServiceInstall table stay without that.
pub fn delete_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut stopping = Stopping::of(session)?;
    for name in controlled(session, ServiceEvents::DELETE, ServiceEvents::UNINSTALL_DELETE)? {
        if session.machine().registry()?.exists(&key(&name)) {
            session.tell_data(&[&name, &name]);
            if session.installation.plan.is_none() {
                stopping.stop(session, &name, true)?;
            }
            session.installation.deleted_services.push(name.clone());
            session.add(RemoveRegistryKey { key: key(&name) }.into())?;
        }
    }
    Ok(())
}

/// Has services started, and says of each when it will be if Wine does not run then.
pub fn start_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let named = Named::of(session)?;
    let stopped = stopped_services(session);
    for Controlled { name, arguments, waits } in
        controls(session, ServiceEvents::START, ServiceEvents::UNINSTALL_START)?
    {
        let how = match named.start_type(session, &name)? {
            None => "there is no such service".to_owned(),
            Some(AUTO_START) => "Wine's service manager starts it when the prefix is used next".to_owned(),
            Some(DISABLED) => "it is disabled".to_owned(),
            Some(_) => format!("'wine net start \"{name}\"' starts it"),
        };
        let shown = named.display_name(session, &name)?;
        if session.installation.plan.is_some() {
            session.warn(DID_NOT_START, &[&shown, &name], &how);
            continue;
        }
        let message = NumberedMessage::new(DID_NOT_START, [shown, name.clone()]);
        let without_wine = Some(session.warning_text(&message, &how));
        let order = ServiceOrder::Start { arguments, waits };
        start(session, &stopped, Request { name, order, without_wine }, waits)?;
    }
    Ok(())
}

/// Stops services; none runs while Wine does not.
pub fn stop_services(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.installation.plan.is_some() {
        return Ok(());
    }
    let mut stopping = Stopping::of(session)?;
    for Controlled { name, waits, .. } in
        controls(session, ServiceEvents::STOP, ServiceEvents::UNINSTALL_STOP)?
    {
        stopping.stop(session, &name, waits)?;
    }
    Ok(())
}

/// What the ServiceInstall table says of services, by their names in small letters.
struct Named(HashMap<String, Row>);

struct Row {
    /// Of a service that is installed now.
    start_type: Option<u32>,
    shown: String,
}

impl Named {
    fn of(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        let mut all: HashMap<String, Row> = HashMap::new();
        for row in session.package.rows::<ServiceInstall>()?.iter() {
            let shown = || session.format(row.display_name.as_deref().unwrap_or_default()).text;
            let name = session.format(&row.name).text.to_ascii_lowercase();
            // Of several rows for one service the first counts.
            let known = all.entry(name).or_insert_with(|| Row { start_type: None, shown: shown() });
            if known.start_type.is_none() && session.selection()?.does(&row.component, Doing::Install) {
                known.start_type = Some(row.start_type.cast_unsigned());
            }
        }
        Ok(Self(all))
    }

    /// The start type of a service that is installed now or is there already.
    fn start_type(&self, session: &Session<'_, '_>, name: &str) -> Result<Option<u32>, EngineError> {
        if let Some(Row { start_type: Some(start_type), .. }) = self.0.get(&name.to_ascii_lowercase()) {
            return Ok(Some(*start_type));
        }
        registered_start_type(session, name)
    }

    /// What a service is called where it is shown; its name where nothing else is known.
    fn display_name(&self, session: &Session<'_, '_>, name: &str) -> Result<String, EngineError> {
        if let Some(row) = self.0.get(&name.to_ascii_lowercase()) {
            return Ok(if row.shown.is_empty() { name.to_owned() } else { row.shown.clone() });
        }
        let value = session.machine().registry()?.value(&key(name), "DisplayName");
        Ok(match value {
            Some(RegistryValue::String(shown)) if !shown.is_empty() => shown,
            _ => name.to_owned(),
        })
    }
}

/// Whether services run now. What only looks is told nothing of it.
fn wine_runs(session: &Session<'_, '_>) -> bool {
    session.installation.plan.is_none() && session.machine().wine_server().is_some()
}

/// The start type of a service that is there.
fn registered_start_type(session: &Session<'_, '_>, name: &str) -> Result<Option<u32>, EngineError> {
    let value = session.machine().registry()?.value(&key(name), "Start");
    Ok(value.and_then(|value| value.as_dword()))
}

/// Whether a service runs now, or while Wine does not, will as soon as Wine is started; nothing when that cannot be asked.
fn runs_or_will(session: &mut Session<'_, '_>, name: &str) -> Result<Option<bool>, EngineError> {
    Ok(match wine_runs(session) {
        true => runs(session, name),
        false => Some(registered_start_type(session, name)? == Some(AUTO_START)),
    })
}

/// Has a service started when the script runs. What runs already by then goes on.
fn start(
    session: &mut Session<'_, '_>,
    stopped: &HashSet<String>,
    request: Request,
    waits: bool,
) -> Result<(), EngineError> {
    let Some(runs) = runs_or_will(session, &request.name)? else { return Ok(()) };
    // Undone only if it did not run before, or not this one.
    let undo = (!runs || stopped.contains(&request.name.to_ascii_lowercase()))
        .then_some(ServiceOrder::Stop { waits: true });
    session.tell_data(&[&request.name, &request.name]);
    schedule(session, request, undo, !waits)
}

/// What stopping services has to know of all of them.
struct Stopping {
    /// Those that need a service, by its name in small letters.
    dependents: HashMap<String, Vec<String>>,
    /// Those that are stopped already, in small letters.
    stopped: HashSet<String>,
}

impl Stopping {
    fn of(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        let registry = session.machine().registry()?;
        let mut dependents: HashMap<String, Vec<String>> = HashMap::new();
        for service in registry.sub_keys(&RegistryKey::new(Hive::LocalMachine, SERVICES)) {
            if let Some(RegistryValue::MultiString(all)) = registry.value(&key(&service), "DependOnService") {
                for needed in all {
                    dependents.entry(needed.to_ascii_lowercase()).or_default().push(service.clone());
                }
            }
        }
        Ok(Self { dependents, stopped: stopped_services(session) })
    }

    /// Has a service stopped when the script runs, after those that depend on it; those that run, or will if Wine is
    /// started until then, and are not stopped already.
    fn stop(&mut self, session: &mut Session<'_, '_>, name: &str, waits: bool) -> Result<(), EngineError> {
        let mut names = self.dependents(name);
        names.push(name.to_owned());
        for name in names {
            if self.stopped.contains(&name.to_ascii_lowercase()) {
                continue;
            }
            match runs_or_will(session, &name)? {
                Some(true) => {}
                Some(false) => {
                    service!("Service {name} does not run");
                    continue;
                }
                None => continue,
            }
            session.tell_data(&[&name, &name]);
            self.stopped.insert(name.to_ascii_lowercase());
            let start = ServiceOrder::Start { arguments: Vec::new(), waits: true };
            let request = Request { name, order: ServiceOrder::Stop { waits }, without_wine: None };
            schedule(session, request, Some(start), !waits)?;
        }
        Ok(())
    }

    /// The services that cannot run without this one, each before those that it needs itself.
    fn dependents(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut known = HashSet::from([name.to_ascii_lowercase()]);
        let mut next = vec![name.to_ascii_lowercase()];
        while let Some(needed) = next.pop() {
            for service in self.dependents.get(&needed).into_iter().flatten() {
                let folded = service.to_ascii_lowercase();
                if known.insert(folded.clone()) {
                    found.push(service.clone());
                    next.push(folded);
                }
            }
        }
        // Found later means further from the service itself, or beside it.
        found.reverse();
        found
    }
}

/// Whether a service runs now; nothing, which is said, when that cannot be asked.
fn runs(session: &mut Session<'_, '_>, name: &str) -> Option<bool> {
    match session.installation.host.service(name, &ServiceOrder::Look) {
        Ok(state) => Some(matches!(state, Some(ServiceState::RUNNING | ServiceState::START_PENDING))),
        Err(error) => {
            let cause = with_causes(error.to_string(), &error);
            session.warn_of_notice(Notice::ServiceNotControlled { service: name, cause: &cause });
            None
        }
    }
}

/// Whether a file is the program of a service that the package stops or removes, before it replaces files.
pub fn is_program_of_stopped(
    session: &Session<'_, '_>,
) -> Result<impl Fn(&WindowsPath) -> bool, EngineError> {
    let mut programs = Vec::new();
    if wine_runs(session) {
        let stopped = controlled(session, ServiceEvents::STOP, ServiceEvents::UNINSTALL_STOP)?;
        let removed = controlled(session, ServiceEvents::DELETE, ServiceEvents::UNINSTALL_DELETE)?;
        let sequence = session.package.sequence(SequenceTable::InstallExecute)?;
        let has = |action: &str| sequence.actions().iter().any(|row| &*row.action == action);
        let stopped = stopped.into_iter().filter(|_| has("StopServices"));
        let removed = removed.into_iter().filter(|_| has("DeleteServices"));
        let registry = session.machine().registry()?;
        for name in stopped.chain(removed) {
            if let Some(RegistryValue::String(line) | RegistryValue::ExpandString(line)) =
                registry.value(&key(&name), "ImagePath")
            {
                programs.push(fold(line.trim_start_matches('"')));
            }
        }
    }
    Ok(move |path: &WindowsPath| {
        let rest = |line: &String| line.strip_prefix(path.folded()).map(str::to_owned);
        programs.iter().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with(['"', ' ']))
    })
}

/// A service that a row of the ServiceControl table is about.
struct Controlled {
    name: String,
    arguments: Vec<String>,
    waits: bool,
}

/// The services with one of these events, when their component is installed or removed.
pub fn controlled(
    session: &Session<'_, '_>,
    on_install: ServiceEvents,
    on_uninstall: ServiceEvents,
) -> Result<Vec<String>, EngineError> {
    Ok(controls(session, on_install, on_uninstall)?.into_iter().map(|service| service.name).collect())
}

fn controls(
    session: &Session<'_, '_>,
    on_install: ServiceEvents,
    on_uninstall: ServiceEvents,
) -> Result<Vec<Controlled>, EngineError> {
    let selection = session.selection()?;
    let mut found: Vec<Controlled> = Vec::new();
    let mut known = HashSet::new();
    for row in session.package.rows::<ServiceControl>()?.iter() {
        let wanted = (row.events.has(on_install) && selection.does(&row.component, Doing::Install))
            || (row.events.has(on_uninstall) && selection.does(&row.component, Doing::Remove));
        let name = session.format(&row.name).text;
        if wanted && known.insert(name.to_ascii_lowercase()) {
            check_name(&name).map_err(|reason| EngineError::row("ServiceControl", &row.key, reason))?;
            let arguments = session.format(row.arguments.as_deref().unwrap_or_default()).text;
            let arguments = arguments.split('\0').filter(|it| !it.is_empty()).map(str::to_owned).collect();
            found.push(Controlled { name, arguments, waits: row.waits() });
        }
    }
    Ok(found)
}

/// Which services will be there: those that are installed now, and those that are there and not deleted.
pub struct Remaining {
    installed: HashSet<String>,
    deleted: HashSet<String>,
}

impl Remaining {
    /// What the tables of the package say of it.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn of(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        let deleted = controlled(session, ServiceEvents::DELETE, ServiceEvents::UNINSTALL_DELETE)?;
        let named = Named::of(session)?.0.into_iter();
        Ok(Self {
            installed: named.filter(|(_, row)| row.start_type.is_some()).map(|(name, _)| name).collect(),
            deleted: deleted.iter().map(|name| name.to_ascii_lowercase()).collect(),
        })
    }

    /// Whether this one will be.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn has(&self, session: &Session<'_, '_>, name: &str) -> Result<bool, EngineError> {
        let folded = name.to_ascii_lowercase();
        Ok(self.installed.contains(&folded)
            || (!self.deleted.contains(&folded) && session.machine().registry()?.exists(&key(name))))
    }
}
