//! Where Windows Installer keeps what is installed: products, features, components, sources, uninstall entries.
//!
//! [`installed_products`] and its siblings read; [`registration`] gives what an installation writes, as lists of values, so
//! that each can be an undoable operation. GUIDs are packed in key and value names, and squeezed in a feature's list of
//! components. The contexts are documented on the page `installation-context.md`; the standard actions that write are
//! `registerproduct-action.md`, `publishproduct-action.md`, `publishfeatures-action.md` and
//! `processcomponents-action.md`.

pub mod patches;
mod places;
pub mod registration;
mod squeezed;

use reseat_database::{ComponentId, Guid, PackageCode, ProductCode, UpgradeCode};

pub use places::{
    component_key, features_key, product_key, uninstall_key, upgrade_code_key, user_data_product_key,
};
pub use squeezed::{squeeze, unsqueeze};

use crate::registry::Registry;
use crate::registry_key::RegistryKey;
use crate::registry_value::RegistryValue;

/// For whom a product is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum InstallContext {
    /// For all users of the machine.
    PerMachine,
    /// For one user, without a policy that manages it.
    PerUser,
}

impl InstallContext {
    /// Both, in the order in which a product is looked for: the user's own comes first.
    pub const ALL: [Self; 2] = [Self::PerUser, Self::PerMachine];
}

/// Whether a feature of an installed product is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum FeatureState {
    /// It is installed.
    Installed,
    /// It is known, and is to be installed when it is asked for (page `advertisement.md`).
    Advertised,
    /// The product has it, but it is not installed.
    Absent,
}

/// A product that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledProduct {
    /// The product's code.
    pub code: ProductCode,
    /// For whom it is installed.
    pub context: InstallContext,
    /// Whether it is only advertised: published, and nothing of it is installed.
    pub advertised: bool,
    /// `ProductName`.
    pub name: String,
    /// `ProductVersion`, as the package spells it; of an advertised product its first three numbers.
    pub version: Option<String>,
    /// The version as a number: major, minor and build in 8, 8 and 16 bits.
    pub version_number: Option<u32>,
    /// `ProductLanguage`.
    pub language: Option<u32>,
    /// The code of the package that it was installed from.
    pub package_code: Option<PackageCode>,
    /// The cached package, a Windows path.
    pub local_package: Option<String>,
    /// The name of the package file at its source.
    pub package_name: Option<String>,
    /// The transforms that it was installed with, as their list is stored.
    pub transforms: Option<String>,
    /// Whether it was installed as one of several instances (page `installing-multiple-instances-of-products-and-patches.md`).
    pub instance: bool,
    /// The product whose installation has installed it, when it is a concurrent one (page `concurrent-installations.md`).
    pub parent: Option<ProductCode>,
    /// `Manufacturer`.
    pub publisher: Option<String>,
    /// The day of the installation, `YYYYMMDD`.
    pub install_date: Option<String>,
    /// `ARPINSTALLLOCATION`.
    pub install_location: Option<String>,
    /// The folder that it was installed from.
    pub install_source: Option<String>,
    /// The upgrade codes that name it as related.
    pub upgrade_codes: Vec<UpgradeCode>,
    /// Its features and whether they are installed.
    pub features: Vec<(String, FeatureState)>,
}

/// A client of a component: a product that has it installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentClient {
    /// The product; nothing stands for the permanent client that keeps a component forever.
    pub product: Option<ProductCode>,
    /// Whose list this is in.
    pub context: InstallContext,
    /// The key path: a file, a folder with a backslash at its end, or a registry value such as `02:\Software\X\Name`.
    pub key_path: String,
}

/// The names of keys that are packed GUIDs.
fn packed_names(registry: &Registry, key: &RegistryKey) -> Vec<Guid> {
    registry.sub_keys(key).iter().filter_map(|name| Guid::from_packed(name).ok()).collect()
}

/// All products that are installed, the user's own first.
pub fn installed_products(registry: &Registry) -> Vec<InstalledProduct> {
    let mut found = Vec::new();
    for context in InstallContext::ALL {
        for guid in packed_names(registry, &places::products_key(context)) {
            found.extend(product_in(registry, ProductCode(guid), context));
        }
    }
    found
}

/// One product, in the context in which it is found first.
pub fn product(registry: &Registry, code: ProductCode) -> Option<InstalledProduct> {
    InstallContext::ALL.into_iter().find_map(|context| product_in(registry, code, context))
}

/// One product in one context.
pub fn product_in(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
) -> Option<InstalledProduct> {
    let key = product_key(context, code);
    if !registry.exists(&key) {
        return None;
    }
    let text_of = |key: &RegistryKey, name: &str| {
        let value = registry.value(key, name)?;
        value.as_text().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let number_of =
        |key: &RegistryKey, name: &str| registry.value(key, name).and_then(|value| value.as_dword());
    let properties = user_data_product_key(registry, context, code).join("InstallProperties");
    let property = |name: &str| text_of(&properties, name);
    let features = feature_states(registry, code, context);
    let has_feature = features.iter().any(|(_, state)| *state == FeatureState::Installed);
    let version_number = number_of(&key, "Version").or_else(|| number_of(&properties, "Version"));
    let package_code = text_of(&key, "PackageCode").and_then(|text| Guid::from_packed(&text).ok());
    Some(InstalledProduct {
        code,
        context,
        advertised: !registry.exists(&properties) && !has_feature,
        name: text_of(&key, "ProductName").or_else(|| property("DisplayName")).unwrap_or_default(),
        version: property("DisplayVersion").or_else(|| {
            version_number
                .map(|number| format!("{}.{}.{}", number >> 24, number >> 16 & 0xff, number & 0xffff))
        }),
        version_number,
        language: number_of(&key, "Language").or_else(|| number_of(&properties, "Language")),
        package_code: package_code.map(PackageCode),
        local_package: property("LocalPackage"),
        package_name: text_of(&key.join("SourceList"), "PackageName"),
        transforms: text_of(&key, "Transforms"),
        instance: number_of(&key, "InstanceType").is_some_and(|kind| kind != 0),
        parent: parent_of(registry, &key),
        publisher: property("Publisher"),
        install_date: property("InstallDate"),
        install_location: property("InstallLocation"),
        install_source: property("InstallSource"),
        upgrade_codes: upgrade_codes_of(registry, code, context),
        features,
    })
}

/// The product before the colon in the list of clients; a product that was installed by itself has nothing there.
fn parent_of(registry: &Registry, key: &RegistryKey) -> Option<ProductCode> {
    let Some(RegistryValue::MultiString(clients)) = registry.value(key, registration::CLIENTS) else {
        return None;
    };
    clients.first()?.split_once(':')?.0.parse().ok()
}

fn upgrade_codes_of(registry: &Registry, code: ProductCode, context: InstallContext) -> Vec<UpgradeCode> {
    let list = places::upgrade_codes_key(context);
    let packed = code.0.to_packed();
    let names = packed_names(registry, &list).into_iter();
    names
        .filter(|upgrade| registry.value(&list.join(&upgrade.to_packed()), &packed).is_some())
        .map(UpgradeCode)
        .collect()
}

/// The products that an upgrade code names and that are installed, the user's own first (page `upgrade-table.md`).
pub fn related_products(registry: &Registry, upgrade: UpgradeCode) -> Vec<ProductCode> {
    let mut related: Vec<ProductCode> = Vec::new();
    let add = |key: &RegistryKey, related: &mut Vec<ProductCode>| {
        for (name, _) in registry.values(key) {
            let Ok(guid) = Guid::from_packed(&name) else { continue };
            let code = ProductCode(guid);
            let installed =
                InstallContext::ALL.iter().any(|context| registry.exists(&product_key(*context, code)));
            if installed && !related.contains(&code) {
                related.push(code);
            }
        }
    };
    for context in InstallContext::ALL {
        add(&upgrade_code_key(context, upgrade), &mut related);
    }
    // The list for all contexts, which Wine keeps as well.
    add(&places::common_upgrade_code_key(upgrade), &mut related);
    related
}

/// The features of a product in one context, in the order of their names.
pub fn feature_states(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
) -> Vec<(String, FeatureState)> {
    let values = registry.values(&features_key(context, code));
    let lists = user_data_product_key(registry, context, code).join("Features");
    let state = |name: &str, value: &RegistryValue| match value.as_text() {
        // A mark before the parent's name.
        Some(text) if text.starts_with(registration::ABSENT) => FeatureState::Absent,
        // The components are listed of features that are installed (page `publishfeatures-action.md`).
        _ if registry.value(&lists, name).is_none() => FeatureState::Advertised,
        _ => FeatureState::Installed,
    };
    values.into_iter().map(|(name, value)| (name.clone(), state(&name, &value))).collect()
}

/// The components of a feature, and the name of its parent.
pub fn feature_components(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    feature: &str,
) -> (Vec<ComponentId>, Option<String>) {
    let key = user_data_product_key(registry, context, code).join("Features");
    let value = registry.value(&key, feature);
    let text = value.as_ref().and_then(RegistryValue::as_text).unwrap_or_default();
    let (components, parent) = match text.split_once(registration::PARENT) {
        Some((components, parent)) => (components, Some(parent.to_owned())),
        None => (text, None),
    };
    let squeezed = components.as_bytes().chunks_exact(20);
    let ids = squeezed.filter_map(|id| unsqueeze(std::str::from_utf8(id).ok()?)).map(ComponentId);
    (ids.collect(), parent)
}

/// Who has a component installed, in either context.
pub fn component_clients(registry: &Registry, component: ComponentId) -> Vec<ComponentClient> {
    let mut clients = Vec::new();
    for context in InstallContext::ALL {
        for (name, value) in registry.values(&component_key(registry, context, component)) {
            let Ok(guid) = Guid::from_packed(&name) else { continue };
            let key_path = match &value {
                // A key path in a folder of assemblies is the first of several texts.
                RegistryValue::MultiString(texts) => texts.first().cloned().unwrap_or_default(),
                other => other.as_text().unwrap_or_default().to_owned(),
            };
            let product = (guid.to_bytes() != [0; 16]).then_some(ProductCode(guid));
            clients.push(ComponentClient { product, context, key_path });
        }
    }
    clients
}

/// The components that a product has installed, with their key paths.
pub fn components_of(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
) -> Vec<(ComponentId, String)> {
    let list = places::components_key(registry, context);
    let packed = code.0.to_packed();
    let mut components = Vec::new();
    for guid in packed_names(registry, &list) {
        let value = registry.value(&list.join(&guid.to_packed()), &packed);
        components
            .extend(value.map(|value| (ComponentId(guid), value.as_text().unwrap_or_default().to_owned())));
    }
    components
}
