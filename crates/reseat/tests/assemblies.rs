//! Assemblies: private ones, those of Windows for all applications, and those of .NET in the global assembly cache.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue};
use support::net_library::{I386, X64, library};
use support::product::{Product, guid};
use support::{Place, package, snapshot};

/// The cache of an assembly for any processor and version 4 of the runtime.
const FOLDER: &str = "windows/Microsoft.NET/assembly/GAC_MSIL/Reseat.Test/v4.0_1.2.0.0__9d1ec8380f483f5a";
const GLOBAL: &str = r"Software\Classes\Installer\Assemblies\Global";
const GLOBAL_OF_WINDOWS: &str = r"Software\Classes\Installer\Win32Assemblies\Global";
const ACTIONS: &[(&str, i32)] = &[("MsiUnpublishAssemblies", 1750), ("MsiPublishAssemblies", 6250)];

/// A product whose component is an assembly of .NET for all applications.
fn product(family: u32, library: Vec<u8>) -> Product {
    let product = Product::of_family(family)
        .with_standard_actions(ACTIONS)
        .with_file("Library", "Reseat.Test.dll", library)
        .with_file("Module", "more.netmodule", "module")
        .with_key_file("Library")
        .with_row("MsiAssembly", &["Main", "Main", "Library", "", "0"]);
    with_name(product, &[("Name", "Reseat.Test"), ("Version", "1.2.0.0"), ("Culture", "neutral"), KEY])
}

const KEY: (&str, &str) = ("PublicKeyToken", "9d1ec8380f483f5a");

fn with_name(product: Product, parts: &[(&str, &str)]) -> Product {
    let mut product = product.without_row("MsiAssemblyName", "Main");
    for (name, value) in parts {
        product.row("MsiAssemblyName", &["Main", name, value]);
    }
    product
}

fn any() -> Vec<u8> {
    library(I386, 1, "v4.0.30319")
}

/// How many products have published an assembly, by its whole name.
fn published(place: &Place) -> Vec<(String, usize)> {
    published_in(place, GLOBAL)
}

fn published_in(place: &Place, key: &str) -> Vec<(String, usize)> {
    let machine = Machine::open(&place.prefix()).unwrap();
    let values = machine.registry().unwrap().values(&RegistryKey::new(Hive::LocalMachine, key));
    let count = |value: &RegistryValue| match value {
        RegistryValue::MultiString(texts) => texts.len(),
        other => panic!("{other:?}"),
    };
    values.iter().map(|(name, value)| (name.clone(), count(value))).collect()
}

struct State {
    files: snapshot::Tree,
    registry: BTreeSet<String>,
}

fn state(place: &Place) -> State {
    let mut files = snapshot::tree(&place.prefix());
    files.retain(|name, _| !name.ends_with(".reg"));
    State { files, registry: snapshot::registry(&place.prefix(), "system.reg") }
}

#[track_caller]
fn assert_same(before: &State, place: &Place) {
    let after = state(place);
    snapshot::assert_same(&before.files, &after.files);
    assert_eq!(before.registry, after.registry);
}

#[test]
fn an_assembly_is_installed_published_repaired_and_removed_as_a_whole() {
    let place = Place::with_prefix();
    let before = state(&place);
    let product = product(0, any());
    let failing = product
        .clone()
        .with_row("InstallExecuteSequence", &["InstallExecute", "", "6550"])
        .with_action("Stop", 19, "", "stopped at the end", 6560);
    place.install(&failing.save(&place, "failing.msi"), &[]).expect_code(1);
    assert_same(&before, &place);

    let package = product.save(&place, "test.msi");
    let planned = place.reseat(&["plan", package.to_str().unwrap()]);
    assert!(planned.expect_code(0).out.contains(r"GAC_MSIL\Reseat.Test\v4.0_1.2.0.0__"), "{}", planned.out);
    place.install(&package, &[]).expect_code(0);
    let [library, module] =
        ["Reseat.Test.dll", "more.netmodule"].map(|name| place.drive_c(FOLDER).join(name));
    assert!(library.is_file() && module.is_file());
    assert!(!place.drive_c("Program Files/Test").exists());
    let name =
        "Reseat.Test,Version=\"1.2.0.0\",Culture=\"neutral\",PublicKeyToken=\"9d1ec8380f483f5a\"".to_owned();
    let parts = |name: &str| name.split(',').map(str::to_owned).collect::<BTreeSet<_>>();
    let now = published(&place);
    assert!(now.len() == 1 && now[0].1 == 1 && parts(&now[0].0) == parts(&name), "{now:?}");

    // What is changed stays as it is, unless a file is missing: then the assembly is replaced as a whole.
    let repair = || place.reseat(&["repair", "-q", "Test"]).expect_code(0).out.clone();
    std::fs::write(&module, "changed").unwrap();
    repair();
    assert_eq!(std::fs::read(&module).unwrap(), b"changed");
    std::fs::remove_file(&library).unwrap();
    repair();
    assert_eq!(std::fs::read(&library).unwrap(), any());
    assert_eq!(std::fs::read(&module).unwrap(), b"module");

    // The package is not asked for where the assembly lies.
    std::fs::remove_file(&package).unwrap();
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_same(&before, &place);
}

#[test]
fn an_assembly_stays_as_long_as_a_product_has_it() {
    let place = Place::with_prefix();
    let before = state(&place);
    // Components with codes of their own: only the assembly's name is the same.
    for family in [0, 1] {
        let package = product(family, any()).save(&place, &format!("{family}.msi"));
        place.install(&package, &[]).expect_code(0);
        assert_eq!(published(&place)[0].1, family as usize + 1);
    }
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    let files: Vec<PathBuf> =
        ["Reseat.Test.dll", "more.netmodule"].map(|name| place.drive_c(FOLDER).join(name)).into();
    assert!(files.iter().all(|file| file.is_file()));
    assert_eq!(published(&place)[0].1, 1);
    place.reseat(&["uninstall", "-q", "Test1"]).expect_code(0);
    assert_same(&before, &place);
}

#[test]
fn an_assembly_of_windows_stays_as_long_as_a_product_has_it() {
    let place = Place::with_prefix();
    let before = state(&place);
    for family in [0, 1] {
        let product = Product::of_family(family)
            .with_standard_actions(ACTIONS)
            .with_file("Library", "test.dll", "library")
            .with_key_file("Library")
            .with_file("Manifest", "test.manifest", "<assembly/>")
            .with_row("MsiAssembly", &["Main", "Main", "Manifest", "", "1"]);
        let parts = [
            ("type", "win32"),
            ("name", "Reseat.Test"),
            ("version", "1.0.0.0"),
            ("processorArchitecture", "amd64"),
            ("publicKeyToken", "1111111111222222"),
        ];
        let package = with_name(product, &parts).save(&place, &format!("{family}.msi"));
        place.install(&package, &[]).expect_code(0);
    }
    let folder = "windows/winsxs/amd64_reseat.test_1111111111222222_1.0.0.0_none_deadbeef";
    let library = place.drive_c(folder).join("test.dll");
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(library.is_file());
    place.reseat(&["uninstall", "-q", "Test1"]).expect_code(0);
    assert_same(&before, &place);
}

#[test]
fn an_upgrade_takes_the_former_assembly_of_a_component_with_it() {
    for late in [false, true] {
        let place = Place::with_prefix();
        let before = state(&place);
        place.install(&product(0, any()).save(&place, "old.msi"), &[]).expect_code(0);
        let name = [("Name", "Reseat.Test"), ("Version", "1.3.0.0"), ("Culture", "neutral"), KEY];
        let mut newer = with_name(product(0, any()).version("2.0.0"), &name);
        if late {
            newer = newer
                .without_row("InstallExecuteSequence", "RemoveExistingProducts")
                .with_standard_actions(&[("RemoveExistingProducts", 6700)]);
        }
        place.install(&newer.save(&place, "new.msi"), &[]).expect_code(0);
        let [old, new] =
            ["1.2.0.0", "1.3.0.0"].map(|version| place.drive_c(&FOLDER.replace("1.2.0.0", version)));
        assert!(!old.exists() && new.join("Reseat.Test.dll").is_file(), "late: {late}");
        let now = published(&place);
        assert!(now.len() == 1 && now[0].1 == 1, "{now:?}");
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        assert_same(&before, &place);
    }
}

#[test]
fn an_upgrade_with_the_same_assembly_leaves_it_alone() {
    let place = Place::with_prefix();
    place.install(&product(0, any()).save(&place, "old.msi"), &[]).expect_code(0);
    let newer = product(0, any())
        .version("2.0.0")
        .without_row("InstallExecuteSequence", "RemoveExistingProducts")
        .with_standard_actions(&[("RemoveExistingProducts", 6700)]);
    place.install(&newer.save(&place, "new.msi"), &[]).expect_code(0);
    assert!(place.drive_c(FOLDER).join("Reseat.Test.dll").is_file());
    assert_eq!(published(&place)[0].1, 1);
}

#[test]
fn a_component_that_becomes_another_assembly_keeps_no_name_of_the_former_one() {
    let place = Place::with_prefix();
    let before = state(&place);
    place.install(&product(0, any()).save(&place, "test.msi"), &[]).expect_code(0);
    let name = [("Name", "Reseat.Test"), ("Version", "1.3.0.0"), ("Culture", "neutral"), KEY];
    let newer = with_name(product(0, library(I386, 3, "v4.0.30319")), &name).save(&place, "test.msi");
    let newer = newer.to_str().unwrap();
    place.reseat(&["install", "-q", newer, "REINSTALL=ALL", "REINSTALLMODE=vomus"]).expect_code(0);
    let now = published(&place);
    assert!(now.len() == 1 && now[0].0.contains("1.3.0.0") && now[0].1 == 1, "{now:?}");
    // The former one stays, as others may use it.
    assert!(place.drive_c(FOLDER).join("Reseat.Test.dll").is_file());
    let file =
        "windows/Microsoft.NET/assembly/GAC_32/Reseat.Test/v4.0_1.3.0.0__9d1ec8380f483f5a/Reseat.Test.dll";
    assert!(place.drive_c(file).is_file());
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!place.drive_c(file).exists());
    assert_eq!(before.registry, state(&place).registry);
}

#[test]
fn runtime_and_processor_of_the_headers_decide_the_folder() {
    let place = Place::with_prefix();
    for (machine, flags, runtime, folder) in [
        (I386, 3, "v4.0.30319", r"windows/Microsoft.NET/assembly/GAC_32/Reseat.Test/v4.0_1.2.0.0_de_"),
        (X64, 1, "v4.0.30319", r"windows/Microsoft.NET/assembly/GAC_64/Reseat.Test/v4.0_1.2.0.0_de_"),
        (I386, 1, "v2.0.50727", r"windows/assembly/GAC_MSIL/Reseat.Test/1.2.0.0_de_"),
        (I386, 0, "v2.0.50727", r"windows/assembly/GAC_32/Reseat.Test/1.2.0.0_de_"),
    ] {
        let german = [("name", "Reseat.Test"), ("version", "1.2.0.0"), ("culture", "de"), KEY];
        let product = with_name(product(0, library(machine, flags, runtime)), &german);
        place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
        let file = place.drive_c(&format!("{folder}9d1ec8380f483f5a/Reseat.Test.dll"));
        assert!(file.is_file(), "{}", file.display());
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        assert!(!file.exists());
    }
}

#[test]
fn published_assemblies_go_to_the_caches_of_their_headers() {
    let Some(real) = package("nunit-2.5.2.msi") else { return };
    let place = Place::with_prefix();
    let unpacked = place.path("unpacked");
    place.reseat(&["extract", "-q", real.to_str().unwrap(), unpacked.to_str().unwrap()]).expect_code(0);
    let folder = unpacked.join("Program Files (x86)/NUnit 2.5.2/bin");
    for (file, cache) in [
        ("net-2.0/framework/nunit.framework.dll", "GAC_MSIL"),
        ("net-2.0/nunit-x86.exe", "GAC_32"),
        ("net-1.1/framework/nunit.framework.dll", "GAC"),
    ] {
        let product = product(0, std::fs::read(folder.join(file)).unwrap());
        place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
        let folder = format!("windows/assembly/{cache}/Reseat.Test/1.2.0.0__9d1ec8380f483f5a");
        assert!(place.drive_c(&folder).join("Reseat.Test.dll").is_file(), "{file}");
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    }
}

#[test]
fn an_assembly_without_a_place_is_refused_before_anything_is_changed() {
    let place = Place::with_prefix();
    let before = state(&place);
    let name = [("Name", "Reseat.Test"), ("Version", "1.2.0.0"), ("Culture", "neutral"), KEY];
    for (part, value) in [
        (0, r"..\..\system32\evil"),
        (0, "../evil"),
        (0, ".."),
        (1, r"1.0.0.0\.."),
        (2, r"..\de"),
        (3, r"..\..\..\..\a.b"),
    ] {
        let mut parts = name;
        parts[part].1 = value;
        let hostile = with_name(product(0, any()), &parts);
        place.install(&hostile.save(&place, "test.msi"), &[]).expect_failure(&[
            "MsiPublishAssemblies",
            "global assembly of component Main without a whole name",
        ]);
        assert_same(&before, &place);
    }
    let text = product(0, b"text".to_vec());
    place.install(&text.save(&place, "test.msi"), &[]).expect_failure(&[
        "1935",
        "Component: Main",
        "Reseat.Test.dll is no assembly of .NET",
    ]);
    assert_same(&before, &place);
}

#[test]
fn a_private_assembly_is_published_for_its_application() {
    let place = Place::with_prefix();
    let before = state(&place);
    let private = product(0, any())
        .without_row("MsiAssembly", "Main")
        .with_row("MsiAssembly", &["Main", "Main", "Library", "Library", "0"]);
    place.install(&private.save(&place, "test.msi"), &[]).expect_code(0);
    assert!(place.drive_c("Program Files/Test/Reseat.Test.dll").is_file());
    let machine = Machine::open(&place.prefix()).unwrap();
    let key = r"Software\Classes\Installer\Assemblies\C:|Program Files|Test|Reseat.Test.dll";
    assert_eq!(machine.registry().unwrap().values(&RegistryKey::new(Hive::LocalMachine, key)).len(), 1);
    drop(machine);
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_same(&before, &place);
}

#[test]
fn assemblies_of_windows_for_all_applications_go_to_the_side_by_side_folder() {
    const NAME: &str = "amd64_reseat.test_1111111111222222_1.0.0.0_none_deadbeef";
    let place = Place::with_prefix();
    let class = guid(6, 1);
    let product = Product::new()
        .with_file("Server", "server.exe", "MZ")
        .with_key_file("Server")
        .with_standard_actions(ACTIONS)
        .with_class_actions()
        .with_row(
            "Class",
            &[&class, "LocalServer32", "Main", "", "A class", "", "", "", "", "", "", "Main", ""],
        )
        .with_file("Manifest", "test.manifest", "<assembly/>")
        .with_row("MsiAssembly", &["Main", "Main", "Manifest", "", "1"]);
    let parts = [
        ("type", "win32"),
        ("name", "Reseat.Test"),
        ("version", "1.0.0.0"),
        ("publicKeyToken", "1111111111222222"),
        ("processorArchitecture", "amd64"),
    ];
    place
        .install(&product.save(&place, "unnamed.msi"), &[])
        .expect_failure(&["MsiPublishAssemblies (global assembly of component Main without a whole name)"]);
    let before = state(&place);
    place.install(&with_name(product, &parts).save(&place, "test.msi"), &[]).expect_code(0);
    let folder = place.drive_c(&format!("windows/winsxs/{NAME}"));
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(files, ["server.exe"]);
    let manifest = place.drive_c(&format!("windows/winsxs/manifests/{NAME}.manifest"));
    assert_eq!(std::fs::read_to_string(manifest).unwrap(), "<assembly/>");
    assert!(published_in(&place, GLOBAL_OF_WINDOWS)[0].0.starts_with("Reseat.Test,"));
    // Its classes are in its manifest, and not in the registry.
    let machine = Machine::open(&place.prefix()).unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, format!(r"Software\Classes\CLSID\{class}"));
    assert_eq!(machine.registry().unwrap().value(&key, ""), None);
    drop(machine);
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_same(&before, &place);
}

#[test]
fn packages_are_told_which_net_the_prefix_has() {
    let place = Place::with_prefix();
    {
        let machine = Machine::open(&place.prefix()).unwrap();
        let key = |key: &str| {
            RegistryKey::new(Hive::LocalMachine, format!(r"Software\Microsoft\NET Framework Setup\NDP\{key}"))
        };
        for (name, version) in [(r"v4\Full", "4.8.04084"), ("v3.5", "3.5.30729.4926")] {
            let version = RegistryValue::String(version.to_owned());
            machine.registry().unwrap().set_value(&key(name), "Version", version).unwrap();
        }
        machine.save_registry().unwrap();
    }
    let needs = |version: &str| {
        let condition = format!("MsiNetAssemblySupport >= \"{version}\"");
        Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_row("LaunchCondition", &[&condition, "[ProductName] needs .NET"])
            .with_standard_actions(&[("LaunchConditions", 100)])
    };
    place
        .install(&needs("4.9").save(&place, "new.msi"), &[])
        .expect_code(1)
        .expect_error(&["Test needs .NET"]);
    place.install(&needs("4.8").save(&place, "test.msi"), &[]).expect_code(0);
}
