//! The inventories of installed products, for the commands that show, explain and check them.

use reseat_custom_actions::Hosts;
use reseat_engine::{EngineError, Inventory, Item, ItemState, Message, Silent, UserInterface};
use reseat_machine::Machine;
use reseat_machine::products::{self, InstalledProduct};
use reseat_restart_manager::ApplicationList;
use serde_json::{Value, json};

/// The product that is named, or all.
///
/// # Errors
/// When none or several are named so.
pub fn products(machine: &Machine, name: Option<&str>) -> Result<Vec<InstalledProduct>, EngineError> {
    match name {
        Some(name) => Ok(vec![reseat_engine::find_product(machine, name)?]),
        None => {
            let mut all = products::installed_products(machine.registry()?);
            all.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(all)
        }
    }
}

/// Takes the inventory of a product; what was warned of goes to standard error.
///
/// # Errors
/// When its kept package is gone or cannot be read.
pub fn take(machine: &Machine, product: InstalledProduct) -> Result<Inventory, EngineError> {
    let host = Hosts::find(machine);
    reseat_engine::inventory(machine, product, &mut Quiet, &host)
}

/// Shows warnings and nothing else.
struct Quiet;

impl UserInterface for Quiet {
    fn message(&mut self, message: &Message) {
        if let Message::Warning { text, .. } = message {
            eprintln!("reseat: warning: {text}");
        }
    }

    fn files_in_use(
        &mut self,
        applications: &ApplicationList,
        may_shut_down: bool,
    ) -> reseat_engine::FilesInUseAnswer {
        Silent.files_in_use(applications, may_shut_down)
    }
}

/// What sort of thing an item is and whether it is as it was installed, in words.
pub fn state_words(item: &Item) -> String {
    match &item.state {
        ItemState::Fine => String::new(),
        ItemState::Missing => "missing".to_owned(),
        ItemState::Changed(how) => format!("changed: {how}"),
        ItemState::Unchecked => "not checked".to_owned(),
    }
}

/// An item as JSON.
pub fn json_item(item: &Item) -> Value {
    let (state, detail) = match &item.state {
        ItemState::Fine => ("fine", None),
        ItemState::Missing => ("missing", None),
        ItemState::Changed(how) => ("changed", Some(how)),
        ItemState::Unchecked => ("unchecked", None),
    };
    json!({
        "kind": item.kind,
        "what": item.what,
        "component": item.component,
        "features": item.features,
        "state": state,
        "detail": detail,
    })
}

/// The word for what sort of thing an item is.
pub fn kind_words(item: &Item) -> &'static str {
    use reseat_engine::ItemKind as K;
    match item.kind {
        K::File => "file",
        K::Folder => "folder",
        K::Copy => "copy",
        K::Shortcut => "shortcut",
        K::RegistryValue => "registry value",
        K::RegistryKey => "registry key",
        K::Service => "service",
        K::IniEntry => "ini entry",
        K::Environment => "environment variable",
    }
}
