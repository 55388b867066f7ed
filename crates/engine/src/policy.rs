//! The policies of the installer: values that an administrator has set in the registry (pages `machine-policies.md`,
//! `user-policies.md`). What each of them means is said where it is asked for.

use reseat_machine::{Hive, Machine, MachineError, RegistryKey, RegistryValue};

/// The key of the policies, of the machine or of the user.
pub fn key(hive: Hive) -> RegistryKey {
    RegistryKey::new(hive, r"Software\Policies\Microsoft\Windows\Installer")
}

/// What a policy is set to; nothing when it is not set.
///
/// # Errors
/// When the registry cannot be read.
pub fn value(machine: &Machine, hive: Hive, name: &str) -> Result<Option<RegistryValue>, MachineError> {
    Ok(machine.registry()?.value(&key(hive), name))
}

/// Whether a policy is set to 1.
///
/// # Errors
/// When the registry cannot be read.
pub fn is_on(machine: &Machine, hive: Hive, name: &str) -> Result<bool, MachineError> {
    Ok(value(machine, hive, name)? == Some(RegistryValue::Dword(1)))
}
