//! AppSearch, CCPSearch and RMCCPSearch (pages `appsearch-action.md`, `ccpsearch-action.md`, `rmccpsearch-action.md`). How a
//! signature is searched for is in `signature_search.rs`.

use std::collections::HashSet;

use reseat_machine::WindowsPath;
use reseat_package::{AppSearch, CcpSearch};

use crate::actions::signature_search::Search;
use crate::error::EngineError;
use crate::log::service;
use crate::session::Session;

/// The property that says that a qualifying product is there (page `ccp-success.md`).
const CCP_SUCCESS: &str = "CCP_Success";
/// The property with the root of a removable volume (page `ccp-drive.md`).
const CCP_DRIVE: &str = "CCP_DRIVE";

/// Sets the properties of the AppSearch table to what is found; a search without a find leaves its property alone.
pub fn app_search(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let search = Search::load(session)?;
    let mut found: HashSet<String> = HashSet::new();
    for row in package.rows::<AppSearch>()?.iter() {
        // The first of several searches for one property that finds something counts.
        if found.contains(&*row.property) {
            continue;
        }
        session.tell_data(&[&row.property, &row.signature]);
        if let Some(value) = search.find(session, &row.signature)? {
            found.insert(row.property.to_string());
            session.set_property(&row.property, &value);
        }
    }
    Ok(())
}

/// Looks for any of the products that qualify for an upgrade.
pub fn ccp_search(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.property(CCP_SUCCESS).is_some() {
        return Ok(());
    }
    let search = Search::load(session)?;
    qualify(session, |session, signature| search.find(session, signature))
}

/// Looks for the same on the volume that CCP_DRIVE names.
pub fn rmccp_search(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let drive = session.property(CCP_DRIVE).unwrap_or_default().to_owned();
    if session.property(CCP_SUCCESS).is_some() || drive.is_empty() {
        return Ok(());
    }
    let Ok(root) = WindowsPath::parse(drive.trim_end_matches('\\')) else {
        service!("{CCP_DRIVE} is '{drive}', which is no path");
        return Ok(());
    };
    let search = Search::load(session)?;
    qualify(session, |session, signature| search.find_beneath(session, signature, &root))
}

fn qualify(
    session: &mut Session<'_, '_>,
    find: impl Fn(&Session<'_, '_>, &str) -> Result<Option<String>, EngineError>,
) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.rows::<CcpSearch>()?.iter() {
        if let Some(found) = find(session, &row.signature)? {
            service!("{} is there: {found}", row.signature);
            session.set_property(CCP_SUCCESS, "1");
            break;
        }
    }
    Ok(())
}
