//! The primary installer of a session: it alone lists, shuts down and restarts.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::application::{Application, ApplicationList, ApplicationStatus, ApplicationType};
use crate::cancel::CancelToken;
use crate::error::{Error, Refusal};
use crate::filter::{Filter, FilterChange, FilterTrigger};
use crate::history::{Action, Stopping};
use crate::inside_wine::{Talk, runs_under_wine};
use crate::journal::Outlives;
use crate::listing;
use crate::process::{UniqueProcess, lineage};
use crate::resource::Resources;
use crate::restart;
use crate::service;
use crate::session::Session;
use crate::session_key::SessionKey;
use crate::shutdown::{self, Progress, ShutdownOptions};
use crate::store::Store;
use crate::supervised;

/// Stopping one application may make another appear: a supervisor that starts it again, a helper that takes
/// over. So often the list is looked at again before that counts as failure.
const ROUNDS: usize = 3;

/// A session that this process started (RmStartSession).
///
/// Finish it with [`Primary::end`], or with [`Primary::detach`] when another process goes on with it. A
/// session that is merely dropped stays open until this process ends; what it stopped by then waits for
/// [`crate::recover`].
#[must_use = "a session has to be ended"]
#[derive(Debug)]
pub struct Primary {
    session: Session,
    /// The process that the session lives as long as.
    owner: UniqueProcess,
    cancel: Mutex<CancelToken>,
}

impl Primary {
    /// Starts a session of the calling process in the user's store.
    ///
    /// # Errors
    /// [`Error::TooManySessions`] (353) beyond 64, and what [`Store::open`] gives.
    pub fn start() -> Result<Primary, Error> {
        Primary::start_in(&Store::open()?)
    }

    /// Starts a session of the calling process in this store.
    ///
    /// # Errors
    /// As [`Primary::start`].
    pub fn start_in(store: &Store) -> Result<Primary, Error> {
        let me = UniqueProcess::current()
            .ok_or_else(|| Error::ProcUnusable { reason: "the calling process is not in it".to_owned() })?;
        Primary::start_for(store, me)
    }

    /// Starts a session that lives as long as another process, such as the shell script that calls a command.
    ///
    /// # Errors
    /// As [`Primary::start`], and [`Error::NoSuchProcess`] when that process has ended.
    pub fn start_for(store: &Store, owner: UniqueProcess) -> Result<Primary, Error> {
        if !owner.is_running() {
            return Err(Error::NoSuchProcess { pid: owner.pid, reason: "it has ended".to_owned() });
        }
        let session = Session::create(store, owner)?;
        tracing::debug!(key = %session.key, %owner, "session started");
        Ok(Primary { session, owner, cancel: Mutex::default() })
    }

    /// Takes up a session that the calling process, or a process that it descends from, owns.
    ///
    /// # Errors
    /// [`Error::UnknownSession`] and, for everybody else, [`Error::NotPrimary`] (both 1219).
    pub fn reopen(store: &Store, key: &SessionKey) -> Result<Primary, Error> {
        let session = Session::open(store, key)?;
        let pid = std::process::id();
        let owner = match session.identity() {
            Some(identity) if identity.is_alive() => identity.primary,
            _ => return Err(Error::UnknownSession { key: key.clone() }),
        };
        if !lineage(pid).contains(&owner.pid) {
            return Err(Error::NotPrimary { key: key.clone(), pid });
        }
        Ok(Primary { session, owner, cancel: Mutex::default() })
    }

    /// The session's key, for secondary installers.
    pub fn key(&self) -> &SessionKey {
        &self.session.key
    }

    /// What another thread cancels the current shutdown or restart with (RmCancelCurrentTask). Once
    /// cancelled, the token stays so until [`Primary::renew_cancel_token`].
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes later operations run again after a cancelled one; gives the new token.
    pub fn renew_cancel_token(&self) -> CancelToken {
        let token = CancelToken::new();
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        token
    }

    /// Registers resources (RmRegisterResources). Each call writes once: register in batches.
    ///
    /// # Errors
    /// [`Error::BadArguments`] (160) for a relative path; [`Error::Storage`] and [`Error::LockTimeout`].
    pub fn register(&self, resources: &Resources) -> Result<(), Error> {
        check(resources)?;
        self.session.register(resources)
    }

    /// All that the primary and the secondary installers registered so far, sorted.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn resources(&self) -> Result<Resources, Error> {
        self.session.resources()
    }

    /// Who uses the registered resources now, and what became of those that this session stopped (RmGetList).
    ///
    /// # Errors
    /// [`Error::ProcUnusable`] and [`Error::Storage`].
    pub fn list(&self) -> Result<ApplicationList, Error> {
        listing::list(&self.session, &self.installers())
    }

    /// Stops everybody who uses a registered resource (RmShutdown), reporting progress in percent.
    ///
    /// # Errors
    /// - [`Error::RebootRequired`] (350) when that would not free the resources; nobody was stopped.
    /// - [`Error::NotAllRegistered`] (351) when only registered applications may be stopped and others are
    ///   among them; nobody was stopped.
    /// - [`Error::ShutdownFailed`] (351) when a program of Wine said that it cannot be closed, and then nobody was
    ///   stopped; or when some did not stop. Call [`Primary::restart`] nevertheless:
    ///   others did.
    /// - [`Error::Cancelled`] (1223).
    pub fn shut_down(&self, options: &ShutdownOptions, progress: &mut dyn FnMut(u32)) -> Result<(), Error> {
        let cancel = self.cancel_token();
        check_cancelled(&cancel)?;
        let mut list = self.list()?;
        if !list.reboot_reasons.is_empty() {
            let critical = |it: &Application| Some(refusal(it, &it.critical.as_ref()?.to_string()));
            return Err(Error::RebootRequired {
                reasons: list.reboot_reasons,
                applications: list.applications.iter().filter_map(critical).collect(),
                files: list.unattributed,
            });
        }
        let unregistered: Vec<Refusal> = list
            .running()
            .filter(|it| !it.restartable)
            .map(|it| refusal(it, "it has not registered for restart"))
            .collect();
        if options.only_registered && !unregistered.is_empty() {
            return Err(Error::NotAllRegistered { applications: unregistered });
        }
        self.session.record(&[Action::ShutdownBegun], Outlives::System)?;
        progress(0);
        let mut talk = Talk::default();
        let mut refused = self.query(&list, options, &mut talk)?;
        if !refused.is_empty() {
            return Err(Error::ShutdownFailed { applications: refused });
        }
        // A program may register for restart, or anew, while it is asked (page RegisterApplicationRestart).
        if list.running().any(|it| it.kind.has_windows() && runs_under_wine(it.process)) {
            list = self.list()?;
        }
        for round in 0..ROUNDS {
            let waiting: Vec<Application> = list
                .running()
                .filter(|it| !refused.iter().any(|refusal| refusal.process == it.process))
                .cloned()
                .collect();
            if waiting.is_empty() {
                break;
            }
            if round > 0 && options.only_registered && waiting.iter().any(|it| !it.restartable) {
                refused.extend(
                    waiting.iter().map(|it| refusal(it, "it appeared meanwhile and has not registered")),
                );
                break;
            }
            refused.extend(self.stop_all(waiting, options, &mut talk, &cancel, progress)?);
            list = self.list()?;
        }
        let stayed = |it: &&Application| !refused.iter().any(|refusal| refusal.process == it.process);
        let came_back: Vec<Refusal> = list
            .running()
            .filter(stayed)
            .map(|it| refusal(it, "it came back after it was stopped"))
            .collect();
        refused.extend(came_back);
        progress(100);
        match refused.is_empty() {
            true => Ok(()),
            false => Err(Error::ShutdownFailed { applications: refused }),
        }
    }

    /// Asks those that can be asked before anybody is stopped; who says no cancels the shutdown, unless it is forced.
    fn query(
        &self,
        list: &ApplicationList,
        options: &ShutdownOptions,
        talk: &mut Talk,
    ) -> Result<Vec<Refusal>, Error> {
        let windows = list.running().filter(|it| it.kind.has_windows());
        let asked: Vec<Stopping> = windows.map(|it| restart::prepare(&self.session.store, it)).collect();
        let refused = shutdown::query(&asked, talk, options);
        let actions = refused.iter().filter_map(|refusal| {
            let application = asked.iter().find(|it| it.process == refusal.process)?;
            let reason = refusal.reason.clone();
            let stayed = Action::NotStopped { process: refusal.process, reason };
            Some([Action::Stopping(Box::new(application.clone())), stayed])
        });
        let actions: Vec<Action> = actions.flatten().collect();
        self.session.record(&actions, Outlives::Process)?;
        Ok(refused)
    }

    /// Stops these applications in the documented order, each kind after the other.
    fn stop_all(
        &self,
        applications: Vec<Application>,
        options: &ShutdownOptions,
        talk: &mut Talk,
        cancel: &CancelToken,
        report: &mut dyn FnMut(u32),
    ) -> Result<Vec<Refusal>, Error> {
        // The last percent is for the look at the end.
        let mut scaled = |percent: u32| report(percent * 99 / 100);
        let mut progress = Progress { report: &mut scaled, done: 0, total: applications.len() };
        let mut refused = Vec::new();
        let mut rest = applications;
        while let Some(rank) = rest.iter().map(|it| it.kind.shutdown_rank()).min() {
            check_cancelled(cancel)?;
            let (group, later): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|it| it.kind.shutdown_rank() == rank);
            rest = later;
            let group: Vec<Stopping> =
                group.iter().map(|it| restart::prepare(&self.session.store, it)).collect();
            let (supervised, group): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|it| it.supervised.is_some());
            let (services, group): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|it| it.kind == ApplicationType::Service);
            refused.extend(supervised::stop(&self.session, supervised, options, cancel, &mut progress)?);
            refused.extend(service::stop(&self.session, services, options, cancel, &mut progress)?);
            refused.extend(shutdown::stop(&self.session, group, options, talk, cancel, &mut progress)?);
        }
        Ok(refused)
    }

    /// Starts the applications again that this session stopped and that had registered for restart
    /// (RmRestart), in the reverse order.
    ///
    /// # Errors
    /// - [`Error::OutOfSequence`] (776) before a shutdown.
    /// - [`Error::RestartFailed`] (352) when some could not be started; the others were.
    /// - [`Error::Cancelled`] (1223).
    pub fn restart(&self, progress: &mut dyn FnMut(u32)) -> Result<Vec<Restarted>, Error> {
        let history = self.session.history()?;
        if !history.shutdown_begun {
            return Err(Error::OutOfSequence);
        }
        let outcome = restart::restart(&self.session, &history, &self.cancel_token(), progress)?;
        match outcome.refused.is_empty() {
            true => Ok(outcome.restarted),
            false => Err(Error::RestartFailed { applications: outcome.refused }),
        }
    }

    /// Forbids to shut down, or to restart, an application or service (RmAddFilter). Replaces an earlier
    /// filter for the same.
    ///
    /// # Errors
    /// [`Error::BadArguments`] (160) for a relative path or an empty name.
    pub fn add_filter(&self, filter: Filter) -> Result<(), Error> {
        check_trigger(&filter.trigger)?;
        self.session.change_filters(FilterChange::Add(filter))
    }

    /// Removes the filter for this application or service (RmRemoveFilter).
    ///
    /// # Errors
    /// [`Error::NoSuchFilter`] (2).
    pub fn remove_filter(&self, trigger: &FilterTrigger) -> Result<(), Error> {
        if !self.session.filters()?.0.iter().any(|it| it.trigger == *trigger) {
            return Err(Error::NoSuchFilter);
        }
        self.session.change_filters(FilterChange::Remove(trigger.clone()))
    }

    /// All filters, in the order in which they were added (RmGetFilterList).
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn filters(&self) -> Result<Vec<Filter>, Error> {
        Ok(self.session.filters()?.0)
    }

    /// Ends the session (RmEndSession). Stopped applications that were not restarted stay stopped.
    ///
    /// # Errors
    /// [`Error::SessionEnded`] (6) when it was ended by another process of the owner.
    pub fn end(self) -> Result<(), Error> {
        tracing::debug!(key = %self.session.key, "session ended");
        self.session.remove()
    }

    /// Lets go of the session without ending it, for a later [`Primary::reopen`].
    pub fn detach(self) -> SessionKey {
        self.session.key
    }

    fn installers(&self) -> Vec<u32> {
        let mut installers = vec![std::process::id()];
        if self.owner.pid != std::process::id() {
            installers.push(self.owner.pid);
        }
        installers
    }
}

fn check_cancelled(cancel: &CancelToken) -> Result<(), Error> {
    if cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

fn refusal(application: &Application, reason: &str) -> Refusal {
    Refusal { process: application.process, name: application.name.clone(), reason: reason.to_owned() }
}

/// An application that was started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restarted {
    /// Its name.
    pub name: String,
    /// The process that was stopped.
    pub old: UniqueProcess,
    /// The process that was started.
    pub new: UniqueProcess,
}

fn check_trigger(trigger: &FilterTrigger) -> Result<(), Error> {
    let what = match trigger {
        FilterTrigger::File(path) if !path.is_absolute() => format!("{} is not a full path", path.display()),
        FilterTrigger::Service(name) if name.is_empty() => "a service without a name".to_owned(),
        _ => return Ok(()),
    };
    Err(Error::BadArguments { what })
}

/// Refuses resources that would mean something else in another process.
pub(crate) fn check(resources: &Resources) -> Result<(), Error> {
    let relative: Option<&PathBuf> = resources.files.iter().find(|path| !path.is_absolute());
    if let Some(path) = relative {
        return Err(Error::BadArguments { what: format!("{} is not a full path", path.display()) });
    }
    if resources.services.iter().any(String::is_empty) {
        return Err(Error::BadArguments { what: "a service without a name".to_owned() });
    }
    Ok(())
}

impl Application {
    /// Whether the session has stopped it and not started it again.
    pub fn is_stopped(&self) -> bool {
        self.status.contains(ApplicationStatus::STOPPED) && self.restarted_as.is_none()
    }
}
