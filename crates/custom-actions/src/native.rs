//! Programs of this machine as custom actions: ELF files and scripts that begin with `#!`.
//!
//! See the pages `custom-action-type-2.md`, `-18.md`, `-34.md` and `-50.md`. A program gets its Formatted command line as
//! words, nothing on standard input, and these variables: `WINEPREFIX`, the machine's folder, `RESEAT`, the program that
//! runs it, and what the engine adds (`CustomActionData` for deferred actions). What it prints goes to the log.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use reseat_engine::{
    CustomActionHost, HostError, NotWaitedFor, Program, ProgramCall, RunningCode, WindowsCall, WindowsCode,
};
use rustix::io::FdFlags;
use tempfile::TempPath;

use crate::binary;
use crate::running::RunningProgram;
use crate::sandbox::Sandbox;
use crate::windows::describe;
use crate::words::split;

/// How long a program may run unless told otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Runs native programs.
pub struct NativeHost {
    prefix: PathBuf,
    reseat: PathBuf,
    time_limit: Duration,
    sandbox: Sandbox,
    /// Programs that are not waited for.
    running: RefCell<Vec<Child>>,
}

impl NativeHost {
    /// A host for the machine in `prefix`; `reseat` is the program that scripts call to join the session.
    pub fn new(prefix: PathBuf, reseat: PathBuf) -> Self {
        Self { prefix, reseat, time_limit: TIME_LIMIT, sandbox: Sandbox::None, running: RefCell::default() }
    }

    /// Has its programs in a sandbox from now on, or not.
    pub(crate) fn set_sandbox(&mut self, sandbox: Sandbox) {
        self.sandbox = sandbox;
    }

    /// The folder of the machine that it is for.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The same with another limit on how long a program may run.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// What a Windows program is called in messages.
    pub(crate) fn windows_program(&self, program: &Program) -> String {
        match program {
            Program::Binary { name, .. } => format!("the Windows program {name}"),
            Program::File(path) => format!("the Windows program {}", path.display()),
            Program::FirstArgument => "a Windows program".to_owned(),
        }
    }
}

impl CustomActionHost for NativeHost {
    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        let mut words = split(&call.command_line).map_err(|error| HostError::CommandLine {
            command_line: call.command_line.clone(),
            reason: error.to_string(),
        })?;
        let (path, temporary) = match &call.program {
            Program::Binary { package, name } => {
                let temporary = unpack(package, name)?;
                (temporary.to_path_buf(), Some(temporary))
            }
            Program::File(path) => (path.clone(), None),
            Program::FirstArgument if words.is_empty() => {
                return Err(HostError::CommandLine {
                    command_line: call.command_line.clone(),
                    reason: "it names no program".to_owned(),
                });
            }
            Program::FirstArgument => (PathBuf::from(words.remove(0)), None),
        };
        let shown = match &call.program {
            Program::Binary { name, .. } => PathBuf::from(name),
            _ => path.clone(),
        };
        check_native(&path, &shown)?;

        let start = |source: io::Error| HostError::Start { program: shown.clone(), source };
        // The temporary file goes when the program has ended, or for one that is not waited for, when this returns. Such
        // a program was started through a descriptor that it inherits: the interpreter of a script opens its file only
        // after it has begun.
        let inherited = match temporary {
            Some(_) if !call.wait => Some(inheritable(&path).map_err(start)?),
            _ => None,
        };
        let path =
            inherited.as_ref().map_or(path, |file| format!("/proc/self/fd/{}", file.as_raw_fd()).into());
        let mut command = self.sandbox.command(&self.prefix, &path, &shown);
        command
            .args(words)
            .stdin(Stdio::null())
            .env("WINEPREFIX", &self.prefix)
            .env("RESEAT", &self.reseat)
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0);
        if let Some(folder) = &call.working_folder {
            command.current_dir(folder);
        }
        if !call.wait {
            // Nobody reads what it prints later: a pipe would end it.
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().map_err(start)?;
            self.running.borrow_mut().push(child);
            return Ok(Box::new(NotWaitedFor));
        }
        let (pipe, writer) = io::pipe().map_err(start)?;
        command.stdout(writer.try_clone().map_err(start)?).stderr(writer);
        let child = command.spawn().map_err(start)?;
        // It holds copies of the pipe's writing end.
        drop(command);
        Ok(Box::new(RunningProgram::new(child, pipe, shown, self.time_limit, temporary)?))
    }

    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        Err(HostError::Unsupported { what: describe(&call.code) })
    }

    fn refusal(&self, code: &WindowsCode) -> Option<String> {
        Some(describe(code))
    }

    fn program_refusal(&self, program: &Program) -> Option<String> {
        Some(self.windows_program(program))
    }

    fn finish(&self) {
        // What has ended is reaped; what runs goes on without the installer.
        for mut child in self.running.take() {
            let _ = child.try_wait();
        }
    }
}

/// Whether a program is one for Windows: by its file, or where only the command line names it, by the way it is named.
pub(crate) fn is_windows_program(program: &Program, command_line: &str) -> bool {
    let begins_as_one = |reader: &mut dyn Read| {
        let mut beginning = Vec::new();
        reader.take(2).read_to_end(&mut beginning).is_ok() && beginning == b"MZ"
    };
    match program {
        Program::Binary { package, name } => {
            binary::open(package, name).is_ok_and(|mut stream| begins_as_one(&mut stream))
        }
        Program::File(path) => File::open(path).is_ok_and(|mut file| begins_as_one(&mut file)),
        Program::FirstArgument => {
            let name = command_line.trim_start().trim_start_matches(['"', '\'']);
            !name.is_empty() && !name.starts_with('/')
        }
    }
}

/// Opens a file so that programs started from now on have it too.
fn inheritable(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    rustix::io::fcntl_setfd(&file, FdFlags::empty())?;
    Ok(file)
}

/// Refuses what this machine cannot run by itself, before anything is started.
fn check_native(path: &Path, shown: &Path) -> Result<(), HostError> {
    let start = |source: io::Error| HostError::Start { program: shown.to_owned(), source };
    let mut beginning = Vec::new();
    File::open(path).map_err(start)?.take(4).read_to_end(&mut beginning).map_err(start)?;
    match beginning.as_slice() {
        [b'M', b'Z', ..] => {
            Err(HostError::Unsupported { what: format!("the Windows program {}", shown.display()) })
        }
        [0x7f, b'E', b'L', b'F'] | [b'#', b'!', ..] => Ok(()),
        _ => Err(HostError::Unsupported {
            what: format!(
                "{} is neither an ELF program nor a script that begins with #!; it",
                shown.display()
            ),
        }),
    }
}

fn unpack(package: &Path, name: &str) -> Result<TempPath, HostError> {
    let mut stream = binary::open(package, name)?;
    let failed = |error: io::Error| binary::failed(package, name, error);
    let mut file = tempfile::Builder::new()
        .prefix("MSI")
        .suffix(".tmp")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempfile()
        .map_err(failed)?;
    io::copy(&mut stream, &mut file).and_then(|_| file.flush()).map_err(failed)?;
    // The handle for writing must be closed, else the kernel does not run it.
    Ok(file.into_temp_path())
}

#[cfg(test)]
mod tests {
    use reseat_engine::CallResult;
    use rustix::process::{Pid, Signal};

    use super::*;

    fn call(command_line: &str) -> ProgramCall {
        ProgramCall {
            action: "Test".to_owned(),
            program: Program::FirstArgument,
            command_line: command_line.to_owned(),
            working_folder: None,
            environment: vec![("CustomActionData".to_owned(), "a b".to_owned())],
            wait: true,
        }
    }

    fn run(command_line: &str) -> (Result<CallResult, HostError>, Vec<String>) {
        let mut lines = Vec::new();
        let host =
            NativeHost::new("/prefix".into(), "/reseat".into()).with_time_limit(Duration::from_secs(20));
        let result = host.run(&call(command_line), &mut |line| lines.push(line.to_owned()));
        (result, lines)
    }

    #[test]
    fn words_environment_output_and_code_arrive() {
        let (result, lines) = run(
            r#"/bin/sh -c 'echo "$1|$WINEPREFIX|$RESEAT|$CustomActionData"; echo error >&2; exit 3' sh "x y""#,
        );
        assert_eq!(result.unwrap(), CallResult::Exited(3));
        assert_eq!(lines, ["x y|/prefix|/reseat|a b", "error"]);
    }

    #[test]
    fn a_signal_is_no_exit_code() {
        assert_eq!(run("/bin/sh -c 'kill -9 $$'").0.unwrap(), CallResult::Killed(9));
    }

    #[test]
    fn a_child_left_behind_does_not_hold_the_installation() {
        let (result, lines) = run("/bin/sh -c 'sleep 60 & echo $!'");
        assert_eq!(result.unwrap(), CallResult::Exited(0));
        let pid = Pid::from_raw(lines[0].parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_its_children() {
        let host = NativeHost::new("/".into(), "/".into()).with_time_limit(Duration::from_millis(100));
        let result = host.run(&call("/bin/sh -c 'sleep 60 & wait'"), &mut |_| {});
        assert!(matches!(result, Err(HostError::TimedOut { .. })), "{result:?}");
    }

    #[test]
    fn what_cannot_run_here_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("setup.exe", &b"MZ\x90\0"[..]), ("data", b"\0\0"), ("empty", b"")] {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            let (result, _) = run(&path.display().to_string());
            let error = result.unwrap_err();
            assert!(matches!(error, HostError::Unsupported { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(matches!(run("/nowhere/x").0, Err(HostError::Start { .. })));
        assert!(matches!(run("").0, Err(HostError::CommandLine { .. })));
        assert!(matches!(run("'").0, Err(HostError::CommandLine { .. })));
    }
}
