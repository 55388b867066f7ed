//! The installer's conversation with the Restart Manager.
//!
//! The installer is the primary installer of one session: it is opened at initialization and closed on every way out.
//! Its key is the property `MsiRestartManagerSessionKey` until InstallValidate (pages `msirestartmanagersessionkey.md`,
//! `using-windows-installer-with-restart-manager.md`). What the session may do is decided by the properties
//! MSIRESTARTMANAGERCONTROL, MSIRMSHUTDOWN and MSIDISABLERMRESTART and by the policy DisableAutomaticApplicationShutdown.

use std::path::PathBuf;

use reseat_machine::{Hive, Machine, RegistryValue};
use reseat_restart_manager::{
    ApplicationList, CancelToken, Error as RmError, Filter, FilterAction, FilterTrigger, Primary, Resources,
    Restarted, ShutdownOptions,
};

use crate::log::service;
use crate::policy;

/// The property that tells custom actions the session key.
pub const SESSION_KEY_PROPERTY: &str = "MsiRestartManagerSessionKey";

/// The policy that an administrator can set.
const POLICY: &str = "DisableAutomaticApplicationShutdown";

/// What the Restart Manager is used for in this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Applications are found, closed and started again.
    Full,
    /// Applications are found, and not closed (`DisableShutdown`, or the policy set to 2).
    DetectOnly,
    /// There is no session.
    Off,
}

/// Which applications are closed: the property MSIRMSHUTDOWN (page `msirmshutdown.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Those that answer when asked.
    Polite,
    /// Also those that do not.
    Forced,
    /// None, unless all are registered for restart.
    OnlyRegistered,
}

impl Shutdown {
    /// Reads the property; what is not documented counts as 0.
    pub fn from_property(value: Option<&str>) -> Self {
        match value {
            Some("1") => Self::Forced,
            Some("2") => Self::OnlyRegistered,
            _ => Self::Polite,
        }
    }

    fn options(self) -> ShutdownOptions {
        ShutdownOptions {
            force: self == Self::Forced,
            only_registered: self == Self::OnlyRegistered,
            ..ShutdownOptions::default()
        }
    }
}

/// What the policy says: 0 (default) leaves the decision to the package, 1 forbids the Restart Manager, 2 forbids
/// shutting down in silence (page `disableautomaticapplicationshutdown.md`).
fn machine_policy(machine: &Machine) -> Result<u32, reseat_machine::MachineError> {
    Ok(match policy::value(machine, Hive::LocalMachine, POLICY)? {
        Some(RegistryValue::Dword(value)) => value,
        _ => 0,
    })
}

/// Decides what the Restart Manager is used for. `property` is MSIRESTARTMANAGERCONTROL as it was at initialization:
/// changing it later has no effect.
///
/// # Errors
/// When the machine's registry cannot be read.
pub fn control(machine: &Machine, property: Option<&str>) -> Result<Control, reseat_machine::MachineError> {
    let policy = machine_policy(machine)?;
    service!("Machine policy value '{POLICY}' is {policy}");
    let disabled_by = |what: &str| {
        service!(
            "RESTART MANAGER: Disabled by {what}; Windows Installer will use the built-in FilesInUse functionality."
        );
    };
    Ok(match property {
        _ if policy == 1 => {
            disabled_by(&format!("{POLICY} policy"));
            Control::Off
        }
        Some(value) if value.eq_ignore_ascii_case("Disable") => {
            disabled_by("MSIRESTARTMANAGERCONTROL property");
            Control::Off
        }
        Some(value) if value.eq_ignore_ascii_case("DisableShutdown") => Control::DetectOnly,
        _ if policy == 2 => Control::DetectOnly,
        _ => Control::Full,
    })
}

/// The session of one installation, its nested ones included.
#[must_use = "a conversation has to be ended"]
pub struct Conversation {
    primary: Primary,
    control: Control,
    shutdown: Shutdown,
    shut_down: bool,
}

impl Conversation {
    /// Opens a session.
    ///
    /// # Errors
    /// When the session store cannot be used, or 64 sessions are open.
    pub fn open(control: Control) -> Result<Self, RmError> {
        let primary = Primary::start()?;
        Ok(Self { primary, control, shutdown: Shutdown::Polite, shut_down: false })
    }

    /// The session's key.
    pub fn key(&self) -> String {
        self.primary.key().to_string()
    }

    /// Whether applications may be closed at all.
    pub fn may_shut_down(&self) -> bool {
        self.control == Control::Full
    }

    /// Chooses which applications are closed, for this session and those nested in it.
    pub fn set_shutdown(&mut self, shutdown: Shutdown) {
        self.shutdown = shutdown;
    }

    /// Adds files that are about to be replaced or removed.
    ///
    /// # Errors
    /// When the session store cannot be written.
    pub fn register_files(&self, files: Vec<PathBuf>) -> Result<(), RmError> {
        self.primary.register(&Resources { files, ..Resources::default() })
    }

    /// Who uses what is registered, by the installer and by custom actions.
    ///
    /// # Errors
    /// When the session store or the list of processes cannot be read.
    pub fn list(&self) -> Result<ApplicationList, RmError> {
        self.primary.list()
    }

    /// Keeps a service that was closed from being started again.
    ///
    /// # Errors
    /// When the session store cannot be written.
    pub fn leave_stopped(&self, service: &str) -> Result<(), RmError> {
        let trigger = FilterTrigger::Service(service.to_owned());
        self.primary.add_filter(Filter { action: FilterAction::NoRestart, trigger })
    }

    /// What ends [`Conversation::shut_down`] early.
    pub fn cancel_token(&self) -> CancelToken {
        self.primary.cancel_token()
    }

    /// Closes who uses what is registered.
    ///
    /// # Errors
    /// 351 when some did not end, 350 when nobody was closed because that would not help, 1223 when cancelled.
    pub fn shut_down(&mut self, progress: &mut dyn FnMut(u32)) -> Result<(), RmError> {
        // Some may have ended even when others did not: they are owed a restart.
        self.shut_down = true;
        let result = self.primary.shut_down(&self.shutdown.options(), progress);
        if matches!(result, Err(RmError::Cancelled)) {
            // The restart that is owed is another task.
            let _ = self.primary.renew_cancel_token();
        }
        match &result {
            Ok(()) => service!(
                "RESTART MANAGER: Successfully shut down all applications in the service's session that held files in use."
            ),
            Err(error) => service!(
                "RESTART MANAGER: Failed to shut down all applications in the service's session. Error: {}",
                error.code()
            ),
        }
        result
    }

    /// Starts again what was closed, unless `restart` is false, and closes the session.
    pub fn end(self, restart: bool) -> End {
        let mut end = End::default();
        if self.shut_down && restart {
            match self.primary.restart(&mut |_| {}) {
                Ok(restarted) => {
                    service!("RESTART MANAGER: Previously shut down applications have been restarted.");
                    end.restarted = restarted;
                }
                Err(error) => {
                    service!("RESTART MANAGER: Failed to restart applications. Error: {}", error.code());
                    end.failures.push(error.to_string());
                }
            }
        }
        if let Err(error) = self.primary.end() {
            end.failures.push(error.to_string());
        }
        service!("RESTART MANAGER: Session closed.");
        end
    }
}

/// How a conversation ended.
#[derive(Debug, Default)]
pub struct End {
    /// The applications that run again.
    pub restarted: Vec<Restarted>,
    /// What went wrong, as lines of text.
    pub failures: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create(&folder.path().join("prefix"), reseat_machine::Bitness::X64).unwrap();
        (folder, machine)
    }

    fn set_policy(machine: &Machine, value: u32) {
        let key = policy::key(Hive::LocalMachine);
        machine.registry().unwrap().set_value(&key, POLICY, RegistryValue::Dword(value)).unwrap();
    }

    #[test]
    fn the_property_and_the_policy_decide_what_is_done() {
        let (_folder, machine) = machine();
        for (policy, property, expected) in [
            (None, None, Control::Full),
            (None, Some("0"), Control::Full),
            (None, Some("Disable"), Control::Off),
            (None, Some("DisableShutdown"), Control::DetectOnly),
            (Some(0), None, Control::Full),
            (Some(1), Some("0"), Control::Off),
            (Some(2), None, Control::DetectOnly),
            (Some(2), Some("Disable"), Control::Off),
        ] {
            if let Some(policy) = policy {
                set_policy(&machine, policy);
            }
            assert_eq!(
                control(&machine, property).unwrap(),
                expected,
                "policy {policy:?}, property {property:?}"
            );
        }
    }

    #[test]
    fn msirmshutdown_has_three_values() {
        for (value, expected) in [
            (None, Shutdown::Polite),
            (Some("0"), Shutdown::Polite),
            (Some("1"), Shutdown::Forced),
            (Some("2"), Shutdown::OnlyRegistered),
            (Some("3"), Shutdown::Polite),
        ] {
            assert_eq!(Shutdown::from_property(value), expected, "{value:?}");
        }
    }
}
