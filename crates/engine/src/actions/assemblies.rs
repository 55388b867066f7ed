//! MsiPublishAssemblies and MsiUnpublishAssemblies (pages `msipublishassemblies-action.md`, `msiunpublishassemblies-action.md`,
//! `msiassembly-table.md`, `assembly-registry-keys-written-by-windows-installer-.md`).
//!
//! InstallFiles has put an assembly where it belongs: beside its application, or for all applications into the folder WinSxS
//! (`side_by_side.rs`) or the global assembly cache (`net_assembly.rs`). Here its name is published with the products that have it:
//! a value for each assembly, in a key for all that are global or in one for each application that has its own. The page names
//! the keys of .NET; those of Windows lie beside them, under a name that Wine uses too. An
//! assembly that other products have published stays when this one goes (page
//! `removal-of-assemblies-from-the-global-assembly-cache.md`).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use reseat_database::ComponentId;
use reseat_machine::products::registration::{described_component, descriptor};
use reseat_machine::products::{ComponentClient, InstallContext, component_clients, squeeze};
use reseat_machine::{Hive, RegistryKey, RegistryValue};
use reseat_package::feature_state::Limit;
use reseat_package::{Component, InstallState, MsiAssembly, MsiAssemblyName, Package, PackageError, Text};

use crate::actions::published_components::change_list;
use crate::actions::servers::{Fate, fate_of_component, fate_of_own};
use crate::error::EngineError;
use crate::net_assembly::NetAssembly;
use crate::session::Session;
use crate::side_by_side::SideBySide;

/// The key of assemblies for all applications.
const GLOBAL: &str = "Global";

/// Publishes the assemblies of components that are installed.
pub fn publish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    publish(session, Fate::Comes)
}

/// Takes back the assemblies of components that are removed.
pub fn unpublish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    publish(session, Fate::Goes)
}

fn publish(session: &mut Session<'_, '_>, when: Fate) -> Result<(), EngineError> {
    let package = session.package.clone();
    let names = full_names(&package)?;
    let mut published = HashMap::new();
    for row in package.rows::<MsiAssembly>()?.iter() {
        let fate = fate_of_component(session, &row.feature, &row.component)?;
        let fate = fate_of_own(session, &row.component, fate)?;
        if fate != when && !(fate == Fate::Advertised && when == Fate::Comes) {
            continue;
        }
        let component = package.find::<Component>(&row.component)?.and_then(|component| component.id);
        let (Some(component), Some(name)) = (component, names.get(&row.component)) else {
            continue;
        };
        let application = match &row.application {
            Some(file) => session.selection()?.file_target(file).unwrap_or_default(),
            None => GLOBAL.to_owned(),
        };
        session.tell_data(&[&application, name]);
        let key = key(session.install_context(), row.is_net(), &application);
        // The component was another assembly before, or its name was put together otherwise.
        let own = match published.entry(key.clone()) {
            Entry::Occupied(own) => own.into_mut(),
            Entry::Vacant(own) => own.insert(own_names(session, &key)?),
        };
        let former = own.get(&component).map(Vec::as_slice).unwrap_or_default();
        for former in former.iter().filter(|former| !former.eq_ignore_ascii_case(name)) {
            change_list(session, key.clone(), former.clone(), Vec::new())?;
        }
        let texts = match when {
            Fate::Goes => Vec::new(),
            _ => vec![descriptor(package.product_code(), &row.feature, component)],
        };
        change_list(session, key, name.clone(), texts)?;
    }
    Ok(())
}

/// The names under which this product has published its components in a key.
fn own_names(
    session: &Session<'_, '_>,
    key: &RegistryKey,
) -> Result<HashMap<ComponentId, Vec<String>>, EngineError> {
    let product = squeeze(session.package.product_code().0);
    let mut names: HashMap<_, Vec<String>> = HashMap::new();
    for (name, value) in session.machine().registry()?.values(key) {
        let RegistryValue::MultiString(texts) = value else { continue };
        let own = texts.iter().filter(|text| text.starts_with(&product));
        // It may be published for several features.
        for component in own.filter_map(|text| described_component(text)).collect::<HashSet<_>>() {
            names.entry(component).or_default().push(name.clone());
        }
    }
    Ok(names)
}

/// The key of the assemblies of an application, which is named with strokes in the place of separators.
fn key(context: InstallContext, is_net: bool, application: &str) -> RegistryKey {
    let kind = if is_net { "Assemblies" } else { "Win32Assemblies" };
    let (hive, installer) = match context {
        InstallContext::PerMachine => (Hive::LocalMachine, r"Software\Classes\Installer"),
        InstallContext::PerUser => (Hive::CurrentUser, r"Software\Microsoft\Installer"),
    };
    RegistryKey::new(hive, format!(r"{installer}\{kind}\{}", application.replace('\\', "|")))
}

/// The whole names of assemblies by their components: the name and all other parts, each quoted. What has no name is
/// left out.
///
/// # Errors
/// When a table cannot be read.
pub fn full_names(package: &Package) -> Result<HashMap<Text, String>, PackageError> {
    let is_name = |row: &&MsiAssemblyName| row.name.eq_ignore_ascii_case("name");
    let rows = package.rows::<MsiAssemblyName>()?;
    let mut names = HashMap::new();
    for parts in rows.group_by(|row| &row.component).into_values() {
        let Some(name) = parts.iter().copied().find(is_name) else { continue };
        let mut full = name.value.to_string();
        for part in parts.iter().filter(|row| !is_name(row)) {
            full.push_str(&format!(",{}=\"{}\"", part.name, part.value));
        }
        names.insert(name.component.clone(), full);
    }
    Ok(names)
}

/// Whether other products have published the assembly for all applications that a component is. `names` are the
/// [`full_names`].
///
/// # Errors
/// When a table or the registry cannot be read.
pub fn has_other_clients(
    session: &Session<'_, '_>,
    names: &HashMap<Text, String>,
    component: &Component,
) -> Result<bool, EngineError> {
    let row = session.package.find::<MsiAssembly>(&component.component)?.filter(|row| row.is_global());
    let (Some(row), Some(name)) = (row, names.get(&component.component)) else { return Ok(false) };
    let product = squeeze(session.package.product_code().0);
    let registry = session.machine().registry()?;
    let published = |context| registry.value(&key(context, row.is_net(), GLOBAL), name);
    Ok(InstallContext::ALL.iter().any(|context| match published(*context) {
        Some(RegistryValue::MultiString(texts)) => texts.iter().any(|text| !text.starts_with(&product)),
        _ => false,
    }))
}

/// The components that this product gives up and others keep, as another assembly: the files of this product's are nobody's.
///
/// # Errors
/// When a table or the registry cannot be read.
pub fn left_by_all(session: &Session<'_, '_>) -> Result<HashSet<Text>, EngineError> {
    let mut left = HashSet::new();
    let own = Some(session.package.product_code());
    let selection = session.selection()?;
    let names = full_names(&session.package)?;
    for row in session.package.rows::<MsiAssembly>()?.iter().filter(|row| row.is_global()) {
        let stays = selection.component(&row.component).is_some_and(|state| {
            state.requested == InstallState::Absent && state.limit == Some(Limit::OtherClients)
        });
        let component = session.package.find::<Component>(&row.component)?.filter(|_| stays);
        let (Some(component), Some(path)) = (component, selection.key_path_file(&row.component)) else {
            continue;
        };
        let clients = match component.id {
            Some(id) => component_clients(session.machine().registry()?, id),
            None => Vec::new(),
        };
        let has_same =
            |client: &ComponentClient| client.product != own && client.key_path.eq_ignore_ascii_case(&path);
        if !clients.iter().any(has_same) && !has_other_clients(session, &names, &component)? {
            left.insert(row.component.clone());
        }
    }
    Ok(left)
}

/// The assemblies for all applications that have no place: their names are not whole, or can be none of a folder's.
///
/// # Errors
/// When a table cannot be read.
pub fn without_place(session: &Session<'_, '_>) -> Result<Vec<String>, EngineError> {
    let windows = SideBySide::load(&session.package)?;
    let net = NetAssembly::load(&session.package)?;
    let rows = session.package.rows::<MsiAssembly>()?;
    let has_place = |component| windows.contains_key(component) || net.contains_key(component);
    let without = rows.iter().filter(|row| row.is_global() && !has_place(&row.component));
    Ok(without
        .map(|row| format!("global assembly of component {} without a whole name", row.component))
        .collect())
}
