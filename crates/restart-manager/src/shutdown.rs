//! Asks applications to stop and waits for them.
//!
//! As the page "Guidelines for Applications" describes it: a request, a time to follow it, and force only when
//! the installer asks for it. An application with a window is asked to close that, and may ask its user back:
//! while a window stays open it is sent no signal. Others are sent SIGTERM, followed by SIGCONT because a stopped
//! process would not see it.
//!
//! Programs that Wine runs hear SIGINT instead, which reaches them as CTRL_C_EVENT; SIGTERM would end them unheard.
//! Those with windows are closed by the documented messages where Wine can be looked into: all are asked by
//! WM_QUERYENDSESSION before any is stopped, and one that says no keeps all of them.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;

use crate::cancel::CancelToken;
use crate::error::{Error, Refusal};
use crate::history::{Action, Stopping};
use crate::inside_wine::{Talk, WineAnswer, WineMessage, runs_under_wine};
use crate::journal::Outlives;
use crate::process::{PinnedProcess, UniqueProcess};
use crate::session::Session;
use crate::window;

/// How applications are shut down (RM_SHUTDOWN_TYPE).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// End those that do not follow the request in time (RmForceShutdown).
    pub force: bool,
    /// Only if all of them have registered for restart (RmShutdownOnlyRegistered).
    pub only_registered: bool,
    /// How long an application may take; documented are 30 seconds.
    pub timeout: Duration,
    /// How long a service may take; documented are 20 seconds.
    pub service_timeout: Duration,
}

impl Default for ShutdownOptions {
    fn default() -> ShutdownOptions {
        ShutdownOptions {
            force: false,
            only_registered: false,
            timeout: Duration::from_secs(30),
            service_timeout: Duration::from_secs(20),
        }
    }
}

/// How long the kernel may take to end a process after SIGKILL.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// How often the display is asked whether windows have closed.
const WINDOW_INTERVAL: Duration = Duration::from_millis(250);

/// How long an application without a window may still take before it is sent the signal.
const WINDOWLESS_PATIENCE: Duration = Duration::from_secs(5);

/// How long programs of Wine may take to hear a message before it is waited for their end.
const MESSAGE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a program of Wine may take after WM_ENDSESSION before its windows are closed.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// One that is being stopped.
struct Victim {
    application: Stopping,
    process: PinnedProcess,
    gone: bool,
    asked: Asked,
    /// Since when none of its windows is there.
    hidden_since: Option<Instant>,
}

/// How one was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// By a signal, or not yet.
    Signal,
    /// To close its windows on the display.
    Display,
    /// By WM_ENDSESSION, at this time.
    End(Instant),
    /// By WM_CLOSE after that; its windows were looked for at this time.
    Close(Instant),
}

/// Reports progress in percent, never backwards.
pub(crate) struct Progress<'a> {
    pub(crate) report: &'a mut dyn FnMut(u32),
    pub(crate) done: usize,
    pub(crate) total: usize,
}

impl Progress<'_> {
    pub(crate) fn step(&mut self, count: usize) {
        self.done += count;
        let percent = (self.done * 100).checked_div(self.total).unwrap_or(100).min(100);
        (self.report)(u32::try_from(percent).unwrap_or(100));
    }
}

/// Stops these applications together and says which did not stop.
pub(crate) fn stop(
    session: &Session,
    applications: Vec<Stopping>,
    options: &ShutdownOptions,
    talk: &mut Talk,
    cancel: &CancelToken,
    progress: &mut Progress<'_>,
) -> Result<Vec<Refusal>, Error> {
    let mut refused = Vec::new();
    let mut victims = Vec::new();
    for application in applications {
        match application.process.pin() {
            Ok(process) => victims.push(Victim {
                application,
                process,
                gone: false,
                asked: Asked::Signal,
                hidden_since: None,
            }),
            // Ended meanwhile: nobody is in the way.
            Err(Errno::SRCH) => progress.step(1),
            Err(errno) => {
                refused.push(refusal(&application, errno.to_string()));
                progress.step(1);
            }
        }
    }
    // Written down before the first signal, so that a crash in between loses nobody.
    let intent: Vec<Action> =
        victims.iter().map(|it| Action::Stopping(Box::new(it.application.clone()))).collect();
    session.record(&intent, Outlives::System)?;
    let mut asked = Vec::new();
    let with_windows: Vec<UniqueProcess> = victims
        .iter()
        .filter(|it| it.application.kind.has_windows())
        .map(|it| it.application.process)
        .collect();
    let told = talk.tell(WineMessage::End, &with_windows, MESSAGE_PATIENCE.min(options.timeout));
    let of_display = victims.iter().map(|it| it.application.process).filter(|it| !told.contains_key(it));
    let of_display = window::ask_to_close(of_display.map(|it| it.pid).collect());
    for victim in &mut victims {
        let process = victim.application.process;
        if told.get(&process).is_some_and(|it| *it != WineAnswer::NoWindows) {
            victim.asked = Asked::End(Instant::now());
        } else if of_display.contains(&process.pid) {
            victim.asked = Asked::Display;
        }
        let request = match victim.asked {
            Asked::Signal => request(process, &victim.process),
            // A stopped one would not see the request. One that has ended by now has followed it.
            _ => victim.process.send(Signal::CONT).map(|_| true),
        };
        match request {
            Ok(true) => asked.push(Action::Asked { process }),
            Ok(false) => {
                victim.gone = true;
                asked.push(Action::Stopped { process, by_us: false });
                progress.step(1);
            }
            Err(errno) => {
                victim.gone = true;
                let reason = errno.to_string();
                asked.push(Action::NotStopped { process, reason: reason.clone() });
                refused.push(refusal(&victim.application, reason));
                progress.step(1);
            }
        }
    }
    session.record(&asked, Outlives::Process)?;
    let mut finish = wait(session, &mut victims, options.timeout, talk, cancel, progress)?;
    if finish == Finish::Some && options.force {
        for victim in victims.iter().filter(|it| !it.gone) {
            tracing::info!(process = %victim.application.process, "did not follow the request to stop; ending it");
            // An error shows as a process that goes on.
            let _ = victim.process.send(Signal::KILL);
        }
        finish = wait(session, &mut victims, KILL_PATIENCE, talk, cancel, progress)?;
    }
    if finish == Finish::Cancelled {
        return Err(Error::Cancelled);
    }
    let mut stayed = Vec::new();
    for victim in victims.iter().filter(|it| !it.gone) {
        let reason = match options.force {
            true => "did not end after SIGKILL".to_owned(),
            false => {
                format!("did not stop within {} s{}", options.timeout.as_secs_f32(), open_window(victim))
            }
        };
        stayed.push(Action::NotStopped { process: victim.application.process, reason: reason.clone() });
        refused.push(refusal(&victim.application, reason));
        progress.step(1);
    }
    session.record(&stayed, Outlives::Process)?;
    Ok(refused)
}

/// Asks the programs of Wine among these whether they can close; those that said no or nothing, with the reason. Unless
/// the shutdown is forced, which only lets them prepare, all who were asked are told to go on then.
pub(crate) fn query(applications: &[Stopping], talk: &mut Talk, options: &ShutdownOptions) -> Vec<Refusal> {
    let patience = options.timeout;
    let processes: Vec<UniqueProcess> = applications.iter().map(|it| it.process).collect();
    let answers = talk.tell(WineMessage::Query, &processes, patience);
    let reason = |answer: &WineAnswer| match answer {
        WineAnswer::Refused => Some("it answered that it cannot be closed now".to_owned()),
        WineAnswer::Silent => {
            Some(format!("it did not answer within {} s whether it can be closed", patience.as_secs_f32()))
        }
        WineAnswer::Agreed | WineAnswer::NoWindows => None,
    };
    let refused = applications.iter().filter_map(|it| Some(refusal(it, reason(answers.get(&it.process)?)?)));
    let refused: Vec<Refusal> = refused.collect();
    if options.force {
        return Vec::new();
    }
    if !refused.is_empty() {
        let asked: Vec<UniqueProcess> = answers.into_keys().collect();
        talk.tell(WineMessage::GoOn, &asked, MESSAGE_PATIENCE.min(patience));
    }
    refused
}

fn refusal(application: &Stopping, reason: String) -> Refusal {
    Refusal { process: application.process, name: application.name.clone(), reason }
}

/// What a window that stays open is called, for who may have to answer a question there.
fn open_window(victim: &Victim) -> String {
    let pid = victim.application.process.pid;
    let windows = if victim.asked == Asked::Display { window::windows() } else { None };
    let mut open = windows.into_iter().flatten().filter(|it| it.is_shown && it.pid == pid);
    // The question is asked in the window that was opened last.
    open.next_back().map_or_else(String::new, |it| format!("; its window {:?} is still open", it.title))
}

/// Asks a process to stop, by its window if it has one; `Ok(false)` when it has already ended.
pub(crate) fn ask(process: UniqueProcess, pinned: &PinnedProcess) -> Result<bool, Errno> {
    let mut talk = Talk::default();
    for message in [WineMessage::End, WineMessage::Close] {
        let answers = talk.tell(message, &[process], MESSAGE_PATIENCE);
        if answers.get(&process).is_none_or(|it| *it == WineAnswer::NoWindows) {
            break;
        }
        if message == WineMessage::Close {
            return pinned.send(Signal::CONT);
        }
    }
    match window::ask_to_close([process.pid].into()).is_empty() {
        true => request(process, pinned),
        false => pinned.send(Signal::CONT),
    }
}

/// Sends a process the signal to stop; `Ok(false)` when it has already ended.
fn request(process: UniqueProcess, pinned: &PinnedProcess) -> Result<bool, Errno> {
    let signal = if runs_under_wine(process) { Signal::INT } else { Signal::TERM };
    if !pinned.send(signal)? {
        return Ok(false);
    }
    pinned.send(Signal::CONT)?;
    Ok(true)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    All,
    Some,
    Cancelled,
}

/// Waits until all have ended or the time is over, and records each end.
fn wait(
    session: &Session,
    victims: &mut [Victim],
    time: Duration,
    talk: &mut Talk,
    cancel: &CancelToken,
    progress: &mut Progress<'_>,
) -> Result<Finish, Error> {
    let until = Instant::now() + time;
    loop {
        let next_look = match victims.iter().any(|it| it.asked != Asked::Signal && !it.gone) {
            true => until.min(Instant::now() + WINDOW_INTERVAL),
            false => until,
        };
        let ended = poll_once(victims, next_look, cancel);
        let mut actions = Vec::new();
        for index in ended {
            if let Some(victim) = victims.get_mut(index) {
                victim.gone = true;
                actions.push(Action::Stopped { process: victim.application.process, by_us: true });
            }
        }
        if !actions.is_empty() {
            session.record(&actions, Outlives::Process)?;
            progress.step(actions.len());
        }
        let patience = WINDOWLESS_PATIENCE.min(time / 4);
        signal_those_without_windows(victims, patience);
        close_windows_of_wine(victims, talk, patience);
        if victims.iter().all(|it| it.gone) {
            return Ok(Finish::All);
        }
        if cancel.is_cancelled() {
            return Ok(Finish::Cancelled);
        }
        if Instant::now() >= until {
            return Ok(Finish::Some);
        }
    }
}

/// Sends the signal to those that have closed their windows and still go on after this time, in which they may
/// save what they have: closing was their consent.
fn signal_those_without_windows(victims: &mut [Victim], patience: Duration) {
    let waits = |it: &Victim| it.asked == Asked::Display && !it.gone;
    if !victims.iter().any(waits) {
        return;
    }
    // A display that gives no answer may show a question all the same.
    let Some(windows) = window::windows() else { return };
    for victim in victims.iter_mut().filter(|it| waits(it)) {
        let process = victim.application.process;
        if windows.iter().any(|it| it.pid == process.pid && it.is_shown && !it.is_shell) {
            victim.hidden_since = None;
        } else {
            signal_if_hidden(victim, patience);
        }
    }
}

/// Sends the signal to one that has had no window for this time.
fn signal_if_hidden(victim: &mut Victim, patience: Duration) {
    if victim.hidden_since.get_or_insert_with(Instant::now).elapsed() >= patience {
        victim.asked = Asked::Signal;
        // An error shows as a process that goes on.
        let _ = request(victim.application.process, &victim.process);
    }
}

/// Closes the windows of programs of Wine that go on after WM_ENDSESSION, and then sends the signal to those that go on
/// without a window.
fn close_windows_of_wine(victims: &mut [Victim], talk: &mut Talk, patience: Duration) {
    let is_due = |it: &Victim| match it.asked {
        Asked::End(since) | Asked::Close(since) => !it.gone && since.elapsed() >= END_PATIENCE.min(patience),
        _ => false,
    };
    for victim in victims.iter_mut().filter(|it| is_due(it)) {
        let message = match victim.asked {
            Asked::End(_) => WineMessage::Close,
            _ => WineMessage::Nothing,
        };
        victim.asked = Asked::Close(Instant::now());
        let process = victim.application.process;
        match talk.tell(message, &[process], MESSAGE_PATIENCE).get(&process) {
            None | Some(WineAnswer::NoWindows) => signal_if_hidden(victim, patience),
            Some(_) => victim.hidden_since = None,
        }
    }
}

/// The indexes of those whose pidfd says that they have ended, waiting for the first of them.
fn poll_once(victims: &[Victim], until: Instant, cancel: &CancelToken) -> Vec<usize> {
    let waiting: Vec<usize> =
        victims.iter().enumerate().filter(|(_, it)| !it.gone).map(|(index, _)| index).collect();
    let mut fds: Vec<PollFd<'_>> = waiting
        .iter()
        .filter_map(|&index| victims.get(index))
        .map(|it| PollFd::new(&it.process, PollFlags::IN))
        .collect();
    if fds.is_empty() {
        return Vec::new();
    }
    fds.extend(cancel.wake().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    // A signal to us, or too little memory: the caller looks at the clock and asks again.
    if poll(&mut fds, Some(&time_left(until))).is_err() {
        return Vec::new();
    }
    let ready = |(index, fd): (&usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(*index);
    waiting.iter().zip(&fds).filter_map(ready).collect()
}

/// Waits for one process to end; `false` when it goes on after the given moment.
pub(crate) fn wait_for_end(process: &PinnedProcess, until: Instant) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    loop {
        match poll(&mut fds, Some(&time_left(until))) {
            Err(Errno::INTR) => {}
            result => return result.is_ok_and(|count| count > 0),
        }
    }
}

pub(crate) fn time_left(until: Instant) -> Timespec {
    let left = until.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}
