//! The patches of an installation: those of the product, those that the property PATCH adds and MSIPATCHREMOVE takes away,
//! and what each of them is to the product then.
//!
//! See the pages `patch.md`, `msipatchremove.md`, `installing-multiple-patches.md`, `sequencing-patches.md`,
//! `removing-patches.md`, `uninstallable-patches.md` and `patching-initial-installations.md`. Which patch is applied when is
//! decided in the database crate.

use std::path::{Path, PathBuf};

use reseat_database::patch::apply_all;
use reseat_database::{Database, DatabaseError, Guid, Patch, PatchError, Reading, StorageError};
use reseat_machine::products::patches::{self, PatchState};
use reseat_machine::products::{self, InstalledProduct};
use reseat_machine::{Hive, Machine};
use reseat_package::Package;

use crate::error::EngineError;
use crate::log::service;
use crate::origin::unix_path;
use crate::policy;

use crate::subject::product_code;
use crate::transform_list::given_path;

/// The most patches (page `installing-multiple-patches.md`).
const MOST: usize = 127;

/// Tables that make a patch one that cannot be removed when it changes them (page `uninstallable-patches.md`).
const KEEPING: &[&str] = &[
    "AppId",
    "BindImage",
    "Class",
    "Complus",
    "CreateFolder",
    "DuplicateFile",
    "Environment",
    "Extension",
    "Font",
    "IniFile",
    "IsolatedComponent",
    "LockPermissions",
    "MIME",
    "MoveFile",
    "MsiLockPermissionsEx",
    "MsiServiceConfig",
    "MsiServiceConfigFailureActions",
    "ODBCAttribute",
    "ODBCDataSource",
    "ODBCDriver",
    "ODBCSourceAttribute",
    "ODBCTranslator",
    "ProgId",
    "PublishComponent",
    "RemoveIniFile",
    "SelfReg",
    "ServiceControl",
    "ServiceInstall",
    "TypeLib",
    "Verb",
];

/// A patch, and what it is to the product.
#[derive(Debug)]
pub struct ProductPatch {
    /// Its code.
    pub code: Guid,
    /// Its file.
    pub file: PathBuf,
    /// What it is to the product.
    pub state: PatchState,
    /// The transforms of it that were applied, as the patch lists them.
    pub transforms: String,
    /// Whether it may be removed by itself.
    pub removable: bool,
    /// `DisplayName`.
    pub name: String,
    /// `MoreInfoURL`.
    pub more_info: String,
    /// Whether it changes the product's version.
    pub changes_version: bool,
    /// Whether the product did not have it before.
    pub is_new: bool,
    /// The disks that it added.
    pub disks: Vec<i32>,
}

/// An applied patch that is not where it was kept.
#[derive(Debug)]
pub struct LostPatch {
    /// Its code.
    pub code: Guid,
    /// Where it was kept.
    pub path: String,
}

/// All patches of an installation.
#[derive(Debug, Default)]
pub struct Patching {
    /// Those that the product has then: the applied ones in their order, then the others.
    pub patches: Vec<ProductPatch>,
    /// Those that it has no more.
    pub removed: Vec<Guid>,
    /// The package with the patches that it had before, when some are removed.
    pub before: Option<Package>,
    /// Whether programs of custom actions were changed.
    pub changes_programs: bool,
    /// Whether one of them makes another product of the package: a major upgrade.
    pub makes_another_product: bool,
    /// Patches that are not where they were kept.
    pub lost: Vec<LostPatch>,
}

/// What the user asks for.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatchRequest<'r> {
    /// The property PATCH.
    pub add: &'r str,
    /// The property MSIPATCHREMOVE.
    pub remove: &'r str,
    /// Whether the product is being removed: then a patch that is lost is no error.
    pub tolerant: bool,
}

impl Patching {
    /// Finds the patches and applies them. `base` makes the database as it is without patches once more.
    ///
    /// # Errors
    /// When a patch cannot be opened (1635), is none (1636), is for another product or version (1642), is not there to be
    /// removed (1647) or may not be removed (1646, 1649).
    pub fn plan(
        machine: &Machine,
        product: Option<&InstalledProduct>,
        request: PatchRequest<'_>,
        database: &mut Database,
        base: impl FnOnce() -> Result<Database, EngineError>,
    ) -> Result<Self, EngineError> {
        let mut patching = Self::default();
        let registered = match product {
            Some(product) => patches::installed_patches(machine.registry()?, product.code, product.context),
            None => Vec::new(),
        };
        if registered.is_empty() && request.add.is_empty() && request.remove.is_empty() {
            return Ok(patching);
        }
        let mut known: Vec<(Patch, PathBuf, Guid)> = Vec::new();
        for patch in &registered {
            let kept = patch.local_package.clone().unwrap_or_default();
            let path = unix_path(machine, &kept).filter(|path| path.is_file());
            match path.map(|path| open(&path).map(|patch| (patch, path))) {
                Some(Ok((opened, path))) => known.push((opened, path, patch.code)),
                _ if request.tolerant => {
                    patching.lost.push(LostPatch { code: patch.code, path: kept });
                }
                _ => return Err(EngineError::CachedPatch { patch: patch.code, path: kept }),
            }
        }
        let mut added: Vec<(Patch, PathBuf, Guid)> = Vec::new();
        for name in list(request.add) {
            if let Ok(code) = name.parse::<Guid>()
                && known.iter().any(|(.., known)| *known == code)
            {
                continue;
            }
            let path = given_path(machine, name).unwrap_or_else(|| PathBuf::from(name));
            let patch = open(&path)?;
            let code = code_of(&patch, &path)?;
            let twice = known.iter().chain(&added).any(|(.., known)| *known == code);
            if twice {
                service!("Patch {code} is applied already");
                continue;
            }
            added.push((patch, path, code));
        }
        if known.len() + added.len() > MOST {
            return Err(EngineError::CommandLine {
                reason: format!("{MOST} patches are the most that a product can have"),
            });
        }
        for name in list(request.remove) {
            let code = match name.parse::<Guid>() {
                Ok(code) => code,
                Err(_) => {
                    let path = given_path(machine, name).unwrap_or_else(|| PathBuf::from(name));
                    code_of(&open(&path)?, &path)?
                }
            };
            let found = registered.iter().find(|patch| patch.code == code);
            let found = found.ok_or_else(|| EngineError::UnknownPatch { patch: name.to_owned() })?;
            if !found.removable {
                return Err(EngineError::PatchStays { patch: name.to_owned() });
            }
            if forbids_removal(machine)? {
                return Err(EngineError::PatchStaysByPolicy { patch: name.to_owned() });
            }
            patching.removed.push(code);
        }
        // A patch without a sequence says itself which others it takes the place of.
        for (patch, ..) in &added {
            let replaced = patch.replaces();
            let gone = known.iter().map(|(.., code)| *code).filter(|code| replaced.contains(code));
            for code in gone {
                if !patching.removed.contains(&code) {
                    patching.removed.push(code);
                }
            }
        }
        if !patching.removed.is_empty() {
            let mut before = base()?;
            let all: Vec<Patch> = known.iter().map(|(_, path, _)| open(path)).collect::<Result<_, _>>()?;
            apply_all(&all, &mut before).map_err(|error| failed(Path::new(""), error))?;
            patching.before = Package::open(before).ok();
        }
        let registered_count = known.len();
        let files: Vec<(PathBuf, Guid, bool)> = known
            .iter()
            .chain(&added)
            .enumerate()
            .map(|(place, (_, path, code))| (path.clone(), *code, place >= registered_count))
            .collect();
        let mut opened = Vec::new();
        let mut facts = Vec::new();
        for ((patch, ..), fact) in known.into_iter().chain(added).zip(files) {
            if !patching.removed.contains(&fact.1) {
                opened.push(patch);
                facts.push(fact);
            }
        }
        patching.apply(&opened, &facts, database)?;
        Ok(patching)
    }

    fn apply(
        &mut self,
        opened: &[Patch],
        facts: &[(PathBuf, Guid, bool)],
        database: &mut Database,
    ) -> Result<(), EngineError> {
        let fits: Vec<bool> = opened.iter().map(|patch| patch.target(database).is_ok()).collect();
        let code = product_code(database);
        let outcomes = apply_all(opened, database).map_err(|error| failed(Path::new(""), error))?;
        // Page `major-upgrades.md`: a patch that makes another product of one cannot be taken away again.
        self.makes_another_product = product_code(database) != code;
        for outcome in outcomes {
            let (Some(patch), Some((file, code, is_new))) =
                (opened.get(outcome.patch), facts.get(outcome.patch))
            else {
                continue;
            };
            let fitted = fits.get(outcome.patch) == Some(&true);
            let mut product_patch = self.describe(patch, file, *code, *is_new)?;
            match outcome.result {
                Ok(applied) => {
                    let target = &applied.target;
                    let names = [Some(&target.transform), target.additions.as_ref()];
                    let names: Vec<String> =
                        names.into_iter().flatten().map(|name| format!(":{name}")).collect();
                    product_patch.transforms = names.join(";");
                    product_patch.disks = applied.disks;
                    for name in [Some(&target.transform), target.additions.as_ref()].into_iter().flatten() {
                        let transform = patch.transform(name).map_err(|error| failed(file, error))?;
                        self.changes_programs |= transform.tables().any(|table| table == "Binary");
                        product_patch.removable &= !transform.tables().any(|it| KEEPING.contains(&it));
                    }
                    product_patch.removable &= !self.makes_another_product;
                    service!("Applied patch {code}");
                }
                Err(PatchError::Superseded) => product_patch.state = PatchState::Superseded,
                Err(PatchError::NotApplicable { .. }) if fitted || !is_new => {
                    product_patch.state = PatchState::Obsolete;
                }
                Err(error) => return Err(failed(file, error)),
            }
            self.patches.push(product_patch);
        }
        Ok(())
    }

    fn describe(
        &self,
        patch: &Patch,
        file: &Path,
        code: Guid,
        is_new: bool,
    ) -> Result<ProductPatch, EngineError> {
        let table = patch.database().table("MsiPatchMetadata").map_err(|error| failed(file, error.into()))?;
        let fact = |name: &str| {
            let rows = table.as_ref()?.rows();
            let mut own = rows.filter(|row| row.text("Company").is_none());
            own.find(|row| row.text("Property") == Some(name))?.text("Value").map(str::to_owned)
        };
        Ok(ProductPatch {
            code,
            file: file.to_owned(),
            state: PatchState::Applied,
            transforms: String::new(),
            removable: fact("AllowRemoval").as_deref() == Some("1"),
            name: fact("DisplayName").unwrap_or_default(),
            more_info: fact("MoreInfoURL").unwrap_or_default(),
            changes_version: fact("MinorUpdateTargetRTM").is_some(),
            is_new,
            disks: Vec::new(),
        })
    }

    /// Whether the product's patches change.
    pub fn changes(&self) -> bool {
        !self.removed.is_empty() || self.patches.iter().any(|patch| patch.is_new)
    }
}

/// The installed products that patches are for or that have them, by their codes; `patches` are files and codes.
///
/// # Errors
/// When a patch cannot be opened, or none of its products is installed (1642).
pub fn patch_targets(machine: &Machine, patches: &str) -> Result<Vec<String>, EngineError> {
    let registry = machine.registry()?;
    let mut targets: Vec<String> = Vec::new();
    for name in list(patches) {
        let mut found = Vec::new();
        if let Ok(code) = name.parse::<Guid>() {
            for product in products::installed_products(registry) {
                let patches = patches::installed_patches(registry, product.code, product.context);
                if patches.iter().any(|patch| patch.code == code) {
                    found.push(product.code.to_string());
                }
            }
        } else {
            let path = given_path(machine, name).unwrap_or_else(|| PathBuf::from(name));
            let listed = open(&path)?.products();
            found.extend(
                listed
                    .into_iter()
                    .filter(|code| products::product(registry, *code).is_some())
                    .map(|code| code.to_string()),
            );
        }
        if found.is_empty() {
            return Err(EngineError::NoPatchTarget { patch: PathBuf::from(name) });
        }
        for code in found {
            if !targets.contains(&code) {
                targets.push(code);
            }
        }
    }
    Ok(targets)
}

/// Finds out whether patches are there, and are patches, before it is known which machine they are for; `patches` are files
/// and codes. Where a Windows path leads is not known yet.
///
/// # Errors
/// When none is named (1639), or one cannot be opened (1635) or is no patch (1636).
pub fn check_patches(patches: &str) -> Result<(), EngineError> {
    if list(patches).next().is_none() {
        return Err(EngineError::CommandLine { reason: "no patch is named".to_owned() });
    }
    let files = list(patches).filter(|name| name.parse::<Guid>().is_err());
    for path in files.filter(|name| !name.contains('\\')).map(Path::new) {
        code_of(&open(path)?, path)?;
    }
    Ok(())
}

/// The names in a list of patches.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|name| !name.is_empty())
}

fn open(path: &Path) -> Result<Patch, EngineError> {
    Patch::open(path, Reading::Permissive).map_err(|error| match error {
        PatchError::Database(DatabaseError::Storage(StorageError::Open(_) | StorageError::Read { .. })) => {
            EngineError::PatchOpen { patch: path.to_owned(), source: error.into() }
        }
        _ => EngineError::PatchInvalid { patch: path.to_owned(), source: error.into() },
    })
}

fn code_of(patch: &Patch, path: &Path) -> Result<Guid, EngineError> {
    patch.code().ok_or_else(|| EngineError::PatchInvalid {
        patch: path.to_owned(),
        source: "its summary information has no patch code".into(),
    })
}

fn failed(path: &Path, error: PatchError) -> EngineError {
    match error {
        PatchError::OtherProduct { .. } | PatchError::NotApplicable { .. } => {
            EngineError::PatchTarget { patch: path.to_owned(), source: error.into() }
        }
        _ => EngineError::PatchInvalid { patch: path.to_owned(), source: error.into() },
    }
}

/// The policy DisablePatchUninstall (page `disablepatchuninstall.md`).
fn forbids_removal(machine: &Machine) -> Result<bool, EngineError> {
    Ok(policy::is_on(machine, Hive::LocalMachine, "DisablePatchUninstall")?)
}
