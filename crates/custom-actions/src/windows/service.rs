//! Services, through the service manager of the Wine that runs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reseat_engine::{HostError, ServiceOrder, ServiceState};
use reseat_machine::RegistryChange;

use super::files::Bits;
use super::frame::{Frame, Said};
use super::process::{HostProcess, ProcessError};
use super::site::Site;

/// How long a service is waited for (page `servicecontrol-table.md`).
pub(super) const WAIT: Duration = Duration::from_secs(30);

/// How long the service manager may take beyond that.
const LIMIT: Duration = Duration::from_secs(30);

/// ERROR_SERVICE_DOES_NOT_EXIST.
const NO_SERVICE: u32 = 1060;

/// The keys of services in the machine's part of the registry, in small letters.
const SERVICES: [&str; 2] = [r"system\currentcontrolset\services\", r"system\controlset001\services\"];

/// The key of the environment of all users, and that of one user.
const ENVIRONMENTS: [&str; 2] = [r"\control\session manager\environment", "environment"];

/// Asks something of a service, and waits so long for it; nothing when there is none of this name.
pub(super) fn order(
    site: &Site,
    name: &str,
    order: &ServiceOrder,
    patience: Duration,
) -> Result<Option<ServiceState>, HostError> {
    let mut host = site.start(Bits::B64).map_err(|error| trouble(name, &error))?;
    let state = order_of(&mut host, name, order, patience)?;
    host.quit();
    Ok(state)
}

fn trouble(name: &str, error: &ProcessError) -> HostError {
    HostError::Channel { action: format!("service {name}"), what: error.to_string() }
}

/// Asks something of a service through a host that runs.
pub(super) fn order_of(
    host: &mut HostProcess,
    name: &str,
    order: &ServiceOrder,
    patience: Duration,
) -> Result<Option<ServiceState>, HostError> {
    let trouble = |error: ProcessError| trouble(name, &error);
    let wait = |waits: bool| if waits { milliseconds(patience) } else { 0 };
    let request = Frame::new(b'V');
    let request = match order {
        ServiceOrder::Look => request.byte(b'q').text(name).number(0),
        ServiceOrder::Stop { waits } => request.byte(b'h').text(name).number(wait(*waits)),
        ServiceOrder::Start { arguments, waits } => {
            let count = u32::try_from(arguments.len()).unwrap_or(u32::MAX);
            let request = request.byte(b'r').text(name).number(wait(*waits)).number(count);
            arguments.iter().fold(request, |request, argument| request.text(argument))
        }
    };
    let deadline = Instant::now() + patience + LIMIT;
    host.say(request, deadline).map_err(trouble)?;
    match host.hear(deadline).map_err(trouble)? {
        Said::Done(state) => Ok(Some(ServiceState(state))),
        Said::Failed { error: NO_SERVICE, .. } => Ok(None),
        Said::Failed { error, .. } => Err(HostError::Service { error }),
        _ => Err(trouble(ProcessError::OutOfTurn("something else than a state"))),
    }
}

/// Has the service manager know what the registry says of a service.
pub(super) fn synchronization(name: &str) -> Frame {
    Frame::new(b'V').byte(b's').text(name).number(milliseconds(WAIT))
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// The services whose keys are changed.
pub(super) fn changed(changes: &[RegistryChange]) -> BTreeSet<String> {
    let paths = changes.iter().filter_map(|change| {
        let path = path_of(change);
        let lower = path.to_ascii_lowercase();
        let prefix = SERVICES.iter().find(|prefix| lower.starts_with(*prefix))?;
        path.get(prefix.len()..)?.split('\\').next().filter(|name| !name.is_empty())
    });
    // Names of services do not tell letter cases apart.
    let mut known = BTreeSet::new();
    paths.filter(|name| known.insert(name.to_lowercase())).map(str::to_owned).collect()
}

/// Whether variables of the environment are changed.
pub(super) fn changes_environment(changes: &[RegistryChange]) -> bool {
    changes.iter().any(|change| {
        let path = path_of(change).to_ascii_lowercase();
        let [of_all, of_one] = ENVIRONMENTS;
        path.ends_with(of_all) || path == of_one
    })
}

fn path_of(change: &RegistryChange) -> &str {
    match change {
        RegistryChange::SetValue { path, .. }
        | RegistryChange::RemoveValue { path, .. }
        | RegistryChange::CreateKey { path }
        | RegistryChange::RemoveKey { path }
        | RegistryChange::RemoveEmptyKey { path } => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_and_variables_are_known_by_their_keys() {
        let create = |path: &str| RegistryChange::CreateKey { path: path.to_owned() };
        let changes = [
            create(r"System\CurrentControlSet\Services\One"),
            create(r"System\CurrentControlSet\Services\ONE\Parameters"),
            create(r"SYSTEM\ControlSet001\services\Two"),
            create(r"System\CurrentControlSet\Services"),
            create(r"Software\Services\Three"),
        ];
        assert_eq!(changed(&changes).into_iter().collect::<Vec<_>>(), ["One", "Two"]);
        assert!(!changes_environment(&changes));
        let machine = create(r"System\CurrentControlSet\Control\Session Manager\Environment");
        assert!(changes_environment(&[machine]) && changes_environment(&[create("Environment")]));
    }
}
