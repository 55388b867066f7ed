//! The user interface sequence, which on Windows runs in the client, and what it hands over to the execution in the service.
//!
//! See the pages `installuisequence-table.md`, `adminuisequence-table.md`, `executeaction-action.md`, `user-interface-levels.md`,
//! `limitui.md` and `using-properties-in-conditional-statements.md`. The sequence runs at the levels Reduced and Full. Its
//! dialogs are not shown: it goes on as if each had been answered with what it begins with. ExecuteAction begins the execution
//! with the package as it is in its file and properties of its own, to which the client hands over the public ones that it
//! has changed; private ones stay with the client.

use std::collections::HashSet;
use std::sync::Arc;

use reseat_package::{Package, Properties, SequenceTable, is_public};

use crate::actions::execute;
use crate::error::EngineError;
use crate::installation::{log_properties, open_restart_manager};
use crate::log::service;
use crate::request::UiLevel;
use crate::sequence::{self, Flow};
use crate::session::{Purpose, Session};

/// What the user interface sequence is to a session.
#[derive(Default)]
pub enum Client {
    /// It does not run.
    #[default]
    Absent,
    /// It is running.
    Running {
        /// The standard actions that ran and run once only.
        ran: HashSet<&'static str>,
        /// The properties at its beginning.
        before: Properties,
        /// The package at its beginning.
        package: Arc<Package>,
    },
    /// It has begun the execution.
    Over {
        /// The standard actions that ran and run once only.
        ran: HashSet<&'static str>,
    },
}

/// How much of a user interface there is: no more than Basic where the package limits it.
pub fn ui_level(session: &Session<'_, '_>) -> UiLevel {
    let wanted = session.installation.request.ui_level;
    if session.property("LIMITUI").is_some() { wanted.min(UiLevel::Basic) } else { wanted }
}

/// The user interface sequence, if it is to run.
///
/// # Errors
/// When its table cannot be read.
pub fn due(session: &Session<'_, '_>) -> Result<Option<SequenceTable>, EngineError> {
    let wanted = ui_level(session) >= UiLevel::Reduced && session.purpose == Purpose::Requested;
    match session.top_level.interface().filter(|_| wanted) {
        Some(table) if !session.package.sequence(table)?.actions().is_empty() => Ok(Some(table)),
        _ => Ok(None),
    }
}

/// Runs a session: its user interface sequence if that is due, and the execution.
///
/// # Errors
/// As an action fails.
pub fn run(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let Some(table) = due(session)? else { return execute(session) };
    session.client = Client::Running {
        ran: HashSet::new(),
        before: session.properties.clone(),
        package: session.package.clone(),
    };
    let result = sequence::run_table(session, table);
    if let Client::Running { .. } = session.client {
        // Nothing has begun the execution: nothing was done.
        session.ended_early = true;
    }
    result.map(drop)
}

/// Begins the execution, from the user interface sequence.
///
/// # Errors
/// As an action fails.
pub fn switch(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let Client::Running { ran, before, package } = std::mem::take(&mut session.client) else {
        return Ok(());
    };
    session.client = Client::Over { ran };
    let handed: Vec<(String, String)> = session
        .properties
        .iter()
        .filter(|(name, value)| is_public(name) && before.get(name) != Some(value))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, _) in &handed {
        service!("Switching to server: {name}=\"{}\"", session.properties.loggable(name).unwrap_or_default());
    }
    // What the client has put into the database was temporary, and is its own.
    let client_package = std::mem::replace(&mut session.package, package);
    let client_properties = session.properties.clone();
    session.selection = None;
    session.done.clear();
    session.given.extend(handed);
    session.begin_properties()?;
    execute(session)?;
    log_properties(session, "S");
    // The actions behind ExecuteAction are the client's again; what the end of the installation asks for stays.
    session.package = client_package;
    let executed = std::mem::replace(&mut session.properties, client_properties);
    for name in ["MSIDISABLERMRESTART", "REMOVE", "ReplacedInUseFiles", "ProductVersion"] {
        match executed.get(name) {
            Some(value) => _ = session.properties.set(name, value),
            None => _ = session.properties.remove(name),
        }
    }
    Ok(())
}

/// Runs the execution sequence.
fn execute(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    open_restart_manager(session)?;
    if sequence::run_table(session, session.top_level.sequence())? == Flow::SkipRest {
        execute::abandon(session);
    }
    Ok(())
}
