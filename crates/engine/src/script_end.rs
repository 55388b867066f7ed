//! Actions behind InstallFinalize that would write into the script, which has ended there (page `ice77.md`, message 2762).
//!
//! Windows finds that out when their turn comes, and the product is installed by then. Here they are looked for before the
//! script is carried out: the installation ends, and nothing was changed.

use reseat_package::{CustomAction, Execution};

use crate::custom_action;
use crate::error::EngineError;
use crate::session::Session;
use crate::standard_action::{self, Service};

/// Looks through what comes behind InstallFinalize.
///
/// # Errors
/// [`EngineError::BehindScript`] for the first action that would write into the script; when a table cannot be read.
pub fn check(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let table = session.top_level.sequence();
    let sequence = session.package.sequence(table)?;
    let Some(end) = sequence.position("InstallFinalize") else { return Ok(()) };
    for row in sequence.actions().iter().skip(end + 1) {
        let condition = row.condition.as_deref().unwrap_or_default();
        // A condition that is wrong is told in its turn.
        if session.holds(table.name(), &row.action, condition).unwrap_or_default() {
            check_action(session, &row.action)?;
        }
    }
    Ok(())
}

/// Notes in a plan that an action would write into the script behind its end.
pub fn note(session: &mut Session<'_, '_>) {
    let error = EngineError::BehindScript { action: session.action.clone() };
    let language = session.installation.interface.language();
    let text = error.told(language, Some(&session.package), Some(&session.context()));
    if let Some(plan) = &mut session.installation.plan {
        plan.obstacle(text);
    }
}

fn check_action(session: &mut Session<'_, '_>, name: &str) -> Result<(), EngineError> {
    if let Some(action) = standard_action::find(name) {
        if !action.writes_script {
            return Ok(());
        }
        let (Service::Works(function) | Service::Partly(function, _) | Service::Judged(function, _)) =
            action.service
        else {
            return Ok(());
        };
        return attempt(session, name, function);
    }
    let Some(row) = session.package.find::<CustomAction>(name)? else { return Ok(()) };
    // A type that is wrong is told in its turn too.
    let Ok(action) = custom_action::decode(&row) else { return Ok(()) };
    let is_due = custom_action::not_due(session, &action).is_none()
        && !session.installation.request.custom_actions.skips(name)
        && custom_action::unsupported(session, &row)?.is_none();
    if is_due && !matches!(action.execution, Execution::Immediate(_)) {
        return Err(EngineError::BehindScript { action: name.to_owned() });
    }
    Ok(())
}

/// Runs a standard action as if the script had ended: it fails when it has anything to write.
fn attempt(
    session: &mut Session<'_, '_>,
    name: &str,
    function: fn(&mut Session<'_, '_>) -> Result<(), EngineError>,
) -> Result<(), EngineError> {
    let action = std::mem::replace(&mut session.action, name.to_owned());
    let in_script = std::mem::take(&mut session.in_script);
    let is_finished = std::mem::replace(&mut session.is_finished, true);
    let result = function(session);
    session.action = action;
    session.in_script = in_script;
    session.is_finished = is_finished;
    match result {
        Err(error @ EngineError::BehindScript { .. }) => Err(error),
        // What else is wrong is told in its turn.
        _ => Ok(()),
    }
}
