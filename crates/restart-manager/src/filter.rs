//! Filters: applications and services that a session must not shut down, or not start again.
//!
//! Follows RmAddFilter, RmRemoveFilter, RmGetFilterList, RM_FILTER_INFO, RM_FILTER_ACTION and
//! RM_FILTER_TRIGGER. The latest filter for a file, a process or a service replaces an earlier one for the
//! same. Where filters for different things concern one application, all of them count.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use serde::{Deserialize, Serialize};

use crate::application::ApplicationStatus;
use crate::critical::open_process;
use crate::lease::identify;
use crate::process::{UniqueProcess, program_path};

/// What a filter forbids (RM_FILTER_ACTION).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FilterAction {
    /// To start it again (RmNoRestart).
    NoRestart = 1,
    /// To shut it down, and so to start it again (RmNoShutdown).
    NoShutdown = 2,
}

/// Whom a filter concerns (RM_FILTER_TRIGGER).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FilterTrigger {
    /// Applications that run this program, by its full path (RmFilterTriggerFile).
    File(#[serde(with = "crate::path_text")] PathBuf),
    /// A process (RmFilterTriggerProcess).
    Process(UniqueProcess),
    /// A service, by its short name (RmFilterTriggerService).
    Service(String),
}

/// A filter of a session (RM_FILTER_INFO).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// What it forbids.
    pub action: FilterAction,
    /// Whom it concerns.
    pub trigger: FilterTrigger,
}

/// One line of a session's record of filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FilterChange {
    Add(Filter),
    Remove(FilterTrigger),
}

/// The filters of a session, the latest last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters(pub(crate) Vec<Filter>);

impl Filters {
    pub(crate) fn of(changes: Vec<FilterChange>) -> Filters {
        let mut filters = Filters::default();
        for change in changes {
            let trigger = match &change {
                FilterChange::Add(filter) => &filter.trigger,
                FilterChange::Remove(trigger) => trigger,
            };
            filters.0.retain(|it| it.trigger != *trigger);
            if let FilterChange::Add(filter) = change {
                filters.0.push(filter);
            }
        }
        filters
    }

    /// What the filters forbid for an application that runs these services, as flags of its status. `program` is what it
    /// runs, where that is known.
    pub(crate) fn mask(
        &self,
        process: UniqueProcess,
        services: &[&str],
        program: Option<&Path>,
    ) -> ApplicationStatus {
        let mut mask = ApplicationStatus::UNKNOWN;
        for filter in &self.0 {
            let concerned = match &filter.trigger {
                FilterTrigger::Process(other) => *other == process,
                FilterTrigger::Service(name) => services.iter().any(|it| names(name, it)),
                FilterTrigger::File(path) => program.is_some_and(|it| it == path) || runs(process, path),
            };
            if concerned {
                mask.insert(match filter.action {
                    FilterAction::NoRestart => ApplicationStatus::RESTART_MASKED,
                    FilterAction::NoShutdown => ApplicationStatus::SHUTDOWN_MASKED,
                });
            }
        }
        mask
    }

    /// Whether a filter forbids to start this service of a supervisor or of Wine again.
    pub(crate) fn forbids_to_start(&self, service: &str) -> bool {
        let is_it = |it: &Filter| matches!(&it.trigger, FilterTrigger::Service(name) if names(name, service));
        self.0.iter().any(is_it)
    }
}

/// Whether a filter's name is that of a service. Windows does not tell letter case in it apart.
fn names(filter: &str, service: &str) -> bool {
    same_service(&filter.to_ascii_lowercase(), &service.to_ascii_lowercase())
}

/// Whether two short names are one service: `nginx` is `nginx.service`.
pub(crate) fn same_service(one: &str, other: &str) -> bool {
    let short = |name: &str| name.strip_suffix(".service").unwrap_or(name).to_owned();
    short(one) == short(other)
}

/// Whether the process runs this file, under whatever name.
fn runs(process: UniqueProcess, path: &Path) -> bool {
    let Ok(folder) = open_process(process.pid) else { return false };
    if program_path(folder.as_fd()).is_ok_and(|program| program == path) {
        return process.is_running();
    }
    match (identify(folder.as_fd(), "exe"), identify(CWD, path)) {
        (Ok((theirs, _)), Ok((named, _))) => theirs == named && process.is_running(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(action: FilterAction, trigger: FilterTrigger) -> FilterChange {
        FilterChange::Add(Filter { action, trigger })
    }

    #[test]
    fn the_latest_filter_for_the_same_thing_wins_and_a_removed_one_is_gone() {
        let process = FilterTrigger::Process(UniqueProcess { pid: 7, start_time: 1 });
        let service = FilterTrigger::Service("a.service".to_owned());
        let filters = Filters::of(vec![
            add(FilterAction::NoShutdown, process.clone()),
            add(FilterAction::NoRestart, service.clone()),
            add(FilterAction::NoRestart, process.clone()),
            FilterChange::Remove(service),
        ]);
        assert_eq!(filters.0, [Filter { action: FilterAction::NoRestart, trigger: process }]);
    }

    #[test]
    fn filters_for_different_things_add_up() {
        let me = UniqueProcess::current().unwrap();
        let program = std::env::current_exe().unwrap();
        let filters = Filters::of(vec![
            add(FilterAction::NoRestart, FilterTrigger::File(program)),
            add(FilterAction::NoShutdown, FilterTrigger::Service("Demo".to_owned())),
        ]);
        assert_eq!(filters.mask(me, &["demo.service"], None).bits(), 0xC0);
        assert!(filters.forbids_to_start("DEMO") && !filters.forbids_to_start("demonstration"));
        assert_eq!(filters.mask(me, &[], None), ApplicationStatus::RESTART_MASKED);
        let earlier = UniqueProcess { start_time: me.start_time - 1, ..me };
        assert_eq!(filters.mask(earlier, &[], None), ApplicationStatus::UNKNOWN, "another process");
    }

    #[test]
    fn a_change_reads_back_as_itself() {
        for trigger in [FilterTrigger::File("/ü x".into()), FilterTrigger::Service("s".to_owned())] {
            let change = add(FilterAction::NoShutdown, trigger);
            let text = serde_json::to_string(&change).unwrap();
            assert_eq!(serde_json::from_str::<FilterChange>(&text).unwrap(), change);
        }
    }
}
