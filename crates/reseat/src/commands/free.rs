//! `reseat free`: closes what uses files, runs a command, starts again what was closed.

use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};

use reseat_restart_manager::{CancelToken, Error, Primary, ShutdownOptions};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::arguments::Global;
use crate::closing;
use crate::failure::Failure;
use crate::restart_arguments::Free;

/// The files could not be freed, as `timeout` and `env` end when they fail themselves.
const NOT_FREED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Frees the files for a command.
pub fn run(global: &Global, arguments: &Free) -> Result<ExitCode, Failure> {
    let options = arguments.closing.options()?;
    let resources = closing::resources(global, &arguments.files)?;
    let not_freed = |error: Error| Failure::from(error).with_exit(NOT_FREED);
    let session = Primary::start().map_err(not_freed)?;
    session.register(&resources).map_err(not_freed)?;
    if arguments.dry_run {
        let result = dry_run(global, &session, &options);
        session.end()?;
        return result;
    }
    let interrupts = Interrupts::listen(session.cancel_token())?;
    let closed = close(global, &session, &options);
    // From here on Ctrl-C is the command's alone: what was closed is started again in any case.
    drop(session.renew_cancel_token());
    let exit = match &closed {
        Ok(()) => execute(arguments, &interrupts),
        Err(_) => NOT_FREED,
    };
    let restarted = start_again(global, &session);
    if restarted {
        session.end()?;
    } else {
        // Left for `reseat rm recover`, which tries again.
        drop(session);
    }
    match closed {
        Err(error) => Err(not_freed(error)),
        Ok(()) if exit == 0 && !restarted => Ok(ExitCode::from(NOT_FREED)),
        Ok(()) => Ok(ExitCode::from(exit)),
    }
}

fn dry_run(global: &Global, session: &Primary, options: &ShutdownOptions) -> Result<ExitCode, Failure> {
    let list = session.list()?;
    closing::print(global, &list.applications);
    closing::warn_of_unknown(global, &list);
    let unregistered = list.running().filter(|it| !it.restartable).count();
    if !list.reboot_reasons.is_empty() {
        eprintln!("reseat: the files cannot be freed: {}", list.reboot_reasons);
        return Ok(ExitCode::from(NOT_FREED));
    }
    if options.only_registered && unregistered > 0 {
        eprintln!("reseat: nothing would be closed: {unregistered} of them cannot be started again");
        return Ok(ExitCode::from(NOT_FREED));
    }
    Ok(ExitCode::SUCCESS)
}

fn close(global: &Global, session: &Primary, options: &ShutdownOptions) -> Result<(), Error> {
    let list = session.list()?;
    closing::warn_of_unknown(global, &list);
    let bar = closing::progress_bar(global, "closing applications");
    let result = session.shut_down(options, &mut |percent| bar.set_position(percent.into()));
    bar.finish_and_clear();
    if !global.quiet
        && let Ok(list) = session.list()
    {
        for application in list.applications.iter().filter(|it| it.is_stopped()) {
            let again = match (application.restartable, &application.service) {
                (true, _) => "",
                (false, None) => "; it has not registered for restart and stays closed",
                (false, Some(_)) => {
                    "; it runs once, or its unit cannot be started by hand, and it stays closed"
                }
            };
            let name = match &application.service {
                Some(_) => closing::services(
                    application.service.iter().chain(application.further_services()),
                    application.dependents(),
                ),
                None => application.name.clone(),
            };
            eprintln!("reseat: closed {name} (process {}){again}", application.process.pid);
        }
    }
    result
}

/// Starts everything again and says so; whether all of it was.
fn start_again(global: &Global, session: &Primary) -> bool {
    let bar = closing::progress_bar(global, "starting applications");
    let result = session.restart(&mut |percent| bar.set_position(percent.into()));
    bar.finish_and_clear();
    match result {
        Ok(restarted) => {
            for application in restarted.iter().filter(|_| !global.quiet) {
                eprintln!("reseat: started {} again (process {})", application.name, application.new.pid);
            }
            true
        }
        // Nothing was closed.
        Err(Error::OutOfSequence) => true,
        Err(error) => {
            let failure = Failure::from(error).with_hint("`reseat rm recover` tries it again");
            failure.print(&Global { json: false, ..global.clone() });
            false
        }
    }
}

fn execute(arguments: &Free, interrupts: &Interrupts) -> u8 {
    let Some((program, rest)) = arguments.command.split_first() else { return 0 };
    if interrupts.happened() {
        return code_of_signal(2);
    }
    let mut child = match Command::new(program).args(rest).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("reseat: {}: {error}", program.to_string_lossy());
            return if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
        }
    };
    // Not waited for yet, so the id is the child's.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    interrupts.pass_to(pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()));
    let status = child.wait();
    interrupts.pass_to(None);
    match status {
        Ok(status) => exit_code(status),
        Err(error) => {
            eprintln!("reseat: {}: {error}", program.to_string_lossy());
            NOT_FREED
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) => code_of_signal(signal),
        (None, None) => 1,
    }
}

/// As shells tell it.
fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

/// Ctrl-C and SIGTERM: while applications close they cancel that; while the command runs they are for the command.
#[derive(Clone)]
struct Interrupts {
    state: Arc<Mutex<State>>,
}

struct State {
    happened: bool,
    closing: CancelToken,
    command: Option<OwnedFd>,
}

impl Interrupts {
    fn listen(closing: CancelToken) -> Result<Interrupts, Failure> {
        let interrupts =
            Interrupts { state: Arc::new(Mutex::new(State { happened: false, closing, command: None })) };
        let handler = interrupts.clone();
        ctrlc::set_handler(move || handler.interrupt()).map_err(|error| Failure::new(&error))?;
        Ok(interrupts)
    }

    fn interrupt(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.happened = true;
        state.closing.cancel();
        // A key on the terminal reaches the command by itself, and twice may mean something else to it.
        if let Some(command) = state.command.as_ref().filter(|_| !is_in_foreground()) {
            let _ = pidfd_send_signal(command, Signal::TERM);
        }
    }

    fn happened(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).happened
    }

    fn pass_to(&self, command: Option<OwnedFd>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // One that came while the command was being started.
        if let Some(command) = command.as_ref().filter(|_| state.happened && !is_in_foreground()) {
            let _ = pidfd_send_signal(command, Signal::TERM);
        }
        state.command = command;
    }
}

/// Whether the terminal sends its signals to this process' group: fields 5 and 8 of proc_pid_stat(5).
fn is_in_foreground() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    fields.get(2).is_some_and(|group| fields.get(5) == Some(group))
}
