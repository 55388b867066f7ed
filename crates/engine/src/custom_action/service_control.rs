//! Services in the install script: what StartServices and StopServices ask of them if Wine runs when that comes to pass (pages
//! `startservices-action.md`, `stopservices-action.md`, `servicecontrol-table.md`).
//!
//! They are in the script as custom actions are: one entry that asks, and one that undoes it. A service that a rollback
//! has to start is started behind everything else, when its files and its registration are back.

use std::collections::HashSet;

use reseat_script::{ActionFailure, ActionKind, Operation, Phase, ScheduledAction};

use super::scheduled::{ScheduledCall, ScheduledCode};
use crate::error::EngineError;
use crate::error_message::{followed_by, with_causes};
use crate::functions::Surroundings;
use crate::host::{CustomActionHost, HostError, ServiceOrder, ServiceState};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::numbered_message::NumberedMessage;
use crate::session::Session;

/// The number of the message for a service that did not start.
pub const DID_NOT_START: u32 = 1920;

/// Why a service is not as it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum ServiceFailure {
    /// It does not run.
    #[error("service {name} was not started")]
    Start {
        /// The service.
        name: String,
        /// The cause.
        #[source]
        cause: ServiceTrouble,
    },
    /// It runs.
    #[error("service {name} was not stopped")]
    Stop {
        /// The service.
        name: String,
        /// The cause.
        #[source]
        cause: ServiceTrouble,
    },
}

impl ServiceFailure {
    /// The number of the documented message (page `windows-installer-error-messages.md`).
    pub fn number(&self) -> u32 {
        match self {
            Self::Start { .. } => DID_NOT_START,
            Self::Stop { .. } => 1921,
        }
    }

    /// The service.
    pub fn name(&self) -> &str {
        match self {
            Self::Start { name, .. } | Self::Stop { name, .. } => name,
        }
    }
}

/// What is the matter with a service.
#[derive(Debug, thiserror::Error)]
pub enum ServiceTrouble {
    /// It is in another state than it was waited for.
    #[error("its state is {}", .0.0)]
    State(ServiceState),
    /// It is not there.
    #[error("there is no such service")]
    Missing,
    /// It cannot be asked.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// What is asked of a service.
#[derive(Debug)]
pub struct Request {
    /// The service.
    pub name: String,
    /// What for.
    pub order: ServiceOrder,
    /// What is said, with the number of the order's failure, if Wine does not run then.
    pub without_wine: Option<String>,
}

/// Writes into the script that a service is asked for something, and what undoes that.
///
/// # Errors
/// Before InstallInitialize.
pub fn schedule(
    session: &mut Session<'_, '_>,
    request: Request,
    undo: Option<ServiceOrder>,
    ignore_result: bool,
) -> Result<(), EngineError> {
    let Request { name, order, mut without_wine } = request;
    let action = format!("{} ({name})", session.action);
    // In this order: before an action runs the registry is kept, and a service is stopped again while it is still there.
    let undo = undo.map(|undo| (undo, ActionKind::Rollback));
    for (order, kind) in std::iter::once((order, ActionKind::Deferred)).chain(undo) {
        // The first is the one that is asked for.
        let without_wine = without_wine.take();
        let call = ScheduledCall::plain(ScheduledCode::Service { name: name.clone(), order, without_wine });
        let call = serde_json::to_value(&call);
        let call = call.map_err(|error| EngineError::row("ServiceControl", &name, error.to_string()))?;
        session.add(Operation::CustomAction(ScheduledAction {
            action: action.clone(),
            kind,
            ignore_result,
            custom_action_data: String::new(),
            call,
        }))?;
    }
    Ok(())
}

/// The services that the script of this session has stopped, in small letters.
pub fn stopped_services(session: &Session<'_, '_>) -> HashSet<String> {
    let calls = session.script.steps.iter().filter_map(|step| match &step.operation {
        Operation::CustomAction(action) if action.kind == ActionKind::Deferred => {
            serde_json::from_value::<ScheduledCall>(action.call.clone()).ok()
        }
        _ => None,
    });
    calls.filter_map(|call| call.stopped_service().map(str::to_ascii_lowercase)).collect()
}

/// Asks a service for something, if Wine runs.
///
/// # Errors
/// When it is not as it was asked to be.
pub fn run(
    host: &dyn CustomActionHost,
    surroundings: &mut Surroundings<'_>,
    action: &ScheduledAction,
    phase: Phase,
    request: Request,
) -> Result<(), ActionFailure> {
    let Request { name, order, without_wine } = request;
    if surroundings.machine.wine_server().is_none() {
        service!("Service {name} is not asked for anything, as Wine does not run on this prefix");
        if let Some(text) = without_wine.filter(|_| phase == Phase::Execution) {
            plain!("Warning {DID_NOT_START}. {text}");
            let number = Some(DID_NOT_START);
            surroundings.interface.message(&Message::Warning { number, text });
        }
        return Ok(());
    }
    if phase == Phase::Rollback && matches!(order, ServiceOrder::Start { .. }) {
        surroundings.services_to_start.push((name, order));
        return Ok(());
    }
    let done = ask(host, &name, &order);
    if let Err(failure) = &done
        && action.ignore_result
    {
        let text = told(surroundings, failure);
        surroundings.interface.message(&Message::Warning { number: Some(failure.number()), text });
    }
    done.map_err(|failure| ActionFailure::Failed(failure.into()))
}

/// The documented message for a service that did not do what it was asked for, and why.
fn told(surroundings: &Surroundings<'_>, failure: &ServiceFailure) -> String {
    let name = failure.name().to_owned();
    let message = NumberedMessage::new(failure.number(), [name.clone(), name]);
    let language = surroundings.interface.language();
    let text = message.text(language, surroundings.package.as_deref(), None);
    followed_by(text, &with_causes(failure.to_string(), failure))
}

/// Starts what a rollback has to start.
pub fn start_again(host: &dyn CustomActionHost, surroundings: &mut Surroundings<'_>) {
    for (name, order) in std::mem::take(&mut surroundings.services_to_start) {
        if let Err(failure) = ask(host, &name, &order) {
            let text = told(surroundings, &failure);
            surroundings.interface.message(&Message::Warning { number: Some(failure.number()), text });
        }
    }
}

fn ask(host: &dyn CustomActionHost, name: &str, order: &ServiceOrder) -> Result<(), ServiceFailure> {
    let found = host.service(name, order);
    let as_wanted = |wanted: ServiceState, waits: bool| match found {
        Ok(Some(state)) if state == wanted || !waits => Ok(()),
        Ok(Some(state)) => Err(ServiceTrouble::State(state)),
        Ok(None) if wanted == ServiceState::STOPPED => Ok(()),
        Ok(None) => Err(ServiceTrouble::Missing),
        Err(error) => Err(error.into()),
    };
    let name = name.to_owned();
    match order {
        ServiceOrder::Look => Ok(()),
        ServiceOrder::Start { waits, .. } => {
            as_wanted(ServiceState::RUNNING, *waits).map_err(|cause| ServiceFailure::Start { name, cause })
        }
        ServiceOrder::Stop { waits } => {
            as_wanted(ServiceState::STOPPED, *waits).map_err(|cause| ServiceFailure::Stop { name, cause })
        }
    }
}
