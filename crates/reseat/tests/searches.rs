//! Searches for what is installed already, and standard actions that share and isolate files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue, View};
use support::product::{Product, guid};
use support::{Place, package};

/// The properties at the end of an installation, from its log.
fn properties(place: &Place, product: &Product) -> impl Fn(&str) -> Option<String> + use<> {
    let path = product.save(place, "searching.msi");
    let log = place.path("log");
    place.install(&path, &["--log", log.to_str().unwrap()]).expect_code(0);
    let log = place.read("log");
    move |name| {
        let start = format!("Property(S): {name} = ");
        log.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
    }
}

fn searching() -> Product {
    Product::new()
        .version("9.0.0")
        .with_standard_actions(&[("AppSearch", 50), ("CCPSearch", 60), ("RMCCPSearch", 70)])
        .without_row("InstallExecuteSequence", "RemoveExistingProducts")
        .with_row("Component", &["Other", &guid(3, 77), "INSTALLDIR", "256", "", ""])
        .without_row("FeatureComponents", "Main")
        .with_row("FeatureComponents", &["Main", "Other"])
}

#[test]
fn files_and_folders_are_found_by_every_locator() {
    let place = Place::with_prefix();
    let installed = Product::new().with_file("Readme", "readme.txt", "text").with_key_file("Readme");
    place.install(&installed.save(&place, "installed.msi"), &[]).expect_code(0);
    fs::create_dir_all(place.drive_c("Deep/One/Two")).unwrap();
    fs::write(place.drive_c("Deep/One/Two/tool.txt"), "12345").unwrap();
    fs::write(
        place.drive_c("windows/app.ini"),
        "[Paths]\r\nTool=x,C:\\Deep\\One\\Two\\tool.txt\r\nRaw=a, b\r\n",
    )
    .unwrap();
    let mut product = searching();
    for (property, signature) in [
        ("BYCOMPONENT", "readme"),
        ("COMPONENTFOLDER", "compfolder"),
        ("INIRAW", "iniraw"),
        ("INIFILE", "inifile"),
        ("INIFOLDER", "inifolder"),
        ("DEEP", "deep"),
        ("TOOSHALLOW", "shallow"),
        ("RELATIVE", "relative"),
        ("BELOW", "below"),
        ("TOOBIG", "toobig"),
        ("FIRST", "shallow"),
        ("FIRST", "deep"),
    ] {
        product.row("AppSearch", &[property, signature]);
    }
    let product = product
        .with_row("CompLocator", &["readme", &guid(3, 0), "1"])
        .with_row("Signature", &["readme", "README.TXT"])
        .with_row("CompLocator", &["compfolder", &guid(3, 0), "0"])
        .with_row("IniLocator", &["iniraw", "app.ini", "paths", "raw", "", "2"])
        .with_row("IniLocator", &["inifile", "app.ini", "Paths", "Tool", "2", "1"])
        .with_row("Signature", &["inifile", "tool.txt"])
        .with_row("IniLocator", &["inifolder", "app.ini", "Paths", "Tool", "2", "0"])
        .with_row("Signature", &["deep", "tool.txt", "", "", "5", "5"])
        .with_row("DrLocator", &["deep", "", "C:\\Deep", "2"])
        .with_row("Signature", &["shallow", "tool.txt"])
        .with_row("DrLocator", &["shallow", "", "C:\\Deep", "1"])
        .with_row("DrLocator", &["relative", "", "Deep\\One", ""])
        .with_row("Signature", &["below", "tool.txt"])
        .with_row("DrLocator", &["below", "relative", "Two", "0"])
        .with_row("Signature", &["toobig", "tool.txt", "", "", "6"])
        .with_row("DrLocator", &["toobig", "", "C:\\Deep", "9"])
        .with_row("CCPSearch", &["shallow"])
        .with_row("CCPSearch", &["below"]);
    let property = properties(&place, &product);
    for (name, expected) in [
        ("BYCOMPONENT", Some(r"C:\Program Files\Test\readme.txt")),
        ("COMPONENTFOLDER", Some(r"C:\Program Files\Test\")),
        ("INIRAW", Some("a, b")),
        ("INIFILE", Some(r"C:\Deep\One\Two\tool.txt")),
        ("INIFOLDER", Some(r"C:\Deep\One\Two\")),
        ("DEEP", Some(r"C:\Deep\One\Two\tool.txt")),
        ("TOOSHALLOW", None),
        ("RELATIVE", Some(r"C:\Deep\One\")),
        ("BELOW", Some(r"C:\Deep\One\Two\tool.txt")),
        ("TOOBIG", None),
        ("FIRST", Some(r"C:\Deep\One\Two\tool.txt")),
        ("CCP_Success", Some("1")),
    ] {
        assert_eq!(property(name).as_deref(), expected, "{name}");
    }
}

#[test]
fn parents_that_are_their_own_parents_end() {
    let place = Place::with_prefix();
    let product = searching()
        .with_row("AppSearch", &["LOOP", "one"])
        .with_row("DrLocator", &["one", "two", "x", "0"])
        .with_row("DrLocator", &["two", "one", "y", "0"]);
    assert_eq!(properties(&place, &product)("LOOP"), None);
}

#[test]
fn a_qualifying_product_is_found_on_the_volume_that_is_named() {
    let place = Place::with_prefix();
    fs::create_dir_all(place.drive_c("Disc/Old")).unwrap();
    fs::write(place.drive_c("Disc/Old/old.exe"), "x").unwrap();
    let product = searching()
        .with_property("CCP_DRIVE", "C:\\Disc\\")
        .with_row("CCPSearch", &["old"])
        .with_row("Signature", &["old", "old.exe"])
        .with_row("DrLocator", &["old", "", "D:\\Old", "0"]);
    assert_eq!(properties(&place, &product)("CCP_Success").as_deref(), Some("1"));
}

fn machine_value(place: &Place, view: View, key: &str, name: &str) -> Option<RegistryValue> {
    let machine = Machine::open(&place.prefix()).unwrap();
    machine.registry().unwrap().value(&RegistryKey::in_view(Hive::LocalMachine, view, key), name)
}

#[test]
fn drivers_and_data_sources_are_registered_and_taken_back() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_standard_actions(&[("SetODBCFolders", 1100), ("RemoveODBC", 2400), ("InstallODBC", 5400)])
        .with_file("Driver", "driver.dll", "MZ")
        .with_row("ODBCDriver", &["D", "Main", "Test Driver", "Driver", "Driver"])
        .with_row("ODBCAttribute", &["D", "APILevel", "1"])
        .with_row("ODBCDataSource", &["S", "Main", "Test Data", "Test Driver", "0"])
        .with_row("ODBCSourceAttribute", &["S", "Database", "[INSTALLDIR]data"]);
    let package = product.save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    let value =
        |key: &str, name: &str| machine_value(&place, View::Native, &format!("Software\\ODBC\\{key}"), name);
    let text = |key: &str, name: &str| value(key, name).and_then(|value| value.as_text().map(str::to_owned));
    let driver = Some(r"C:\Program Files\Test\driver.dll".to_owned());
    assert_eq!(text(r"ODBCINST.INI\ODBC Drivers", "Test Driver").as_deref(), Some("Installed"));
    assert_eq!(text(r"ODBCINST.INI\Test Driver", "Driver"), driver);
    assert_eq!(text(r"ODBCINST.INI\Test Driver", "APILevel").as_deref(), Some("1"));
    assert_eq!(value(r"ODBCINST.INI\Test Driver", "UsageCount"), Some(RegistryValue::Dword(1)));
    assert_eq!(text(r"ODBC.INI\ODBC Data Sources", "Test Data").as_deref(), Some("Test Driver"));
    assert_eq!(text(r"ODBC.INI\Test Data", "Driver"), driver);
    assert_eq!(text(r"ODBC.INI\Test Data", "Database").as_deref(), Some(r"C:\Program Files\Test\data"));
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    let machine = Machine::open(&place.prefix()).unwrap();
    let left = machine.registry().unwrap().exists(&RegistryKey::new(Hive::LocalMachine, "Software\\ODBC"));
    assert!(!left);
}

#[test]
fn a_shared_library_is_counted_and_stays_while_others_count_it() {
    const KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\SharedDLLs";
    let place = Place::with_prefix();
    let mut product = Product::new().with_file("Library", "shared.dll", "MZ").with_key_file("Library");
    product = product.without_row("Component", "Main");
    let package = product
        .with_row("Component", &["Main", &guid(3, 0), "INSTALLDIR", "264", "", "Library"])
        .save(&place, "test.msi");
    let path = r"C:\Program Files\Test\shared.dll";
    let count = || machine_value(&place, View::Native, KEY, path);
    place.install(&package, &[]).expect_code(0);
    assert_eq!(count(), Some(RegistryValue::Dword(1)));
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!(count(), None);
    place.install(&package, &[]).expect_code(0);
    let machine = Machine::open(&place.prefix()).unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, KEY);
    machine.registry().unwrap().set_value(&key, path, RegistryValue::Dword(2)).unwrap();
    machine.save_registry().unwrap();
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!(count(), Some(RegistryValue::Dword(1)));
    assert!(place.drive_c("Program Files/Test/shared.dll").is_file());
}

#[test]
fn a_shared_component_is_copied_beside_its_application() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_standard_actions(&[("IsolateComponents", 950)])
        .with_file("Program", "app.exe", "MZ program")
        .with_key_file("Program")
        .with_row("Directory", &["Shared", "ProgramFiles64Folder", "Shared"])
        .with_row("Component", &["Library", &guid(3, 5), "Shared", "264", "", "Dll"])
        .with_row("FeatureComponents", &["Main", "Library"])
        .with_file("Dll", "shared.dll", "MZ library")
        .with_file_in("Dll", "Library")
        .with_row("IsolatedComponent", &["Library", "Main"]);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    for name in ["Shared/shared.dll", "Test/shared.dll"] {
        assert_eq!(
            fs::read_to_string(place.drive_c(&format!("Program Files/{name}"))).unwrap(),
            "MZ library"
        );
    }
    assert_eq!(fs::metadata(place.drive_c("Program Files/Test/app.exe.LOCAL")).unwrap().len(), 0);
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!place.drive_c("Program Files/Test").exists() && !place.drive_c("Program Files/Shared").exists());
}

#[test]
fn every_standard_action_has_its_place_in_a_sequence_of_all() {
    let Some(package) = package("all-standard-actions.msi") else { return };
    let place = Place::with_prefix();
    let log = place.path("log");
    // Without the property ForceReboot ends the sequence.
    place.install(&package, &["--skip-unsupported", "--log", log.to_str().unwrap(), "REBOOT=ReallySuppress"]);
    let log = place.read("log");
    let ended = log
        .lines()
        .filter_map(|line| line.strip_prefix("Action ended ").and_then(|rest| rest.split_once(": ")));
    let ended: String = ended.map(|(_, text)| format!("{text}\n")).collect();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/all-standard-actions.txt");
    if std::env::var_os("RESEAT_WRITE_GOLDEN").is_some() {
        fs::write(golden, &ended).unwrap();
    }
    let expected = fs::read_to_string(golden).unwrap();
    assert_eq!(ended, expected, "RESEAT_WRITE_GOLDEN=1 writes {golden}");
}
