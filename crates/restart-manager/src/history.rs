//! What a session did to applications: the records that it writes and the state that follows from them.
//!
//! A record is on disk before the deed. So after a crash of the primary the state tells what may have been
//! stopped, and `recover` starts it again.

use serde::{Deserialize, Serialize};

use crate::application::{ApplicationStatus, ApplicationType};
use crate::process::UniqueProcess;
use crate::restart_plan::RestartPlan;
use crate::service::ServicePlan;
use crate::supervised::Supervised;

/// One line of a session's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Action {
    /// A shutdown was begun.
    ShutdownBegun,
    /// About to be asked to stop.
    Stopping(Box<Stopping>),
    /// Has been asked to stop.
    Asked { process: UniqueProcess },
    /// Has stopped.
    Stopped { process: UniqueProcess, by_us: bool },
    /// Did not stop.
    NotStopped { process: UniqueProcess, reason: String },
    /// About to be started again, at this time in clock ticks since the system started.
    Starting { process: UniqueProcess, ticks: u64 },
    /// Has been started again.
    Restarted { process: UniqueProcess, new: UniqueProcess },
    /// Could not be started again.
    NotRestarted { process: UniqueProcess, reason: String },
}

/// An application that is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stopping {
    pub(crate) process: UniqueProcess,
    pub(crate) name: String,
    pub(crate) kind: ApplicationType,
    pub(crate) user_id: Option<u32>,
    pub(crate) session_id: Option<u32>,
    #[serde(with = "crate::path_text::list")]
    pub(crate) files: Vec<std::path::PathBuf>,
    /// How to start it again, if it registered for that.
    pub(crate) plan: Option<RestartPlan>,
    /// How to start its service again, if it is one.
    #[serde(default)]
    pub(crate) service: Option<ServicePlan>,
    /// The service of a supervisor, if it is one.
    #[serde(default)]
    pub(crate) supervised: Option<Supervised>,
}

impl Stopping {
    /// The name of its service, if it is one.
    pub(crate) fn service_name(&self) -> Option<&str> {
        let supervised = self.supervised.as_ref().map(Supervised::name);
        supervised.or_else(|| self.service.as_ref().map(|it| it.unit.name.as_str()))
    }

    /// Whether it can be started again.
    pub(crate) fn can_be_restarted(&self) -> bool {
        self.plan.is_some()
            || self.supervised.is_some()
            || self.service.as_ref().is_some_and(|it| it.restartable)
    }
}

/// The state of one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) application: Stopping,
    pub(crate) status: ApplicationStatus,
    /// It was asked to stop, or may have been.
    pub(crate) asked: bool,
    /// It was being started when the record ends; since when, in clock ticks.
    pub(crate) starting_since: Option<u64>,
    pub(crate) restarted_as: Option<UniqueProcess>,
}

impl Entry {
    /// Stopped by this session, wants to be started again, and has not been.
    pub(crate) fn is_outstanding(&self) -> bool {
        self.application.can_be_restarted()
            && self.restarted_as.is_none()
            && !self.status.contains(ApplicationStatus::STOPPED_OTHER)
    }
}

/// All applications that a session dealt with, in the order in which it stopped them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) shutdown_begun: bool,
    pub(crate) entries: Vec<Entry>,
}

impl History {
    pub(crate) fn of(actions: Vec<Action>) -> History {
        let mut history = History::default();
        for action in actions {
            history.apply(action);
        }
        history
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::ShutdownBegun => self.shutdown_begun = true,
            Action::Stopping(application) => match self.entry(application.process) {
                // Tried again.
                Some(entry) => entry.application = *application,
                None => self.entries.push(Entry {
                    application: *application,
                    status: ApplicationStatus::UNKNOWN,
                    asked: false,
                    starting_since: None,
                    restarted_as: None,
                }),
            },
            Action::Asked { process } => self.change(process, |entry| entry.asked = true),
            Action::Stopped { process, by_us } => self.change(process, |entry| {
                entry.status.remove(ApplicationStatus::ERROR_ON_STOP);
                entry.status.insert(match by_us {
                    true => ApplicationStatus::STOPPED,
                    false => ApplicationStatus::STOPPED_OTHER,
                });
            }),
            Action::NotStopped { process, .. } => {
                self.change(process, |entry| entry.status.insert(ApplicationStatus::ERROR_ON_STOP));
            }
            Action::Starting { process, ticks } => {
                self.change(process, |entry| entry.starting_since = Some(ticks));
            }
            Action::Restarted { process, new } => self.change(process, |entry| {
                entry.starting_since = None;
                entry.restarted_as = Some(new);
                entry.status.remove(ApplicationStatus::ERROR_ON_RESTART);
                entry.status.insert(ApplicationStatus::RESTARTED);
            }),
            Action::NotRestarted { process, .. } => self.change(process, |entry| {
                entry.starting_since = None;
                entry.status.insert(ApplicationStatus::ERROR_ON_RESTART);
            }),
        }
    }

    pub(crate) fn entry(&mut self, process: UniqueProcess) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.application.process == process)
    }

    fn change(&mut self, process: UniqueProcess, change: impl FnOnce(&mut Entry)) {
        // The line that introduced it may have been torn.
        if let Some(entry) = self.entry(process) {
            change(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopping(pid: u32) -> Action {
        Action::Stopping(Box::new(Stopping {
            process: UniqueProcess { pid, start_time: 1 },
            name: "a".to_owned(),
            kind: ApplicationType::Console,
            user_id: Some(0),
            session_id: None,
            files: vec!["/x".into()],
            plan: None,
            service: None,
            supervised: None,
        }))
    }

    #[test]
    fn the_history_adds_up_to_a_status() {
        let process = UniqueProcess { pid: 7, start_time: 1 };
        let other = UniqueProcess { pid: 8, start_time: 1 };
        let history = History::of(vec![
            Action::ShutdownBegun,
            stopping(7),
            stopping(8),
            Action::Asked { process },
            Action::NotStopped { process, reason: String::new() },
            Action::Stopped { process, by_us: true },
            Action::Stopped { process: other, by_us: false },
            Action::Restarted { process, new: other },
            Action::Asked { process: UniqueProcess { pid: 9, start_time: 9 } },
        ]);
        assert!(history.shutdown_begun);
        let words: Vec<String> = history.entries.iter().map(|entry| entry.status.to_string()).collect();
        assert_eq!(words, ["stopped, restarted", "stopped by another"]);
    }

    #[test]
    fn a_record_reads_back_as_itself() {
        let action = stopping(7);
        let text = serde_json::to_string(&action).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), action);
    }
}
