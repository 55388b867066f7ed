//! The names of the installer's keys.
//!
//! What an installation for all users publishes is in `HKEY_LOCAL_MACHINE\Software\Classes\Installer`, what one for a user
//! does in `HKEY_CURRENT_USER\Software\Microsoft\Installer`; both have `UserData` of the machine, under the security
//! identifier of the system or the user.

use reseat_database::{ComponentId, Guid, ProductCode, UpgradeCode};

use super::InstallContext;
use crate::registry::Registry;
use crate::registry_key::{Hive, RegistryKey, View};

const INSTALLER: &str = r"Software\Microsoft\Windows\CurrentVersion\Installer";
/// The security identifier of the system.
const SYSTEM: &str = "S-1-5-18";
/// The identifier of the user in a prefix whose registry does not say it.
const USER: &str = "S-1-5-21-0-0-0-1000";

fn published(context: InstallContext, part: &str) -> RegistryKey {
    match context {
        InstallContext::PerMachine => {
            RegistryKey::new(Hive::LocalMachine, format!(r"Software\Classes\Installer\{part}"))
        }
        InstallContext::PerUser => {
            RegistryKey::new(Hive::CurrentUser, format!(r"Software\Microsoft\Installer\{part}"))
        }
    }
}

fn user_data(registry: &Registry, context: InstallContext, part: &str) -> RegistryKey {
    let user;
    let identifier = match context {
        InstallContext::PerMachine => SYSTEM,
        InstallContext::PerUser => {
            user = registry.user_sid();
            user.as_deref().unwrap_or(USER)
        }
    };
    RegistryKey::new(Hive::LocalMachine, format!(r"{INSTALLER}\UserData\{identifier}\{part}"))
}

pub(super) fn products_key(context: InstallContext) -> RegistryKey {
    published(context, "Products")
}

pub(super) fn upgrade_codes_key(context: InstallContext) -> RegistryKey {
    published(context, "UpgradeCodes")
}

pub(super) fn components_key(registry: &Registry, context: InstallContext) -> RegistryKey {
    user_data(registry, context, "Components")
}

pub(super) fn common_upgrade_code_key(code: UpgradeCode) -> RegistryKey {
    RegistryKey::new(Hive::LocalMachine, format!(r"{INSTALLER}\UpgradeCodes\{}", code.0.to_packed()))
}

/// The key by which a product is known: name, package code, version, sources.
pub fn product_key(context: InstallContext, code: ProductCode) -> RegistryKey {
    products_key(context).join(&code.0.to_packed())
}

/// The key with a product's features, and whether each is absent.
pub fn features_key(context: InstallContext, code: ProductCode) -> RegistryKey {
    published(context, "Features").join(&code.0.to_packed())
}

/// The key with the products that an upgrade code relates.
pub fn upgrade_code_key(context: InstallContext, code: UpgradeCode) -> RegistryKey {
    upgrade_codes_key(context).join(&code.0.to_packed())
}

/// The key with the details of a product's installation.
pub fn user_data_product_key(registry: &Registry, context: InstallContext, code: ProductCode) -> RegistryKey {
    user_data(registry, context, "Products").join(&code.0.to_packed())
}

/// The key with what is known of a patch: its sources.
pub(super) fn patch_key(context: InstallContext, patch: Guid) -> RegistryKey {
    published(context, "Patches").join(&patch.to_packed())
}

/// The key with where a patch is cached.
pub(super) fn user_data_patch_key(registry: &Registry, context: InstallContext, patch: Guid) -> RegistryKey {
    user_data(registry, context, "Patches").join(&patch.to_packed())
}

/// The key with the details of a product's patches.
pub(super) fn patches_of_product_key(
    registry: &Registry,
    context: InstallContext,
    code: ProductCode,
) -> RegistryKey {
    user_data_product_key(registry, context, code).join("Patches")
}

/// The key with where a product's transforms are cached.
pub(super) fn transforms_key(registry: &Registry, context: InstallContext, code: ProductCode) -> RegistryKey {
    user_data_product_key(registry, context, code).join("Transforms")
}

/// The key with the clients of a component.
pub fn component_key(registry: &Registry, context: InstallContext, component: ComponentId) -> RegistryKey {
    components_key(registry, context).join(&component.0.to_packed())
}

/// The key that the list of installed programs shows; a 32-bit package's is in the 32-bit view. The page
/// `uninstall-registry-key.md` names the machine's key for every product; Wine removes a product only when it finds it there.
pub fn uninstall_key(view: View, code: ProductCode) -> RegistryKey {
    RegistryKey::in_view(
        Hive::LocalMachine,
        view,
        format!(r"Software\Microsoft\Windows\CurrentVersion\Uninstall\{code}"),
    )
}
