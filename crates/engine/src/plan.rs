//! Seeing before: acquisition without execution (page `installation-mechanism.md`).
//!
//! A plan walks the same sequence as an installation, with the same actions. What differs: no transaction is opened, no
//! Restart Manager session, nobody is closed, and operations are kept instead of executed. Immediate custom actions that
//! are programs are not run unless the user asks for it: they may change the machine, and what they would set is not
//! known to the plan. What would stop the installation where a plan can go on is an obstacle.

use std::collections::HashSet;
use std::path::PathBuf;

use reseat_machine::{Machine, WindowsPath};
use reseat_package::file_versioning::Decision;
use reseat_package::{CustomAction, CustomActionKind, Execution, InstallState};
use reseat_restart_manager::Store;
use reseat_script::{InstallScript, Operation, Step};
use serde::Serialize;

use crate::actions::install_validate;
use crate::custom_action;
use crate::error::EngineError;
use crate::host::CustomActionHost;
use crate::installation::{self, ProductChange};
use crate::interface::UserInterface;
use crate::request::Request;
use crate::restart::{self, Control, Shutdown};
use crate::script_end;
use crate::selection::PlannedFile;
use crate::session::Session;

/// What becomes of immediate custom actions that are programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImmediateActions {
    /// They are named and not run.
    Name,
    /// They run as in an installation, and may change the machine.
    Run,
}

/// What an installation would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The product's code.
    pub product: String,
    /// The product's name.
    pub name: String,
    /// The product's version.
    pub version: String,
    /// What would become of the product.
    pub change: ProductChange,
    /// Whether it is for all users.
    pub per_machine: bool,
    /// The features with their states.
    pub features: Vec<FeaturePlan>,
    /// The components with their states.
    pub components: Vec<ComponentPlan>,
    /// The files of components that are installed, each with its decision and the reason.
    pub files: Vec<FilePlan>,
    /// Products that an upgrade would remove.
    pub replaced: Vec<ReplacedProduct>,
    /// The custom actions whose conditions hold, in their order.
    pub custom_actions: Vec<ActionPlan>,
    /// Who uses files that would be replaced or removed.
    pub applications: Vec<ApplicationPlan>,
    /// The space needed on each volume.
    pub volumes: Vec<VolumePlan>,
    /// Why something would have to be started again; empty when nothing would.
    pub restart: Vec<String>,
    /// What would stop the installation.
    pub obstacles: Vec<String>,
    /// The operations in the order in which they would be executed.
    pub steps: Vec<PlannedStep>,
}

/// A feature in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct FeaturePlan {
    /// Its name.
    pub feature: String,
    /// Its state before.
    pub installed: String,
    /// The state asked for.
    pub requested: String,
    /// The state that it gets.
    pub action: String,
    /// Its level after the Condition table.
    pub level: i32,
}

/// A component in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ComponentPlan {
    /// Its name.
    pub component: String,
    /// Its code.
    pub id: Option<String>,
    /// Its state before.
    pub installed: String,
    /// The state asked for.
    pub requested: String,
    /// The state that it gets.
    pub action: String,
    /// Its folder.
    pub folder: String,
    /// Why it does not get the state asked for.
    pub reason: Option<String>,
}

/// A file in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct FilePlan {
    /// Its key in the File table.
    pub file: String,
    /// Its component.
    pub component: String,
    /// Where it goes.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// `install`, `overwrite` or `keep`.
    pub decision: &'static str,
    /// Why.
    pub reason: String,
}

/// A product that an upgrade would remove.
#[derive(Debug, Clone, Serialize)]
pub struct ReplacedProduct {
    /// Its code.
    pub product: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A custom action in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ActionPlan {
    /// Its name.
    pub action: String,
    /// Its type, as the CustomAction table has it.
    #[serde(rename = "type")]
    pub kind: i32,
    /// `immediate`, `deferred`, `rollback` or `commit`.
    pub when: &'static str,
    /// What it is.
    pub what: String,
    /// What becomes of it in an installation.
    pub outcome: ActionOutcome,
    /// Why it cannot run here.
    pub reason: Option<String>,
    /// Whether it is an immediate program that this plan has only named: what it would set is not in the plan.
    #[serde(rename = "named_only")]
    pub is_named_only: bool,
}

/// What becomes of a custom action in an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionOutcome {
    /// It runs.
    Runs,
    /// It was run for this plan, and runs again in the installation.
    WasRun,
    /// The user skips it.
    Skipped,
    /// It cannot run here.
    Unsupported,
}

/// An application in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ApplicationPlan {
    /// Its name.
    pub name: String,
    /// Its process.
    pub pid: u32,
    /// The service that it is.
    pub service: Option<String>,
    /// Whether it would be closed; when the user is asked, the answer decides.
    pub closed: bool,
    /// Whether it would be started again.
    pub restarted: bool,
    /// Why it is never closed.
    pub critical: Option<String>,
    /// The files that it uses.
    pub files: Vec<PathBuf>,
}

/// A volume in a plan.
#[derive(Debug, Clone, Serialize)]
pub struct VolumePlan {
    /// The drive.
    pub volume: String,
    /// Bytes needed.
    pub needed: u64,
    /// Bytes free.
    pub free: u64,
}

/// An operation in a plan.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// The product on whose behalf it is done: another one when an upgrade removes it.
    pub product: String,
    /// The action and the operation.
    pub step: Step,
}

/// What planning collects while the sequence is walked.
pub(crate) struct Draft {
    immediate: ImmediateActions,
    files: Vec<FilePlan>,
    replaced: Vec<ReplacedProduct>,
    custom_actions: Vec<ActionPlan>,
    applications: Vec<ApplicationPlan>,
    volumes: Vec<VolumePlan>,
    restart: Vec<String>,
    obstacles: Vec<String>,
    steps: Vec<PlannedStep>,
    /// Files that the operations so far would have removed.
    removed: HashSet<WindowsPath>,
}

impl Draft {
    fn new(immediate: ImmediateActions) -> Self {
        Self {
            immediate,
            files: Vec::new(),
            replaced: Vec::new(),
            custom_actions: Vec::new(),
            applications: Vec::new(),
            volumes: Vec::new(),
            restart: Vec::new(),
            obstacles: Vec::new(),
            steps: Vec::new(),
            removed: HashSet::new(),
        }
    }

    /// Keeps the operations that an installation would execute now. What they do to the registry is done in memory, where
    /// later actions look.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn execute(
        &mut self,
        machine: &Machine,
        product: &str,
        script: InstallScript,
    ) -> Result<(), EngineError> {
        for step in script.steps {
            step.operation.rehearse(machine).map_err(|fault| EngineError::Rehearsal {
                operation: step.operation.describe(),
                source: Box::new(fault),
            })?;
            match &step.operation {
                Operation::RemoveFile(file) => {
                    self.removed.insert(file.path.clone());
                }
                Operation::MoveFile(file) => {
                    self.removed.insert(file.from.clone());
                    self.removed.remove(&file.to);
                }
                Operation::InstallFile(file) => {
                    self.removed.remove(&file.path);
                }
                _ => {}
            }
            self.steps.push(PlannedStep { product: product.to_owned(), step });
        }
        Ok(())
    }

    /// Whether a file would have been removed by now.
    pub fn has_removed(&self, path: &WindowsPath) -> bool {
        self.removed.contains(path)
    }

    /// Notes what is decided about a file.
    pub fn decided(&mut self, file: &PlannedFile, path: &WindowsPath, decision: &Decision) {
        use reseat_package::file_versioning::Reason;
        self.files.push(FilePlan {
            file: file.row.file.to_string(),
            component: file.row.component.to_string(),
            path: path.to_string(),
            bytes: file.row.bytes(),
            decision: match (decision.overwrite, decision.reason) {
                (true, Reason::NoExistingFile) => "install",
                (true, _) => "overwrite",
                (false, _) => "keep",
            },
            reason: decision.reason.to_string(),
        });
    }

    /// Notes a product that would be removed.
    pub fn replaces(&mut self, replaced: ReplacedProduct) {
        self.replaced.push(replaced);
    }

    /// Notes what would stop the installation.
    pub fn obstacle(&mut self, text: String) {
        if !self.obstacles.contains(&text) {
            self.obstacles.push(text);
        }
    }

    /// Notes the space that is needed.
    pub fn volume(&mut self, volume: VolumePlan) {
        match self.volumes.iter_mut().find(|known| known.volume == volume.volume) {
            Some(known) => known.needed = known.needed.saturating_add(volume.needed),
            None => self.volumes.push(volume),
        }
    }

    /// Notes why something would have to be started again.
    pub fn restart(&mut self, text: String) {
        if !self.restart.contains(&text) {
            self.restart.push(text);
        }
    }
}

/// Finds out what a request would do, and changes nothing, but for custom actions that are asked to run.
///
/// # Errors
/// What would end the installation, when a plan cannot go on behind it: as [`installation::install`].
pub fn plan(
    machine: &Machine,
    request: &Request,
    immediate: ImmediateActions,
    interface: &mut dyn UserInterface,
    host: &dyn CustomActionHost,
) -> Result<Plan, EngineError> {
    let (mut installation, subject, _lock) = installation::prepare(machine, request, interface, host)?;
    installation.plan = Some(Draft::new(immediate));
    let mut session = installation::begin_requested(&mut installation, subject)?;
    let result = crate::support::check(&mut session).and_then(|()| session.run());
    machine.discard_registry_changes();
    result?;
    let change = session.change();
    let (features, components) = states(&session)?;
    let plan = session.installation.plan.take().unwrap_or_else(|| Draft::new(immediate));
    Ok(Plan {
        product: session.package.product_code().to_string(),
        name: session.package.name().to_owned(),
        version: session.property("ProductVersion").unwrap_or_default().to_owned(),
        change,
        per_machine: session.is_per_machine(),
        features,
        components,
        files: plan.files,
        replaced: plan.replaced,
        custom_actions: plan.custom_actions,
        applications: plan.applications,
        volumes: plan.volumes,
        restart: plan.restart,
        obstacles: plan.obstacles,
        steps: plan.steps,
    })
}

fn states(session: &Session<'_, '_>) -> Result<(Vec<FeaturePlan>, Vec<ComponentPlan>), EngineError> {
    let selection = session.selection()?;
    let features = selection.features().map(|state| FeaturePlan {
        feature: state.feature.to_string(),
        installed: words(state.installed),
        requested: if state.reinstall { "reinstall".to_owned() } else { words(state.requested) },
        action: if state.reinstall { "reinstall".to_owned() } else { words(state.action) },
        level: state.level,
    });
    let components = selection.components().map(|(row, state)| ComponentPlan {
        component: state.component.to_string(),
        id: row.id.map(|id| id.to_string()),
        installed: words(state.installed),
        requested: words(state.requested),
        action: words(state.action),
        folder: selection.component_folder(&row.component).unwrap_or_default(),
        reason: state.limit.map(|limit| limit.to_string()),
    });
    Ok((features.collect(), components.collect()))
}

fn words(state: InstallState) -> String {
    match state {
        InstallState::Unknown => "-".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// Notes a custom action; gives whether it is to run all the same.
///
/// # Errors
/// When its row is wrong.
pub(crate) fn note_action(session: &mut Session<'_, '_>, row: &CustomAction) -> Result<bool, EngineError> {
    let Some(immediate) = session.installation.plan.as_ref().map(|plan| plan.immediate) else {
        return Ok(true);
    };
    let action = custom_action::decode(row)?;
    let unsupported = custom_action::unsupported(session, row)?;
    let engines_own = matches!(
        action.kind,
        CustomActionKind::Error { .. }
            | CustomActionKind::SetProperty { .. }
            | CustomActionKind::SetDirectory { .. }
    );
    let is_immediate = matches!(action.execution, Execution::Immediate(_));
    let runs_now = engines_own || (is_immediate && immediate == ImmediateActions::Run);
    let request = session.installation.request;
    let (outcome, runs) = if unsupported.is_some() {
        (ActionOutcome::Unsupported, false)
    } else if !engines_own && request.custom_actions.skips(&row.action) {
        (ActionOutcome::Skipped, false)
    } else if is_immediate && runs_now && !engines_own {
        (ActionOutcome::WasRun, true)
    } else {
        (ActionOutcome::Runs, runs_now)
    };
    if session.is_finished && !is_immediate && outcome == ActionOutcome::Runs {
        script_end::note(session);
    }
    let refused = custom_action::obstacle(session, row)?.is_some()
        && !request.skip_unsupported
        && !request.custom_actions.skips(&row.action);
    let planned = ActionPlan {
        action: row.action.to_string(),
        kind: row.kind,
        when: match action.execution {
            Execution::Immediate(_) => "immediate",
            Execution::Deferred => "deferred",
            Execution::Rollback => "rollback",
            Execution::Commit => "commit",
        },
        what: describe(row, &action.kind),
        outcome,
        reason: unsupported,
        is_named_only: is_immediate && !runs && outcome == ActionOutcome::Runs,
    };
    if let Some(plan) = &mut session.installation.plan {
        if refused {
            let reason = planned.reason.as_deref().unwrap_or_default();
            plan.obstacle(format!("not supported yet: custom action {} ({reason})", planned.action));
        }
        plan.custom_actions.push(planned);
    }
    Ok(runs)
}

fn describe(row: &CustomAction, kind: &CustomActionKind) -> String {
    let source = row.source.as_deref().unwrap_or_default();
    match kind {
        CustomActionKind::Library { entry_point, .. } => format!("function {entry_point} of {source}"),
        CustomActionKind::Program { .. } if source.is_empty() => "program".to_owned(),
        CustomActionKind::Program { .. } => format!("program {source}"),
        CustomActionKind::Script { language, .. } => format!("{language:?} {source}").trim_end().to_owned(),
        CustomActionKind::Error { .. } => "ends with a message".to_owned(),
        CustomActionKind::SetDirectory { directory, .. } => format!("sets the folder {directory}"),
        CustomActionKind::SetProperty { property, .. } => format!("sets the property {property}"),
        CustomActionKind::NestedInstall { .. } => format!("installs {source}"),
    }
}

/// Notes who uses files that would be replaced or removed, and what would become of them, without closing anybody.
///
/// # Errors
/// When the registry or the list of processes cannot be read.
pub(crate) fn note_users(
    session: &mut Session<'_, '_>,
    affected: &[WindowsPath],
    files: &[PathBuf],
) -> Result<(), EngineError> {
    if files.is_empty() {
        return Ok(());
    }
    let request = session.installation.request;
    let control = if request.platform.has_restart_manager() {
        restart::control(session.machine(), session.property("MSIRESTARTMANAGERCONTROL"))?
    } else {
        Control::Off
    };
    let store = Store::open().ok();
    let list = reseat_restart_manager::applications(store.as_ref(), files)?;
    let shutdown = Shutdown::from_property(session.property("MSIRMSHUTDOWN"));
    let all_registered = list.running().all(|application| application.restartable);
    let closes = control == Control::Full && (shutdown != Shutdown::OnlyRegistered || all_registered);
    let restarts = session.property("MSIDISABLERMRESTART") != Some("1");
    let Some(plan) = &mut session.installation.plan else { return Ok(()) };
    let mut in_use = HashSet::new();
    for application in &list.applications {
        let closed = closes && application.critical.is_none();
        plan.applications.push(ApplicationPlan {
            name: application.name.clone(),
            pid: application.process.pid,
            service: application.service.clone(),
            closed,
            restarted: closed && application.restartable && restarts,
            critical: application.critical.as_ref().map(ToString::to_string),
            files: application.files.clone(),
        });
        if !closed {
            let (name, pid) = (&application.name, application.process.pid);
            plan.restart(format!(
                "{name} (process {pid}) would go on, and the files that it uses would stay until a restart"
            ));
            in_use.extend(&application.files);
        }
    }
    for file in &list.unattributed {
        plan.restart(format!("{} is in use by something that could not be found", file.display()));
        in_use.insert(file);
    }
    install_validate::hold(session, &in_use, affected, files);
    Ok(())
}
