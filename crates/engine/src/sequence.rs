//! Walking a sequence table: conditions, standard actions, custom actions.

use std::time::Instant;

use jiff::Zoned;
use reseat_package::{CustomAction, Sequence, SequenceTable};

use crate::action_text;
use crate::client::Client;
use crate::custom_action::{self, asynchronous};
use crate::error::EngineError;
use crate::interface::Message;
use crate::log::{plain, service};
use crate::notice::Notice;
use crate::numbered_message::NumberedMessage;
use crate::plan;
use crate::session::Session;
use crate::standard_action::{self, Service};

/// Whether a sequence goes on behind an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next action follows.
    GoOn,
    /// No other action follows, and that is no error (`ERROR_NO_MORE_ITEMS`).
    SkipRest,
}

/// So many sequences and actions run within one another.
const MOST_NESTED: u32 = 16;

/// What is said in place of the name of a table that the property SEQUENCE names.
pub const NAMED_SEQUENCE: &str = "named by SEQUENCE";

/// Standard actions that do not run in the execution sequence when they ran in that of the user interface (pages
/// `appsearch-action.md`, `ccpsearch-action.md`, `rmccpsearch-action.md`, `findrelatedproducts-action.md`,
/// `migratefeaturestates-action.md`).
const FIRST_SEQUENCE: [&str; 5] =
    ["AppSearch", "CCPSearch", "RMCCPSearch", "FindRelatedProducts", "MigrateFeatureStates"];

/// Runs the actions of a sequence table in their order.
pub fn run_table(session: &mut Session<'_, '_>, table: SequenceTable) -> Result<Flow, EngineError> {
    let sequence = session.package.sequence(table)?;
    run_sequence(session, table.name(), &sequence)
}

/// Runs the actions of any table that has the columns of a sequence table.
///
/// # Errors
/// When there is no such table, or as an action fails.
pub fn run_named(session: &mut Session<'_, '_>, name: &str) -> Result<Flow, EngineError> {
    match session.package.other_sequence(name)? {
        Some(sequence) => run_sequence(session, NAMED_SEQUENCE, &sequence),
        None => Err(EngineError::row("Property", "SEQUENCE", format!("the package has no table '{name}'"))),
    }
}

/// Runs actions from within the action that is running.
///
/// # Errors
/// When actions are nested too deep, or as they fail.
pub fn nested<T>(
    session: &mut Session<'_, '_>,
    run: impl FnOnce(&mut Session<'_, '_>) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    if session.nested >= MOST_NESTED {
        return Err(EngineError::row(
            session.top_level.sequence().name(),
            &session.action,
            format!("more than {MOST_NESTED} actions run within one another"),
        ));
    }
    session.nested += 1;
    let outer = session.action.clone();
    let result = run(session);
    session.action = outer;
    session.nested -= 1;
    result
}

fn run_sequence(
    session: &mut Session<'_, '_>,
    table: &'static str,
    sequence: &Sequence,
) -> Result<Flow, EngineError> {
    for row in sequence.actions() {
        if session.installation.interface.cancelled() {
            return Err(EngineError::UserExit);
        }
        let condition = row.condition.as_deref().unwrap_or_default();
        if !session.holds(table, &row.action, condition)? {
            service!("Skipping action: {} (condition is false)", row.action);
            continue;
        }
        asynchronous::serve(session);
        if do_action(session, &row.action)? == Flow::SkipRest {
            service!("Skipping the actions behind {}, as it asks", row.action);
            asynchronous::wait(session)?;
            return Ok(Flow::SkipRest);
        }
    }
    asynchronous::wait(session)?;
    Ok(Flow::GoOn)
}

/// Whether there is a standard or custom action of this name.
pub fn is_action(session: &Session<'_, '_>, name: &str) -> Result<bool, EngineError> {
    Ok(standard_action::find(name).is_some() || session.package.find::<CustomAction>(name)?.is_some())
}

/// Runs one action by its name.
pub fn do_action(session: &mut Session<'_, '_>, name: &str) -> Result<Flow, EngineError> {
    service!("Doing action: {name}");
    let language = session.installation.interface.language();
    let authored = session.package.action_text(name)?;
    let description = authored.unwrap_or_else(|| action_text::description(name, language).to_owned());
    let now = Zoned::now();
    plain!("Action {}: {name}. {description}", now.strftime("%H:%M:%S"));
    plain!("Action start {}: {name}.", now.strftime("%H:%M:%S"));
    session.tell(&Message::ActionStart { action: name.to_owned(), description });
    session.action = name.to_owned();
    let started = Instant::now();
    let result = serve(session, name);
    for table in session.package.take_absent() {
        let note = NumberedMessage::new(2205, [String::new(), table.to_owned()]);
        service!("Note: {note}");
    }
    // The numbers of the page `logging-of-action-return-values.md`.
    let return_value = match &result {
        Ok(Flow::GoOn) => 1,
        Err(EngineError::UserExit) => 2,
        Err(EngineError::Suspended { .. }) => 4,
        Err(_) => 3,
        Ok(Flow::SkipRest) => 5,
    };
    plain!("Action ended {}: {name}. Return value {return_value}.", Zoned::now().strftime("%H:%M:%S"));
    tracing::debug!(action = name, milliseconds = started.elapsed().as_millis() as u64, "action ended");
    result
}

fn serve(session: &mut Session<'_, '_>, name: &str) -> Result<Flow, EngineError> {
    if let Some(action) = standard_action::find(name) {
        if FIRST_SEQUENCE.contains(&action.name) {
            match &mut session.client {
                Client::Running { ran, .. } => _ = ran.insert(action.name),
                Client::Over { ran } if ran.contains(action.name) => {
                    service!("Skipping {name} action: already done on client side");
                    return Ok(Flow::GoOn);
                }
                _ => {}
            }
        }
        match action.service {
            Service::Works(function) => function(session),
            Service::Nothing(reason) => {
                service!("{name} has nothing to do here: {reason}");
                Ok(())
            }
            Service::Partly(function, tables) => {
                refuse_tables(session, name, tables)?;
                function(session)
            }
            Service::Judged(function, judge) => {
                for part in judge(session)? {
                    refuse(session, format!("action {name} ({part})"))?;
                }
                function(session)
            }
            Service::Unsupported(tables) => refuse_tables(session, name, tables),
        }?;
        return Ok(Flow::GoOn);
    }
    match session.package.find::<CustomAction>(name)? {
        Some(action) if plan::note_action(session, &action)? => custom_action::run(session, &action),
        Some(_) => Ok(Flow::GoOn),
        None if is_dialog(session, name)? => {
            service!("Skipping dialog: {name} (the package's own dialogs are not shown)");
            Ok(Flow::GoOn)
        }
        None => Err(EngineError::UnknownAction { action: name.to_owned() }),
    }
}

/// Whether the name is that of a dialog.
pub fn is_dialog(session: &Session<'_, '_>, name: &str) -> Result<bool, EngineError> {
    let table = session.package.database().table("Dialog")?;
    Ok(table.is_some_and(|table| table.find(&[name.into()]).is_some()))
}

fn refuse_tables(
    session: &mut Session<'_, '_>,
    action: &str,
    tables: &[&'static str],
) -> Result<(), EngineError> {
    let used = rows_of(session, tables)?;
    if used.is_empty() {
        Ok(())
    } else {
        refuse(session, format!("action {action} (table {})", used.join(", ")))
    }
}

/// Which of these tables have rows.
pub fn rows_of(session: &Session<'_, '_>, tables: &[&'static str]) -> Result<Vec<&'static str>, EngineError> {
    let mut used = Vec::new();
    for table in tables {
        if session.package.database().table(table)?.is_some_and(|table| !table.is_empty()) {
            used.push(*table);
        }
    }
    Ok(used)
}

/// Ends the installation because a part is not supported, or goes on when the user wants that, saying so.
pub fn refuse(session: &mut Session<'_, '_>, part: String) -> Result<(), EngineError> {
    if let Some(plan) = &mut session.installation.plan
        && !session.installation.request.skip_unsupported
    {
        plan.obstacle(format!("not supported yet: {part}"));
        Ok(())
    } else if session.installation.request.skip_unsupported {
        session.warn_of_notice(Notice::Skipped { part: &part });
        Ok(())
    } else {
        Err(EngineError::Unsupported { parts: vec![part] })
    }
}
