//! Where Windows Installer keeps which patches and transforms a product was installed with.
//!
//! The values follow the pages of the functions MsiGetPatchInfoEx and MsiEnumPatchesEx, and `patch-sources.md`; those of
//! transforms the page `secured-transforms.md`. Nothing is written here.

use reseat_database::{Guid, ProductCode};

use super::places::{
    patch_key, patches_of_product_key, product_key, transforms_key, user_data_patch_key,
    user_data_product_key,
};
use super::registration::{Removed, Written};
use super::{InstallContext, installed_products};
use crate::registry::Registry;
use crate::registry_value::RegistryValue;

/// What a patch is to a product (constants of the function MsiEnumPatchesEx).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchState {
    /// It is applied.
    Applied,
    /// A later patch of its families has all that it has.
    Superseded,
    /// The product's version is one that it is not for.
    Obsolete,
}

impl PatchState {
    /// The documented number.
    pub fn number(self) -> u32 {
        match self {
            Self::Applied => 1,
            Self::Superseded => 2,
            Self::Obsolete => 4,
        }
    }

    fn of_number(number: u32) -> Self {
        match number {
            2 => Self::Superseded,
            4 => Self::Obsolete,
            _ => Self::Applied,
        }
    }
}

/// A patch of an installed product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledPatch {
    /// Its code.
    pub code: Guid,
    /// What it is to the product.
    pub state: PatchState,
    /// Whether it may be removed by itself.
    pub removable: bool,
    /// The cached patch, a Windows path.
    pub local_package: Option<String>,
    /// The transforms of it that were applied.
    pub transforms: String,
    /// `DisplayName`.
    pub name: String,
}

/// What is known of a patch when it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchRegistration {
    /// Its code.
    pub code: Guid,
    /// What it is to the product.
    pub state: PatchState,
    /// Whether it may be removed by itself.
    pub removable: bool,
    /// The cached patch, a Windows path.
    pub local_package: String,
    /// The transforms of it that were applied, as the patch lists them.
    pub transforms: String,
    /// `DisplayName`.
    pub name: String,
    /// `MoreInfoURL`.
    pub more_info: String,
    /// The day, `YYYYMMDD`.
    pub install_date: String,
    /// The name of the patch file at its source; nothing for a patch that comes from where it was kept.
    pub package_name: Option<String>,
    /// The folder of the patch file, with a backslash at its end.
    pub install_source: String,
    /// Whether the patch changes the version of the product.
    pub changes_version: bool,
}

/// The value with the list of patches.
const LIST: &str = "Patches";
/// The same, with those that are superseded or obsolete.
const FULL_LIST: &str = "AllPatches";

/// The patches of a product, in the order in which they were applied; those that are not applied are last.
pub fn installed_patches(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
) -> Vec<InstalledPatch> {
    let applied = product_key(context, code).join(LIST);
    let details = patches_of_product_key(registry, context, code);
    let mut codes = Vec::new();
    for (key, name) in [(&applied, LIST), (&details, FULL_LIST)] {
        if let Some(RegistryValue::MultiString(list)) = registry.value(key, name) {
            codes.extend(list.iter().filter_map(|packed| Guid::from_packed(packed).ok()));
        }
    }
    let mut patches: Vec<InstalledPatch> = Vec::new();
    for code in codes {
        if patches.iter().any(|patch| patch.code == code) {
            continue;
        }
        let packed = code.to_packed();
        let detail = details.join(&packed);
        let number = |name: &str| registry.value(&detail, name).and_then(|value| value.as_dword());
        let text = |value: Option<RegistryValue>| {
            value.as_ref().and_then(RegistryValue::as_text).unwrap_or_default().to_owned()
        };
        let kept = text(registry.value(&user_data_patch_key(registry, context, code), "LocalPackage"));
        patches.push(InstalledPatch {
            code,
            state: PatchState::of_number(number("State").unwrap_or(1)),
            removable: number("Uninstallable") == Some(1),
            local_package: Some(kept).filter(|path| !path.is_empty()),
            transforms: text(registry.value(&applied, &packed)),
            name: text(registry.value(&detail, "DisplayName")),
        });
    }
    patches
}

/// What registers the patches of a product, all of them in the order in which they are applied.
pub fn register_patches(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    patches: &[PatchRegistration],
) -> Vec<Written> {
    let applied = product_key(context, code).join(LIST);
    let details = patches_of_product_key(registry, context, code);
    let packed = |patch: &PatchRegistration| patch.code.to_packed();
    let text = |text: &str| RegistryValue::String(text.to_owned());
    let mut written = Vec::new();
    if patches.is_empty() {
        return written;
    }
    let in_force: Vec<String> =
        patches.iter().filter(|patch| patch.state == PatchState::Applied).map(packed).collect();
    written.push((applied.clone(), LIST.to_owned(), RegistryValue::MultiString(in_force)));
    let all = patches.iter().map(packed).collect();
    written.push((details.clone(), FULL_LIST.to_owned(), RegistryValue::MultiString(all)));
    for patch in patches {
        if patch.state == PatchState::Applied {
            written.push((applied.clone(), packed(patch), text(&patch.transforms)));
        }
        let detail = details.join(&packed(patch));
        for (name, value) in [
            ("DisplayName", text(&patch.name)),
            ("Installed", text(&patch.install_date)),
            ("LUAEnabled", RegistryValue::Dword(0)),
            ("MoreInfoURL", text(&patch.more_info)),
            ("MSI3", RegistryValue::Dword(1)),
            ("PatchType", RegistryValue::Dword(u32::from(patch.changes_version))),
            ("State", RegistryValue::Dword(patch.state.number())),
            ("Uninstallable", RegistryValue::Dword(u32::from(patch.removable))),
        ] {
            written.push((detail.clone(), name.to_owned(), value));
        }
        let own = user_data_patch_key(registry, context, patch.code);
        written.push((own, "LocalPackage".to_owned(), text(&patch.local_package)));
        let Some(package_name) = &patch.package_name else { continue };
        let sources = patch_key(context, patch.code).join("SourceList");
        let last = format!("n;1;{}", patch.install_source);
        written.push((sources.clone(), "LastUsedSource".to_owned(), text(&last)));
        written.push((sources.clone(), "PackageName".to_owned(), text(package_name)));
        let net = RegistryValue::ExpandString(patch.install_source.clone());
        written.push((sources.join("Net"), "1".to_owned(), net));
    }
    written
}

/// What takes a patch away from a product; `last` is whether the product has none then. That no other product has it is
/// asked with [`has_other_products`].
pub fn unregister_patch(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    patch: Guid,
    last: bool,
) -> Vec<Removed> {
    let applied = product_key(context, code).join(LIST);
    let details = patches_of_product_key(registry, context, code);
    let packed = patch.to_packed();
    let mut removed = vec![Removed::Key(details.join(&packed))];
    if last {
        removed.push(Removed::ValueAndEmptyKey(applied.clone(), LIST.to_owned()));
        removed.push(Removed::ValueAndEmptyKey(details, FULL_LIST.to_owned()));
    }
    removed.push(Removed::ValueAndEmptyKey(applied, packed));
    removed
}

/// What takes away what is known of a patch itself, when no product has it any more.
pub fn forget_patch(registry: &Registry, context: InstallContext, patch: Guid) -> Vec<Removed> {
    vec![Removed::Key(patch_key(context, patch)), Removed::Key(user_data_patch_key(registry, context, patch))]
}

/// Whether a product other than this one has a patch, in the same context.
pub fn has_other_products(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    patch: Guid,
) -> bool {
    installed_products(registry).iter().any(|product| {
        let other = product.code != code && product.context == context;
        other && installed_patches(registry, product.code, context).iter().any(|it| it.code == patch)
    })
}

/// Where the transforms of a product are cached: what its list of transforms calls each, and a Windows path.
pub fn cached_transforms(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
) -> Vec<(String, String)> {
    let values = registry.values(&transforms_key(registry, context, code));
    values.into_iter().filter_map(|(name, value)| Some((name, value.as_text()?.to_owned()))).collect()
}

/// What registers where the transforms of a product are cached.
pub fn register_transforms(
    registry: &Registry,
    code: ProductCode,
    context: InstallContext,
    cached: &[(String, String)],
) -> Vec<Written> {
    let key = transforms_key(registry, context, code);
    let value = |(name, path): &(String, String)| (key.clone(), name.clone(), path.as_str().into());
    cached.iter().map(value).collect()
}

/// The folders that a product can be installed from, the last used first (page `source-resiliency.md`).
pub fn sources(registry: &Registry, code: ProductCode, context: InstallContext) -> Vec<String> {
    let key = product_key(context, code).join("SourceList");
    let mut found: Vec<String> = Vec::new();
    let last = registry.value(&key, "LastUsedSource");
    // Kind, number in its list, and the place, separated by semicolons.
    let last = last.as_ref().and_then(RegistryValue::as_text).and_then(|text| text.splitn(3, ';').nth(2));
    found.extend(last.map(str::to_owned));
    for (_, value) in registry.values(&key.join("Net")) {
        found.extend(value.as_text().map(str::to_owned));
    }
    let properties = user_data_product_key(registry, context, code).join("InstallProperties");
    let source = registry.value(&properties, "InstallSource");
    found.extend(source.as_ref().and_then(RegistryValue::as_text).map(str::to_owned));
    let mut known = std::collections::HashSet::new();
    found.retain(|place| !place.is_empty() && known.insert(place.clone()));
    found
}
