//! Published packages as typed rows.

#![allow(clippy::panic, reason = "what is wrong with a package is the test's message")]

use std::path::PathBuf;

use reseat_database::{Database, DatabaseKind, Reading};
use reseat_package::{
    ActionText, AppId, AppSearch, Binary, BindImage, CcpSearch, Class, CompLocator, Component, Condition,
    CreateFolder, CustomAction, DrLocator, DuplicateFile, EnvironmentRow, ErrorRow, Extension, Feature,
    FeatureComponent, FeatureCondition, FileRow, Font, Icon, IniFile, IniLocator, IsolatedComponent,
    LaunchCondition, LockPermissions, Media, Mime, MoveFile, MsiAssembly, MsiAssemblyName, MsiFileHash,
    MsiLockPermissionsEx, MsiPatchHeader, MsiPatchMetadata, MsiPatchSequence, MsiServiceConfig,
    MsiServiceConfigFailureActions, MsiShortcutProperty, NameForm, OdbcAttribute, OdbcDataSource, OdbcDriver,
    OdbcSourceAttribute, OdbcTranslator, Package, PackageError, PatchPackage, PatchRow, Platform, ProgId,
    PropertyRow, PublishComponent, RegLocator, RegistryRow, RemoveFile, RemoveIniFile, RemoveRegistry,
    ReserveCost, SelfReg, SequenceTable, ServiceControl, ServiceInstall, Shortcut, Signature, TableRow,
    TypeLib, UiText, Upgrade, VariableName, Verb,
};

/// Packages and merge bases that are marked `install`, `attempt` or `read`.
const PACKAGES: &[&str] = &[
    "putty-0.68-installer.msi",
    "nunit-2.5.2.msi",
    "external-cab.msi",
    "winget-test-v1.msi",
    "winget-test-v2.msi",
    "prodA-1.0.0.msi",
    "prodA-1.0.1.msi",
    "all-standard-actions.msi",
    "instance-transforms.msi",
    "wixui.msi",
    "firewall4.msi",
    "shortcuts.msi",
    "classes.msi",
    "lock-permissions.msi",
    "psmsi-example.msi",
    "7z1900-x64.msi",
    "omaha-helper.msi",
    "hsflowd-setup.msi",
    "xtab-opener.msi",
    "wise-test.msi",
    "hotools.msi",
    "arcade-setup5.msi",
    "osm2mssql-advinst.msi",
    "osm2mssql-vs.msi",
    "tiny-example.msi",
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("RESEAT_PACKAGES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages")),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no packages at {}", folder.display());
    None
}

fn open(name: &str) -> Option<Result<Package, PackageError>> {
    let path = folder()?.join(name);
    Some(Package::open(
        Database::open(&path, Reading::Permissive).unwrap_or_else(|error| panic!("{name}: {error}")),
    ))
}

fn count<T: TableRow>(package: &Package, name: &str) -> usize {
    package.rows::<T>().unwrap_or_else(|error| panic!("{name}: {error}")).len()
}

#[test]
fn every_package_loads_as_typed_rows() {
    for name in PACKAGES {
        let Some(package) = open(name) else { return };
        let package = package.unwrap_or_else(|error| panic!("{name}: {error}"));
        macro_rules! load {
            ($($row:ty),* $(,)?) => { [$(count::<$row>(&package, name)),*] };
        }
        let counts = load!(
            ActionText,
            AppId,
            AppSearch,
            Binary,
            BindImage,
            CcpSearch,
            Class,
            CompLocator,
            Component,
            CreateFolder,
            CustomAction,
            DrLocator,
            DuplicateFile,
            EnvironmentRow,
            ErrorRow,
            Extension,
            Feature,
            FeatureComponent,
            FeatureCondition,
            FileRow,
            Font,
            Icon,
            IniFile,
            IniLocator,
            IsolatedComponent,
            LaunchCondition,
            LockPermissions,
            Media,
            Mime,
            MoveFile,
            MsiAssembly,
            MsiAssemblyName,
            MsiFileHash,
            MsiLockPermissionsEx,
            MsiServiceConfig,
            MsiServiceConfigFailureActions,
            MsiShortcutProperty,
            OdbcAttribute,
            OdbcDataSource,
            OdbcDriver,
            OdbcSourceAttribute,
            OdbcTranslator,
            PatchRow,
            PatchPackage,
            MsiPatchHeader,
            MsiPatchMetadata,
            MsiPatchSequence,
            ProgId,
            PropertyRow,
            PublishComponent,
            RegLocator,
            RegistryRow,
            RemoveFile,
            RemoveIniFile,
            RemoveRegistry,
            ReserveCost,
            SelfReg,
            ServiceControl,
            ServiceInstall,
            Shortcut,
            Signature,
            TypeLib,
            UiText,
            Upgrade,
            Verb,
        );
        assert!(counts.iter().sum::<usize>() > 0, "{name}");
        package.directories().unwrap_or_else(|error| panic!("{name}: {error}"));
        for action in package.rows::<CustomAction>().unwrap().iter() {
            action.decode().unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for variable in package.rows::<EnvironmentRow>().unwrap().iter() {
            VariableName::parse(&variable.name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn every_condition_of_every_package_is_read() {
    let mut read = 0;
    for name in PACKAGES {
        let Some(Ok(package)) = open(name) else { return };
        let mut conditions: Vec<String> = Vec::new();
        for table in SequenceTable::ALL {
            let sequence = package.sequence(table).unwrap();
            conditions
                .extend(sequence.iter().filter_map(|action| Some(action.condition.as_deref()?.to_owned())));
        }
        let components = package.rows::<Component>().unwrap();
        conditions.extend(components.iter().filter_map(|row| Some(row.condition.as_deref()?.to_owned())));
        let features = package.rows::<FeatureCondition>().unwrap();
        conditions.extend(features.iter().filter_map(|row| Some(row.condition.as_deref()?.to_owned())));
        conditions
            .extend(package.rows::<LaunchCondition>().unwrap().iter().map(|row| row.condition.to_string()));
        for text in conditions {
            Condition::parse(&text).unwrap_or_else(|error| panic!("{name}: {text}: {error}"));
            read += 1;
        }
    }
    assert!(read > 250, "{read}");
}

#[test]
fn a_known_package_is_as_its_makers_described_it() {
    let Some(package) = open("7z1900-x64.msi") else { return };
    let package = package.unwrap();
    assert_eq!(package.name(), "7-Zip 19.00 (x64 edition)");
    assert_eq!(package.product_code().to_string(), "{23170F69-40C1-2702-1900-000001000000}");
    assert_eq!(package.version().to_string(), "19.0.0");
    assert_eq!(*package.platform(), Platform::X64);
    assert_eq!(package.language(), 1033);
    assert_eq!(package.rows::<FileRow>().unwrap().len(), 102);
    let file = package.find::<FileRow>("_7zFM.exe").unwrap().unwrap();
    assert_eq!(file.name.name(NameForm::Long), "7zFM.exe");
    let paths = package.directories().unwrap().resolve_targets(
        &|name| (name == "INSTALLDIR").then(|| "C:\\Program Files\\7-Zip".to_owned()),
        NameForm::Long,
    );
    assert!(paths.values().any(|path| path == "C:\\Program Files\\7-Zip\\Lang\\"), "{paths:?}");
}

#[test]
fn patches_and_transforms_are_no_packages() {
    let Some(folder) = folder() else { return };
    for (name, kind) in
        [("prodA-patch-A.msp", DatabaseKind::Patch), ("psmsi-example.mst", DatabaseKind::Transform)]
    {
        let database = Database::open(&folder.join(name), Reading::Permissive).unwrap();
        assert_eq!(database.kind(), kind, "{name}");
        assert!(matches!(Package::open(database), Err(PackageError::NotAPackage { .. })), "{name}");
    }
}
