//! `reseat why`: which product, feature and component has brought something.

use std::path::Path;
use std::process::ExitCode;

use reseat_engine::{Item, ItemPlace};
use reseat_machine::{Hive, Machine, RegistryKey, WindowsPath, fold};
use serde::Serialize;

use crate::arguments::{Global, Why};
use crate::failure::Failure;
use crate::inventories;
use crate::output;
use crate::prefix;

#[derive(Serialize)]
struct Line {
    product: String,
    name: String,
    version: String,
    features: Vec<String>,
    component: String,
    kind: &'static str,
    what: String,
}

/// What is asked for.
enum Sought {
    Path(WindowsPath),
    Key(RegistryKey),
    /// The name of a service or an environment variable.
    Name(String),
}

/// Prints who has brought it.
pub fn run(global: &Global, arguments: &Why) -> Result<ExitCode, Failure> {
    let mut lines = Vec::new();
    if let Some(machine) = prefix::open_if_made(global)? {
        let sought = sought(&machine, &arguments.what)?;
        for product in inventories::products(&machine, None)? {
            let (name, code) = (product.name.clone(), product.code.to_string());
            let version = product.version.clone().unwrap_or_default();
            match inventories::take(&machine, product) {
                Ok(inventory) => {
                    lines.extend(inventory.items.iter().filter(|item| sought.is(item)).map(|item| Line {
                        product: code.clone(),
                        name: name.clone(),
                        version: version.clone(),
                        features: item.features.clone(),
                        component: item.component.clone(),
                        kind: inventories::kind_words(item),
                        what: item.what.clone(),
                    }));
                }
                Err(error) => eprintln!("reseat: warning: {name}: {error}"),
            }
        }
    }
    let found = !lines.is_empty();
    output::list(global, &["product", "version", "features", "component", "kind", "what"], &lines, |line| {
        vec![
            line.name.clone(),
            line.version.clone(),
            line.features.join(", "),
            line.component.clone(),
            line.kind.to_owned(),
            line.what.clone(),
        ]
    });
    if !found && !global.json {
        eprintln!("reseat: no installed product has brought {}", arguments.what);
    }
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sought(machine: &Machine, what: &str) -> Result<Sought, Failure> {
    if let Some((root, path)) = what.split_once('\\')
        && let Some(hive) = hive(root)
    {
        return Ok(Sought::Key(RegistryKey::new(hive, path.trim_end_matches('\\'))));
    }
    if prefix::is_windows_path(what) {
        let path =
            WindowsPath::parse(what.trim_end_matches('\\')).map_err(reseat_machine::MachineError::from)?;
        return Ok(Sought::Path(path));
    }
    if what.contains('/') || Path::new(what).exists() {
        let path = Path::new(what);
        let real = path.canonicalize().or_else(|_| std::path::absolute(path))?;
        return machine.windows_path(&real).map(Sought::Path).ok_or_else(|| {
            Failure::usage(format!("{what} is on no drive of the prefix {}", machine.prefix().display()))
        });
    }
    Ok(Sought::Name(what.to_owned()))
}

fn hive(root: &str) -> Option<Hive> {
    Some(match root.to_ascii_uppercase().as_str() {
        "HKLM" | "HKEY_LOCAL_MACHINE" => Hive::LocalMachine,
        "HKCU" | "HKEY_CURRENT_USER" => Hive::CurrentUser,
        "HKCR" | "HKEY_CLASSES_ROOT" => Hive::ClassesRoot,
        "HKU" | "HKEY_USERS" => Hive::Users,
        _ => return None,
    })
}

impl Sought {
    fn is(&self, item: &Item) -> bool {
        match (self, &item.place) {
            // A folder means all in it.
            (Self::Path(path), ItemPlace::Path(place)) => place.starts_with(path),
            (Self::Key(key), ItemPlace::Registry(place, name)) => is_in(key, place, name.as_deref()),
            (Self::Name(name), ItemPlace::Registry(..) | ItemPlace::Elsewhere) => {
                item.what.eq_ignore_ascii_case(name)
            }
            _ => false,
        }
    }
}

/// Whether a value or key is what is asked for or below it; what is asked for may be a key, or a key and the name of a
/// value. Both views of the registry are meant.
fn is_in(sought: &RegistryKey, key: &RegistryKey, name: Option<&str>) -> bool {
    if sought.hive != key.hive {
        return classes(sought).is_some_and(|sought| is_in(&sought, key, name));
    }
    let place = match name {
        Some(name) if !name.is_empty() => format!("{}\\{name}", key.path),
        _ => key.path.clone(),
    };
    let (sought, place) = (fold(&sought.path), fold(&place));
    place.strip_prefix(&sought).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}

/// A key of all classes as one of the machine's.
fn classes(key: &RegistryKey) -> Option<RegistryKey> {
    (key.hive == Hive::ClassesRoot).then(|| key.in_classes_of(reseat_machine::ClassesOf::Machine))
}
