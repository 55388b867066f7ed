//! Services and the environment while Wine runs on the prefix.

use super::*;

use super::support::windows::{Windows, windows_that_runs, wine};

/// The program of a service, which says in its file what becomes of it.
fn service(place: &Place, version: &str) -> Vec<u8> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_code/service.c");
    compile(&[&format!("-DVERSION=L\"{version}\""), "-ladvapi32"], &source, &place.path("service.exe"))
}

/// A product with two services of one program, which are stopped before that is replaced.
fn product(windows: &Windows, place: &Place, version: &str) -> Product {
    windows
        .product()
        .with_file("Service", "service.exe", service(place, version))
        .with_key_file("Service")
        .with_standard_actions(&[
            ("StopServices", 1900),
            ("DeleteServices", 2000),
            ("InstallServices", 5800),
            ("MsiConfigureServices", 5850),
            ("StartServices", 5900),
        ])
        .with_row(
            "ServiceInstall",
            &["1", "ReseatOne", "Shown", "16", "3", "1", "", "", "", "", "", "Main", "It is tested"],
        )
        .with_row(
            "ServiceInstall",
            &["2", "ReseatTwo", "", "16", "3", "1", "", "ReseatOne[~]", "", "", "", "Main", ""],
        )
        // The second stops because the first does.
        .with_row("ServiceControl", &["1", "ReseatOne", "163", "given", "1", "Main"])
        .with_row("ServiceControl", &["2", "ReseatTwo", "129", "given", "1", "Main"])
        .with_row(
            "MsiServiceConfigFailureActions",
            &["F", "ReseatOne", "1", "60", "", "", "1", "500", "Main"],
        )
        .version(version)
}

const OWN_PROCESS: i32 = 16;
const SHARE_PROCESS: i32 = 32;

/// Services of this type, of which the first holds a file of the package, the second needs the first, and the third does not run.
fn holder(windows: &Windows, place: &Place, kind: i32) -> Product {
    // Those of one process have one command line.
    let held = r#""C:\Program Files\Test\readme.txt""#;
    let of_others = if kind == SHARE_PROCESS { held } else { "" };
    let kind = kind.to_string();
    let row = |key, name, needs, arguments| {
        [key, name, "", &kind, "3", "1", "", needs, "", "", arguments, "Main", ""]
    };
    windows
        .product()
        .with_file("Service", "service.exe", service(place, "1.0"))
        .with_key_file("Service")
        .with_standard_actions(&[
            ("StopServices", 1900),
            ("DeleteServices", 2000),
            ("InstallServices", 5800),
            ("StartServices", 5900),
        ])
        .with_row("ServiceInstall", &row("1", "ReseatOne", "", held))
        .with_row("ServiceInstall", &row("2", "ReseatTwo", "ReseatOne[~]", of_others))
        .with_row("ServiceInstall", &row("3", "ReseatThree", "", of_others))
        .with_row("ServiceControl", &["1", "ReseatOne", "163", "", "1", "Main"])
        .with_row("ServiceControl", &["2", "ReseatTwo", "163", "", "1", "Main"])
        .with_row("ServiceControl", &["3", "ReseatThree", "162", "", "1", "Main"])
}

/// What the services have said since the last time.
fn said_now(said: &Path) -> String {
    let text = fs::read_to_string(said).unwrap_or_default();
    let _ = fs::remove_file(said);
    text.lines().collect::<Vec<_>>().join(", ")
}

#[test]
fn services_are_installed_started_stopped_and_removed_by_the_wine_that_runs_and_that_is_undone() {
    let Some((windows, _turn)) = windows_that_runs() else { return };
    let place = Place::new();
    let said = windows.drive_c("service.txt");
    if windows.drive_c("Program Files/Test").exists() {
        windows.reseat(&place, &["uninstall", "-q", "Test"]);
    }
    let _ = fs::remove_file(&said);
    let said_now = || said_now(&said);
    let install = |product: &Product| {
        let began = Instant::now();
        let package = product.save(&place, "test.msi");
        let ran = windows.reseat(&place, &["install", "-q", package.to_str().unwrap()]);
        // The program of the service is in use, and nobody is waited for because of that.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        ran
    };
    let fails = |product: Product| product.with_action("Crashes", 1 + DEFERRED, "actions", "Crashes", 6500);
    let [first, second] = ["1.0", "2.0"].map(|version| product(windows, &place, version));
    install(&fails(first.clone())).expect_failure(&["1603", "Crashes"]);
    assert_eq!(said_now(), "One 1.0 given, Two 1.0 given, Two 1.0 stopped, One 1.0 stopped");
    assert!(!windows.registry().contains(r"Services\\Reseat"));

    let ran = install(&first);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(0), ""));
    assert_eq!(said_now(), "One 1.0 given, Two 1.0 given");
    let registry = windows.registry();
    let key = registry.split("\n\n").find(|key| key.contains(r"Services\\ReseatOne]")).unwrap();
    for value in [
        r#""Description"="It is tested""#,
        r#""DisplayName"="Shown""#,
        r#""FailureActions"=hex:3c,00,00,00,"#,
        r#""ImagePath"=str(2):"\"C:\\Program Files\\Test\\service.exe\"""#,
    ] {
        assert!(key.contains(value), "no {value} in {key}");
    }

    install(&fails(second.clone())).expect_failure(&["1603", "Crashes"]);
    assert_eq!(
        said_now(),
        "Two 1.0 stopped, One 1.0 stopped, One 2.0 given, Two 2.0 given, \
         Two 2.0 stopped, One 2.0 stopped, One 1.0 started, Two 1.0 started"
    );
    let ran = install(&second);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(0), ""));
    assert_eq!(said_now(), "Two 1.0 stopped, One 1.0 stopped, One 2.0 given, Two 2.0 given");

    let ran = windows.reseat(&place, &["uninstall", "-q", "Test"]);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(0), ""));
    assert_eq!(said_now(), "Two 2.0 stopped, One 2.0 stopped");
    assert!(!windows.registry().contains(r"Services\\Reseat"));
    assert!(!windows.drive_c("Program Files/Test").exists());
}

#[test]
fn a_service_that_does_not_start_ends_the_installation_with_its_message() {
    let Some((windows, _turn)) = windows_that_runs() else { return };
    let place = Place::new();
    // It runs, and is no service.
    let product =
        product(windows, &place, "1.0").with_row("ServiceControl", &["D", "Absent", "1", "", "1", "Main"]);
    windows.install(&place, &product, &[]).expect_failure(&["1920", "'Absent'", "no such service"]);
    assert!(!windows.registry().contains(r"Services\\Reseat"));
}

#[test]
fn programs_of_the_wine_that_runs_see_the_environment_as_it_was_made() {
    let Some((windows, _turn)) = windows_that_runs() else { return };
    let place = Place::new();
    let product = windows
        .product()
        .with_standard_actions(&[("RemoveEnvironmentStrings", 3300), ("WriteEnvironmentStrings", 5200)])
        .with_row("Environment", &["E", "=-*RESEAT_VARIABLE", "of [ProductName]", "Main"]);
    let seen = || {
        let output = wine(&windows.prefix, &["cmd.exe", "/c", "echo %RESEAT_VARIABLE%"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    windows.install(&place, &product, &[]).expect_code(0);
    assert_eq!(seen(), "of Test");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!(seen(), "%RESEAT_VARIABLE%");
}

#[test]
fn a_service_of_wine_that_holds_a_file_is_named_stopped_and_started_again_with_those_that_need_it() {
    let Some((windows, _turn)) = windows_that_runs() else { return };
    let place = Place::new();
    windows.install(&place, &holder(windows, &place, OWN_PROCESS), &[]).expect_code(0);
    let said = windows.drive_c("service.txt");
    let _ = fs::remove_file(&said);
    let held = windows.drive_c("Program Files/Test/readme.txt");
    let held = held.to_str().unwrap();
    let who = windows.reseat(&place, &["who", held]);
    let line = who.out.lines().find(|line| line.contains("ReseatOne with ReseatTwo"));
    assert!(line.is_some_and(|line| line.contains("service")), "{}", who.out);
    assert!(!who.out.contains("ReseatThree"), "{}", who.out);
    let ran = windows.reseat(&place, &["free", held, "--", "true"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", ran.out, ran.err);
    let around = "Two 1.0 stopped, One 1.0 stopped, One 1.0 started, Two 1.0 started";
    assert_eq!(said_now(&said), around);

    // By its name alone it is found too, and one that does not run is known.
    let key = windows.reseat(&place, &["rm", "start"]).out.trim().to_owned();
    windows.reseat(&place, &["rm", "register", &key, "--service", "reseatone"]).expect_code(0);
    let listed = windows.reseat(&place, &["rm", "list", &key, "--json"]);
    let application = &listed.json()["applications"][0];
    assert_eq!(application["service"], "ReseatOne", "{}", listed.out);
    assert_eq!(application["dependents"], serde_json::json!(["ReseatTwo"]), "{}", listed.out);
    windows.reseat(&place, &["rm", "end", &key]).expect_code(0);
    let ran = windows.reseat(&place, &["free", "ReseatOne", "--", "true"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(said_now(&said), around);
    let idle = windows.reseat(&place, &["who", "ReseatThree"]);
    assert_eq!((idle.status.code(), idle.out.as_str()), (Some(1), ""), "{}", idle.err);
    // Closed for the file that it holds and removed since, none of them is owed a start.
    let ran = windows.reseat(&place, &["uninstall", "-q", "Test"]);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(0), ""));
    assert_eq!(said_now(&said), "Two 1.0 stopped, One 1.0 stopped");
}

#[test]
fn services_of_the_kind_that_shares_a_process_are_each_stopped_and_started_again_by_what_they_need() {
    let Some((windows, _turn)) = windows_that_runs() else { return };
    let place = Place::new();
    windows.install(&place, &holder(windows, &place, SHARE_PROCESS), &[]).expect_code(0);
    let said = windows.drive_c("service.txt");
    let _ = fs::remove_file(&said);
    // Wine 8 gives each of them a process of its own nevertheless, and both hold the file.
    let held = windows.drive_c("Program Files/Test/readme.txt");
    let ran = windows.reseat(&place, &["free", held.to_str().unwrap(), "--", "true"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(said_now(&said), "Two 1.0 stopped, One 1.0 stopped, One 1.0 started, Two 1.0 started");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn services_are_started_by_a_wine_that_the_script_itself_has_started() {
    let Some((windows, _turn)) = windows() else { return };
    let place = Place::new();
    windows.wait_for_end();
    let said = windows.drive_c("service.txt");
    let _ = fs::remove_file(&said);
    let product = holder(windows, &place, OWN_PROCESS)
        .with_action("SetData", 51, "Deferred", r"C:\written.txt|text", 1450)
        .with_action("Deferred", 1 + DEFERRED, "actions", "Deferred", 5850);
    let ran = windows.install(&place, &product, &[]);
    assert_eq!((ran.status.code(), ran.err.as_str()), (Some(0), ""));
    let said = said_now(&said);
    assert!(said.starts_with("One 1.0 started, Two 1.0 started"), "{said}");
    windows.reseat(&place, &["uninstall", "-q", "Test"]).expect_code(0);
}
