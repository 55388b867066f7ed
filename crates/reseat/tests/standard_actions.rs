//! Standard actions from end to end: what they leave when the product is installed, that removing it leaves the prefix as it
//! was before, and that a failure at the end does so too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue};
use support::Place;
use support::patch::Patch;
use support::product::{Product, guid};
use support::snapshot;

/// Files and registry of a prefix, without the times of registry keys.
struct State {
    files: snapshot::Tree,
    registry: BTreeSet<String>,
}

fn state(place: &Place) -> State {
    let mut files = snapshot::tree(&place.prefix());
    files.retain(|name, _| !name.ends_with(".reg"));
    let mut registry = snapshot::registry(&place.prefix(), "system.reg");
    registry.extend(snapshot::registry(&place.prefix(), "user.reg"));
    State { files, registry }
}

#[track_caller]
fn assert_same(before: &State, place: &Place, when: &str) {
    let after = state(place);
    let mut differences = snapshot::differences(&before.files, &after.files);
    differences.extend(snapshot::line_differences(&before.registry, &after.registry));
    assert!(differences.is_empty(), "{when}:\n{}", differences.join("\n"));
}

/// Fails at the end, when everything has been done; then installs, looks, and removes.
#[track_caller]
fn there_and_back(place: &Place, product: Product, look: impl FnOnce(&Place, &Machine)) {
    let before = state(place);
    let failing = product
        .clone()
        .with_row("InstallExecuteSequence", &["InstallExecute", "", "6550"])
        .with_action("Stop", 19, "", "stopped at the end", 6560);
    place
        .install(&failing.save(place, "failing.msi"), &[])
        .expect_code(1)
        .expect_error(&["stopped at the end"]);
    assert_same(&before, place, "after the rollback");
    let path = product.save(place, "test.msi");
    place.install(&path, &[]).expect_code(0);
    look(place, &Machine::open(&place.prefix()).unwrap());
    place.reseat(&["uninstall", "-q", path.to_str().unwrap()]).expect_code(0);
    assert_same(&before, place, "after the removal");
}

fn machine_value(machine: &Machine, key: &str, name: &str) -> Option<RegistryValue> {
    machine.registry().unwrap().value(&RegistryKey::new(Hive::LocalMachine, key), name)
}

#[track_caller]
fn expect_texts(machine: &Machine, values: &[(&str, &str, &str)]) {
    for (key, name, expected) in values {
        let value = machine_value(machine, key, name);
        assert_eq!(value.as_ref().and_then(RegistryValue::as_text), Some(*expected), "{key} {name}");
    }
}

const INI: &[(&str, i32)] = &[("RemoveIniValues", 3100), ("WriteIniValues", 5100)];

#[test]
fn ini_entries_are_written_and_taken_back() {
    let place = Place::with_prefix();
    let windows = place.drive_c("windows");
    std::fs::write(windows.join("old.ini"), "; mine\n[Main]\nKeep = 1\nGone=2\nTags=a,b\n").unwrap();
    let row = |key: &'static str, file: &'static str, folder: &'static str| [key, file, folder];
    let product = Product::new()
        .with_standard_actions(INI)
        .with_file("Ini", "own.ini", "[S]\r\nshipped=1\r\n")
        .with_row(
            "IniFile",
            &[&row("A", "old.ini", "")[..], &["main", "New", "[ProductName] 1", "0", "Main"]].concat(),
        )
        .with_row("IniFile", &[&row("B", "old.ini", "")[..], &["main", "keep", "9", "1", "Main"]].concat())
        .with_row("IniFile", &[&row("C", "old.ini", "")[..], &["Main", "Tags", "c", "3", "Main"]].concat())
        .with_row(
            "IniFile",
            &[&row("D", "N~1|new.ini", "INSTALLDIR")[..], &["S", "k", "v", "1", "Main"]].concat(),
        )
        .with_row(
            "IniFile",
            &[&row("E", "own.ini", "INSTALLDIR")[..], &["S", "k", "[INSTALLDIR]", "0", "Main"]].concat(),
        );
    there_and_back(&place, product, |place, _| {
        let old = std::fs::read_to_string(place.drive_c("windows/old.ini")).unwrap();
        assert_eq!(old, "; mine\n[Main]\nKeep = 1\nGone=2\nTags=a,b,c\nNew=Test 1\n");
        let new = std::fs::read_to_string(place.drive_c("Program Files/Test/new.ini")).unwrap();
        assert_eq!(new, "[S]\r\nk=v\r\n");
        let own = std::fs::read_to_string(place.drive_c("Program Files/Test/own.ini")).unwrap();
        assert_eq!(own, "[S]\r\nshipped=1\r\nk=C:\\Program Files\\Test\\\r\n");
    });
}

#[test]
fn the_table_of_ini_entries_to_remove_works_when_the_product_is_installed() {
    let place = Place::with_prefix();
    let file = place.drive_c("windows/old.ini");
    std::fs::write(&file, "[One]\na=1\n[Two]\nTags=a,b,c\nx=1\n").unwrap();
    let product = Product::new()
        .with_standard_actions(INI)
        .with_row("RemoveIniFile", &["A", "old.ini", "", "one", "A", "", "2", "Main"])
        .with_row("RemoveIniFile", &["B", "old.ini", "", "Two", "tags", "B", "4", "Main"]);
    place.install(&product.save(&place, "test.msi"), &[]).expect_code(0);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "[Two]\nTags=a,c\nx=1\n");
}

#[test]
fn files_that_are_there_are_copied_and_moved() {
    let place = Place::with_prefix();
    let old = place.drive_c("Old");
    std::fs::create_dir(&old).unwrap();
    for name in ["one.txt", "two.txt", "three.doc", "four.bin"] {
        std::fs::write(old.join(name), name).unwrap();
    }
    let product = Product::new()
        .with_standard_actions(&[("MoveFiles", 3800)])
        .with_property("OLD", "C:\\Old")
        .with_property("FILE", "C:\\Old\\four.bin")
        .with_property("RELATIVE", "Old")
        .with_row("MoveFile", &["A", "Main", "*.TXT", "ignored", "OLD", "INSTALLDIR", "0"])
        .with_row("MoveFile", &["B", "Main", "three.doc", "3|renamed.doc", "OLD", "INSTALLDIR", "1"])
        .with_row("MoveFile", &["C", "Main", "", "", "FILE", "INSTALLDIR", "1"])
        .with_row("MoveFile", &["D", "Main", "*", "", "RELATIVE", "INSTALLDIR", "1"])
        .with_row("MoveFile", &["E", "Main", "absent", "", "OLD", "INSTALLDIR", "1"]);
    let before = state(&place);
    let failing = product
        .clone()
        .with_row("InstallExecuteSequence", &["InstallExecute", "", "6550"])
        .with_action("Stop", 19, "", "stopped at the end", 6560);
    place
        .install(&failing.save(&place, "failing.msi"), &[])
        .expect_code(1)
        .expect_error(&["stopped at the end"]);
    assert_same(&before, &place, "after the rollback");
    let path = product.save(&place, "test.msi");
    place.install(&path, &[]).expect_code(0);
    let names = |folder: &str| {
        let entries = std::fs::read_dir(place.drive_c(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names("Old"), "one.txt two.txt");
    assert_eq!(names("Program Files/Test"), "four.bin one.txt renamed.doc two.txt");
    place.reseat(&["uninstall", "-q", path.to_str().unwrap()]).expect_code(0);
    assert_eq!(names("Program Files/Test"), "four.bin one.txt renamed.doc two.txt");
}

/// A product whose main component is a server.
fn server() -> Product {
    Product::new().with_file("Server", "server.exe", "MZ").with_key_file("Server")
}

#[test]
fn classes_are_registered_with_their_settings_and_taken_back() {
    let place = Place::with_prefix();
    let (clsid, app_id) = (guid(6, 1), guid(6, 2));
    let product = server()
        .with_class_actions()
        .with_icon("main.ico", "icon")
        .with_row(
            "Class",
            &[
                &clsid,
                "LocalServer32",
                "Main",
                "Test.App.1",
                "A class",
                &app_id,
                "0,4,ff,01;2,2,ff,02",
                "main.ico",
                "3",
                "2",
                "/run \"[ProductName]\"",
                "Main",
                "",
            ],
        )
        .with_row("AppId", &[&app_id, "far", "Service", "-p", "", "1", "1"])
        .with_row("ProgId", &["Test.App.1", "", &clsid, "Test application", "", ""])
        .with_row("ProgId", &["Test.App", "Test.App.1", "", "Test application, any", "", ""]);
    let code = product.product_code();
    there_and_back(&place, product, |_, machine| {
        let class = format!(r"Software\Classes\CLSID\{clsid}");
        let at = |key: &str| if key.is_empty() { class.clone() } else { format!("{class}\\{key}") };
        let icon = format!(r"C:\windows\Installer\{code}\main.ico,3");
        let app = format!(r"Software\Classes\AppID\{app_id}");
        let masks = format!(r"Software\Classes\FileType\{clsid}");
        expect_texts(
            machine,
            &[
                (&at(""), "", "A class"),
                (&at(""), "AppID", &app_id),
                (&at("ProgID"), "", "Test.App.1"),
                (&at("VersionIndependentProgID"), "", "Test.App"),
                (&at("LocalServer32"), "", "\"C:\\Program Files\\Test\\server.exe\" /run \"Test\""),
                (&at("InprocHandler32"), "", "ole32.dll"),
                (&at("DefaultIcon"), "", &icon),
                (&format!("{masks}\\0"), "", "0,4,ff,01"),
                (&format!("{masks}\\1"), "", "2,2,ff,02"),
                (&app, "RemoteServerName", "far"),
                (&app, "LocalService", "Service"),
                (&app, "ServiceParameters", "-p"),
                (&app, "ActivateAtStorage", "Y"),
                (&app, "RunAs", "Interactive User"),
                (r"Software\Classes\Test.App.1", "", "Test application"),
                (r"Software\Classes\Test.App.1\CLSID", "", &clsid),
                (r"Software\Classes\Test.App.1\DefaultIcon", "", &icon),
                (r"Software\Classes\Test.App", "", "Test application, any"),
                (r"Software\Classes\Test.App\CLSID", "", &clsid),
                (r"Software\Classes\Test.App\CurVer", "", "Test.App.1"),
            ],
        );
    });
}

#[test]
fn extensions_are_registered_with_verbs_and_mime_types_and_taken_back() {
    let place = Place::with_prefix();
    let product = server()
        .with_class_actions()
        .with_icon("doc.ico", "icon")
        .with_row("Extension", &["tst", "Main", "Test.Document", "application/x-test", "Main"])
        .with_row("Extension", &["raw", "Main", "", "", "Main"])
        .with_row("ProgId", &["Test.Document", "", "", "Document", "doc.ico", ""])
        .with_row("Verb", &["tst", "print", "2", "&Print", "/p \"%1\""])
        .with_row("Verb", &["tst", "open", "1", "&Open", "\"%1\""])
        .with_row("Verb", &["tst", "look", "", "", ""])
        .with_row("Verb", &["raw", "open", "", "", "\"%1\""])
        .with_row("MIME", &["application/x-test", "tst", &guid(6, 3)]);
    let code = product.product_code();
    there_and_back(&place, product, |_, machine| {
        let document = r"Software\Classes\Test.Document";
        let shell = |key: &str| format!("{document}\\shell{key}");
        let icon = format!(r"C:\windows\Installer\{code}\doc.ico");
        let program = "\"C:\\Program Files\\Test\\server.exe\"";
        let mime = r"Software\Classes\MIME\Database\Content Type\application/x-test";
        expect_texts(
            machine,
            &[
                (r"Software\Classes\.tst", "", "Test.Document"),
                (r"Software\Classes\.tst", "Content Type", "application/x-test"),
                (document, "", "Document"),
                (&format!("{document}\\DefaultIcon"), "", &icon),
                (&shell(""), "", "open,print"),
                (&shell("\\open"), "", "&Open"),
                (&shell("\\open\\command"), "", &format!("{program} \"%1\"")),
                (&shell("\\print\\command"), "", &format!("{program} /p \"%1\"")),
                (&shell("\\look\\command"), "", program),
                (r"Software\Classes\.raw\shell\open\command", "", &format!("{program} \"%1\"")),
                (mime, "Extension", ".tst"),
                (mime, "CLSID", &guid(6, 3)),
            ],
        );
    });
}

#[test]
fn an_extension_that_another_program_has_taken_over_stays_its() {
    let place = Place::with_prefix();
    let product = server()
        .with_class_actions()
        .with_row("Extension", &["tst", "Main", "Test.Document", "", "Main"])
        .with_row("ProgId", &["Test.Document", "", "", "Document", "", ""]);
    let path = product.save(&place, "test.msi");
    place.install(&path, &[]).expect_code(0);
    let key = r"Software\Classes\.tst";
    {
        let machine = Machine::open(&place.prefix()).unwrap();
        // Without a verb there is nothing that could be done with its files: the ProgId is not registered.
        assert_eq!(machine_value(&machine, r"Software\Classes\Test.Document", ""), None);
        let registry = machine.registry().unwrap();
        registry.set_value(&RegistryKey::new(Hive::LocalMachine, key), "", "Other.Document".into()).unwrap();
        machine.save_registry().unwrap();
    }
    place.reseat(&["uninstall", "-q", path.to_str().unwrap()]).expect_code(0);
    expect_texts(&Machine::open(&place.prefix()).unwrap(), &[(key, "", "Other.Document")]);
}

/// A font with one name.
fn font(name: &str) -> Vec<u8> {
    let text: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let length = text.len() as u16;
    let table =
        [&[0u16, 1, 18, 3, 1, 0x409, 4, length, 0].map(u16::to_be_bytes).concat()[..], &text].concat();
    let directory = [0u32, 28, table.len() as u32].map(u32::to_be_bytes).concat();
    [&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"name", &directory, &table].concat()
}

#[test]
fn fonts_are_registered_under_the_titles_that_they_hold() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_standard_actions(&[("UnregisterFonts", 2500), ("RegisterFonts", 5300)])
        .with_file("One", "one.ttf", font("One Bold"))
        .with_file("Two", "two.ttf", font("Two"))
        .with_file("Old", "old.fon", "MZ")
        .with_row("Font", &["One", ""])
        .with_row("Font", &["Two", "Second"])
        .with_row("Font", &["Old", "Old 8,10"]);
    there_and_back(&place, product, |_, machine| {
        let key = r"Software\Microsoft\Windows NT\CurrentVersion\Fonts";
        expect_texts(
            machine,
            &[
                (key, "One Bold (TrueType)", r"C:\Program Files\Test\one.ttf"),
                (key, "Two (TrueType)", r"C:\Program Files\Test\two.ttf"),
                (key, "Second", r"C:\Program Files\Test\two.ttf"),
                (key, "Old 8,10", r"C:\Program Files\Test\old.fon"),
            ],
        );
    });
}

const SERVICES: &[(&str, i32)] = &[
    ("StopServices", 1900),
    ("DeleteServices", 2000),
    ("InstallServices", 5800),
    ("MsiConfigureServices", 5850),
    ("StartServices", 5900),
];

#[test]
fn services_are_registered_configured_and_deleted() {
    let place = Place::with_prefix();
    let product = server()
        .with_standard_actions(SERVICES)
        .with_row(
            "ServiceInstall",
            &[
                "S",
                "[ProductName]Service",
                "Test service",
                "16",
                "2",
                "32769",
                "Group",
                "RpcSs[~]+Net[~][~]",
                "",
                "",
                "-k [INSTALLDIR]",
                "Main",
                "Serves tests",
            ],
        )
        .with_row("ServiceControl", &["S", "TestService", "163", "", "1", "Main"])
        .with_row("MsiServiceConfig", &["D", "TestService", "1", "3", "1", "Main"])
        .with_row("MsiServiceConfig", &["P", "TestService", "1", "6", "SeAudit[~]SeBackup", "Main"])
        .with_row("MsiServiceConfig", &["T", "TestService", "5", "7", "", "Main"])
        .with_row("MsiServiceConfig", &["U", "TestService", "2", "3", "0", "Main"])
        .with_row(
            "MsiServiceConfigFailureActions",
            &["F", "TestService", "1", "86400", "", "repair.exe", "1[~]3", "1000[~]2000", "Main"],
        );
    there_and_back(&place, product, |_, machine| {
        let key = r"System\CurrentControlSet\Services\TestService";
        expect_texts(
            machine,
            &[
                (key, "DisplayName", "Test service"),
                (key, "ImagePath", "\"C:\\Program Files\\Test\\server.exe\" -k C:\\Program Files\\Test\\"),
                (key, "Group", "Group"),
                (key, "ObjectName", "LocalSystem"),
                (key, "Description", "Serves tests"),
                (key, "FailureCommand", "repair.exe"),
            ],
        );
        let numbers = [("Type", 16), ("Start", 2), ("ErrorControl", 1), ("DelayedAutostart", 1)];
        for (name, number) in numbers.into_iter().chain([("PreshutdownTimeout", 180_000)]) {
            assert_eq!(machine_value(machine, key, name), Some(RegistryValue::Dword(number)), "{name}");
        }
        let list = |texts: &[&str]| {
            Some(RegistryValue::MultiString(texts.iter().map(|text| (*text).to_owned()).collect()))
        };
        assert_eq!(machine_value(machine, key, "DependOnService"), list(&["RpcSs"]));
        assert_eq!(machine_value(machine, key, "DependOnGroup"), list(&["Net"]));
        assert_eq!(machine_value(machine, key, "RequiredPrivileges"), list(&["SeAudit", "SeBackup"]));
        let actions = [86400u32, 0, 0, 2, 20, 1, 1000, 3, 2000].map(u32::to_le_bytes).concat();
        assert_eq!(machine_value(machine, key, "FailureActions"), Some(RegistryValue::Binary(actions)));
    });
}

#[test]
fn what_cannot_be_started_now_is_said_by_name() {
    let place = Place::with_prefix();
    let product = server()
        .with_standard_actions(SERVICES)
        .with_row("ServiceInstall", &["A", "Automatic", "", "16", "2", "1", "", "", "", "", "", "Main", ""])
        .with_row("ServiceInstall", &["B", "OnDemand", "", "16", "3", "1", "", "", "", "", "", "Main", ""])
        .with_row("ServiceInstall", &["C", "Driver", "", "1", "3", "1", "", "", "", "", "", "Main", ""])
        .with_row("ServiceControl", &["A", "Automatic", "1", "", "", "Main"])
        .with_row("ServiceControl", &["B", "OnDemand", "1", "", "", "Main"])
        .with_row("ServiceControl", &["C", "Nowhere", "1", "", "", "Main"]);
    let log = place.path("log");
    let package = product.save(&place, "test.msi");
    place.install(&package, &["--log", log.to_str().unwrap()]).expect_code(0);
    let log = place.read("log");
    for text in [
        "Warning 1920. The service 'Automatic' (Automatic) did not start: Wine's service manager starts it when the prefix is used next",
        "The service 'OnDemand' (OnDemand) did not start: 'wine net start \"OnDemand\"' starts it",
        "The service 'Nowhere' (Nowhere) did not start: there is no such service",
        "Warning 1923. The service 'Driver' (Driver) could not be installed: table ServiceInstall, row C: 1 is not a type of service",
    ] {
        assert!(log.contains(text), "no '{text}' in\n{log}");
    }
    let vital = product
        .with_row("ServiceInstall", &["D", "Vital/", "", "16", "3", "32769", "", "", "", "", "", "Main", ""]);
    let before = snapshot::tree(&place.prefix());
    place
        .install(&vital.version("2.0.0").save(&place, "vital.msi"), &[])
        .expect_code(1)
        .expect_error(&["1603", "Vital/"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn rollback_can_be_disabled_for_what_follows() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("InstallExecuteSequence", &["DisableRollback", "", "3800"])
        .with_row("InstallExecuteSequence", &["InstallExecute", "", "6550"])
        .with_action("Stop", 19, "", "stopped at the end", 6560);
    place
        .install(&product.save(&place, "test.msi"), &[])
        .expect_code(1)
        .expect_error(&["stopped at the end"]);
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
}

const REST: &[(&str, i32)] = &[
    ("UnpublishComponents", 1700),
    ("UnregisterTypeLibraries", 2400),
    ("RegisterTypeLibraries", 5500),
    ("PublishComponents", 6200),
];

#[test]
fn type_libraries_are_registered_as_the_table_tells() {
    let place = Place::with_prefix();
    let library = guid(6, 5);
    let product = server()
        .with_standard_actions(REST)
        .with_row("TypeLib", &[&library, "1033", "Main", "2571", "A library", "INSTALLDIR", "Main", ""]);
    let unknown = product.clone().with_row("TypeLib", &[&guid(6, 6), "0", "Main", "", "", "", "Main", ""]);
    place.install(&unknown.save(&place, "unknown.msi"), &[]).expect_failure(&[
        "not supported yet",
        "RegisterTypeLibraries",
        &guid(6, 6),
    ]);
    there_and_back(&place, product, |_, machine| {
        let key = format!(r"Software\Classes\TypeLib\{library}\a.b");
        expect_texts(
            machine,
            &[
                (&key, "", "A library"),
                (&format!(r"{key}\409\win64"), "", r"C:\Program Files\Test\server.exe"),
                (&format!(r"{key}\FLAGS"), "", "0"),
                (&format!(r"{key}\HELPDIR"), "", r"C:\Program Files\Test"),
            ],
        );
    });
}

#[test]
fn components_are_published_beside_those_of_other_products() {
    let place = Place::with_prefix();
    let category = guid(7, 1);
    let product = server()
        .with_standard_actions(REST)
        .with_row("PublishComponent", &[&category, "q", "Main", " data", "Main"]);
    let packed = category.parse::<reseat_database::Guid>().unwrap().to_packed();
    let key = format!(r"Software\Classes\Installer\Components\{packed}");
    {
        let machine = Machine::open(&place.prefix()).unwrap();
        let other = RegistryValue::MultiString(vec!["other".to_owned()]);
        let registry = machine.registry().unwrap();
        registry.set_value(&RegistryKey::new(Hive::LocalMachine, key.as_str()), "Q", other).unwrap();
        machine.save_registry().unwrap();
    }
    let path = product.save(&place, "test.msi");
    let list = || match machine_value(&Machine::open(&place.prefix()).unwrap(), &key, "q") {
        Some(RegistryValue::MultiString(list)) => list,
        other => panic!("{other:?}"),
    };
    place.install(&path, &[]).expect_code(0);
    let published = list();
    assert_eq!((published.len(), &*published[0]), (2, "other"));
    assert!(published[1].contains("Main>") && published[1].ends_with(" data"), "{published:?}");
    place.reseat(&["uninstall", "-q", path.to_str().unwrap()]).expect_code(0);
    assert_eq!(list(), ["other"]);
}

#[test]
fn what_two_features_share_stays_until_the_second_goes() {
    let place = Place::with_prefix();
    let product = server()
        .with_class_actions()
        .with_row("Feature", &["Other", "", "Other", "", "1", "1", "INSTALLDIR", "0"])
        .with_row("Component", &["Other", &guid(3, 7), "INSTALLDIR", "256", "", "Second"])
        .with_row("FeatureComponents", &["Other", "Other"])
        .with_file("Second", "second.exe", "MZ")
        .with_row("Extension", &["one", "Main", "Test.Document", "", "Main"])
        .with_row("Extension", &["two", "Other", "Test.Document", "", "Other"])
        .with_row("Verb", &["one", "open", "", "", ""])
        .with_row("Verb", &["two", "look", "", "", ""])
        .with_row("ProgId", &["Test.Document", "", "", "Document", "", ""])
        .with_file_in("Second", "Other");
    let before = state(&place);
    let path = product.save(&place, "test.msi");
    place.install(&path, &[]).expect_code(0);
    place.install(&path, &["REMOVE=Other"]).expect_code(0);
    let machine = Machine::open(&place.prefix()).unwrap();
    expect_texts(
        &machine,
        &[
            (r"Software\Classes\.one", "", "Test.Document"),
            (r"Software\Classes\Test.Document", "", "Document"),
            (
                r"Software\Classes\Test.Document\shell\open\command",
                "",
                "\"C:\\Program Files\\Test\\server.exe\"",
            ),
        ],
    );
    assert_eq!(machine_value(&machine, r"Software\Classes\.two", ""), None);
    assert_eq!(machine_value(&machine, r"Software\Classes\Test.Document\shell\look\command", ""), None);
    drop(machine);
    place.reseat(&["uninstall", "-q", path.to_str().unwrap()]).expect_code(0);
    assert_same(&before, &place, "after the removal");
}

#[test]
fn what_is_refused_is_named_before_the_first_action_runs() {
    let place = Place::with_prefix();
    let ran = place.path("ran");
    // Immediate, and before anything is costed.
    let product = || {
        Product::new()
            .with_file("Readme", "readme.txt", "text")
            .with_binary("run", format!("#!/bin/sh\necho ran > '{}'\n", ran.display()))
            .with_action("Run", 2, "run", "", 10)
    };
    let before = state(&place);
    for (table, row, action, sequence) in [
        ("Patch", &["Readme", "1", "9", "0", "", ""][..], "PatchFiles", 4090),
        ("Complus", &["Main", "1"], "RegisterComPlus", 5700),
        ("Complus", &["Main", "1"], "UnregisterComPlus", 2100),
        ("SFPCatalog", &["a.cat", "data", ""], "InstallSFPCatalogFile", 4060),
        ("MsiAssembly", &["Main", "Main", "Readme", "", "1"], "MsiPublishAssemblies", 6250),
        ("MsiAssembly", &["Main", "Main", "Readme", "", "0"], "MsiUnpublishAssemblies", 1750),
        ("MsiEmbeddedChainer", &["One", "", "", "run", "2"], "", 0),
    ] {
        let mut refused = product().with_row(table, row);
        let mut named = format!("table {table}");
        if !action.is_empty() {
            refused = refused.with_standard_actions(&[(action, sequence)]);
            named = format!("action {action} (");
        }
        let package = refused.save(&place, "test.msi");
        place.install(&package, &[]).expect_failure(&["not supported yet", &named]);
        assert!(!ran.exists(), "{named}");
        assert_same(&before, &place, &named);
        // Without rows the action has nothing to do.
        let idle = refused.without_row(table, row[0]).save(&place, "test.msi");
        place.install(&idle, &[]).expect_code(0);
        assert!(ran.exists());
        std::fs::remove_file(&ran).unwrap();
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    }
}

#[test]
fn a_patch_with_binary_differences_is_refused_before_anything_is_changed() {
    let place = Place::with_prefix();
    let old = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_standard_actions(&[("PatchFiles", 4090)]);
    let new = old.clone().with_file("Added", "added.txt", "added");
    let new = new.with_row("Patch", &["Readme", "1", "9", "0", "", ""]);
    place.install(&old.save(&place, "test.msi"), &[]).expect_code(0);
    let before = state(&place);
    let patch = Patch { old: &old, new: &new, number: 1, removable: true }.save(&place, "test.msp");
    let patch = patch.to_str().unwrap();
    place
        .reseat(&["patch", "-q", patch])
        .expect_failure(&["not supported yet", "action PatchFiles (table Patch)"]);
    assert_same(&before, &place, "after the refusal");
}

#[test]
fn a_library_of_32_bit_is_refused_by_name_where_wine_is_of_64_bit_alone() {
    let place = Place::with_prefix();
    place.write("prefix/drive_c/windows/system32/regsvr32.exe", b"MZ");
    let product = Product::new()
        .with_file("Library", "registers.dll", "library")
        .without_row("Component", "Main")
        .with_row("Component", &["Main", &guid(3, 0), "INSTALLDIR", "0", "", "Library"])
        .with_row("SelfReg", &["Library", ""])
        .with_standard_actions(&[("SelfRegModules", 5600)]);
    let before = state(&place);
    place
        .install(&product.save(&place, "test.msi"), &[])
        .expect_failure(&["SelfRegModules", "a library of 32 bit, for which there is no Wine"]);
    assert_same(&before, &place, "after the refusal");
}
