//! The operations of a plan as people read them: under which heading, what is done, to what.

use reseat_engine::PlannedStep;
use reseat_machine::RegistryValue;
use reseat_script::{IniChange, Operation};
use serde::Serialize;

/// The longest value that a line shows, in characters.
const LONGEST: usize = 120;

/// The heading of what makes a product known.
pub const REGISTRATION: &str = "registration";

/// The headings, in the order in which they are printed, with the name that each has in JSON.
pub const SECTIONS: &[(&str, &str)] = &[
    ("folders", "Folders"),
    ("other_files", "Other files"),
    ("registry", "Registry"),
    ("shortcuts", "Shortcuts"),
    ("services", "Services"),
    ("ini", "Ini files"),
    ("environment", "Environment variables"),
    ("fonts", "Fonts"),
    ("classes", "Classes, extensions and type libraries"),
    (REGISTRATION, "Product registration"),
];

/// One change of a plan.
#[derive(Debug, Serialize)]
pub struct PlannedChange {
    /// The heading's name in JSON.
    #[serde(skip)]
    pub section: &'static str,
    /// The action that asks for it.
    pub action: String,
    /// What is done, in a word or two.
    pub does: &'static str,
    /// To what.
    pub what: String,
    /// The new value, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
}

/// The change of a step; nothing for files of the package, which are listed with their decisions, and for what changes
/// nothing by itself.
pub fn change(step: &PlannedStep) -> Option<PlannedChange> {
    let action = step.step.action.as_str();
    if action == "InstallFiles" && matches!(step.step.operation, Operation::InstallFile(_)) {
        return None;
    }
    let mut change = of_operation(&step.step.operation)?;
    change.section = section(action, change.section);
    change.action = action.to_owned();
    Some(change)
}

fn of_operation(operation: &Operation) -> Option<PlannedChange> {
    let made = |section, does, what: String| PlannedChange {
        section,
        action: String::new(),
        does,
        what,
        value: None,
        kind: None,
    };
    Some(match operation {
        Operation::CreateFolder(folder) => made("folders", "create", folder.path.to_string()),
        Operation::RemoveFolder(folder) => made("folders", "remove if empty", folder.path.to_string()),
        Operation::InstallFile(file) => made("other_files", "write", file.path.to_string()),
        Operation::WriteFile(file) => made("other_files", "write", file.path.to_string()),
        Operation::DuplicateFile(file) => PlannedChange {
            value: Some(file.from.to_string()),
            ..made("other_files", "copy", file.to.to_string())
        },
        Operation::MoveFile(file) => PlannedChange {
            value: Some(file.from.to_string()),
            ..made("other_files", "move", file.to.to_string())
        },
        Operation::RemoveFile(file) => made("other_files", "remove", file.path.to_string()),
        Operation::EditIniFile(file) => {
            let edits: Vec<String> = file.edits.iter().map(ini_edit).collect();
            PlannedChange { value: Some(edits.join("; ")), ..made("ini", "change", file.path.to_string()) }
        }
        Operation::SetRegistryValue(set) => {
            let (kind, value) = shown(&set.value);
            PlannedChange {
                value: Some(value),
                kind: Some(kind),
                ..made("registry", "set", name_in(&set.key.to_string(), &set.name))
            }
        }
        Operation::RemoveRegistryValue(value) => {
            made("registry", "remove", name_in(&value.key.to_string(), &value.name))
        }
        Operation::CreateRegistryKey(key) => made("registry", "create key", key.key.to_string()),
        Operation::RemoveRegistryKey(key) => made("registry", "remove key", key.key.to_string()),
        Operation::RegisterFont(font) => made("fonts", "register", font.path.to_string()),
        Operation::CustomAction(_) | Operation::DisableRollback => return None,
    })
}

/// The heading for what an action does; the operation's own when the action does not say more.
fn section(action: &str, usual: &'static str) -> &'static str {
    match action {
        "InstallServices" | "DeleteServices" | "MsiConfigureServices" | "StartServices" | "StopServices" => {
            "services"
        }
        "CreateShortcuts" | "RemoveShortcuts" if usual == "other_files" => "shortcuts",
        "WriteEnvironmentStrings" | "RemoveEnvironmentStrings" => "environment",
        "RegisterFonts" | "UnregisterFonts" => "fonts",
        "ProcessComponents"
        | "PublishFeatures"
        | "UnpublishFeatures"
        | "PublishProduct"
        | "RegisterProduct"
        | "RegisterUser"
        | "PublishComponents"
        | "UnpublishComponents"
        | "MsiPublishAssemblies"
        | "MsiUnpublishAssemblies"
        | "InstallFinalize" => REGISTRATION,
        _ if usual == "registry" && action.contains("egister") => "classes",
        _ => usual,
    }
}

fn name_in(key: &str, name: &str) -> String {
    format!("{key} [{}]", if name.is_empty() { "default" } else { name })
}

fn shown(value: &RegistryValue) -> (&'static str, String) {
    match value {
        RegistryValue::None => ("none", String::new()),
        RegistryValue::String(text) => ("string", text.clone()),
        RegistryValue::ExpandString(text) => ("expandable string", text.clone()),
        RegistryValue::Binary(bytes) => ("binary", hexadecimal(bytes)),
        RegistryValue::Dword(number) => ("dword", number.to_string()),
        RegistryValue::Qword(number) => ("qword", number.to_string()),
        RegistryValue::MultiString(parts) => ("strings", parts.join("; ")),
        RegistryValue::Other { data, .. } => ("other", hexadecimal(data)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ini_edit(edit: &reseat_script::IniEdit) -> String {
    let name = format!("[{}] {}", edit.section, edit.key);
    match &edit.change {
        IniChange::Set(value) => format!("{name}={value}"),
        other => format!("{name}: {other:?}"),
    }
}

/// A value short enough for a line.
pub fn shortened(value: &str) -> String {
    if value.chars().count() <= LONGEST {
        return value.to_owned();
    }
    let mut short: String = value.chars().take(LONGEST).collect();
    short.push('…');
    short
}
