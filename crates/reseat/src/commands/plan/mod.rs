//! `reseat plan`: what an installation would do.

mod changes;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use reseat_custom_actions::{Hosts, Sandbox};
use reseat_engine::{ActionOutcome, ImmediateActions, Plan, Target};
use serde_json::{Value, json};

use crate::arguments::{self, Global, Progress};
use crate::commands::install;
use crate::failure::Failure;
use crate::output;
use crate::prefix;
use crate::terminal::Terminal;
use crate::verbose_log::VerboseLog;
use changes::{PlannedChange, REGISTRATION, SECTIONS};

/// Prints what installing a package would do.
pub fn run(global: &Global, arguments: arguments::Plan) -> Result<ExitCode, Failure> {
    let arguments::Plan { package, properties, run_custom_actions, presented } = arguments;
    if presented.recover {
        return Err(Failure::usage("a plan changes nothing, so --recover is not for it; see reseat recover"));
    }
    let request = install::request(global, Target::Package(package), &properties, &presented)?;
    reseat_engine::open_package(&request)?;
    let prepared = prefix::open_or_pretend(global)?;
    // What was made for the plan goes with it, whatever is written there.
    let wanted = if prepared.is_pretended() { Sandbox::WritesPrefix } else { Sandbox::WritesNothing };
    let sandbox = install::sandbox(&presented, wanted)?;
    let mut terminal = Terminal::new(global, Progress::None);
    let host = Hosts::find(&prepared.machine).with_sandbox(sandbox);
    if sandbox == Sandbox::WritesPrefix {
        prefix::share_sandbox(&prepared.machine, &host);
    }
    let immediate =
        if run_custom_actions || presented.sandbox { ImmediateActions::Run } else { ImmediateActions::Name };
    let mut work = || reseat_engine::plan(&prepared.machine, &request, immediate, &mut terminal, &host);
    let plan = match &presented.log {
        None => work(),
        Some(path) => tracing::subscriber::with_default(Arc::new(VerboseLog::open(path, false)?), work),
    };
    let plan = plan?;
    let changes: Vec<PlannedChange> = plan.steps.iter().filter_map(changes::change).collect();
    let code = if plan.obstacles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let mut text = Vec::new();
    if global.json {
        output::write_json(&as_json(&plan, &changes, &terminal.warnings), &mut text)?;
    } else {
        write_text(&plan, &changes, &mut text)?;
    }
    let text = reseat_engine::masked(&String::from_utf8_lossy(&text));
    output::write(code, |out| out.write_all(text.as_bytes()))
}

fn as_json(plan: &Plan, changes: &[PlannedChange], warnings: &[String]) -> Value {
    let mut value = json!({
        "product": plan.product,
        "name": plan.name,
        "version": plan.version,
        "change": plan.change.to_string(),
        "context": if plan.per_machine { "machine" } else { "user" },
        "features": plan.features,
        "components": plan.components,
        "files": plan.files,
        "replaced": plan.replaced,
        "custom_actions": plan.custom_actions,
        "applications": plan.applications,
        "volumes": plan.volumes,
        "restart": plan.restart,
        "obstacles": plan.obstacles,
        "warnings": warnings,
        "operations": plan.steps.iter().map(|step| step.step.operation.describe()).collect::<Vec<_>>(),
    });
    if let Value::Object(object) = &mut value {
        for (name, _) in SECTIONS {
            let of_section: Vec<_> = changes.iter().filter(|change| change.section == *name).collect();
            object.insert((*name).to_owned(), json!(of_section));
        }
    }
    value
}

fn write_text(plan: &Plan, changes: &[PlannedChange], out: &mut impl Write) -> io::Result<()> {
    let whose = if plan.per_machine { "for all users" } else { "for the user" };
    writeln!(out, "{} {} would be {} {whose}", plan.name, plan.version, plan.change)?;
    for product in &plan.replaced {
        writeln!(out, "{} {} would be removed for it", product.name, product.version)?;
    }
    list(out, "Obstacles", &plan.obstacles)?;
    table(
        out,
        "Features",
        &["feature", "level", "installed", "requested", "action"],
        plan.features.iter().map(|it| {
            let states = [&it.feature, &it.level.to_string(), &it.installed, &it.requested, &it.action];
            states.map(Clone::clone).to_vec()
        }),
    )?;
    table(
        out,
        "Components",
        &["component", "installed", "requested", "action", "folder", "remark"],
        plan.components.iter().map(|it| {
            let remark = it.reason.clone().unwrap_or_default();
            let states = [&it.component, &it.installed, &it.requested, &it.action, &it.folder, &remark];
            states.map(Clone::clone).to_vec()
        }),
    )?;
    table(
        out,
        "Files",
        &["decision", "bytes", "path", "reason"],
        plan.files
            .iter()
            .map(|it| vec![it.decision.to_owned(), it.bytes.to_string(), it.path.clone(), it.reason.clone()]),
    )?;
    for (name, heading) in SECTIONS.iter().filter(|(name, _)| *name != REGISTRATION) {
        let of_section = changes.iter().filter(|change| change.section == *name);
        table(
            out,
            heading,
            &["does", "what", "value", "type"],
            of_section.map(|it| {
                let value = changes::shortened(it.value.as_deref().unwrap_or_default());
                vec![it.does.to_owned(), it.what.clone(), value, it.kind.unwrap_or_default().to_owned()]
            }),
        )?;
    }
    // Every installation has the same; who wants to see it asks for JSON.
    let registration = changes.iter().filter(|change| change.section == REGISTRATION).count();
    writeln!(out, "\nProduct registration: {registration} changes; --json lists them")?;
    write_custom_actions(plan, out)?;
    table(
        out,
        "Applications that use these files",
        &["application", "pid", "closed", "started again", "critical"],
        plan.applications.iter().map(|it| {
            let critical = it.critical.clone().unwrap_or_default();
            vec![it.name.clone(), it.pid.to_string(), yes(it.closed), yes(it.restarted), critical]
        }),
    )?;
    table(
        out,
        "Disk space in bytes",
        &["volume", "needed", "free"],
        plan.volumes.iter().map(|it| vec![it.volume.clone(), it.needed.to_string(), it.free.to_string()]),
    )?;
    if plan.restart.is_empty() {
        writeln!(out, "\nNo restart would be needed.")
    } else {
        list(out, "A restart would be needed", &plan.restart)
    }
}

fn write_custom_actions(plan: &Plan, out: &mut impl Write) -> io::Result<()> {
    let actions = &plan.custom_actions;
    table(
        out,
        "Custom actions",
        &["action", "type", "when", "what", "outcome"],
        actions.iter().map(|it| {
            let outcome = match (it.outcome, &it.reason) {
                (ActionOutcome::Runs, _) => "runs".to_owned(),
                (ActionOutcome::WasRun, _) => "was run".to_owned(),
                (ActionOutcome::Skipped, _) => "is skipped, as asked".to_owned(),
                (ActionOutcome::Unsupported, reason) => {
                    format!("cannot run here: {}", reason.as_deref().unwrap_or_default())
                }
            };
            vec![it.action.clone(), it.kind.to_string(), it.when.to_owned(), it.what.clone(), outcome]
        }),
    )?;
    if actions.iter().any(|it| it.is_named_only) {
        writeln!(
            out,
            "Immediate programs were not run; --sandbox or --run-custom-actions runs them. What they would set is not in this plan."
        )?;
    }
    Ok(())
}

fn table(
    out: &mut impl Write,
    heading: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> io::Result<()> {
    let rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{heading}")?;
    write!(out, "{}", output::fitted(columns, rows.into_iter()))
}

fn list(out: &mut impl Write, heading: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{heading}")?;
    lines.iter().try_for_each(|line| writeln!(out, "  {}", printable(line)))
}

/// A text in one line; paths keep their backslashes.
fn printable(text: &str) -> String {
    output::one_line(text).replace("\\\\", "\\")
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}
