//! The install script: what acquisition wants done, in order, as data.
//!
//! See `Msi/installation-mechanism.md`. A script says nothing about how to undo it: that depends on the machine, and is
//! found when the script runs.

use serde::{Deserialize, Serialize};

use crate::operation::Operation;

/// A list of operations. It can be shown, stored and compared; the same package and machine give the same script.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InstallScript {
    /// The steps in the order of execution.
    pub steps: Vec<Step>,
}

/// One operation and the action that asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The standard or custom action, such as `InstallFiles`.
    pub action: String,
    /// What is to be done.
    pub operation: Operation,
}

impl InstallScript {
    /// Adds a step.
    pub fn push(&mut self, action: impl Into<String>, operation: impl Into<Operation>) {
        self.steps.push(Step { action: action.into(), operation: operation.into() });
    }

    /// The work of all steps, see [`Operation::units`].
    pub fn units(&self) -> u64 {
        self.steps.iter().fold(0, |sum: u64, step| sum.saturating_add(step.operation.units()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{action, install, key, path, set};
    use crate::*;

    #[test]
    fn every_kind_of_operation_is_stored_and_read_again() {
        let mut script = InstallScript::default();
        let (from, to) = (path(r"C:\a"), path(r"D:\b"));
        script.push("CreateFolders", CreateFolder { path: from.clone() });
        script.push("RemoveFolders", RemoveFolder { path: from.clone() });
        script.push("InstallFiles", install(r"C:\x", "content"));
        script.push("CreateShortcuts", WriteFile { path: from.clone(), content: vec![0, 255] });
        script.push("DuplicateFiles", DuplicateFile { from: from.clone(), to: to.clone() });
        script.push("MoveFiles", MoveFile { from: from.clone(), to });
        script.push("RemoveFiles", RemoveFile { path: from });
        script.push("WriteRegistryValues", set("New", "1"));
        script.push("RemoveRegistryValues", RemoveRegistryValue { key: key("Old"), name: "a".to_owned() });
        script.push("WriteRegistryValues", CreateRegistryKey { key: key("New") });
        script.push("RemoveRegistryValues", RemoveRegistryKey { key: key("Old") });
        for kind in [ActionKind::Deferred, ActionKind::Rollback, ActionKind::Commit] {
            script.push("MyAction", action("MyAction", kind, "data"));
        }
        script.push("DisableRollback", Operation::DisableRollback);
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<InstallScript>(&text).unwrap(), script);
        assert_eq!(script.units(), 15 * 4096);
    }
}
