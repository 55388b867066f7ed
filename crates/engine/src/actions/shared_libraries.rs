//! The count of who uses a shared library: the value with its path in the key SharedDLLs (page `component-table.md`,
//! attribute `msidbComponentAttributesSharedDllRefCount`).
//!
//! A component with the attribute counts; one without it does so when the library is counted already. What others count
//! keeps the component's files when the product is removed.

use reseat_machine::products;
use reseat_machine::{Hive, RegistryKey, RegistryValue, View};
use reseat_package::{Component, ComponentAttributes, KeyPath};
use reseat_script::{RemoveRegistryValue, SetRegistryValue};

use crate::error::EngineError;
use crate::session::Session;
use crate::suspension::RESUME;

const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\SharedDLLs";

/// Counts the key files of components that come, and counts down those of components that go.
///
/// # Errors
/// When the registry cannot be read.
pub fn count(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut operations = Vec::new();
    for (component, state) in session.selection()?.components() {
        let comes = state.action.is_present()
            && !state.installed.is_present()
            && !counted_before(session, component)?;
        let goes = !state.action.is_present()
            && state.installed.is_present()
            && state.requested == reseat_package::InstallState::Absent;
        if !comes && !goes {
            continue;
        }
        let Some(path) = key_file(session, component)? else { continue };
        let key = key(component);
        let counted = counted(session, component, &path)?;
        let wanted = component.attributes.has(ComponentAttributes::SHARED_DLL_REF_COUNT);
        let name = path;
        operations.push(match counted {
            Some(count) if comes => {
                SetRegistryValue { key, name, value: RegistryValue::Dword(count.saturating_add(1)) }.into()
            }
            None if comes && wanted => SetRegistryValue { key, name, value: RegistryValue::Dword(1) }.into(),
            Some(count) if goes && count > 1 => {
                SetRegistryValue { key, name, value: RegistryValue::Dword(count - 1) }.into()
            }
            Some(_) if goes => RemoveRegistryValue { key, name }.into(),
            _ => continue,
        });
    }
    operations.into_iter().try_for_each(|operation| session.add(operation))
}

/// Whether this product has counted a component before it was stopped for a restart.
fn counted_before(session: &Session<'_, '_>, component: &Component) -> Result<bool, EngineError> {
    let (Some(id), Some(_)) = (component.id, session.property(RESUME)) else { return Ok(false) };
    let own = Some(session.package.product_code());
    let clients = products::component_clients(session.machine().registry()?, id);
    Ok(clients.iter().any(|client| client.product == own))
}

/// Whether others than this product count the key file of an installed component.
///
/// # Errors
/// When the registry cannot be read.
pub fn has_other_users(session: &Session<'_, '_>, component: &Component) -> Result<bool, EngineError> {
    let Some(path) = key_file(session, component)? else { return Ok(false) };
    Ok(counted(session, component, &path)?.is_some_and(|count| count > 1))
}

fn key_file(session: &Session<'_, '_>, component: &Component) -> Result<Option<String>, EngineError> {
    Ok(match component.key_path() {
        KeyPath::File(_) => session.selection()?.key_path_file(&component.component),
        _ => None,
    })
}

fn key(component: &Component) -> RegistryKey {
    let view = if component.is_64_bit() { View::Native } else { View::Wow32 };
    RegistryKey::in_view(Hive::LocalMachine, view, KEY)
}

fn counted(session: &Session<'_, '_>, component: &Component, path: &str) -> Result<Option<u32>, EngineError> {
    let value = session.machine().registry()?.value(&key(component), path);
    Ok(value.and_then(|value| value.as_dword()))
}
