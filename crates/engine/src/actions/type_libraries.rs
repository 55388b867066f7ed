//! RegisterTypeLibraries and UnregisterTypeLibraries (pages `registertypelibraries-action.md`,
//! `unregistertypelibraries-action.md`, `typelib-table.md`).
//!
//! What the table says is registered, for the whole machine as the page has it. What only the library itself knows, its
//! flags and the interfaces in it, is not read.

use reseat_machine::{Hive, RegistryKey, View};
use reseat_package::TypeLib;

use crate::actions::servers::{self, Entry, Fate, Server};
use crate::error::EngineError;
use crate::notice::Notice;
use crate::selection::Doing;
use crate::session::Session;

/// Registers the type libraries of components that are installed.
pub fn register_type_libraries(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let libraries = libraries(session)?;
    for library in libraries.iter().filter(|library| library.fate == Fate::Comes) {
        session.inform(Notice::Interfaces { library: &library.label });
    }
    servers::register(session, libraries)
}

/// Takes back the type libraries of components that are removed.
pub fn unregister_type_libraries(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let libraries = libraries(session)?;
    servers::unregister(session, libraries)
}

/// The type libraries whose version the table does not tell.
pub fn without_version(session: &Session<'_, '_>) -> Result<Vec<String>, EngineError> {
    let rows = session.package.rows::<TypeLib>()?;
    let unknown = rows.iter().filter(|row| row.version.is_none());
    Ok(unknown.map(|row| format!("type library {} without version", row.id)).collect())
}

fn libraries(session: &Session<'_, '_>) -> Result<Vec<Server>, EngineError> {
    let selection = session.selection()?;
    let mut servers = Vec::new();
    for row in session.package.rows::<TypeLib>()?.iter() {
        // One without is refused before, or left out when the user wants that.
        let Some(version) = row.version else { continue };
        if selection.is_side_by_side(&row.component) {
            continue;
        }
        let fate = if selection.does(&row.component, Doing::Install) {
            Fate::Comes
        } else if selection.does(&row.component, Doing::Remove) {
            Fate::Goes
        } else if selection.component(&row.component).is_some_and(|state| state.outcome().is_present()) {
            Fate::Stays
        } else {
            Fate::Absent
        };
        let path = selection
            .key_path_file(&row.component)
            .ok_or_else(|| EngineError::no_key_file("TypeLib", row.id, &row.component))?;
        // The major version is in the middle 16 bits, the minor one in the lower 8; keys have them in hexadecimal.
        let (major, minor) = (version >> 8 & 0xffff, version & 0xff);
        let key = RegistryKey::in_view(
            Hive::LocalMachine,
            if selection.is_64_bit(&row.component) { View::Native } else { View::Wow32 },
            format!("Software\\Classes\\TypeLib\\{}\\{major:x}.{minor:x}", row.id),
        );
        let system = if selection.is_64_bit(&row.component) { "win64" } else { "win32" };
        let mut entries = vec![
            Entry::text(&key, "", row.description.as_deref().unwrap_or_default()),
            Entry::text(&key.join(&format!("{:x}\\{system}", row.language)), "", path),
            Entry::text(&key.join("FLAGS"), "", "0"),
        ];
        let help = row.directory.as_deref().and_then(|directory| session.directory(directory));
        entries
            .extend(help.map(|folder| Entry::text(&key.join("HELPDIR"), "", folder.trim_end_matches('\\'))));
        servers.push(Server { label: row.id.to_string(), fate, entries });
    }
    Ok(servers)
}
