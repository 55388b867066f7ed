//! InstallInitialize, InstallExecute, InstallFinalize, DisableRollback, ForceReboot and ScheduleReboot: the transaction around the script.
//!
//! See the pages `installinitialize-action.md`, `installexecute-action.md`, `installfinalize-action.md`,
//! `disablerollback-action.md`, `forcereboot-action.md` and `schedulereboot-action.md`. Sessions of one installation share one transaction: a nested session that begins while it
//! is open adds to it and leaves the commit to the session that opened it.

use std::fs::File;
use std::io::Write;
use std::mem;
use std::sync::Arc;

use reseat_machine::{Hive, Machine};
use reseat_package::Package;
use reseat_script::{
    ActionFailure, Environment, Execution, Operation, Phase, Problem, Rollback, ScheduledAction, Source,
    SourceError, Step,
};

use crate::custom_action;
use crate::custom_action::asynchronous::{self, AsynchronousScheduled};
use crate::error::EngineError;
use crate::error_message::{followed_by, of_problem, with_causes};
use crate::functions::Surroundings;
use crate::host::CustomActionHost;
use crate::interface::{Message, UserInterface};
use crate::log::service;
use crate::notice::{DisabledBy, Notice};
use crate::policy;
use crate::request::TopLevel;
use crate::script_end;
use crate::session::{Purpose, Session};
use crate::source::Sources;
use crate::suspension;

/// The property that says that rollback is disabled (page `rollbackdisabled.md`).
const ROLLBACK_DISABLED: &str = "RollbackDisabled";

/// Opens the transaction.
pub fn install_initialize(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    session.in_script = true;
    session.set_property("UpdateStarted", "1");
    super::permissions::note(session)?;
    if session.installation.plan.is_some() {
        return Ok(());
    }
    if session.installation.transaction.is_none() {
        open_transaction(session)?;
        session.owns_transaction = true;
    }
    Ok(())
}

fn open_transaction(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let title = session.property("ProductName").unwrap_or_default().to_owned();
    let by_whom = who_disables_rollback(session)?;
    let rollback = if by_whom.is_some() { Rollback::Disabled } else { Rollback::Enabled };
    if let Some(by_whom) = by_whom {
        session.set_property(ROLLBACK_DISABLED, "1");
        session.warn_of_notice(Notice::RollbackDisabled { by: by_whom });
    }
    session.installation.transaction = Some(Execution::begin(session.machine(), &id, &title, rollback)?);
    Ok(())
}

/// How many operations the open transaction has begun.
pub fn operations(session: &Session<'_, '_>) -> u64 {
    session.installation.transaction.as_ref().map_or(0, Execution::operations)
}

/// Undoes what failed in the open transaction, so that the installation can go on; says whether it could. A transaction is
/// undone as a whole: one that had begun anything before, as `operations` says, has to fail with it.
///
/// # Errors
/// When no new transaction can be begun.
pub fn undo_failed(session: &mut Session<'_, '_>, operations: u64) -> Result<bool, EngineError> {
    let Some(transaction) = &session.installation.transaction else { return Ok(true) };
    if transaction.operations() == operations && !transaction.has_failed() {
        return Ok(true);
    }
    if operations > 0 {
        return Ok(false);
    }
    roll_back(session);
    open_transaction(session)?;
    Ok(true)
}

/// Whether a transaction that is opened now can be rolled back.
///
/// # Errors
/// When the policy cannot be read.
pub fn rollback(session: &Session<'_, '_>) -> Result<Rollback, EngineError> {
    Ok(if who_disables_rollback(session)?.is_some() { Rollback::Disabled } else { Rollback::Enabled })
}

/// Why it cannot (page `rollback-installation.md`).
fn who_disables_rollback(session: &Session<'_, '_>) -> Result<Option<DisabledBy>, EngineError> {
    let is_set = |name| session.property(name).is_some();
    Ok(if session.lacks_room_for_rollback {
        Some(DisabledBy::Room)
    } else if is_set("DISABLEROLLBACK") {
        Some(DisabledBy::Property)
    } else if is_set(ROLLBACK_DISABLED) {
        Some(DisabledBy::Package)
    } else if is_disabled_by_policy(session)? {
        Some(DisabledBy::Policy)
    } else {
        None
    })
}

/// Executes what the script holds by now.
pub fn install_execute(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if let Some(operation) = session.installation.pending.take_change() {
        session.add(operation)?;
    }
    let script = mem::take(&mut session.script);
    if script.steps.is_empty() {
        return Ok(());
    }
    let product = session.package.product_code().to_string();
    if let Some(plan) = &mut session.installation.plan {
        return plan.execute(session.installation.machine, &product, script);
    }
    let mut sources = session.take_sources()?;
    let installation = &mut *session.installation;
    let Some(transaction) = installation.transaction.as_mut() else {
        return Err(EngineError::Sequence { action: session.action.clone(), needed: "InstallInitialize" });
    };
    service!("Executing the install script: {} operations", script.steps.len());
    let total = script.units();
    let script = Arc::new(script);
    sources.read_ahead(&script);
    let ending = Running::to_end(installation.machine, installation.interface, installation.host)
        .with_package(&session.package, session.package_file.as_ref());
    let mut environment = Running { sources: Some(sources), total, ..ending };
    transaction.run(&script, &mut environment)?;
    Ok(())
}

/// Executes the rest of the script and commits, when this session opened the transaction.
pub fn install_finalize(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.removes_product() {
        super::registration::unregister_product(session)?;
    }
    if session.installation.plan.is_none() {
        script_end::check(session)?;
    }
    suspension::forget(session)?;
    install_execute(session)?;
    commit(session)?;
    session.is_finished = true;
    Ok(())
}

/// Ends the script, and commits what was executed when this session opened the transaction.
fn commit(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    session.in_script = false;
    if session.owns_transaction
        && let Some(transaction) = session.installation.transaction.take()
    {
        session.owns_transaction = false;
        let installation = &mut *session.installation;
        let mut environment =
            Running::to_end(installation.machine, installation.interface, installation.host)
                .with_package(&session.package, session.package_file.as_ref());
        let committed = transaction.commit(&mut environment);
        drop(environment);
        match committed {
            Ok(report) => {
                for problem in report.problems {
                    warn_of_problem(session, false, &problem);
                }
            }
            Err(failure) => {
                // Still to be rolled back, by whoever ends the installation.
                session.installation.transaction = Some(failure.execution);
                return Err(failure.error.into());
            }
        }
    }
    Ok(())
}

/// Says what went wrong at the end of a transaction.
fn warn_of_problem(session: &mut Session<'_, '_>, undoing: bool, problem: &Problem) {
    let what = with_causes(problem.to_string(), problem);
    let text = Notice::AtEnd { undoing, what: &what }.text(session.installation.interface.language());
    let message = of_problem(problem);
    let text = match &message {
        Some(message) => followed_by(session.message_text(message), &text),
        None => text,
    };
    session.tell(&Message::Warning { number: message.map(|message| message.number()), text });
}

/// Ends a sequence before InstallFinalize, which would have executed and committed the script: nothing of it remains.
pub fn abandon(session: &mut Session<'_, '_>) {
    session.ended_early = !session.is_finished;
    session.script.steps.clear();
    session.in_script = false;
    if session.owns_transaction {
        roll_back(session);
        session.owns_transaction = false;
    }
}

/// Undoes what the transaction has done, when it is still open.
pub fn roll_back(session: &mut Session<'_, '_>) {
    let installation = &mut *session.installation;
    if let Some(transaction) = installation.transaction.take() {
        service!("Rolling back");
        let mut environment =
            Running::to_end(installation.machine, installation.interface, installation.host)
                .with_package(&session.package, session.package_file.as_ref());
        let report = transaction.roll_back(&mut environment);
        environment.start_services();
        drop(environment);
        for problem in report.problems {
            warn_of_problem(session, true, &problem);
        }
        if !report.complete && !report.disabled {
            session.warn_of_notice(Notice::RollbackIncomplete);
        }
    }
}

/// Keeps nothing for a rollback of what follows; before InstallInitialize, of anything (page `disablerollback-action.md`).
pub fn disable_rollback(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    session.set_property(ROLLBACK_DISABLED, "1");
    if session.in_script {
        session.warn_of_notice(Notice::RollbackDisabled { by: DisabledBy::PackageFromHere });
        session.add(Operation::DisableRollback)?;
    }
    Ok(())
}

/// The policy DisableRollback (page `disablerollback.md`): that of the user for an installation for this user, else that of the
/// machine.
fn is_disabled_by_policy(session: &Session<'_, '_>) -> Result<bool, EngineError> {
    let hive = if session.is_per_machine() { Hive::LocalMachine } else { Hive::CurrentUser };
    Ok(policy::is_on(session.machine(), hive, "DisableRollback")?)
}

/// Stops the installation for a restart of Windows, after which it goes on (page `forcereboot-action.md`). REBOOT suppresses
/// that; a product that is removed for another one waits for the end.
pub fn force_reboot(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let suppressed = session.property("REBOOT").is_some_and(|value| value.starts_with(['R', 'r']));
    let is_outer = session.purpose == Purpose::Requested && session.top_level == TopLevel::Install;
    if suppressed || !is_outer || session.installation.plan.is_some() {
        return schedule_reboot(session);
    }
    suspension::write(session)?;
    install_execute(session)?;
    commit(session)?;
    session.installation.suspended = true;
    Err(EngineError::Suspended { action: session.action.clone() })
}

/// Says at the end that a restart is needed.
pub fn schedule_reboot(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    session.installation.restart_required = true;
    if let Some(plan) = &mut session.installation.plan {
        plan.restart("the package asks for it".to_owned());
    }
    Ok(())
}

/// What a running script needs of the engine.
pub struct Running<'r> {
    /// Where files come from; nothing while a transaction ends.
    pub sources: Option<Sources>,
    /// What its actions run in.
    pub surroundings: Surroundings<'r>,
    /// What runs custom actions.
    pub host: &'r dyn CustomActionHost,
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
}

impl<'r> Running<'r> {
    /// What the end of a transaction needs: no sources, and nobody waits for its progress.
    pub fn to_end(
        machine: &'r Machine,
        interface: &'r mut dyn UserInterface,
        host: &'r dyn CustomActionHost,
    ) -> Self {
        let surroundings = Surroundings {
            machine,
            interface,
            package: None,
            package_file: None,
            asynchronous: AsynchronousScheduled::default(),
            services_to_start: Vec::new(),
        };
        Self { sources: None, surroundings, host, done: 0, total: 0 }
    }

    /// Starts the services that a rollback has noted.
    pub fn start_services(&mut self) {
        custom_action::service_control::start_again(self.host, &mut self.surroundings);
    }

    /// The same with the package of the session.
    fn with_package(mut self, package: &Arc<Package>, file: Option<&Arc<File>>) -> Self {
        self.surroundings.package = Some(package.clone());
        self.surroundings.package_file = file.cloned();
        self
    }
}

impl Environment for Running<'_> {
    fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
        match &mut self.sources {
            Some(sources) => sources.copy(source, out),
            None => Err("no source is open".into()),
        }
    }

    fn run_action(&mut self, action: &ScheduledAction, phase: Phase) -> Result<(), ActionFailure> {
        service!("Executing op: {} ({phase:?})", action.action);
        custom_action::run_scheduled(self.host, action, phase, &mut self.surroundings)
    }

    fn finish_actions(&mut self, has_succeeded: bool) -> Option<(String, ActionFailure)> {
        asynchronous::end_scheduled(&mut self.surroundings, has_succeeded)
    }

    fn progress(&mut self, step: &Step, units: u64) {
        asynchronous::serve_scheduled(&mut self.surroundings);
        self.done = self.done.saturating_add(units);
        service!("Executing op: {}", step.operation.describe());
        let progress = Message::Progress { done: self.done, total: self.total };
        self.surroundings.interface.message(&progress);
    }

    fn cancelled(&self) -> bool {
        self.surroundings.interface.cancelled()
    }
}
