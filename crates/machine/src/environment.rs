//! The environment variables that programs of the machine start with.
//!
//! Where they are kept is documented on the page `ProcThread/environment-variables.md`; what an installation does with
//! them on the page `environment-table.md`, which is not known here.

use crate::registry::Registry;
use crate::registry_key::{Hive, RegistryError, RegistryKey};
use crate::registry_value::RegistryValue;

/// Whose variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum EnvironmentOf {
    /// The user's.
    User,
    /// Everybody's.
    Machine,
}

/// The key that has the variables as values.
pub fn key(whose: EnvironmentOf) -> RegistryKey {
    match whose {
        EnvironmentOf::User => RegistryKey::new(Hive::CurrentUser, "Environment"),
        EnvironmentOf::Machine => RegistryKey::new(
            Hive::LocalMachine,
            r"System\CurrentControlSet\Control\Session Manager\Environment",
        ),
    }
}

/// The text of a variable, with references to others as they are.
pub fn read(registry: &Registry, whose: EnvironmentOf, name: &str) -> Option<String> {
    registry.value(&key(whose), name)?.as_text().map(str::to_owned)
}

/// The registry value of a variable: a text in which references to others are replaced when it is used.
pub fn value(text: impl Into<String>) -> RegistryValue {
    RegistryValue::ExpandString(text.into())
}

/// Sets a variable.
///
/// # Errors
/// When it can have no such name.
pub fn write(registry: &Registry, whose: EnvironmentOf, name: &str, text: &str) -> Result<(), RegistryError> {
    registry.set_value(&key(whose), name, value(text))
}

/// Removes a variable. False when there was none.
pub fn remove(registry: &Registry, whose: EnvironmentOf, name: &str) -> bool {
    registry.remove_value(&key(whose), name)
}
