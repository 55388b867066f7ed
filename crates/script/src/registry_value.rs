//! Setting and removing registry values. What undoes them is laid down when the registry is saved.

use reseat_machine::{RegistryKey, RegistryValue};
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::operation::RegistryWork;
use crate::registry_key::remove_while_empty;
use crate::site::Site;

/// Sets a value, with the key if need be (`Msi/writeregistryvalues-action.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetRegistryValue {
    /// The key.
    pub key: RegistryKey,
    /// The value's name; empty for the default value.
    pub name: String,
    /// The value.
    pub value: RegistryValue,
}

/// Removes a value if it is there, and its key when that is empty then (`Msi/removeregistryvalues-action.md`,
/// `Msi/registry-table.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveRegistryValue {
    /// The key.
    pub key: RegistryKey,
    /// The value's name; empty for the default value.
    pub name: String,
}

impl RegistryWork for SetRegistryValue {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault> {
        site.machine.registry()?.set_value(&self.key, &self.name, self.value.clone())?;
        Ok(())
    }
}

impl RegistryWork for RemoveRegistryValue {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault> {
        let registry = site.machine.registry()?;
        if registry.remove_value(&self.key, &self.name) {
            remove_while_empty(registry, self.key.clone());
        }
        Ok(())
    }
}
