//! What an installed product consists of: the files, folders, registry values, shortcuts, services and ini files that its
//! kept package and the registry tell of, each with the component and the features that brought it, and whether it is
//! still there.
//!
//! Folders and states are found by costing, as in an installation; nothing is changed and no program is run.

use std::collections::{HashMap, HashSet};

use reseat_machine::products::{self, InstalledProduct};
use reseat_machine::{FileKind, Machine, RegistryKey, RegistryValue, View, WindowsPath, file_version};
use reseat_package::{
    CreateFolder, CustomAction, CustomActionKind, DuplicateFile, EnvironmentRow, FeatureComponent, IniFile,
    RegistryRequest, RegistryRow, SequenceTable, ServiceInstall, Shortcut,
};

use crate::actions::{costing, ini_values, registry_values, services, shortcuts};
use crate::custom_action;
use crate::error::EngineError;
use crate::host::CustomActionHost;
use crate::installation;
use crate::interface::UserInterface;
use crate::request::{Request, Target};
use crate::selection::PlannedFile;
use crate::session::Session;
use crate::subject::Subject;

/// What an installed product consists of.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The product.
    pub product: InstalledProduct,
    /// Its components that are installed, with their folders.
    pub components: Vec<InventoryComponent>,
    /// What they have brought.
    pub items: Vec<Item>,
    /// What is wrong with the product's own records.
    pub problems: Vec<String>,
}

/// A component that is installed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct InventoryComponent {
    /// Its name.
    pub component: String,
    /// Its code.
    pub id: Option<String>,
    /// The features that it belongs to.
    pub features: Vec<String>,
    /// Its key path, as it is registered.
    pub key_path: Option<String>,
}

/// What sort of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A copy of a file.
    Copy,
    /// A shortcut.
    Shortcut,
    /// A value of the registry.
    RegistryValue,
    /// A key of the registry.
    RegistryKey,
    /// A service.
    Service,
    /// An entry of an ini file.
    IniEntry,
    /// An environment variable.
    Environment,
}

/// Whether it is as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "detail")]
pub enum ItemState {
    /// It is there.
    Fine,
    /// It is not there.
    Missing,
    /// It is there and is not what was installed.
    Changed(String),
    /// Whether it is there is not looked at.
    Unchecked,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemPlace {
    /// A path.
    Path(WindowsPath),
    /// A value of a key, or the key.
    Registry(RegistryKey, Option<String>),
    /// Somewhere else.
    Elsewhere,
}

/// Something that a component has brought.
#[derive(Debug, Clone)]
pub struct Item {
    /// What sort of thing it is.
    pub kind: ItemKind,
    /// What it is, in words: a path, a key.
    pub what: String,
    /// Where it is.
    pub place: ItemPlace,
    /// The component that has brought it.
    pub component: String,
    /// The features that the component belongs to.
    pub features: Vec<String>,
    /// Whether it is as it was installed.
    pub state: ItemState,
}

/// Takes the inventory of a product.
///
/// # Errors
/// When its kept package is gone or cannot be read.
pub fn inventory(
    machine: &Machine,
    product: InstalledProduct,
    interface: &mut dyn UserInterface,
    host: &dyn CustomActionHost,
) -> Result<Inventory, EngineError> {
    let mut request = Request::new(Target::Product(product.code.to_string()));
    request.skip_unsupported = true;
    let subject = Subject::installed(machine, product.clone())?;
    let mut installation = installation::unlocked(machine, &request, interface, host);
    let mut session = installation::begin_idle(&mut installation, subject)?;
    cost(&mut session)?;
    let components = components(&session, &product)?;
    let mut list = List { session: &session, components: &components, items: Vec::new() };
    list.files()?;
    list.folders_and_shortcuts()?;
    list.registry()?;
    list.rest()?;
    let items = list.items;
    let problems = problems(&session, &product, &components)?;
    let mut components: Vec<_> = components.into_values().collect();
    components.sort_by(|one, other| one.component.cmp(&other.component));
    Ok(Inventory { product, components, items, problems })
}

/// Finds folders and states: searches, and custom actions that set properties and folders, up to costing.
fn cost(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    for row in package.sequence(SequenceTable::InstallExecute)?.actions() {
        let condition = row.condition.as_deref().unwrap_or_default();
        if !session.holds(SequenceTable::InstallExecute.name(), &row.action, condition)? {
            continue;
        }
        if row.action.eq_ignore_ascii_case("CostFinalize") {
            break;
        }
        if let Some(action) = package.find::<CustomAction>(&row.action)?
            && let Ok(decoded) = custom_action::decode(&action)
            && matches!(
                decoded.kind,
                CustomActionKind::SetProperty { .. } | CustomActionKind::SetDirectory { .. }
            )
        {
            custom_action::run(session, &action)?;
        } else if row.action.eq_ignore_ascii_case("AppSearch") {
            crate::actions::app_search::app_search(session)?;
        }
    }
    if session.selection.is_none() {
        costing::cost_initialize(session)?;
    }
    costing::cost_finalize(session)
}

fn components(
    session: &Session<'_, '_>,
    product: &InstalledProduct,
) -> Result<HashMap<String, InventoryComponent>, EngineError> {
    let registry = session.machine().registry()?;
    let key_paths: HashMap<_, _> =
        products::components_of(registry, product.code, product.context).into_iter().collect();
    let mut features: HashMap<String, Vec<String>> = HashMap::new();
    for row in session.package.rows::<FeatureComponent>()?.iter() {
        features.entry(row.component.to_string()).or_default().push(row.feature.to_string());
    }
    let mut found = HashMap::new();
    for (row, state) in session.selection()?.components() {
        // A component without a code is not registered; it is there when a feature of it is.
        let features = features.remove(&*row.component).unwrap_or_default();
        let is_installed = match row.id {
            Some(_) => state.installed.is_present(),
            None => features.iter().any(|feature| {
                let state = session.selection().ok().and_then(|selection| selection.feature(feature));
                state.is_some_and(|state| state.installed.is_present())
            }),
        };
        if is_installed {
            let key_path = row.id.and_then(|id| key_paths.get(&id)).cloned();
            let id = row.id.map(|id| id.to_string());
            let component = row.component.to_string();
            found.insert(component.clone(), InventoryComponent { component, id, features, key_path });
        }
    }
    Ok(found)
}

/// The list that grows.
struct List<'l, 's, 'm> {
    session: &'l Session<'s, 'm>,
    components: &'l HashMap<String, InventoryComponent>,
    items: Vec<Item>,
}

impl List<'_, '_, '_> {
    fn has(&self, component: &str) -> bool {
        self.components.contains_key(component)
    }

    fn push(&mut self, kind: ItemKind, what: String, place: ItemPlace, component: &str, state: ItemState) {
        let features = self.components.get(component).map(|it| it.features.clone()).unwrap_or_default();
        self.items.push(Item { kind, what, place, component: component.to_owned(), features, state });
    }

    fn push_path(&mut self, kind: ItemKind, path: WindowsPath, component: &str, state: ItemState) {
        self.push(kind, path.to_string(), ItemPlace::Path(path), component, state);
    }

    fn files(&mut self) -> Result<(), EngineError> {
        let session = self.session;
        for file in session.selection()?.files() {
            if self.has(&file.row.component) {
                let path = session.file_path(file)?;
                let state = file_state(session, file, &path)?;
                self.push_path(ItemKind::File, path, &file.row.component, state);
            }
        }
        for row in session.package.rows::<DuplicateFile>()?.iter() {
            if let Some(file) = session.selection()?.file(&row.file).filter(|_| self.has(&row.component)) {
                let folder = match &row.folder {
                    None => session.selection()?.component_folder(&file.row.component),
                    Some(folder) => session.directory(folder),
                };
                let name = row.name.as_ref().unwrap_or(&file.row.name).name(reseat_package::NameForm::Long);
                let Some(folder) = folder.filter(|folder| !folder.is_empty()) else { continue };
                let path = session.windows_path("DuplicateFile", &row.key, &format!("{folder}\\{name}"))?;
                let state = existence(session.machine(), &path)?;
                self.push_path(ItemKind::Copy, path, &row.component, state);
            }
        }
        Ok(())
    }

    fn folders_and_shortcuts(&mut self) -> Result<(), EngineError> {
        let session = self.session;
        for row in session.package.rows::<CreateFolder>()?.iter() {
            if self.has(&row.component) {
                let path = session.directory_path("CreateFolder", &row.directory, &row.directory)?;
                let state = existence(session.machine(), &path)?;
                self.push_path(ItemKind::Folder, path, &row.component, state);
            }
        }
        for row in session.package.rows::<Shortcut>()?.iter() {
            if self.has(&row.component) {
                let path = shortcuts::path(session, row)?;
                let state = existence(session.machine(), &path)?;
                self.push_path(ItemKind::Shortcut, path, &row.component, state);
            }
        }
        Ok(())
    }

    fn registry(&mut self) -> Result<(), EngineError> {
        let (session, components) = (self.session, self.components);
        let registry = session.machine().registry()?;
        for row in session
            .package
            .rows::<RegistryRow>()?
            .iter()
            .filter(|row| components.contains_key(&*row.component))
        {
            let key = registry_values::key(session, row.root, &row.key, &row.component)?;
            match row.request() {
                RegistryRequest::Value => {
                    let name = registry_values::name(session, row);
                    let state = match registry.value(&key, &name) {
                        None => ItemState::Missing,
                        Some(found) => value_state(session, row, &key, &name, &found)?,
                    };
                    let shown = if name.is_empty() { "default" } else { &name };
                    let what = format!("{key} [{shown}]");
                    let place = ItemPlace::Registry(key, Some(name));
                    self.push(ItemKind::RegistryValue, what, place, &row.component, state);
                }
                RegistryRequest::CreateKey | RegistryRequest::CreateAndRemoveKey => {
                    let state = if registry.exists(&key) { ItemState::Fine } else { ItemState::Missing };
                    let what = key.to_string();
                    let place = ItemPlace::Registry(key, None);
                    self.push(ItemKind::RegistryKey, what, place, &row.component, state);
                }
                RegistryRequest::RemoveKey => {}
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), EngineError> {
        let (session, components) = (self.session, self.components);
        let registry = session.machine().registry()?;
        for row in session
            .package
            .rows::<ServiceInstall>()?
            .iter()
            .filter(|row| components.contains_key(&*row.component))
        {
            let name = session.format(&row.name).text;
            let key = services::key(&name);
            let state = if registry.exists(&key) { ItemState::Fine } else { ItemState::Missing };
            self.push(ItemKind::Service, name, ItemPlace::Registry(key, None), &row.component, state);
        }
        for row in
            session.package.rows::<IniFile>()?.iter().filter(|row| components.contains_key(&*row.component))
        {
            let path = ini_values::path(session, "IniFile", &row.key, &row.name, row.directory.as_deref())?;
            let state = match existence(session.machine(), &path)? {
                // Who else writes into the file is not known: its entries are not compared.
                ItemState::Fine => ItemState::Unchecked,
                other => other,
            };
            let (section, entry) = (session.format(&row.section).text, session.format(&row.entry).text);
            let what = format!("{path} [{section}] {entry}");
            self.push(ItemKind::IniEntry, what, ItemPlace::Path(path), &row.component, state);
        }
        for row in session
            .package
            .rows::<EnvironmentRow>()?
            .iter()
            .filter(|row| components.contains_key(&*row.component))
        {
            let name = row.name.trim_start_matches(['=', '+', '-', '!', '*']).to_owned();
            self.push(
                ItemKind::Environment,
                name,
                ItemPlace::Elsewhere,
                &row.component,
                ItemState::Unchecked,
            );
        }
        Ok(())
    }
}

fn existence(machine: &Machine, path: &WindowsPath) -> Result<ItemState, EngineError> {
    Ok(if machine.metadata(path)?.is_some() { ItemState::Fine } else { ItemState::Missing })
}

/// Whether a file is the one that was installed, or a later one: as far as size, version and hash tell.
fn file_state(
    session: &Session<'_, '_>,
    file: &PlannedFile,
    path: &WindowsPath,
) -> Result<ItemState, EngineError> {
    let machine = session.machine();
    let Some(metadata) = machine.metadata(path)? else { return Ok(ItemState::Missing) };
    if metadata.kind != FileKind::File {
        return Ok(ItemState::Changed("it is no file".to_owned()));
    }
    let content = machine.open_file(path)?;
    let unreadable = |source| EngineError::ExistingFile { path: path.clone(), source };
    if let Some(version) = file.row.own_version() {
        let found = file_version::read(&content).map_err(unreadable)?;
        let found = found.map(|found| reseat_package::FileVersion(found.version.0));
        return Ok(match found {
            Some(found) if found >= version => ItemState::Fine,
            Some(found) => ItemState::Changed(format!("version {found} instead of {version}")),
            None => ItemState::Changed(format!("no version instead of {version}")),
        });
    }
    if metadata.len != file.row.bytes() {
        return Ok(ItemState::Changed(format!("{} bytes instead of {}", metadata.len, file.row.bytes())));
    }
    let Some(hash) = file.hash else { return Ok(ItemState::Fine) };
    let found = file_version::file_hash(&content).map_err(unreadable)?.map(i32::cast_unsigned);
    Ok(if found == hash { ItemState::Fine } else { ItemState::Changed("another content".to_owned()) })
}

fn value_state(
    session: &Session<'_, '_>,
    row: &RegistryRow,
    key: &RegistryKey,
    name: &str,
    found: &RegistryValue,
) -> Result<ItemState, EngineError> {
    let wanted = registry_values::value(session, row, key, name)?;
    // Of a list, others may have their part.
    if wanted == *found || matches!(found, RegistryValue::MultiString(_)) {
        return Ok(ItemState::Fine);
    }
    Ok(ItemState::Changed("another value".to_owned()))
}

/// What is wrong with the records of a product.
fn problems(
    session: &Session<'_, '_>,
    product: &InstalledProduct,
    components: &HashMap<String, InventoryComponent>,
) -> Result<Vec<String>, EngineError> {
    let registry = session.machine().registry()?;
    let mut problems = Vec::new();
    let listed = [View::Native, View::Wow32]
        .into_iter()
        .any(|view| registry.exists(&products::uninstall_key(view, product.code)));
    if !listed {
        problems.push("it is not in the list of installed programs".to_owned());
    }
    for (feature, _) in &product.features {
        if session.selection()?.feature(feature).is_none() {
            problems.push(format!("feature {feature} is registered, and the kept package has none"));
        }
    }
    let known: HashSet<_> = components.values().filter_map(|component| component.id.as_deref()).collect();
    for (id, _) in products::components_of(registry, product.code, product.context) {
        if !known.contains(id.to_string().as_str()) {
            problems.push(format!("component {id} is registered, and the kept package has none"));
        }
    }
    let kept = product.local_package.as_deref().and_then(|path| WindowsPath::parse(path).ok());
    if !kept.is_some_and(|path| session.machine().metadata(&path).is_ok_and(|found| found.is_some())) {
        problems.push("the kept package is gone; its source takes its place".to_owned());
    }
    if session.package.package_code() != product.package_code {
        problems.push("the kept package is not the one that was installed".to_owned());
    }
    Ok(problems)
}
