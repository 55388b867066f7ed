//! LaunchConditions and ValidateProductID (pages `launchconditions-action.md`, `validateproductid-action.md`).

use reseat_package::LaunchCondition;

use crate::error::EngineError;
use crate::interface::Message;
use crate::session::Session;

/// Ends the installation with a row's text when its condition is false.
pub fn launch_conditions(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<LaunchCondition>()?.iter() {
        if !session.holds("LaunchCondition", &row.condition, &row.condition)? {
            let text = session.format(&row.description).text;
            session.tell(&Message::Error { number: None, text: text.clone() });
            return Err(EngineError::Ended { text });
        }
    }
    Ok(())
}

/// Takes the PIDKEY as the ProductID when the package has a template for it; without a template there is nothing to do.
pub fn validate_product_id(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.property("PIDTemplate").is_some()
        && session.property("ProductID").is_none()
        && let Some(key) = session.property("PIDKEY").map(str::to_owned)
    {
        session.set_property("ProductID", &key);
    }
    Ok(())
}
