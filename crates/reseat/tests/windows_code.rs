//! Windows code as custom actions, the whole way through `reseat install` with real Wine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "windows_code/libraries.rs"]
mod libraries;
#[path = "windows_code/registry.rs"]
mod registry;
#[path = "windows_code/services.rs"]
mod services;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reseat_database::{Database, Reading};
use support::product::Product;
use support::windows::{compile, compile_with, windows};
use support::{Place, run};

const CONTINUE: i32 = 64;
const ASYNC: i32 = 128;
const DEFERRED: i32 = 1024;
const HIDDEN: i32 = 8192;

#[test]
fn a_library_joins_the_session_and_the_holder_of_its_file_is_closed_and_deferred_code_gets_its_data() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let held = windows.drive_c("held by a program.txt");
    fs::write(&held, "text").unwrap();
    let written = windows.drive_c("written.txt");
    let _ = fs::remove_file(&written);
    let mut holder = place.hold(&held);
    let product = windows
        .product()
        .with_property("HELD", r"C:\held by a program.txt")
        .with_action("Register", 1, "actions", "Register", 1350)
        .with_row("CustomAction", &["SetNested", "51", "NESTED", "nested in [ProductName]"])
        .with_action("Look", 1, "actions", "Look", 1360)
        .with_action(
            "SetData",
            51,
            "Deferred",
            r"C:\written.txt|data of [ProductName], [SEENKEY], [LOOKED]",
            1450,
        )
        .with_action("Deferred", 1 + DEFERRED, "actions", "Deferred", 4100);
    let log = place.path("log");
    let began = Instant::now();
    let ran = windows.install(&place, &product, &["--log", log.to_str().unwrap()]);
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(ran.status.code(), Some(0), "{}\n{text}", ran.err);
    assert!(began.elapsed() < Duration::from_secs(400));
    assert!(!holder.runs(), "the holder was not closed:\n{text}");
    let data = fs::read_to_string(&written).unwrap();
    let key = data.split(", ").nth(1).unwrap();
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{data}");
    assert!(data.starts_with("data of Test, ") && data.ends_with(", yes\n"), "{data}");
    assert!(text.contains("looked at Test: ProductName"), "{text}");
    let left: Vec<_> = fs::read_dir(windows.drive_c("windows/Installer"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("reseat-"))
        .collect();
    assert_eq!(left, [""; 0], "left in the prefix");
    assert_eq!(place.sessions(), [""; 0], "sessions left open");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn code_and_installation_see_each_others_registry() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let product = windows
        .product()
        .with_row("Registry", &["Installed", "2", r"Software\Test", "Installed", "yes", "Main"])
        .with_action("Registry", 1 + DEFERRED, "actions", "Registry", 5100);
    windows.install(&place, &product, &[]).expect_code(0);
    assert!(windows.registry().contains("\"ByAction\"=\"yes\""), "the action's value is not in the file");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
    assert!(
        !windows.registry().contains("\"Installed\"=\"yes\""),
        "the installation's value is still in the file"
    );
}

/// Debian's Wine does not find a server that was started with another TMPDIR. When that server ends it writes its registry.
#[test]
fn a_server_that_a_temporary_folder_hides_does_not_write_over_the_registry() {
    let Some((windows, _turn)) = windows() else { return };
    let product = windows
        .product()
        .with_row("Registry", &["Installed", "2", r"Software\Test", "Installed", "yes", "Main"])
        .with_action("Registry", 1 + DEFERRED, "actions", "Registry", 5100);
    windows.install(&Place::new(), &product, &[]).expect_code(0);
    windows.wait_for_end();
    let code = "\"DisplayName\"=\"Test\"";
    assert!(windows.registry().contains(code), "not installed");
    for is_removed in [false, true] {
        // This is where the server of the first command is, and where the second does not look.
        let (first, second) = (Place::new(), Place::new());
        run(&mut windows.command(&first, &["repair", "-q", "Test"])).expect_code(0);
        assert!(reseat_machine::wine_server(&windows.prefix).is_some(), "the server has ended already");
        if is_removed {
            drop(first);
        }
        run(&mut windows.command(&second, &["uninstall", "-q", "Test"])).expect_code(0);
        windows.wait_for_end();
        assert!(!windows.registry().contains(code), "registered again");
        if !is_removed {
            windows.install(&Place::new(), &product, &[]).expect_code(0);
        }
    }
}

/// A `wine` that notes that it was started, and starts the real one.
fn noted_wine(place: &Place) -> (String, PathBuf) {
    let path = std::env::var("PATH").unwrap();
    let real =
        std::env::split_paths(&path).map(|folder| folder.join("wine")).find(|it| it.is_file()).unwrap();
    let (folder, notes) = (place.path("bin"), place.path("starts"));
    fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{}'\nexec '{}' \"$@\"\n",
        notes.display(),
        real.display()
    );
    fs::write(folder.join("wine"), script).unwrap();
    fs::set_permissions(folder.join("wine"), fs::Permissions::from_mode(0o700)).unwrap();
    (format!("{}:{path}", folder.display()), notes)
}

#[test]
fn wine_is_started_once_for_an_installation_and_not_at_all_when_no_action_needs_it() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let (path, notes) = noted_wine(&place);
    let starts = |product: &Product| {
        let package = product.save(&place, "test.msi");
        if windows.drive_c("Program Files/Test").exists() {
            windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
        }
        // Nothing of Wine is left from before.
        windows.wait_for_end();
        let _ = fs::remove_file(&notes);
        let mut command = place.command(env!("CARGO_BIN_EXE_reseat"));
        command
            .env("PATH", &path)
            .env("RESEAT_WINDOWS_DIR", &windows.built)
            .arg("--prefix")
            .arg(&windows.prefix);
        run(command.args(["install", "-q", package.to_str().unwrap()])).expect_code(0);
        let notes = fs::read_to_string(&notes).unwrap_or_default();
        notes.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let native = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_action("Native", 34, "TARGETDIR", "/bin/true", 1350)
        .with_action("Unneeded", 1, "actions", "Returns", 1360)
        .with_condition("Unneeded", "NEVER")
        .with_binary("actions", windows.actions.clone());
    assert_eq!(starts(&native), [""; 0]);
    let mut many = windows.product().with_property("RETURN", "0");
    for number in 0..10 {
        many = many.with_action(&format!("Returns{number}"), 1, "actions", "Returns", 1350 + number);
    }
    // Wine ends a second after its last program: one goes on until the last action.
    many = many.with_action("Pause", 34 + DEFERRED, "TARGETDIR", "/bin/sleep 3", 4100).with_action(
        "Last",
        1 + DEFERRED,
        "actions",
        "Returns",
        4110,
    );
    let started = starts(&many);
    // One host for all libraries, and one for the registry, which belongs to Wine while it runs.
    assert!((1..=2).contains(&started.len()), "{started:?}");
    assert!(started.iter().all(|program| program.ends_with(r"\64\host.exe")), "{started:?}");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn every_result_means_what_is_documented() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let with = |kind: i32, value: &str, sequence: i32| {
        windows
            .product()
            .with_property("RETURN", value)
            .with_action("Returns", kind, "actions", "Returns", sequence)
    };
    windows.install(&place, &with(1, "1602", 1350), &[]).expect_failure(&["1602"]);
    windows.install(&place, &with(1, "1604", 1350), &[]).expect_failure(&["1604"]);
    windows.install(&place, &with(1, "1603", 1350), &[]).expect_failure(&["1603", "Returns"]);
    windows.install(&place, &with(1 + CONTINUE, "1603", 1350), &[]).expect_code(0);
    let installed = windows.drive_c("Program Files/Test/readme.txt");
    assert!(installed.is_file());
    // 259 ends the sequence with success before anything was installed.
    windows.install(&place, &with(1, "259", 1350), &[]).expect_code(0);
    assert!(!installed.is_file());
    let crash = windows.product().with_action("Crashes", 1 + DEFERRED, "actions", "Crashes", 4100);
    windows.install(&place, &crash, &[]).expect_failure(&["1603", "Crashes", "crashed", "0xc0000005"]);
    assert!(!installed.is_file(), "the installation was not undone");
    let absent = windows.product().with_action("Absent", 1, "actions", "NoSuchFunction", 1350);
    windows.install(&place, &absent, &[]).expect_failure(&["1603", "Absent", "NoSuchFunction"]);
}

#[test]
fn windows_programs_run_from_the_package_from_files_and_from_command_lines() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let out = windows.drive_c("program.txt");
    let _ = fs::remove_file(&out);
    let product = windows
        .product()
        .with_binary("program", windows.program.clone())
        .with_file("Program", "program.exe", windows.program.clone())
        .with_action("FromBinary", 2, "program", r"C:\program.txt 0 binary [ProductName]", 1100)
        .with_action("FromFile", 18 + DEFERRED, "Program", r"C:\program.txt 0 file", 4100)
        .with_action(
            "FromLine",
            34 + DEFERRED,
            "INSTALLDIR",
            r#""[INSTALLDIR]program.exe" C:\program.txt 0 line"#,
            4110,
        )
        .with_property("PROGRAM", r"C:\Program Files\Test\program.exe")
        .with_action("FromProperty", 50 + DEFERRED, "PROGRAM", r"C:\program.txt 0 property", 4120)
        .with_action("Ignored", 2 + CONTINUE, "program", r"C:\program.txt 70000 ignored", 1110);
    windows.install(&place, &product, &[]).expect_code(0);
    let text = fs::read_to_string(&out).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), ["binary Test", "ignored", "file", "line", "property"]);
    let fails = windows.product().with_binary("program", windows.program.clone()).with_action(
        "Fails",
        2,
        "program",
        r"C:\program.txt 70000 fails",
        1100,
    );
    windows.install(&place, &fails, &[]).expect_failure(&["1603", "Fails", "70000"]);
    // What is hidden stays so when there is no such program.
    let hidden =
        windows.product().with_action("Hidden", 34 + HIDDEN, "INSTALLDIR", "no-such.exe pass-word", 1350);
    let log = place.path("log");
    let ran = windows.install(&place, &hidden, &["--log", log.to_str().unwrap()]);
    ran.expect_failure(&["1603", "Hidden", "no-such.exe: error 2"]);
    assert!(!ran.err.contains("pass-word") && !place.read("log").contains("pass-word"));
}

#[test]
fn libraries_and_programs_run_beside_later_actions_and_are_waited_for() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let out = windows.drive_c("beside.txt");
    let _ = fs::remove_file(&out);
    let product = windows
        .product()
        .with_binary("program", windows.program.clone())
        .with_action("Waits", 1 + ASYNC, "actions", "Waits", 1100)
        .with_action("Later", 51, "LATER", "yes", 1200)
        .with_action("Signals", 1, "actions", "Signals", 1300)
        .with_action("Program", 2 + ASYNC, "program", r"C:\program.txt 0 beside", 1310)
        .with_action("WaitsInScript", 1 + DEFERRED + ASYNC, "actions", "WaitsInScript", 4100)
        .with_action("SignalsInScript", 1 + DEFERRED, "actions", "Signals", 4200);
    windows.install(&place, &product, &[]).expect_code(0);
    let text = fs::read_to_string(&out).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), ["immediate", "deferred"]);
    let fails = windows.product().with_binary("program", windows.program.clone()).with_action(
        "Fails",
        2 + ASYNC + DEFERRED,
        "program",
        r"C:\program.txt 70000 beside",
        4100,
    );
    windows.install(&place, &fails, &[]).expect_failure(&["1603", "Fails", "70000"]);
    assert!(!windows.drive_c("Program Files/Test/readme.txt").exists(), "it was not undone");
}

const OBJECTS_JSCRIPT: &str = r#"
function check(number, holds) { if (!holds) throw new Error("check " + number); }
function refused(number, text, work) {
    try { work(); } catch (error) { check(number, error.message == text || error.description == text); return; }
    throw new Error("check " + number + " went through");
}
function Look() {
    var installer = Session.Installer, database = Session.Database;
    var feature = Session.FeatureInfo("Main");
    check(1, feature.Title == "Main" && feature.Description == "" && feature.Attributes == 0);
    refused(2, "FeatureInfo: error 1606", function () { Session.FeatureInfo("Nothing"); });
    check(3, Session.FeatureValidStates("Main") != 0 && Session.FeatureCost("Main", 0, 3) > 0);
    var costs = Session.ComponentCosts("Main", 3);
    check(4, costs.Count == 1 && costs.Item(0).StringData(1) == "C:" && costs(0).IntegerData(2) > 0);
    var seen = 0;
    for (var walk = new Enumerator(costs); !walk.atEnd(); walk.moveNext()) seen += walk.item().IntegerData(2);
    check(5, seen == costs.Item(0).IntegerData(2));
    check(6, Session.ProductProperty("ProductName") == "Test" && Session.VerifyDiskSpace);
    check(7, installer.RegistryValue(2, "Software\\Microsoft\\Windows NT\\CurrentVersion", "ProductName") != "");
    check(8, installer.RegistryValue(2, "Software\\Microsoft") === true && installer.RegistryValue(2, "Nothing") === false);
    check(9, installer.RegistryValue(2, "Software\\Microsoft\\Windows", -1) != "");
    check(10, installer.FileSize("C:\\windows\\system32\\kernel32.dll") > 0 && installer.FileAttributes("C:\\none") == -1);
    check(11, /^\d+\.\d+\.\d+/.test(installer.FileVersion("C:\\windows\\system32\\kernel32.dll")));
    installer.Environment("OfAction") = "set";
    check(12, installer.Environment("OfAction") == "set" && installer.Environment("windir") != "");
    var record = installer.CreateRecord(2);
    record.StringData(0) = "[1]-[2]";
    record.StringData(1) = "a";
    record.IntegerData(2) = 5;
    check(13, record.FormatText() == "a-5");
    var summary = database.SummaryInformation(0);
    check(14, summary.Property(7) == "x64;1033" && summary.PropertyCount > 3 && database.DatabaseState == 0);
    refused(15, "OpenView: error 1615", function () { database.OpenView("SELECT * FROM `Nothing`"); });
    check(16, installer.LastErrorRecord().IntegerData(1) == 2228);
    var view = database.OpenView("SELECT `Property`, `Value` FROM `Property` WHERE `Property` = 'ProductName'");
    view.Execute(null);
    var row = view.Fetch();
    check(17, row.StringData(2) == "Test" && view.Fetch() == null);
    row.StringData(1) = "not an identifier";
    try { view.Modify(11, row); } catch (error) {}
    check(18, view.GetError().length >= 2);
    check(19, installer.ProductState(Session.Property("ProductCode")) == -1);
    refused(20, "ProductInfo: error 1605", function () { installer.ProductInfo(Session.Property("ProductCode"), "Language"); });
    return 1;
}
function Fails() {
    Session.Property("A") = "b";
    Session.FeatureInfo("Nothing");
}
"#;

const OBJECTS_VBSCRIPT: &str = r#"
Function Look()
    Dim cost, count, product, feature
    For Each cost In Session.ComponentCosts("Main", 3)
        count = count + cost.IntegerData(2)
    Next
    If count <= 0 Then Err.Raise 1000, "test", "no costs"
    For Each product In Session.Installer.Products
        If Len(product) <> 38 Then Err.Raise 1000, "test", "no product code"
    Next
    Set feature = Session.FeatureInfo("Main")
    If feature.Title <> "Main" Then Err.Raise 1000, "test", "no title"
    On Error Resume Next
    Session.FeatureInfo "Nothing"
    If Err.Number = 0 Then Look = 3 Else Look = 1
End Function
"#;

#[test]
fn the_objects_of_scripts_have_their_members_and_errors_their_line() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let product = || {
        windows.product().with_binary("jscript", OBJECTS_JSCRIPT).with_binary("vbscript", OBJECTS_VBSCRIPT)
    };
    let log = place.path("log");
    let arguments = ["--log", log.to_str().unwrap()];
    let looks =
        product().with_action("J", 5, "jscript", "Look", 1350).with_action("V", 6, "vbscript", "Look", 1360);
    let ran = windows.install(&place, &looks, &arguments);
    assert_eq!(ran.status.code(), Some(0), "{}\n{}", ran.err, fs::read_to_string(&log).unwrap_or_default());
    let fails = product().with_action("F", 5, "jscript", "Fails", 1350);
    windows.install(&place, &fails, &arguments).expect_failure(&["1603", "F"]);
    let text = fs::read_to_string(&log).unwrap();
    let lines = OBJECTS_JSCRIPT.lines().collect::<Vec<_>>();
    let line = 1 + lines.iter().rposition(|line| line.contains("FeatureInfo")).unwrap();
    let expected = format!("script error in line {line}, column 5: FeatureInfo: error 1606");
    assert!(text.contains(&expected), "no '{expected}' in {text}");
}

#[test]
fn libraries_of_32_bit_run_where_wine_has_that_part() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    if !windows.runs_32_bit(&place) {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_code/actions.c");
    // Names are exported as they are, as of a library with a list of exports.
    let options = ["-shared", "-Wl,--kill-at"];
    let library = compile_with("i686-w64-mingw32-gcc", &options, &source, &place.path("actions32.dll"));
    let held = windows.drive_c("held by 32 bit.txt");
    let written = windows.drive_c("written.txt");
    let _ = fs::remove_file(&written);
    fs::write(&held, "text").unwrap();
    let mut holder = place.hold(&held);
    let product = windows
        .product()
        .with_binary("narrow", library)
        .with_property("HELD", r"C:\held by 32 bit.txt")
        .with_action("Register", 1, "narrow", "Register", 1350)
        .with_row("CustomAction", &["SetNested", "51", "NESTED", "nested in [ProductName]"])
        .with_action("Look", 1, "narrow", "Look", 1360)
        .with_action("SetData", 51, "Deferred", r"C:\written.txt|data", 1450)
        .with_action("Deferred", 1 + DEFERRED, "narrow", "Deferred", 4100);
    windows.install(&place, &product, &[]).expect_code(0);
    assert!(!holder.runs(), "the holder was not closed");
    assert_eq!(fs::read_to_string(&written).unwrap(), "data\n");
    let crash = windows.product().with_binary("narrow", fs::read(place.path("actions32.dll")).unwrap());
    let crash = crash.with_action("Crashes", 1, "narrow", "Crashes", 1350);
    windows.install(&place, &crash, &[]).expect_failure(&["1603", "Crashes", "0xc0000005"]);

    let Some(package) = support::package("putty-0.68-installer.msi") else { return };
    let mut library = Vec::new();
    let database = Database::open(&package, Reading::Permissive).unwrap();
    let mut stream = database.stream("Binary.WixCA").unwrap().expect("the library");
    std::io::Read::read_to_end(&mut stream, &mut library).unwrap();
    let mut holder = place.hold(&held);
    let product = windows
        .product()
        .with_binary("WixCA", library)
        .with_row("WixRestartResource", &["File", "Main", r"C:\held by 32 bit.txt", "1"])
        .with_action("WixRegisterRestartResources", 1, "WixCA", "WixRegisterRestartResources", 1350);
    windows.install(&place, &product, &[]).expect_code(0);
    assert!(!holder.runs(), "the holder was not closed");
}

#[test]
fn a_library_calls_all_functions_of_the_restart_manager_as_an_installer_of_its_own() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = here.join("tests/windows_code");
    let side = format!("-I{}", here.join("../../windows").display());
    let options = ["-shared", &side, "-lrstrtmgr", "-lntdll"];
    let library = compile(&options, &sources.join("manager.c"), &place.path("manager.dll"));
    let program = windows.drive_c("holder.exe");
    compile(&["-municode"], &sources.join("holder.c"), &program);
    let held = windows.drive_c("held by all.txt");
    fs::write(&held, "text").unwrap();
    let mut outside = place.hold(&held);
    let product = windows
        .product()
        .with_binary("manager", library)
        .with_property("OUTSIDE", &outside.pid().to_string())
        .with_action("Manages", 1, "manager", "Manages", 1350);
    let log = place.path("log");
    let ran = windows.install(&place, &product, &["--log", log.to_str().unwrap()]);
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(ran.status.code(), Some(0), "{}\n{text}", ran.err);
    assert!(outside.runs(), "what was filtered was closed:\n{text}");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn the_restart_resources_of_wix_are_registered_by_its_own_library() {
    let Some((windows, _turn)) = windows() else { return };
    let Some(package) = support::package("arcade-setup5.msi") else { return };
    let place = Place::new();
    let mut library = Vec::new();
    let database = Database::open(&package, Reading::Permissive).unwrap();
    let mut stream = database.stream("Binary.Wix4UtilCA_X64").unwrap().expect("the library");
    std::io::Read::read_to_end(&mut stream, &mut library).unwrap();
    let held = windows.drive_c("held by a resource.txt");
    fs::write(&held, "text").unwrap();
    let mut holder = place.hold(&held);
    let product = windows
        .product()
        .with_binary("Wix4UtilCA_X64", library)
        .with_row("Wix4RestartResource", &["File", "Main", r"C:\held by a resource.txt", "1"])
        .with_action("WixRegisterRestartResources", 1, "Wix4UtilCA_X64", "WixRegisterRestartResources", 1350);
    let log = place.path("log");
    let ran = windows.install(&place, &product, &["--log", log.to_str().unwrap()]);
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(ran.status.code(), Some(0), "{}\n{text}", ran.err);
    assert!(!holder.runs(), "the holder was not closed:\n{text}");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}
