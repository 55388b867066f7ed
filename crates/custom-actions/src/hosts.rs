//! All hosts in one: programs of this machine run by themselves, Windows code under Wine where that can be.

use std::env;

use reseat_engine::{
    CustomActionHost, HostError, Program, ProgramCall, RunningCode, ServiceOrder, ServiceState, WindowsCall,
    WindowsCode,
};
use reseat_machine::Machine;

use crate::native::{NativeHost, is_windows_program};
use crate::sandbox::Sandbox;
use crate::windows::{Missing, WineHost, describe};

/// Why Windows code does not run.
const IN_SANDBOX: &str = "Windows code does not run in the sandbox";

/// Runs the code of custom actions with what this machine has.
pub struct Hosts<'m> {
    native: NativeHost,
    windows: Result<WineHost<'m>, Missing>,
}

impl<'m> Hosts<'m> {
    /// The hosts for a machine, with what the running program finds.
    pub fn find(machine: &'m Machine) -> Self {
        let reseat = env::current_exe().unwrap_or_else(|_| "reseat".into());
        Self::new(NativeHost::new(machine.prefix().to_owned(), reseat), WineHost::find(machine))
    }

    /// The same with the programs of this machine in a sandbox, or not. Windows code does not run in one.
    #[must_use]
    pub fn with_sandbox(self, sandbox: Sandbox) -> Self {
        Self { native: self.native.with_sandbox(sandbox), ..self }
    }

    fn is_sandboxed(&self) -> bool {
        self.native.sandbox() != Sandbox::None
    }

    /// These hosts as one.
    pub fn new(native: NativeHost, windows: Result<WineHost<'m>, Missing>) -> Self {
        Self { native, windows }
    }
}

impl CustomActionHost for Hosts<'_> {
    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        if !is_windows_program(&call.program, &call.command_line) {
            return self.native.start(call);
        }
        if self.is_sandboxed() {
            let what = format!("{} ({IN_SANDBOX})", self.native.windows_program(&call.program));
            return Err(HostError::Unsupported { what });
        }
        match &self.windows {
            Ok(host) => host.start(call),
            Err(missing) => Err(HostError::Unsupported {
                what: format!("{} ({missing})", self.native.windows_program(&call.program)),
            }),
        }
    }

    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        if self.is_sandboxed() {
            return Err(HostError::Unsupported { what: format!("{} ({IN_SANDBOX})", describe(&call.code)) });
        }
        match &self.windows {
            Ok(host) => host.start_windows(call),
            Err(missing) => {
                Err(HostError::Unsupported { what: format!("{} ({missing})", describe(&call.code)) })
            }
        }
    }

    fn refusal(&self, code: &WindowsCode) -> Option<String> {
        let reason = match &self.windows {
            _ if self.is_sandboxed() => IN_SANDBOX.to_owned(),
            Ok(host) => return host.refusal(code),
            Err(missing) => missing.to_string(),
        };
        Some(format!("{} ({reason})", describe(code)))
    }

    fn program_refusal(&self, program: &Program) -> Option<String> {
        let reason = match &self.windows {
            _ if self.is_sandboxed() => IN_SANDBOX.to_owned(),
            Ok(host) => return host.program_refusal(program),
            Err(missing) => missing.to_string(),
        };
        Some(format!("{} ({reason})", self.native.windows_program(program)))
    }

    fn service(&self, name: &str, order: &ServiceOrder) -> Result<Option<ServiceState>, HostError> {
        match &self.windows {
            Ok(host) => host.service(name, order),
            Err(missing) => Err(HostError::Unsupported { what: format!("service {name} ({missing})") }),
        }
    }

    fn finish(&self) {
        self.native.finish();
        if let Ok(host) = &self.windows {
            host.finish();
        }
    }
}
