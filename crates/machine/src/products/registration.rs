//! What an installation writes about itself, as lists of registry values; and what its removal takes away.
//!
//! The names of values follow the page `uninstall-registry-key.md` and that of the function MsiGetProductInfo. Nothing is
//! written here.

use reseat_database::{ComponentId, Guid, PackageCode, ProductCode, UpgradeCode};

use super::places::{
    common_upgrade_code_key, component_key, features_key, product_key, uninstall_key, upgrade_code_key,
    user_data_product_key,
};
use super::{FeatureState, InstallContext, squeeze, unsqueeze};
use crate::registry::Registry;
use crate::registry_key::{RegistryKey, View};
use crate::registry_value::RegistryValue;

/// Stands before the parent's name of a feature that is not installed.
pub(super) const ABSENT: char = '\u{6}';
/// Stands between a feature's components and its parent's name.
pub(super) const PARENT: char = '\u{2}';

/// The value with the product that has installed this one.
pub(super) const CLIENTS: &str = "Clients";

/// A value to be written.
pub type Written = (RegistryKey, String, RegistryValue);

/// Something to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A key with everything below it.
    Key(RegistryKey),
    /// A value; its key too, when nothing else is left in it.
    ValueAndEmptyKey(RegistryKey, String),
}

/// What is known of a product when it is registered. Texts that are empty are written as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRegistration {
    /// `ProductCode`.
    pub code: ProductCode,
    /// For whom it is installed.
    pub context: InstallContext,
    /// The view of the uninstall entry: [`View::Wow32`] for a 32-bit package.
    pub view: View,
    /// `ProductName`.
    pub name: String,
    /// `ProductVersion`.
    pub version: String,
    /// `ProductLanguage`.
    pub language: u32,
    /// `Manufacturer`.
    pub publisher: String,
    /// The code of the package.
    pub package_code: PackageCode,
    /// `UpgradeCode`.
    pub upgrade_code: Option<UpgradeCode>,
    /// The cached package, a Windows path.
    pub local_package: String,
    /// The name of the package file.
    pub package_name: String,
    /// The folder of the package file, a Windows path with a backslash at its end.
    pub install_source: String,
    /// The day, `YYYYMMDD`.
    pub install_date: String,
    /// What was installed, in kilobytes.
    pub estimated_size: u32,
    /// The file with the icon that `ARPPRODUCTICON` names.
    pub product_icon: Option<String>,
    /// The list of transforms as it is to be stored.
    pub transforms: Option<String>,
    /// Whether this is one of several instances.
    pub instance: bool,
    /// The product whose installation installs this one (page `concurrent-installations.md`).
    pub parent: Option<ProductCode>,
    /// The disks that are sources: number, volume label, prompt.
    pub media: Vec<(u32, String, String)>,
    /// `DiskPrompt`.
    pub disk_prompt: String,
    /// `MediaPackagePath`.
    pub media_package_path: String,
    /// What the list of installed programs shows.
    pub programs: ProgramsEntry,
}

/// The properties for the list of installed programs (page `configuring-add-remove-programs-with-windows-installer.md`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProgramsEntry {
    /// `ARPAUTHORIZEDCDFPREFIX`.
    pub authorized_cdf_prefix: String,
    /// `ARPCOMMENTS`.
    pub comments: String,
    /// `ARPCONTACT`.
    pub contact: String,
    /// `ARPHELPLINK`.
    pub help_link: String,
    /// `ARPHELPTELEPHONE`.
    pub help_telephone: String,
    /// `ARPINSTALLLOCATION`.
    pub install_location: String,
    /// `ARPREADME`.
    pub read_me: String,
    /// `MSIARPSETTINGSIDENTIFIER`: where in the registry the application keeps its settings.
    pub settings_identifier: String,
    /// `ARPSIZE`.
    pub size: String,
    /// `ARPURLINFOABOUT`.
    pub url_info_about: String,
    /// `ARPURLUPDATEINFO`.
    pub url_update_info: String,
    /// `ARPNOMODIFY`.
    pub no_modify: bool,
    /// `ARPNOREMOVE`.
    pub no_remove: bool,
    /// `ARPNOREPAIR`.
    pub no_repair: bool,
    /// `ARPSYSTEMCOMPONENT`: the entry is not shown.
    pub system_component: bool,
}

/// `ProductVersion` as a number: major and minor in 8 bits each, build in 16 (page `productversion.md`).
pub fn version_number(version: &str) -> u32 {
    let mut parts = version.split('.').map(|part| part.trim().parse::<u32>().unwrap_or(0));
    let [major, minor, build] = [parts.next(), parts.next(), parts.next()].map(Option::unwrap_or_default);
    (major & 0xff) << 24 | (minor & 0xff) << 16 | (build & 0xffff)
}

fn text(name: &str, text: &str) -> (String, RegistryValue) {
    (name.to_owned(), RegistryValue::String(text.to_owned()))
}

fn number(name: &str, number: u32) -> (String, RegistryValue) {
    (name.to_owned(), RegistryValue::Dword(number))
}

fn expand(name: &str, text: &str) -> (String, RegistryValue) {
    (name.to_owned(), RegistryValue::ExpandString(text.to_owned()))
}

fn at(key: RegistryKey, values: Vec<(String, RegistryValue)>) -> impl Iterator<Item = Written> {
    values.into_iter().map(move |(name, value)| (key.clone(), name, value))
}

/// What RegisterProduct writes (page `registerproduct-action.md`): the details of the installation, and the entry in the
/// list of installed programs.
pub fn register_product(registry: &Registry, product: &ProductRegistration) -> Vec<Written> {
    let entry = &product.programs;
    let version = version_number(&product.version);
    // Without a choice the entry leads straight to the removal.
    let verb = if entry.no_modify { "/X" } else { "/I" };
    let command = format!("MsiExec.exe {verb}{}", product.code);
    let mut values = vec![
        text("AuthorizedCDFPrefix", &entry.authorized_cdf_prefix),
        text("Comments", &entry.comments),
        text("Contact", &entry.contact),
        text("DisplayName", &product.name),
        text("DisplayVersion", &product.version),
        number("EstimatedSize", product.estimated_size),
        text("HelpLink", &entry.help_link),
        text("HelpTelephone", &entry.help_telephone),
        text("InstallDate", &product.install_date),
        text("InstallLocation", &entry.install_location),
        text("InstallSource", &product.install_source),
        number("Language", product.language),
        expand("ModifyPath", &command),
        text("Publisher", &product.publisher),
        text("ReadMe", &entry.read_me),
        text("Size", &entry.size),
        expand("UninstallString", &command),
        text("URLInfoAbout", &entry.url_info_about),
        text("URLUpdateInfo", &entry.url_update_info),
        number("Version", version),
        number("VersionMajor", version >> 24),
        number("VersionMinor", version >> 16 & 0xff),
        number("WindowsInstaller", 1),
    ];
    let marks = [
        ("NoModify", entry.no_modify),
        ("NoRemove", entry.no_remove),
        ("NoRepair", entry.no_repair),
        ("SystemComponent", entry.system_component),
    ];
    if !entry.settings_identifier.is_empty() {
        values.push(text("SettingsIdentifier", &entry.settings_identifier));
    }
    values.extend(marks.into_iter().filter(|(_, set)| *set).map(|(name, _)| number(name, 1)));
    let mut details = values.clone();
    details.push(text("LocalPackage", &product.local_package));
    values.extend(product.product_icon.iter().map(|icon| text("DisplayIcon", icon)));
    let properties = user_data_product_key(registry, product.context, product.code).join("InstallProperties");
    let mut written: Vec<Written> = at(properties, details).collect();
    written.extend(at(uninstall_key(product.view, product.code), values));
    if let Some(upgrade) = product.upgrade_code {
        written.push((common_upgrade_code_key(upgrade), product.code.0.to_packed(), "".into()));
    }
    written
}

/// What PublishProduct writes (page `publishproduct-action.md`): how the product is known, and where its sources are.
pub fn publish_product(product: &ProductRegistration) -> Vec<Written> {
    let parent = product.parent.map(|parent| parent.to_string()).unwrap_or_default();
    let key = product_key(product.context, product.code);
    let mut values = vec![
        number("AdvertiseFlags", 0x184),
        number("Assignment", u32::from(product.context == InstallContext::PerMachine)),
        number("AuthorizedLUAApp", 0),
        (CLIENTS.to_owned(), RegistryValue::MultiString(vec![format!("{parent}:")])),
        number("InstanceType", u32::from(product.instance)),
        number("Language", product.language),
        text("PackageCode", &product.package_code.0.to_packed()),
        text("ProductName", &product.name),
        number("Version", version_number(&product.version)),
    ];
    values.extend(product.product_icon.iter().map(|icon| text("ProductIcon", icon)));
    values.extend(product.transforms.iter().map(|transforms| text("Transforms", transforms)));
    let sources = key.join("SourceList");
    let list = vec![
        text("LastUsedSource", &format!("n;1;{}", product.install_source)),
        text("PackageName", &product.package_name),
    ];
    let mut media =
        vec![text("DiskPrompt", &product.disk_prompt), text("MediaPackage", &product.media_package_path)];
    for (disk, label, prompt) in &product.media {
        media.push(text(&disk.to_string(), &format!("{label};{prompt}")));
    }
    let mut written: Vec<Written> = at(key, values).collect();
    written.extend(at(sources.join("Net"), vec![expand("1", &product.install_source)]));
    written.extend(at(sources.join("Media"), media));
    written.extend(at(sources, list));
    if let Some(upgrade) = product.upgrade_code {
        let packed = product.code.0.to_packed();
        written.push((upgrade_code_key(product.context, upgrade), packed, "".into()));
    }
    written
}

/// A feature to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureRegistration {
    /// Its name.
    pub name: String,
    /// The name of the feature that it belongs to.
    pub parent: Option<String>,
    /// Whether it is installed.
    pub state: FeatureState,
    /// Its components, in the order of the FeatureComponents table.
    pub components: Vec<ComponentId>,
}

/// What names a component of a feature to whoever installs it on demand: the descriptor of shortcuts, servers and qualified
/// components.
pub fn descriptor(code: ProductCode, feature: &str, component: ComponentId) -> String {
    format!("{}{feature}>{}", squeeze(code.0), squeeze(component.0))
}

/// The component that a [`descriptor`] names at its end.
pub fn described_component(descriptor: &str) -> Option<ComponentId> {
    let start = descriptor.len().checked_sub(20)?;
    unsqueeze(descriptor.get(start..)?).map(ComponentId)
}

/// What PublishFeatures takes away of a feature that was installed and is advertised now: the list of its components.
pub fn unlist_feature(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    feature: &str,
) -> Option<Removed> {
    let lists = user_data_product_key(registry, context, code).join("Features");
    registry.value(&lists, feature)?;
    Some(Removed::ValueAndEmptyKey(lists, feature.to_owned()))
}

/// What is taken away of features and disks that the product has no more, as those of a patch that is removed.
pub fn forget_parts(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    features: &[String],
    disks: &[String],
) -> Vec<Removed> {
    let places = [
        (features_key(context, code), features),
        (user_data_product_key(registry, context, code).join("Features"), features),
        (product_key(context, code).join("SourceList").join("Media"), disks),
    ];
    let values =
        places.into_iter().flat_map(|(key, names)| names.iter().map(move |name| (key.clone(), name)));
    values
        .filter(|(key, name)| registry.value(key, name).is_some())
        .map(|(key, name)| Removed::ValueAndEmptyKey(key, name.clone()))
        .collect()
}

/// What PublishFeatures writes (page `publishfeatures-action.md`).
pub fn publish_features(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    features: &[FeatureRegistration],
) -> Vec<Written> {
    let states = features_key(context, code);
    let lists = user_data_product_key(registry, context, code).join("Features");
    let mut written = Vec::with_capacity(features.len() * 2);
    for feature in features {
        let parent = feature.parent.as_deref().unwrap_or_default();
        let mut state = String::new();
        if feature.state == FeatureState::Absent {
            state.push(ABSENT);
        }
        state.push_str(parent);
        written.push((states.clone(), feature.name.clone(), RegistryValue::String(state)));
        if feature.state == FeatureState::Advertised {
            continue;
        }
        let mut list: String = feature.components.iter().map(|component| squeeze(component.0)).collect();
        if !parent.is_empty() {
            list.push(PARENT);
            list.push_str(parent);
        }
        written.push((lists.clone(), feature.name.clone(), RegistryValue::String(list)));
    }
    written
}

/// Whether a component stays when its last product goes (attribute `msidbComponentAttributesPermanent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permanence {
    /// It goes with its last product.
    Removable,
    /// It stays.
    Permanent,
}

/// What ProcessComponents writes for one component (page `processcomponents-action.md`).
pub fn process_component(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    component: ComponentId,
    key_path: &str,
    permanence: Permanence,
) -> Vec<Written> {
    let key = component_key(registry, context, component);
    let mut written = vec![(key.clone(), code.0.to_packed(), key_path.into())];
    if permanence == Permanence::Permanent {
        written.push((key, Guid::from_bytes([0; 16]).to_packed(), key_path.into()));
    }
    written
}

/// A key path that is a registry value: the root's number (20 more in the view of 64-bit programs), the key, and the name
/// of the value, which may be empty.
pub fn registry_key_path(root: u8, view_is_64_bit: bool, key: &str, name: &str) -> String {
    let root = if view_is_64_bit { root.saturating_add(20) } else { root };
    format!(r"{root:02}:\{key}\{name}")
}

/// What the removal of a product takes away, apart from its components.
pub fn unregister_product(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    view: View,
    upgrade_codes: &[UpgradeCode],
) -> Vec<Removed> {
    let mut removed = vec![
        Removed::Key(features_key(context, code)),
        Removed::Key(product_key(context, code)),
        Removed::Key(user_data_product_key(registry, context, code)),
    ];
    // The same product may be there for all users too, and has one entry.
    let machine = InstallContext::PerMachine;
    if context == machine || !registry.exists(&product_key(machine, code)) {
        removed.push(Removed::Key(uninstall_key(view, code)));
    }
    for upgrade in upgrade_codes {
        for key in [upgrade_code_key(context, *upgrade), common_upgrade_code_key(*upgrade)] {
            removed.push(Removed::ValueAndEmptyKey(key, code.0.to_packed()));
        }
    }
    removed
}

/// What the removal of a component from a product takes away. A permanent component keeps its other client.
pub fn unprocess_component(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    component: ComponentId,
) -> Removed {
    Removed::ValueAndEmptyKey(component_key(registry, context, component), code.0.to_packed())
}
