//! ProcessComponents, RegisterUser, RegisterProduct, PublishFeatures, PublishProduct and UnpublishFeatures: what makes a
//! product known (pages `processcomponents-action.md`, `registeruser-action.md`, `registerproduct-action.md`,
//! `publishfeatures-action.md`, `publishproduct-action.md`, `unpublishfeatures-action.md`).
//!
//! Where it is kept is the machine crate's; here it becomes operations of the script.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use jiff::Zoned;
use reseat_machine::products::registration::{
    self, FeatureRegistration, Permanence, ProductRegistration, ProgramsEntry, Removed, Written,
};
use reseat_machine::products::{self, FeatureState, InstallContext, user_data_product_key};
use reseat_machine::{KnownFolder, RegistryValue, View, WindowsPath};
use reseat_package::feature_state::Limit;
use reseat_package::{
    Component, ComponentAttributes, Feature, FeatureComponent, InstallState, KeyPath, Media, Platform,
    RegistryRoot, RegistryRow, Text, with_backslash,
};
use reseat_script::{
    InstallFile, RemoveFile, RemoveRegistryKey, RemoveRegistryValue, SetRegistryValue, Source,
};

use crate::actions::{patches, shared_libraries};
use crate::custom_action::PARENT_PRODUCT;
use crate::error::EngineError;
use crate::request::TopLevel;
use crate::row_fault::RowFault;
use crate::session::Session;
use crate::transform_list;

/// Registers the components that are installed, and takes back those that this product has no more.
pub fn process_components(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let code = session.package.product_code();
    let context = session.install_context();
    let mut written = Vec::new();
    let mut removed = Vec::new();
    {
        let selection = session.selection()?;
        let registry = session.machine().registry()?;
        for (component, state) in selection.components() {
            let Some(id) = component.id else { continue };
            if state.action.is_present() {
                let permanent = component.attributes.has(ComponentAttributes::PERMANENT);
                let permanence = if permanent { Permanence::Permanent } else { Permanence::Removable };
                let key_path = key_path(session, component)?;
                written.extend(registration::process_component(
                    registry, code, context, id, &key_path, permanence,
                ));
            } else if state.requested == InstallState::Absent && state.installed.is_present() {
                removed.push(registration::unprocess_component(registry, code, context, id));
            }
        }
    }
    write(session, written)?;
    remove(session, removed)?;
    patches::unregister_components(session)?;
    shared_libraries::count(session)
}

/// The key path of a component as it is registered.
fn key_path(session: &Session<'_, '_>, component: &Component) -> Result<String, EngineError> {
    let selection = session.selection()?;
    let name = &component.component;
    Ok(match component.key_path() {
        KeyPath::Folder(_) => selection.component_folder(name).unwrap_or_default(),
        KeyPath::File(_) => selection.key_path_file(name).unwrap_or_default(),
        KeyPath::OdbcDataSource(source) => source.to_string(),
        KeyPath::Registry(row) => {
            let row = session.package.find::<RegistryRow>(&row)?.ok_or_else(|| {
                let (column, value) = ("KeyPath", row.to_string());
                EngineError::row(
                    "Component",
                    name,
                    RowFault::ForeignKey { column, value, target: "Registry" },
                )
            })?;
            let root = match row.root {
                RegistryRoot::ClassesRoot => 0,
                RegistryRoot::CurrentUser => 1,
                RegistryRoot::LocalMachine => 2,
                RegistryRoot::Users => 3,
                RegistryRoot::UserOrMachine if session.is_per_machine() => 2,
                RegistryRoot::UserOrMachine => 1,
            };
            let key = session.format(&row.key).text;
            let value = session.format(row.name.as_deref().unwrap_or_default()).text;
            registration::registry_key_path(root, component.is_64_bit(), key.trim_matches('\\'), &value)
        }
    })
}

/// Notes for whom the product was installed.
pub fn register_user(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.removes_product() || !session.selection()?.installs_something() {
        return Ok(());
    }
    let mut written = Vec::new();
    {
        let registry = session.machine().registry()?;
        let key = user_data_product_key(registry, session.install_context(), session.package.product_code())
            .join("InstallProperties");
        for (name, property) in
            [("RegOwner", "USERNAME"), ("RegCompany", "COMPANYNAME"), ("ProductID", "ProductID")]
        {
            if let Some(value) = session.property(property) {
                written.push((key.clone(), name.to_owned(), RegistryValue::String(value.to_owned())));
            }
        }
    }
    write(session, written)
}

/// Keeps the package and writes the product's details and its entry in the list of programs.
pub fn register_product(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.removes_product() || !session.selection()?.installs_something() {
        return Ok(());
    }
    let product = product(session)?;
    let kept = session.windows_path("Property", "ProductCode", &product.local_package)?;
    session.tell_data(&[&kept.to_string()]);
    // A product that is changed from its kept package keeps it; one that is updated by another package gets that.
    let file = session.basis.file.clone();
    if session.machine().unix_path(&kept)? != file {
        keep_file(session, &file, kept.clone())?;
    }
    let former = session.installed.as_ref().and_then(|product| product.local_package.as_deref());
    if let Some(path) = former.and_then(|path| WindowsPath::parse(path).ok()).filter(|path| *path != kept) {
        session.add(RemoveFile { path }.into())?;
    }
    let written = registration::register_product(session.machine().registry()?, &product);
    write(session, written)?;
    patches::register(session)
}

/// Copies a file of this machine into the folder of what is kept.
pub(super) fn keep_file(
    session: &mut Session<'_, '_>,
    file: &Path,
    path: WindowsPath,
) -> Result<(), EngineError> {
    let size = std::fs::metadata(file).map_or(0, |facts| facts.len());
    let source = Source::File { path: file.to_owned() };
    session.add(
        InstallFile { source, path, size, attributes: Default::default(), modified: None, verified: false }
            .into(),
    )
}

/// Keeps the transforms that are not kept yet, and notes where.
fn keep_transforms(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let folder = cache_folder(session)?;
    let (_, files) = session.basis.transforms.registered(&folder);
    let mut cached = Vec::with_capacity(files.len());
    for file in files {
        let path = session.windows_path("Property", "TRANSFORMS", &file.path)?;
        if session.machine().unix_path(&path)? != file.file {
            keep_file(session, &file.file, path)?;
        }
        cached.push((file.name, file.path));
    }
    let written = products::patches::register_transforms(
        session.machine().registry()?,
        session.package.product_code(),
        session.install_context(),
        &cached,
    );
    write(session, written)
}

/// The folder in which the product's transforms and icons are kept.
fn cache_folder(session: &Session<'_, '_>) -> Result<WindowsPath, EngineError> {
    let folder = transform_list::cache_folder(session.machine(), session.package.product_code());
    session.windows_path("Property", "ProductCode", &folder)
}

/// Publishes which features are installed.
pub fn publish_features(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if session.removes_product() {
        return Ok(());
    }
    let package = session.package.clone();
    let ids: HashMap<Text, _> = package
        .rows::<Component>()?
        .iter()
        .filter_map(|row| Some((row.component.clone(), row.id?)))
        .collect();
    let mut components: HashMap<Text, Vec<_>> = HashMap::new();
    for row in package.rows::<FeatureComponent>()?.iter() {
        // One that its condition keeps away is not registered. Who takes the list for what has to be there, as Wine does,
        // would hold the feature for incomplete.
        let state = session.selection()?.component(&row.component);
        if state.is_none_or(|state| state.limit != Some(Limit::Condition)) {
            components.entry(row.feature.clone()).or_default().extend(ids.get(&row.component).copied());
        }
    }
    let known = session.installed.iter().flat_map(|product| &product.features);
    let known: HashSet<&str> = known.map(|(name, _)| name.as_str()).collect();
    let mut features = Vec::new();
    for row in package.rows::<Feature>()?.iter() {
        let state = session.selection()?.feature(&row.feature);
        let outcome = state.map(|state| state.outcome());
        // A level of 0 disables a feature (page `feature-table.md`): it is no part of what is published.
        let is_known = known.contains(&*row.feature);
        let is_there = outcome.is_some_and(|outcome| outcome != InstallState::Absent);
        if state.is_some_and(|state| state.level <= 0) && !is_there && !is_known {
            continue;
        }
        features.push(FeatureRegistration {
            name: row.feature.to_string(),
            parent: row
                .parent
                .as_ref()
                .filter(|parent| **parent != row.feature)
                .map(|parent| parent.to_string()),
            state: match outcome {
                Some(state) if state.is_present() => FeatureState::Installed,
                Some(InstallState::Advertised) => FeatureState::Advertised,
                _ => FeatureState::Absent,
            },
            components: components.remove(&row.feature).unwrap_or_default(),
        });
    }
    let registry = session.machine().registry()?;
    let (code, context) = (package.product_code(), session.install_context());
    let advertised = features.iter().filter(|feature| feature.state == FeatureState::Advertised);
    let removed: Vec<_> = advertised
        .filter_map(|feature| registration::unlist_feature(registry, code, context, &feature.name))
        .collect();
    let written = registration::publish_features(registry, code, context, &features);
    remove(session, removed)?;
    patches::forget_parts(session)?;
    write(session, written)
}

/// Takes back the features when the whole product goes; InstallFinalize takes back the rest.
pub fn unpublish_features(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    if !session.removes_product() {
        return Ok(());
    }
    let key =
        reseat_machine::products::features_key(session.install_context(), session.package.product_code());
    session.add(RemoveRegistryKey { key }.into())
}

/// Publishes the product, its sources and its icons.
pub fn publish_product(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let publishes = session.selection()?.installs_something() || session.top_level == TopLevel::Advertise;
    if session.removes_product() || !publishes {
        return Ok(());
    }
    let product = product(session)?;
    let package = session.package.clone();
    for icon in package.rows::<reseat_package::Icon>()?.iter() {
        let stream = format!("Icon.{}", icon.name);
        let size = package.database().stream(&stream)?.map_or(0, |stream| stream.len());
        let path = icon_path(session, &icon.name)?;
        session.add(
            InstallFile {
                source: Source::Stream { name: stream },
                path,
                size,
                attributes: Default::default(),
                modified: None,
                verified: false,
            }
            .into(),
        )?;
    }
    write(session, registration::publish_product(&product))?;
    keep_transforms(session)
}

/// Takes back the product when the whole of it goes: its registration, kept package and icons (page
/// `installfinalize-action.md`).
pub fn unregister_product(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let removed = registration::unregister_product(
        session.machine().registry()?,
        package.product_code(),
        session.install_context(),
        view(session),
        package.upgrade_code().as_slice(),
    );
    session.action = "InstallFinalize".to_owned();
    remove(session, removed)?;
    for icon in package.rows::<reseat_package::Icon>()?.iter() {
        let path = icon_path(session, &icon.name)?;
        let folder = path.parent();
        session.add(RemoveFile { path }.into())?;
        // The user's folder of icons is there for products only; the machine's is Windows' own.
        let above = folder.as_ref().and_then(WindowsPath::parent);
        let above = above.filter(|_| session.install_context() == InstallContext::PerUser);
        for path in folder.into_iter().chain(above) {
            session.add(reseat_script::RemoveFolder { path }.into())?;
        }
    }
    let (_, transforms) = session.basis.transforms.registered(&cache_folder(session)?);
    for transform in transforms {
        let path = session.windows_path("Property", "TRANSFORMS", &transform.path)?;
        session.add(RemoveFile { path }.into())?;
    }
    session.add(reseat_script::RemoveFolder { path: cache_folder(session)? }.into())?;
    patches::unregister_all(session)?;
    let kept = session.installed.as_ref().and_then(|product| product.local_package.clone());
    if let Some(kept) = kept
        && let Ok(path) = WindowsPath::parse(&kept)
    {
        session.add(RemoveFile { path }.into())?;
    }
    Ok(())
}

/// Where an icon of the Icon table is kept.
///
/// # Errors
/// When the icon's name cannot be a file's.
pub fn icon_path(session: &Session<'_, '_>, icon: &str) -> Result<WindowsPath, EngineError> {
    // The page `installation-context.md`, shortcut redirection.
    let folder = match session.install_context() {
        InstallContext::PerMachine => session.machine().folder(KnownFolder::Installer).to_string(),
        InstallContext::PerUser => {
            format!("{}\\Microsoft\\Installer", session.machine().folder(KnownFolder::AppData))
        }
    };
    let code = session.package.product_code();
    session.windows_path("Icon", icon, &format!("{folder}\\{code}\\{icon}"))
}

fn view(session: &Session<'_, '_>) -> View {
    if *session.package.platform() == Platform::Intel { View::Wow32 } else { View::Native }
}

fn product(session: &Session<'_, '_>) -> Result<ProductRegistration, EngineError> {
    let package = &session.package;
    let value = |name: &str| session.property(name).unwrap_or_default().to_owned();
    let is_set = |name: &str| session.property(name).is_some();
    let package_code = package.package_code().ok_or_else(|| EngineError::PackageInvalid {
        package: session.package_path.clone(),
        source: "the summary information has no package code".into(),
    })?;
    let selection = session.selection()?;
    let installed_bytes: u64 = selection
        .files()
        .iter()
        .filter(|file| {
            selection.component(&file.row.component).is_some_and(|state| state.outcome().is_present())
        })
        .map(|file| file.row.bytes())
        .sum();
    let folder = session.machine().folder(KnownFolder::Installer);
    // The name is found again by the product's own registration; it has to differ from all others. Instances of one
    // package, and what a patch makes of a product, are told apart by their product codes.
    let basis = &session.basis;
    let own = match basis.transforms.is_empty() && !basis.patching.makes_another_product {
        true => package_code.0,
        false => package.product_code().0,
    };
    let former = session.installed.as_ref().and_then(|product| product.local_package.clone());
    let kept = former
        .filter(|path| {
            crate::origin::unix_path(session.machine(), path).as_ref() == Some(&session.basis.file)
        })
        .unwrap_or_else(|| format!("{folder}\\{}.msi", own.to_packed().to_lowercase()));
    let (transforms, _) = session.basis.transforms.registered(&cache_folder(session)?);
    let origin = &session.basis.origin;
    let install_source = match origin.folder.as_os_str().is_empty() {
        true => String::new(),
        false => with_backslash(&session.shown_path(&origin.folder)),
    };
    let icon = session.property("ARPPRODUCTICON");
    let media = package.rows::<Media>()?;
    Ok(ProductRegistration {
        code: package.product_code(),
        context: session.install_context(),
        view: view(session),
        name: value("ProductName"),
        version: value("ProductVersion"),
        language: package.language().into(),
        publisher: value("Manufacturer"),
        package_code,
        upgrade_code: package.upgrade_code(),
        local_package: kept,
        package_name: origin.package_name.clone(),
        install_source,
        install_date: Zoned::now().strftime("%Y%m%d").to_string(),
        estimated_size: u32::try_from(installed_bytes.div_ceil(1024)).unwrap_or(u32::MAX),
        product_icon: match icon {
            Some(icon) => Some(icon_path(session, icon)?.to_string()),
            None => None,
        },
        transforms,
        instance: session.basis.instance,
        parent: session
            .property(PARENT_PRODUCT)
            .and_then(|code| code.parse().ok())
            .or(session.installed.as_ref().and_then(|product| product.parent)),
        // Page `-disablemedia.md`: no disk is a source then.
        media: media
            .iter()
            .filter(|_| !is_set("DISABLEMEDIA"))
            .map(|row| {
                let text = |text: &Option<Text>| text.as_deref().unwrap_or_default().to_owned();
                (row.disk.unsigned_abs(), text(&row.volume_label), text(&row.prompt))
            })
            .collect(),
        disk_prompt: value("DiskPrompt"),
        media_package_path: value("MEDIAPACKAGEPATH"),
        programs: ProgramsEntry {
            authorized_cdf_prefix: value("ARPAUTHORIZEDCDFPREFIX"),
            comments: value("ARPCOMMENTS"),
            contact: value("ARPCONTACT"),
            help_link: value("ARPHELPLINK"),
            help_telephone: value("ARPHELPTELEPHONE"),
            install_location: value("ARPINSTALLLOCATION"),
            read_me: value("ARPREADME"),
            settings_identifier: value("MSIARPSETTINGSIDENTIFIER"),
            size: value("ARPSIZE"),
            url_info_about: value("ARPURLINFOABOUT"),
            url_update_info: value("ARPURLUPDATEINFO"),
            no_modify: is_set("ARPNOMODIFY"),
            no_remove: is_set("ARPNOREMOVE"),
            no_repair: is_set("ARPNOREPAIR"),
            system_component: is_set("ARPSYSTEMCOMPONENT"),
        },
    })
}

pub(super) fn write(session: &mut Session<'_, '_>, written: Vec<Written>) -> Result<(), EngineError> {
    for (key, name, value) in written {
        session.add(SetRegistryValue { key, name, value }.into())?;
    }
    Ok(())
}

pub(super) fn remove(session: &mut Session<'_, '_>, removed: Vec<Removed>) -> Result<(), EngineError> {
    for removed in removed {
        session.add(match removed {
            Removed::Key(key) => RemoveRegistryKey { key }.into(),
            Removed::ValueAndEmptyKey(key, name) => RemoveRegistryValue { key, name }.into(),
        })?;
    }
    Ok(())
}

impl Session<'_, '_> {
    /// For whom the product is installed; a product that is there keeps what it has.
    pub(crate) fn install_context(&self) -> InstallContext {
        match &self.installed {
            Some(product) => product.context,
            None if self.is_per_machine() => InstallContext::PerMachine,
            None => InstallContext::PerUser,
        }
    }
}
