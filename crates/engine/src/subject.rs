//! Which package an installation works on: the one that the user names or the one that was kept, with its transforms and
//! patches, and the product that is installed from it, if it is.
//!
//! See the pages `transforms.md`, `patching-initial-installations.md`, `installing-multiple-instances-with-instance-transforms.md`
//! and `source-resiliency.md`.

use std::path::{Path, PathBuf};

use reseat_database::{Database, DatabaseError, PackageCode, ProductCode, Reading, StorageError};
use reseat_machine::Machine;
use reseat_machine::products::{self, InstalledProduct};
use reseat_package::{Media, Package};

use crate::error::EngineError;
use crate::origin::{Origin, unix_path};
use crate::patching::{PatchRequest, Patching};
use crate::request::{Request, Target, TopLevel};
use crate::transform_list::{self, TransformList};

/// What a session's package was made of.
pub struct Basis {
    /// The package file that transforms and patches were applied to.
    pub file: PathBuf,
    /// Where its source is.
    pub origin: Origin,
    /// The transforms.
    pub transforms: TransformList,
    /// The patches.
    pub patching: Patching,
    /// Whether the product is one of several instances.
    pub instance: bool,
    /// Files of this session alone: the package as it is after that, where programs of custom actions are another than in
    /// the file; and the file itself, where that goes with the product that a patch replaces.
    copies: Vec<tempfile::TempPath>,
}

/// The package of an installation and what is known of its product.
pub struct Subject {
    /// The package, with transforms and patches.
    pub package: Package,
    /// A file that holds it.
    pub path: PathBuf,
    /// The product, if it is installed.
    pub installed: Option<InstalledProduct>,
    /// What it was made of.
    pub basis: Basis,
}

/// Properties as the command line gives them.
#[derive(Clone, Copy)]
struct CommandLine<'p>(&'p [(String, String)]);

impl<'p> CommandLine<'p> {
    /// The last value of a property, if it is not empty.
    fn get(self, name: &str) -> Option<&'p str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name)?;
        Some(found.1.as_str()).filter(|value| !value.is_empty())
    }

    fn text(self, name: &str) -> &'p str {
        self.get(name).unwrap_or_default()
    }

    fn removes_all(self) -> bool {
        self.get("REMOVE").is_some_and(|value| value.eq_ignore_ascii_case("ALL"))
    }

    /// Whether REINSTALLMODE asks for the package to be kept anew.
    fn recaches(self) -> bool {
        self.text("REINSTALLMODE").contains(['v', 'V'])
    }
}

impl Subject {
    /// Finds what a request is about.
    ///
    /// # Errors
    /// When the package, a transform or a patch cannot be had, or the product is not as the request needs it.
    pub fn find(machine: &Machine, request: &Request) -> Result<Self, EngineError> {
        let properties = CommandLine(&request.properties);
        match &request.target {
            Target::Package(path) if request.top_level() == TopLevel::Admin => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                Self::to_copy(machine, properties, &path)
            }
            Target::Package(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                Self::of_package(machine, properties, &path)
            }
            Target::Product(name) => {
                Self::of_product(machine, properties, find_product(machine, name)?, None)
            }
        }
    }

    /// What a concurrent installation is about; like [`Subject::find`].
    ///
    /// # Errors
    /// Those of [`Subject::find`].
    pub fn find_concurrent(
        machine: &Machine,
        target: &Target,
        properties: &[(String, String)],
    ) -> Result<Self, EngineError> {
        let properties = CommandLine(properties);
        match target {
            Target::Package(path) => Self::of_package(machine, properties, path),
            Target::Product(name) => {
                Self::of_product(machine, properties, find_product(machine, name)?, None)
            }
        }
    }

    /// An installed product that is to be removed.
    ///
    /// # Errors
    /// [`EngineError::CachedPackage`] when its package is nowhere to be found.
    pub fn installed(machine: &Machine, product: InstalledProduct) -> Result<Self, EngineError> {
        let properties = [("REMOVE".to_owned(), "ALL".to_owned())];
        Self::of_product(machine, CommandLine(&properties), product, None)
    }

    /// The package of an administrative installation: without transforms, which have no effect then, and without regard to
    /// what is installed (page `administrative-installation.md`).
    fn to_copy(machine: &Machine, properties: CommandLine<'_>, path: &Path) -> Result<Self, EngineError> {
        let mut database = open_database(path)?;
        let origin = Origin::of_file(path);
        let transforms = TransformList::of_command_line(machine, "", &origin.folder, false)?;
        let request = PatchRequest { add: properties.text("PATCH"), ..PatchRequest::default() };
        let patching = Patching::plan(machine, None, request, &mut database, || open_database(path))?;
        let changes_programs = patching.changes_programs;
        let basis = Basis {
            file: path.to_owned(),
            origin,
            transforms,
            patching,
            instance: false,
            copies: Vec::new(),
        };
        Self::finish(database, basis, None, changes_programs)
    }

    fn of_package(machine: &Machine, properties: CommandLine<'_>, path: &Path) -> Result<Self, EngineError> {
        let mut database = open_database(path)?;
        let registry = machine.registry()?;
        if let Some(code) = properties.get("MSIINSTANCEGUID") {
            return Self::of_product(machine, properties, find_product(machine, code)?, Some(path));
        }
        let new_instance = properties.get("MSINEWINSTANCE") == Some("1");
        let code = product_code(&database);
        if !new_instance
            && let Some(code) = code
            && let Some(product) = products::product(registry, code)
        {
            return Self::of_product(machine, properties, product, Some(path));
        }
        let origin = Origin::of_file(path);
        let secure = transform_list::are_secure(machine, |name| properties.get(name).map(str::to_owned))?;
        let text = properties.text("TRANSFORMS");
        let transforms = TransformList::of_command_line(machine, text, &origin.folder, secure)?;
        if new_instance && transforms.is_empty() {
            return Err(EngineError::CommandLine {
                reason: "MSINEWINSTANCE needs TRANSFORMS with an instance transform".to_owned(),
            });
        }
        let mut changes_programs = transforms.apply(&mut database, |place, database| {
            if new_instance && place == 0 && product_code(database) == code {
                return Err(EngineError::CommandLine {
                    reason: "MSINEWINSTANCE needs a first transform that changes the product code".to_owned(),
                });
            }
            Ok(())
        })?;
        let new_code = product_code(&database);
        let installed = new_code.and_then(|code| products::product(registry, code));
        if let Some(product) = installed {
            if new_instance {
                return Err(EngineError::InstanceInstalled { product: product.code });
            }
            return Self::of_product(machine, properties, product, Some(path));
        }
        // Both are valid only for products that are installed (page `error-codes.md`, 1605).
        if properties.get("REINSTALL").is_some() || properties.removes_all() {
            let name = open_package(path, database)?.name().to_owned();
            return Err(EngineError::UnknownProduct { name, similar: None });
        }
        let request = PatchRequest {
            add: properties.text("PATCH"),
            remove: properties.text("MSIPATCHREMOVE"),
            tolerant: false,
        };
        let patching = Patching::plan(machine, None, request, &mut database, || open_database(path))?;
        changes_programs |= patching.changes_programs;
        let basis = Basis {
            file: path.to_owned(),
            origin,
            transforms,
            patching,
            instance: new_instance,
            copies: Vec::new(),
        };
        Self::finish(database, basis, None, changes_programs)
    }

    /// What an installed product's maintenance works on; `given` is a package that the user names for it.
    fn of_product(
        machine: &Machine,
        properties: CommandLine<'_>,
        product: InstalledProduct,
        given: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let given_code = given.map(package_code).transpose()?.flatten();
        let other_package = given.is_some() && given_code != product.package_code;
        let reinstalls = properties.get("REINSTALL").is_some();
        if other_package && !reinstalls && properties.get("REMOVE").is_none() {
            return Err(EngineError::OtherVersion {
                product: product.code,
                installed: product.version.clone().unwrap_or_default(),
            });
        }
        let registered = Origin::of_product(machine, &product, properties.text("SOURCELIST"))?;
        let origin = match given {
            // Another package is no source for what is installed, unless it takes its place.
            Some(path) if !other_package || reinstalls => Origin::of_file(path),
            _ => registered,
        };
        let kept = product.local_package.clone().unwrap_or_default();
        let kept_file = unix_path(machine, &kept).filter(|path| path.is_file());
        let file = match (kept_file, given) {
            (_, Some(given)) if reinstalls && (other_package || properties.recaches()) => given.to_owned(),
            (Some(_), None) if reinstalls && properties.recaches() => {
                origin.package().ok_or_else(|| origin.absent(product.code))?
            }
            (Some(kept), _) => kept,
            (None, Some(given)) if !other_package => given.to_owned(),
            // The package was lost: the one at the source is the same, or none.
            (None, _) => {
                let source = origin
                    .package()
                    .filter(|path| package_code(path).is_ok_and(|code| code == product.package_code));
                source.ok_or(EngineError::CachedPackage { product: product.code, path: kept })?
            }
        };
        let transforms = TransformList::of_product(machine, &product, &origin)?;
        let base = || {
            let mut database = open_database(&file)?;
            transforms.apply(&mut database, |_, _| Ok(()))?;
            Ok(database)
        };
        let mut database = open_database(&file)?;
        let mut changes_programs = transforms.apply(&mut database, |_, _| Ok(()))?;
        let request = PatchRequest {
            add: properties.text("PATCH"),
            remove: properties.text("MSIPATCHREMOVE"),
            tolerant: properties.removes_all(),
        };
        let patching = Patching::plan(machine, Some(&product), request, &mut database, base)?;
        changes_programs |= patching.changes_programs;
        if product_code(&database).is_some_and(|code| code != product.code) {
            return Self::of_major_upgrade(machine, &product, database, file, origin, &transforms, patching);
        }
        let instance = product.instance;
        let basis = Basis { file, origin, transforms, patching, instance, copies: Vec::new() };
        Self::finish(database, basis, Some(product), changes_programs)
    }

    /// A patch that makes another product of an installed one, which is installed as the full package would be: its Upgrade
    /// table says what becomes of the old one (page `applying-major-upgrades-by-patching-the-local-installation-of-the-product.md`).
    fn of_major_upgrade(
        machine: &Machine,
        old: &InstalledProduct,
        database: Database,
        file: PathBuf,
        origin: Origin,
        transforms: &TransformList,
        patching: Patching,
    ) -> Result<Self, EngineError> {
        let refused = |why: &str| EngineError::Unsupported {
            parts: vec![format!("a patch that makes another product of this one (major upgrade), {why}")],
        };
        // Page `major-upgrades.md`: such a patch cannot be sequenced with others.
        if !patching.patches.iter().any(|patch| patch.is_new) {
            return Err(refused("which is lost"));
        }
        if patching.patches.len() > 1 || !patching.removed.is_empty() {
            return Err(refused("together with other patches"));
        }
        if old.instance || !transforms.is_empty() {
            return Err(refused("which was installed with transforms"));
        }
        let code = product_code(&database);
        if code.is_some_and(|code| machine.registry().is_ok_and(|it| products::product(it, code).is_some())) {
            return Err(refused("beside which the other is installed already"));
        }
        // The file that was kept goes with the old product, before the new one keeps it.
        let copy = temporary()?;
        std::fs::copy(&file, &copy).map_err(|source| EngineError::TemporaryPackage { source })?;
        let changes_programs = patching.changes_programs;
        let transforms = TransformList::none();
        let file = copy.to_path_buf();
        let basis = Basis { file, origin, transforms, patching, instance: false, copies: vec![copy] };
        Self::finish(database, basis, None, changes_programs)
    }

    fn finish(
        database: Database,
        mut basis: Basis,
        installed: Option<InstalledProduct>,
        changes_programs: bool,
    ) -> Result<Self, EngineError> {
        let mut path = basis.file.clone();
        if changes_programs {
            let copy = temporary()?;
            database.save(&copy)?;
            path = copy.to_path_buf();
            basis.copies.push(copy);
        }
        let package = open_package(&basis.file, database)?;
        Ok(Self { package, path, installed, basis })
    }

    /// The properties that follow from patches: PATCH with full paths, the property of each new patch's disk,
    /// MsiPatchRemovalList, and REINSTALL where the user does not choose features (page `installer-applypatch.md`).
    ///
    /// # Errors
    /// When the Media table cannot be read.
    pub fn patch_properties(
        &self,
        machine: &Machine,
        properties: &mut Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, EngineError> {
        let patching = &self.basis.patching;
        if !patching.changes() {
            return Ok(Vec::new());
        }
        let shown = |path: &Path| {
            machine.windows_path(path).map_or_else(|| path.display().to_string(), |path| path.to_string())
        };
        let new: Vec<_> = patching.patches.iter().filter(|patch| patch.is_new).collect();
        let mut own = Vec::new();
        properties.retain(|(name, _)| name != "PATCH");
        if !new.is_empty() {
            let list: Vec<String> = new.iter().map(|patch| shown(&patch.file)).collect();
            properties.push(("PATCH".to_owned(), list.join(";")));
        }
        let media = self.package.rows::<Media>()?;
        for patch in new {
            let disks = media.iter().filter(|row| patch.disks.contains(&row.disk));
            own.extend(disks.filter_map(|row| Some((row.source.as_ref()?.to_string(), shown(&patch.file)))));
        }
        if !patching.removed.is_empty() {
            let list: Vec<String> = patching.removed.iter().map(ToString::to_string).collect();
            own.push(("MsiPatchRemovalList".to_owned(), list.join(";")));
        }
        let chooses = ["REINSTALL", "REMOVE", "ADDLOCAL", "ADDSOURCE", "ADDDEFAULT", "ADVERTISE"];
        if self.installed.is_some() && !chooses.iter().any(|name| CommandLine(properties).get(name).is_some())
        {
            properties.push(("REINSTALL".to_owned(), "ALL".to_owned()));
            if CommandLine(properties).get("REINSTALLMODE").is_none() {
                properties.push(("REINSTALLMODE".to_owned(), "omus".to_owned()));
            }
        }
        Ok(own)
    }
}

fn temporary() -> Result<tempfile::TempPath, EngineError> {
    let file = tempfile::Builder::new().prefix("reseat-").suffix(".msi").tempfile();
    Ok(file.map_err(|source| EngineError::TemporaryPackage { source })?.into_temp_path())
}

/// The installed product that a code, a package file or a name means.
///
/// # Errors
/// When none or several are named so.
pub fn find_product(machine: &Machine, name: &str) -> Result<InstalledProduct, EngineError> {
    let unknown = || EngineError::UnknownProduct { name: name.to_owned(), similar: None };
    if let Ok(code) = name.parse::<ProductCode>() {
        return products::product(machine.registry()?, code).ok_or_else(unknown);
    }
    if Path::new(name).is_file() {
        let code = open(Path::new(name))?.product_code();
        return products::product(machine.registry()?, code).ok_or_else(unknown);
    }
    let wanted = name.to_lowercase();
    let mut found = products::installed_products(machine.registry()?);
    found.retain(|product| product.name.to_lowercase().contains(&wanted));
    let similar = match &found[..] {
        [product] => Some(product.name.clone()),
        _ => None,
    };
    found.retain(|product| product.name.to_lowercase() == wanted);
    match found.len() {
        0 => Err(EngineError::UnknownProduct { name: name.to_owned(), similar }),
        1 => found.pop().ok_or_else(unknown),
        _ => Err(EngineError::AmbiguousProduct {
            name: name.to_owned(),
            codes: found.iter().map(|product| product.code.to_string()).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Opens a package without transforms and patches.
///
/// # Errors
/// [`EngineError::PackageOpen`] (1619) or [`EngineError::PackageInvalid`] (1620).
pub fn open(path: &Path) -> Result<Package, EngineError> {
    open_package(path, open_database(path)?)
}

fn open_package(path: &Path, database: Database) -> Result<Package, EngineError> {
    Package::open(database)
        .map_err(|source| EngineError::PackageInvalid { package: path.to_owned(), source: source.into() })
}

fn open_database(path: &Path) -> Result<Database, EngineError> {
    Database::open(path, Reading::Permissive).map_err(|source| match source {
        DatabaseError::Storage(StorageError::Open(_) | StorageError::Read { .. }) => {
            EngineError::PackageOpen { package: path.to_owned(), source }
        }
        _ => EngineError::PackageInvalid { package: path.to_owned(), source: source.into() },
    })
}

/// The code of a package file.
fn package_code(path: &Path) -> Result<Option<PackageCode>, EngineError> {
    let invalid = |source: DatabaseError| EngineError::PackageInvalid {
        package: path.to_owned(),
        source: source.into(),
    };
    Ok(open_database(path)?.summary().map_err(invalid)?.package_code())
}

/// The product code in the Property table; what is wrong with it is found when the package is opened.
pub fn product_code(database: &Database) -> Option<ProductCode> {
    let table = database.table("Property").ok()??;
    table.find(&["ProductCode".into()])?.text("Value")?.parse().ok()
}
