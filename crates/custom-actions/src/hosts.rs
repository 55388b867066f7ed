//! All hosts in one: programs of this machine run by themselves, Windows code under Wine where that can be.

use std::env;
use std::sync::Arc;

use reseat_engine::{
    CustomActionHost, HostError, Program, ProgramCall, RunningCode, ServiceOrder, ServiceState, WindowsCall,
    WindowsCode,
};
use reseat_machine::Machine;

use crate::container::Container;
use crate::native::{NativeHost, is_windows_program};
use crate::sandbox::Sandbox;
use crate::windows::{Missing, WineHost, describe};

/// Runs the code of custom actions with what this machine has.
pub struct Hosts<'m> {
    native: NativeHost,
    windows: Result<WineHost<'m>, Missing>,
    container: Option<Arc<Container>>,
}

impl<'m> Hosts<'m> {
    /// The hosts for a machine, with what the running program finds.
    pub fn find(machine: &'m Machine) -> Self {
        let reseat = env::current_exe().unwrap_or_else(|_| "reseat".into());
        Self::new(NativeHost::new(machine.prefix().to_owned(), reseat), WineHost::find(machine))
    }

    /// The same with all code in a sandbox, or not. Whoever else runs Wine on the prefix has to do that in the same container:
    /// see [`RegistryThroughWine::with_container`](crate::RegistryThroughWine::with_container).
    #[must_use]
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        let container = Container::of(sandbox, self.native.prefix()).map(Arc::new);
        self.native.set_sandbox(sandbox);
        if let Ok(host) = &mut self.windows {
            host.set_container(container.clone());
        }
        self.container = container;
        self
    }

    /// Where Windows code runs, when that is a container.
    pub(crate) fn container(&self) -> Option<Arc<Container>> {
        self.container.clone()
    }

    /// These hosts as one.
    pub fn new(native: NativeHost, windows: Result<WineHost<'m>, Missing>) -> Self {
        Self { native, windows, container: None }
    }
}

impl CustomActionHost for Hosts<'_> {
    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        if !is_windows_program(&call.program, &call.command_line) {
            return self.native.start(call);
        }
        match &self.windows {
            Ok(host) => host.start(call),
            Err(missing) => Err(HostError::Unsupported {
                what: format!("{} ({missing})", self.native.windows_program(&call.program)),
            }),
        }
    }

    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        match &self.windows {
            Ok(host) => host.start_windows(call),
            Err(missing) => {
                Err(HostError::Unsupported { what: format!("{} ({missing})", describe(&call.code)) })
            }
        }
    }

    fn refusal(&self, code: &WindowsCode) -> Option<String> {
        let reason = match &self.windows {
            Ok(host) => return host.refusal(code),
            Err(missing) => missing.to_string(),
        };
        Some(format!("{} ({reason})", describe(code)))
    }

    fn program_refusal(&self, program: &Program) -> Option<String> {
        let reason = match &self.windows {
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

impl Drop for Hosts<'_> {
    fn drop(&mut self) {
        // Also when the installation did not come to its end. Others may share it.
        if let Some(container) = &self.container {
            container.end();
        }
    }
}
