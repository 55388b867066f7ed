//! The top-level actions as actions of a sequence, ExecuteAction and SEQUENCE (pages `install-action.md`, `admin-action.md`,
//! `executeaction-action.md`, `executeaction.md`, `sequence-action.md`).
//!
//! In the sequence of the user interface each of them begins the execution. The execution has one top-level action, which
//! is at work when one of its actions names another: there is nothing to begin then.

use crate::client::{self, Client};
use crate::error::EngineError;
use crate::log::service;
use crate::sequence;
use crate::session::Session;

/// Begins the execution.
pub fn execute_action(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if !matches!(session.client, Client::Running { .. }) {
        service!("{} has nothing to do: the execution has begun", session.action);
        return Ok(());
    }
    let wanted = match session.action.as_str() {
        "ExecuteAction" => session.property("EXECUTEACTION").unwrap_or_default().to_owned(),
        action => action.to_owned(),
    };
    if !wanted.is_empty() && wanted != session.top_level.name() {
        return Err(EngineError::CommandLine {
            reason: format!(
                "the installation was begun as {}, and cannot go on as {wanted}",
                session.top_level.name()
            ),
        });
    }
    sequence::nested(session, client::switch)
}

/// Runs the table that the property SEQUENCE names.
pub fn sequence(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let Some(table) = session.property("SEQUENCE").map(str::to_owned) else {
        service!("SEQUENCE has nothing to do: the property SEQUENCE is not set");
        return Ok(());
    };
    sequence::nested(session, |session| sequence::run_named(session, &table)).map(drop)
}
