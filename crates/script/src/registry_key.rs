//! Making and removing registry keys. What undoes them is laid down when the registry is saved.

use reseat_machine::{Registry, RegistryKey};
use serde::{Deserialize, Serialize};

use crate::error::Fault;
use crate::operation::RegistryWork;
use crate::site::Site;

/// Makes a key if it is not there (`Msi/writeregistryvalues-action.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateRegistryKey {
    /// The key.
    pub key: RegistryKey,
}

/// Removes a key with everything below it if it is there, and the keys above it that are empty then
/// (`Msi/removeregistryvalues-action.md`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoveRegistryKey {
    /// The key.
    pub key: RegistryKey,
}

/// Removes a key without values and sub-keys, and those above it. The uppermost, such as `Software`, stay.
pub(crate) fn remove_while_empty(registry: &Registry, mut key: RegistryKey) {
    while let Some(parent) = key.parent().filter(|parent| !parent.path.is_empty())
        && registry.exists(&key)
        && registry.is_empty(&key)
    {
        registry.remove_key(&key);
        key = parent;
    }
}

impl RegistryWork for CreateRegistryKey {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault> {
        site.machine.registry()?.create_key(&self.key)?;
        Ok(())
    }
}

impl RegistryWork for RemoveRegistryKey {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault> {
        let registry = site.machine.registry()?;
        if registry.remove_key(&self.key)
            && let Some(parent) = self.key.parent()
        {
            remove_while_empty(registry, parent);
        }
        Ok(())
    }
}
