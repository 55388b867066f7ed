//! Services of runit, s6 and supervisord, stopped and started with the supervisor's own tool, and those of a Wine, by its
//! service manager. A signal would be
//! undone by the supervisor at once. Which processes belong to one is in `supervisor`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::application::{Application, ApplicationType};
use crate::cancel::CancelToken;
use crate::critical::CriticalReason;
use crate::error::{Error, Refusal};
use crate::history::Stopping;
use crate::inside_wine::{WineServiceOrder, control_services};
use crate::process::UniqueProcess;
use crate::service;
use crate::service_manager::finish;
use crate::session::Session;
use crate::shutdown::{Progress, ShutdownOptions};
use crate::supervisor::{ANSWER_PATIENCE, Known, Supervisor, control, named, recorded_pid, status};

/// How long a service may take to start.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A service of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Supervised {
    pub(crate) supervisor: Supervisor,
    /// The service's folder; of supervisord the configuration, if it was given one; of Wine the prefix.
    #[serde(with = "crate::path_text")]
    pub(crate) place: PathBuf,
    /// The name by which the supervisor's tool knows it.
    pub(crate) name: String,
    /// Other services of Wine that run in the same process.
    #[serde(default)]
    pub(crate) others: Vec<String>,
    /// Services of Wine in other processes that stop along with these.
    #[serde(default)]
    pub(crate) dependents: Vec<String>,
}

impl fmt::Display for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Supervised {
    pub(crate) fn new(supervisor: Supervisor, place: PathBuf, name: String) -> Supervised {
        Supervised { supervisor, place, name, others: Vec::new(), dependents: Vec::new() }
    }

    /// Whether both are one service, although more may have stopped along with it the second time.
    pub(crate) fn is_same(&self, other: &Supervised) -> bool {
        (self.supervisor, &self.place, &self.name) == (other.supervisor, &other.place, &other.name)
    }

    /// The services of its process.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.others)
    }

    /// It with those of its names that may be started again; `None` when none of its process may.
    pub(crate) fn only(&self, is_allowed: impl Fn(&str) -> bool) -> Option<Supervised> {
        let mut own = self.own_names().filter(|it| is_allowed(it)).cloned();
        let name = own.next()?;
        let dependents = self.dependents.iter().filter(|it| is_allowed(it)).cloned().collect();
        Some(Supervised { name, others: own.collect(), dependents, ..self.clone() })
    }

    /// Asks something of these services of Wine.
    fn control_in_wine(
        &self,
        order: WineServiceOrder,
        patience: Duration,
    ) -> Result<Option<UniqueProcess>, String> {
        let names: Vec<String> = self.own_names().chain(&self.dependents).cloned().collect();
        control_services(&self.place, &names, order, patience)
    }

    /// The name by which the supervisor's tool knows it, or that of its folder.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, program: &str, arguments: &[&str], patience: Duration) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(arguments).arg(&self.place).env("LC_ALL", "C");
        finish(&mut command, patience + ANSWER_PATIENCE).map_err(|it| it.reason)
    }

    fn control(&self, action: &str, patience: Duration) -> Result<String, String> {
        control(&self.place, &[action, &self.name], patience + ANSWER_PATIENCE).map_err(|it| it.reason)
    }

    /// Stops it and waits for that.
    fn stop(&self, patience: Duration, force: bool) -> Result<(), String> {
        let seconds = patience.as_secs().max(1).to_string();
        match self.supervisor {
            Supervisor::Runit if force => {
                // When it had to kill, it says that as an error; so it is asked once more.
                let killed = self.run("sv", &["-w", &seconds, "force-stop"], patience);
                killed.or_else(|_| self.run("sv", &["-w", "5", "stop"], ANSWER_PATIENCE))
            }
            Supervisor::Runit => self.run("sv", &["-w", &seconds, "stop"], patience),
            Supervisor::S6 => {
                let asked = self.run("s6-svc", &["-d"], ANSWER_PATIENCE)?;
                if !self.wait(patience, Option::is_none) && force {
                    self.run("s6-svc", &["-kd"], ANSWER_PATIENCE)?;
                    self.wait(ANSWER_PATIENCE, Option::is_none);
                }
                Ok(asked)
            }
            // By its own configuration it ends what does not stop.
            Supervisor::Supervisord => self.control("stop", patience),
            // It has looked at its process too.
            Supervisor::Wine => return self.stop_in_wine(patience, force),
        }?;
        match self.process() {
            None => Ok(()),
            Some(pid) => Err(format!("it still runs, or again, as process {pid}")),
        }
    }

    /// Starts it, waits for that, and gives its process.
    fn start(&self) -> Result<UniqueProcess, String> {
        let seconds = START_PATIENCE.as_secs().to_string();
        let result = match self.supervisor {
            Supervisor::Runit => self.run("sv", &["-w", &seconds, "start"], START_PATIENCE),
            Supervisor::S6 => self.run("s6-svc", &["-u"], ANSWER_PATIENCE).inspect(|_| {
                self.wait(START_PATIENCE, Option::is_some);
            }),
            Supervisor::Supervisord => self.control("start", START_PATIENCE),
            Supervisor::Wine => {
                let started = self.control_in_wine(WineServiceOrder::Start, START_PATIENCE)?;
                return started.ok_or_else(|| format!("{self} was started and has no process"));
            }
        };
        // One that runs already is no failure.
        match (self.process().and_then(UniqueProcess::of), result) {
            (Some(process), _) => Ok(process),
            (None, Err(reason)) => Err(reason),
            (None, Ok(_)) => Err(format!("{self} was started and has no process")),
        }
    }

    fn stop_in_wine(&self, patience: Duration, force: bool) -> Result<(), String> {
        let control = |order| self.control_in_wine(order, patience);
        let stopped = control(WineServiceOrder::Stop);
        if stopped.is_err()
            && force
            && let Some(process) = control(WineServiceOrder::Look)?
        {
            // It may just have ended, and the next look says whether it has.
            let _ = process.pin().and_then(|pinned| pinned.send(Signal::KILL));
            return control(WineServiceOrder::Stop).map(|_| ());
        }
        stopped.map(|_| ())
    }

    /// Waits until the service has a process, or none; whether that came about.
    fn wait(&self, patience: Duration, wanted: fn(&Option<u32>) -> bool) -> bool {
        let until = Instant::now() + patience;
        while !wanted(&self.process()) {
            if Instant::now() >= until {
                return false;
            }
            // The supervisor tells nobody but those who ask.
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// The process that the supervisor knows of.
    fn process(&self) -> Option<u32> {
        match self.supervisor {
            Supervisor::Runit => recorded_pid(&self.place),
            Supervisor::S6 => {
                let answer = self.run("s6-svstat", &["-o", "pid"], ANSWER_PATIENCE).ok()?;
                answer.trim().parse().ok()
            }
            Supervisor::Wine => {
                Some(self.control_in_wine(WineServiceOrder::Look, ANSWER_PATIENCE).ok()??.pid)
            }
            Supervisor::Supervisord => {
                let status = status(&self.place)?;
                named(&status).find(|(name, _)| *name == self.name).and_then(|it| it.1)
            }
        }
    }
}

/// Tells services of supervisors among these applications.
pub(crate) fn classify(applications: &mut [Application]) {
    let mut own = None;
    let mut known = Known::default();
    for application in applications.iter_mut().filter(|it| it.critical.is_none()) {
        let critical = match known.service_of(application.process.pid) {
            Ok(None) => continue,
            Ok(Some(service)) => {
                application.service = Some(service.name.clone());
                let own = own.get_or_insert_with(|| known.service_of(std::process::id()).ok().flatten());
                let critical = (own.as_ref() == Some(&service)).then_some(CriticalReason::InstallersService);
                application.supervised = Some(service);
                critical
            }
            Err(reason) => Some(reason),
        };
        application.kind = match critical {
            Some(_) => ApplicationType::Critical,
            None => ApplicationType::Service,
        };
        application.restartable = critical.is_none();
        application.critical = critical;
    }
}

/// Stops the services of these applications and says which did not stop.
pub(crate) fn stop(
    session: &Session,
    applications: Vec<Stopping>,
    options: &ShutdownOptions,
    cancel: &CancelToken,
    progress: &mut Progress<'_>,
) -> Result<Vec<Refusal>, Error> {
    let mut services: BTreeMap<Supervised, Vec<Stopping>> = BTreeMap::new();
    for application in applications {
        if let Some(service) = application.supervised.clone() {
            services.entry(service).or_default().push(application);
        }
    }
    // What needs others is stopped before them.
    let mut services: Vec<(Supervised, Vec<Stopping>)> = services.into_iter().collect();
    services.sort_by_key(|(service, _)| service.dependents.len());
    let mut refused = Vec::new();
    for (supervised, members) in services {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let result = service::stop_group(session, &members, || {
            supervised.stop(options.service_timeout, options.force)
        })?;
        if let Err(reason) = &result {
            let reason = format!("{supervised}: {reason}");
            refused.extend(members.iter().map(|it| service::refusal(it, &reason)));
        }
        progress.step(members.len());
    }
    Ok(refused)
}

/// Starts a service again; gives its process.
pub(crate) fn start(service: &Supervised) -> Result<UniqueProcess, String> {
    service.start().map_err(|reason| format!("{service}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_started_again_is_left_out_and_the_rest_of_the_process_is_started() {
        let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
        let service = Supervised {
            others: names(&["Two"]),
            dependents: names(&["Three", "Four"]),
            ..Supervised::new(Supervisor::Wine, "/prefix".into(), "One".to_owned())
        };
        let kept = service.only(|name| !["One", "Three"].contains(&name)).unwrap();
        assert!(kept.own_names().eq(["Two"]));
        assert_eq!(kept.dependents, ["Four"]);
        assert_eq!(service.only(|name| !["One", "Two"].contains(&name)), None);
        assert!(service.is_same(&Supervised { dependents: Vec::new(), ..service.clone() }));
    }
}
