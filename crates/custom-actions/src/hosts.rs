//! All hosts in one: programs of this machine run by themselves, Windows code under Wine where that can be.

use std::path::Path;

use reseat_engine::{
    CallResult, CustomActionHost, Functions, HostError, Program, ProgramCall, WindowsCall, WindowsCode,
};
use reseat_machine::Machine;

use crate::native::{NativeHost, is_windows_program};
use crate::sandbox::Sandbox;
use crate::windows::{Image, Missing, WineHost, describe, image_of_file, image_of_stream};

/// Why Windows code does not run.
const IN_SANDBOX: &str = "Windows code does not run in the sandbox";

/// Runs the code of custom actions with what this machine has.
pub struct Hosts<'m> {
    native: NativeHost,
    windows: Result<WineHost<'m>, Missing>,
}

impl<'m> Hosts<'m> {
    /// The hosts for a machine; `reseat` is the running program.
    pub fn find(machine: &'m Machine, reseat: &Path) -> Self {
        Self::new(
            NativeHost::new(machine.prefix().to_owned(), reseat.to_owned()),
            WineHost::find(machine, reseat),
        )
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
    fn run(&self, call: &ProgramCall, output: &mut dyn FnMut(&str)) -> Result<CallResult, HostError> {
        if !is_windows_program(&call.program, &call.command_line) {
            return self.native.run(call, output);
        }
        if self.is_sandboxed() {
            let what = format!("{} ({IN_SANDBOX})", self.native.windows_program(&call.program));
            return Err(HostError::Unsupported { what });
        }
        match &self.windows {
            Ok(host) => host.run_program(call, output),
            Err(missing) => Err(HostError::Unsupported {
                what: format!("{} ({missing})", self.native.windows_program(&call.program)),
            }),
        }
    }

    fn run_windows(
        &self,
        call: &WindowsCall,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        if self.is_sandboxed() {
            return Err(HostError::Unsupported { what: format!("{} ({IN_SANDBOX})", describe(&call.code)) });
        }
        match &self.windows {
            Ok(host) => host.run_windows(call, functions, output),
            Err(missing) => {
                Err(HostError::Unsupported { what: format!("{} ({missing})", describe(&call.code)) })
            }
        }
    }

    fn refusal(&self, code: &WindowsCode) -> Option<String> {
        if self.is_sandboxed() {
            return Some(format!("{} ({IN_SANDBOX})", describe(code)));
        }
        let missing = match (&self.windows, code) {
            (Err(missing), _) => missing.to_string(),
            (Ok(_), WindowsCode::Script { .. }) => return None,
            (Ok(host), WindowsCode::Library { library, .. }) => {
                match (image(library), library) {
                    (Some(image), _) => host.image_refusal(image)?.to_string(),
                    (None, Program::Binary { .. }) => {
                        "it is no Windows library for this processor".to_owned()
                    }
                    // It may be installed first.
                    (None, _) => return None,
                }
            }
        };
        Some(format!("{} ({missing})", describe(code)))
    }

    fn program_refusal(&self, program: &Program) -> Option<String> {
        if self.is_sandboxed() {
            return Some(format!("{} ({IN_SANDBOX})", self.native.windows_program(program)));
        }
        let missing = match &self.windows {
            Err(missing) => missing.to_string(),
            Ok(host) => match (image(program), program) {
                (Some(image), _) => host.image_refusal(image)?.to_string(),
                (None, Program::Binary { .. }) => "it is none for this processor".to_owned(),
                // It may be installed first.
                (None, _) => return None,
            },
        };
        Some(format!("{} ({missing})", self.native.windows_program(program)))
    }

    fn finish(&self) {
        self.native.finish();
        if let Ok(host) = &self.windows {
            host.finish();
        }
    }
}

fn image(program: &Program) -> Option<Image> {
    match program {
        Program::Binary { package, name } => image_of_stream(package, name),
        Program::File(path) => image_of_file(path),
        Program::FirstArgument => None,
    }
}
