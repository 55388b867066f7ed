//! An installation that stops for a restart of Windows and goes on after it (pages `forcereboot-action.md`, `afterreboot.md`,
//! `resume.md`, `preselected.md`, `system-reboots.md`).
//!
//! What goes on is a command of Microsoft's command line in the key RunOnce, which Windows and Wine run at their next start. It
//! has the properties that the installation was begun with and the features that it works on. What was done by then is
//! committed: what fails afterwards is undone to there, and the product can be removed.

use std::collections::HashSet;

use reseat_database::ProductCode;
use reseat_machine::{Hive, KnownFolder, Machine, RegistryKey, RegistryValue, View};
use reseat_package::{FeatureComponent, InstallState, Upgrade};
use reseat_script::{RemoveRegistryValue, SetRegistryValue};

use crate::error::EngineError;
use crate::session::Session;

/// Set in the installation that goes on.
pub const RESUME: &str = "RESUME";
/// Set in the one that goes on after ForceReboot.
const AFTER_REBOOT: &str = "AFTERREBOOT";

/// The properties that the states of features are handed over by.
const ADDING: [(&str, InstallState); 3] = [
    ("ADDLOCAL", InstallState::Local),
    ("ADDSOURCE", InstallState::Source),
    ("ADVERTISE", InstallState::Advertised),
];
/// What is not handed over as it was given: it is said anew.
const SAID_ANEW: [&str; 9] = [
    "ADDLOCAL",
    "ADDSOURCE",
    "ADDDEFAULT",
    "ADVERTISE",
    "REMOVE",
    "REINSTALL",
    "REINSTALLMODE",
    AFTER_REBOOT,
    RESUME,
];

/// An installation that waits for the next start of Windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspendedInstallation {
    /// The command that goes on with it.
    pub command: String,
}

impl SuspendedInstallation {
    /// The command's words behind the program, as a shell would give them.
    pub fn arguments(&self) -> Vec<String> {
        words(&self.command).into_iter().skip(1).collect()
    }
}

/// The installations that wait for the next start of Windows.
///
/// # Errors
/// When the registry cannot be read.
pub fn suspended_installations(machine: &Machine) -> Result<Vec<SuspendedInstallation>, EngineError> {
    let values = machine.registry()?.values(&run_once());
    let own = values.into_iter().filter(|(name, _)| name.parse::<ProductCode>().is_ok());
    let commands = own.filter_map(|(_, value)| value.as_text().map(str::to_owned));
    let goes_on = |command: &String| words(command).iter().any(|word| word.starts_with(AFTER_REBOOT));
    Ok(commands.filter(goes_on).map(|command| SuspendedInstallation { command }).collect())
}

/// Has the installation go on at the next start.
///
/// # Errors
/// When it cannot be said how.
pub fn write(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let value = RegistryValue::String(command(session)?);
    let name = session.package.product_code().to_string();
    session.add(SetRegistryValue { key: run_once(), name, value }.into())
}

/// Takes back what [`write`] has written, when the installation is through.
///
/// # Errors
/// When the registry cannot be read.
pub fn forget(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let name = session.package.product_code().to_string();
    if session.machine().registry()?.value(&run_once(), &name).is_some() {
        session.add(RemoveRegistryValue { key: run_once(), name }.into())?;
    }
    Ok(())
}

/// What is resumed: it counts as not installed yet, so that what is left of the sequence is done for it.
#[derive(Debug, Default)]
pub struct Resumed {
    features: HashSet<String>,
    components: HashSet<String>,
}

impl Resumed {
    /// What a session resumes.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn of(session: &Session<'_, '_>) -> Result<Self, EngineError> {
        if session.property(RESUME).is_none() {
            return Ok(Self::default());
        }
        let lists = ADDING.iter().filter_map(|(name, _)| session.property(name));
        let features: HashSet<String> = lists.flat_map(|list| list.split(',')).map(str::to_owned).collect();
        let rows = session.package.rows::<FeatureComponent>()?;
        let components = rows.iter().filter(|row| features.contains(&*row.feature));
        let components = components.map(|row| row.component.to_string()).collect();
        Ok(Self { features, components })
    }

    /// Whether a feature is resumed.
    pub fn has_feature(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// Whether a component is resumed.
    pub fn has_component(&self, component: &str) -> bool {
        self.components.contains(component)
    }
}

fn run_once() -> RegistryKey {
    let path = r"Software\Microsoft\Windows\CurrentVersion\RunOnce".to_owned();
    RegistryKey { hive: Hive::LocalMachine, view: View::Native, path }
}

fn command(session: &Session<'_, '_>) -> Result<String, EngineError> {
    let done = |action: &str| session.script.steps.iter().any(|step| step.action == action);
    // Once it is registered its kept package is enough; before that the source is needed again.
    let is_registered = session.is_installed() || (done("RegisterProduct") && done("PublishProduct"));
    let subject = match is_registered {
        true => session.package.product_code().to_string(),
        false => session.shown_path(&session.basis.file),
    };
    let level = match session.installation.request.ui_level {
        crate::UiLevel::Silent => "/qn",
        _ => "/qb",
    };
    let program = session.machine().folder(KnownFolder::System32);
    let mut command = format!("{program}\\msiexec.exe /i {} {level}", quoted(&subject));
    let mut set = |name: &str, value: &str| command.push_str(&format!(" {name}={}", quoted(value)));
    let detected: Vec<String> =
        session.package.rows::<Upgrade>()?.iter().map(|row| row.property.to_string()).collect();
    let detected = detected.iter().filter_map(|name| Some((name.as_str(), session.property(name)?)));
    let given = session.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in given.chain(detected) {
        if !SAID_ANEW.contains(&name) && !session.properties.is_hidden(name) {
            set(name, value);
        }
    }
    let selection = session.selection()?;
    let list = |wanted: &dyn Fn(InstallState, bool) -> bool| {
        let states = selection.features().filter(|state| wanted(state.action, state.reinstall));
        states.map(|state| state.feature.to_string()).collect::<Vec<_>>().join(",")
    };
    let mut lists: Vec<(&str, String)> = ADDING
        .iter()
        .map(|(name, state)| (*name, list(&|action, again| action == *state && !again)))
        .collect();
    lists.push(("REINSTALL", list(&|_, again| again)));
    let removed = list(&|action, _| action == InstallState::Absent);
    lists.push(("REMOVE", if session.removes_product() { "ALL".to_owned() } else { removed }));
    for (name, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
        set(name, list);
    }
    if let Some(mode) = session.property("REINSTALLMODE") {
        set("REINSTALLMODE", mode);
    }
    set(AFTER_REBOOT, "1");
    set(RESUME, "1");
    Ok(command)
}

/// A word of a command line; quotation marks in it are doubled.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([' ', '\t', '"']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

/// The words of a command line, with the quotation marks in them as they stand.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in command.chars() {
        is_quoted ^= character == '"';
        match words.last_mut() {
            Some(word) if is_quoted || !character.is_whitespace() => word.push(character),
            _ => words.push(String::new()),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_were_quoted() {
        let cases = ["{A}", r"C:\a b\c.msi", "", "a \"b\" c", "\"", "tab\there"];
        let line = cases.map(|word| format!("N={}", quoted(word))).join(" ");
        let read = words(&line).into_iter().map(|word| {
            let value = word.strip_prefix("N=").unwrap().to_owned();
            match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inner) => inner.replace("\"\"", "\""),
                None => value,
            }
        });
        assert_eq!(read.collect::<Vec<_>>(), cases);
    }
}
