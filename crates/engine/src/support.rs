//! Finding out before anything happens what of a package is not supported.
//!
//! Conditions that only ask for properties are evaluated with the properties at the start; those that ask for features
//! or components, whose states are not known yet, count as true. An action that slips through because a property
//! changed is refused when its turn comes, and what was executed is rolled back.

use reseat_package::{CustomAction, SequenceTable};

use crate::client;
use crate::custom_action;
use crate::error::EngineError;
use crate::notice::Notice;
use crate::sequence::rows_of;
use crate::session::Session;
use crate::standard_action::{self, Service, UNSUPPORTED_TABLES};

/// Refuses a package that needs what is not supported, or warns of each part when the user wants to go on without.
///
/// # Errors
/// [`EngineError::Unsupported`] with every such part.
pub fn check(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut parts = Vec::new();
    for table in rows_of(session, UNSUPPORTED_TABLES)? {
        parts.push(format!("table {table}"));
    }
    if let Some(table) = client::due(session)? {
        check_sequence(session, table, &mut parts)?;
    }
    check_sequence(session, session.top_level.sequence(), &mut parts)?;
    if parts.is_empty() {
        return Ok(());
    }
    if !session.installation.request.skip_unsupported {
        if let Some(plan) = &mut session.installation.plan {
            for part in parts {
                plan.obstacle(format!("not supported yet: {part}"));
            }
            return Ok(());
        }
        return Err(EngineError::Unsupported { parts });
    }
    for part in parts {
        session.warn_of_notice(Notice::WillBeSkipped { part: &part });
    }
    Ok(())
}

/// The actions of a sequence that are not supported.
fn check_sequence(
    session: &Session<'_, '_>,
    table: SequenceTable,
    parts: &mut Vec<String>,
) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.sequence(table)?.actions() {
        let condition = row.condition.as_deref().unwrap_or_default();
        // A condition that is wrong is reported when it is evaluated.
        let asks_for_states = row.parse_condition().is_ok_and(|condition| condition.asks_for_states());
        if !asks_for_states && !session.holds(table.name(), &row.action, condition)? {
            continue;
        }
        match standard_action::find(&row.action).map(|action| action.service) {
            Some(Service::Works(_) | Service::Nothing(_)) => {}
            Some(Service::Unsupported(tables) | Service::Partly(_, tables)) => {
                let used = rows_of(session, tables)?;
                if !used.is_empty() {
                    parts.push(format!("action {} (table {})", row.action, used.join(", ")));
                }
            }
            Some(Service::Judged(_, judge)) => {
                parts.extend(
                    judge(session)?.into_iter().map(|part| format!("action {} ({part})", row.action)),
                );
            }
            None => {
                if let Some(action) = package.find::<CustomAction>(&row.action)?
                    && !session.installation.request.custom_actions.skips(&row.action)
                    && let Some(reason) = custom_action::obstacle(session, &action)?
                {
                    parts.push(format!("custom action {} ({reason})", row.action));
                }
            }
        }
    }
    Ok(())
}
