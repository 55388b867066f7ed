//! Applications that use files of an installation, from end to end: found, closed, started again, and what the log says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::product::Product;
use support::scene::{Scene, holds_only, is_key, restarted, set_policy};
use support::{Place, end_holders, holders, package, snapshot};

const DEFERRED: i32 = 1024;

#[test]
fn a_process_that_a_custom_action_names_is_closed_politely_and_started_again() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&scene.registering(), &[]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15), "it was asked to end");
    let restarted = restarted(&ran);
    assert_eq!(restarted.len(), 1, "{}", ran.out);
    assert_eq!(restarted[0].0, holder.pid());
    assert!(holds_only(&scene.held, restarted[0].1), "{:?}", holders(&scene.held));
    let key = &scene.keys()[0].1;
    scene.expect_log(&[
        "RESTART MANAGER: Session opened.",
        "RESTART MANAGER: Will attempt to shut down and restart applications in no UI modes.",
        &format!(
            "Info 1603. The file {} is being held in use by the following process: Name: tail, Id: {}, Window Title: ''.",
            scene.held.display(),
            holder.pid()
        ),
        "RESTART MANAGER: Successfully shut down all applications in the service's session that held files in use.",
        &format!("PROPERTY CHANGE: Deleting MsiRestartManagerSessionKey property. Its current value is '{key}'."),
        "RESTART MANAGER: Previously shut down applications have been restarted.",
        "RESTART MANAGER: Session closed.",
    ]);
}

#[test]
fn a_process_that_holds_a_file_of_the_package_is_closed_and_runs_again_with_the_new_file() {
    let scene = Scene::new();
    let product =
        |version: &str, text: &str| Product::new().version(version).with_file("Readme", "readme.txt", text);
    let installed = scene.place.drive_c("Program Files/Test/readme.txt");
    scene.install(&product("1.0.0", "one"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&installed);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&product("2.0.0", "two"), &[]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    let new = restarted(&ran)[0].1;
    assert_eq!(std::fs::read_to_string(&installed).unwrap(), "two");
    // The removal of the older version is an installation within this one, and has its session.
    let sessions = scene.log().iter().filter(|line| *line == "RESTART MANAGER: Session opened.").count();
    assert_eq!(sessions, 1);
    assert!(holds_only(&installed, new), "the application that runs again has the new file");
    end_holders(&installed);
}

#[test]
fn a_real_program_that_runs_is_closed_updated_and_started_again() {
    let (Some(old), Some(new)) = (package("winget-test-v1.msi"), package("winget-test-v2.msi")) else {
        return;
    };
    let place = Place::with_prefix();
    place.install(&old, &[]).expect_code(0);
    let listed = place.reseat(&["show", "--json", "AppInstallerTestMsiInstaller"]);
    let program = program_of(&place.prefix().join("drive_c"));
    let program = program.unwrap_or_else(|| panic!("no program: {}", listed.out));
    assert_eq!(program.metadata().unwrap().len(), 49_664);
    let mut holder = place.hold(&program);
    place.register_for_restart(&holder);
    let ran = place.install(&new, &["--json", "REINSTALL=ALL", "REINSTALLMODE=vomus"]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    assert_eq!(program.metadata().unwrap().len(), 60_928, "the new version");
    let restarted = restarted(&ran);
    assert_eq!((restarted.len(), restarted[0].0), (1, holder.pid()));
    assert!(holds_only(&program, restarted[0].1), "it runs again, with the new file");
    end_holders(&program);
    assert_eq!(place.products()[0]["name"], "AppInstallerTestMsiInstallerV2");
}

/// The program that the package installs.
fn program_of(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| match entry.file_type().ok()?.is_dir() {
        true => program_of(&entry.path()),
        false => Some(entry.path()).filter(|path| path.ends_with("AppInstallerTestExeInstaller.exe")),
    })
}

#[test]
fn identical_bytes_close_nobody() {
    let scene = Scene::new();
    let product = |version: &str| {
        let product = Product::new().version(version).with_file("Readme", "readme.txt", "same");
        // The older product goes last: until then the component has two clients.
        let product = product.without_row("InstallExecuteSequence", "RemoveExistingProducts");
        let product = product.with_row("InstallExecuteSequence", &["RemoveExistingProducts", "", "6500"]);
        product.with_hashes(&scene.place)
    };
    scene.install(&product("1.0.0"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&scene.place.drive_c("Program Files/Test/readme.txt"));
    scene.install(&product("1.0.0"), &["REINSTALL=ALL", "REINSTALLMODE=omus"]).expect_code(0);
    assert!(holder.runs(), "closed by a repair");
    scene.install(&product("2.0.0"), &[]).expect_code(0);
    assert!(holder.runs(), "closed by an upgrade");
    assert_eq!(scene.place.products().len(), 1);
    assert_eq!(scene.place.products()[0]["version"], "2.0.0");
}

#[test]
fn what_is_copied_moved_and_removed_by_tables_is_released_first() {
    let scene = Scene::new();
    let there = |name: &str| scene.place.drive_c(&format!("There/{name}"));
    std::fs::create_dir(there("")).unwrap();
    for name in ["copy.txt", "move.txt", "moved.txt", "remove.txt", "other.txt"] {
        std::fs::write(there(name), "old").unwrap();
    }
    std::fs::write(there("move.txt"), "moved").unwrap();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "new")
        .with_standard_actions(&[("MoveFiles", 3800)])
        .with_property("THERE", r"C:\There")
        .with_row("RemoveFile", &["Remove", "Main", "remove.*", "THERE", "3"])
        .with_row("DuplicateFile", &["Copy", "Main", "Readme", "copy.txt", "THERE"])
        .with_row("MoveFile", &["Move", "Main", "move.txt", "moved.txt", "THERE", "THERE", "1"])
        .with_hashes(&scene.place);
    let mut holders =
        ["copy.txt", "move.txt", "moved.txt", "remove.txt"].map(|name| scene.place.hold(&there(name)));
    let mut other = scene.place.hold(&there("other.txt"));
    scene.install(&product, &[]).expect_code(0);
    assert_eq!(holders.each_mut().map(|holder| holder.signal()), [Some(15); 4]);
    assert_eq!(std::fs::read_to_string(there("copy.txt")).unwrap(), "new");
    assert_eq!(std::fs::read_to_string(there("moved.txt")).unwrap(), "moved");
    assert_eq!([there("move.txt").exists(), there("remove.txt").exists()], [false; 2]);

    // The copy is as it is to be: a repair closes nobody, the removal does.
    let mut copy = scene.place.hold(&there("copy.txt"));
    scene.install(&product, &["REINSTALL=ALL", "REINSTALLMODE=omus"]).expect_code(0);
    assert!(copy.runs(), "closed by a repair");
    scene.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!(copy.signal(), Some(15));
    assert!(other.runs());
}

#[test]
fn a_registered_file_is_released_before_it_is_removed() {
    let scene = Scene::new();
    scene.install(&Product::new().with_file("Readme", "readme.txt", "one"), &[]).expect_code(0);
    let mut holder = scene.place.hold(&scene.place.drive_c("Program Files/Test/readme.txt"));
    let ran = scene.place.reseat(&["uninstall", "-q", "--json", "Test"]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    assert_eq!(restarted(&ran), [], "it had not registered");
    assert_eq!(scene.place.sessions(), [""; 0]);
}

#[test]
fn applications_are_found_and_not_closed_with_disable_shutdown_or_policy_2() {
    for by_policy in [false, true] {
        let scene = Scene::new();
        let mut holder = scene.place.hold(&scene.held);
        let arguments: &[&str] = if by_policy {
            set_policy(&scene.place, 2);
            &[]
        } else {
            &["MSIRESTARTMANAGERCONTROL=DisableShutdown"]
        };
        scene.install(&scene.registering(), arguments).expect_code(10);
        assert!(holder.runs());
        assert!(is_key(&scene.keys()[0].1));
        let info = format!(
            "Info 1603. The file {} is being held in use by the following process: Name: tail, Id: {}, Window Title: ''.",
            scene.held.display(),
            holder.pid()
        );
        scene.expect_log(&["RESTART MANAGER: Session opened.", &info, "Property(S): ReplacedInUseFiles = 1"]);
    }
}

#[test]
fn a_deaf_process_is_ended_only_by_force() {
    std::thread::scope(|scope| {
        // Each of the two waits as long as an application has to answer.
        scope.spawn(|| {
            let scene = Scene::new();
            let mut holder = scene.place.hold_stubbornly(&scene.held);
            scene.install(&scene.registering(), &["MSIRMSHUTDOWN=1"]).expect_code(0);
            assert_eq!(holder.signal(), Some(9));
        });
        scope.spawn(|| {
            let scene = Scene::new();
            let mut holder = scene.place.hold_stubbornly(&scene.held);
            let ran = scene.install(&scene.registering(), &["MSIRMSHUTDOWN=0"]);
            ran.expect_code(10).expect_error(&["warning"]);
            assert!(holder.runs());
            scene.expect_log(&[
                "RESTART MANAGER: Failed to shut down all applications in the service's session. Error: 351",
                "RESTART MANAGER: Session closed.",
            ]);
            assert!(scene.place.drive_c("Program Files/Test/readme.txt").is_file());
        });
    });
}

#[test]
fn with_shutdown_2_all_are_closed_when_all_are_registered_and_else_none() {
    let scene = Scene::new();
    let mut registered = scene.place.hold(&scene.held);
    let mut other = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&registered);
    scene.install(&scene.registering(), &["MSIRMSHUTDOWN=2"]).expect_code(10);
    assert!(registered.runs() && other.runs());
    scene.place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);

    scene.place.register_for_restart(&other);
    let ran = scene.install(&scene.registering(), &["MSIRMSHUTDOWN=2"]);
    ran.expect_code(0);
    assert_eq!((registered.signal(), other.signal()), (Some(15), Some(15)));
    assert_eq!(restarted(&ran).len(), 2, "{}", ran.out);
}

#[test]
fn nothing_is_started_again_when_the_user_does_not_want_it() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let ran = scene.install(&scene.registering(), &["MSIDISABLERMRESTART=1"]);
    ran.expect_code(0);
    assert_eq!(holder.signal(), Some(15));
    assert_eq!(restarted(&ran), []);
    assert_eq!(holders(&scene.held), [0; 0]);
}

#[test]
fn after_a_failure_the_prefix_is_as_before_and_closed_applications_run_again() {
    let scene = Scene::new();
    let mut holder = scene.place.hold(&scene.held);
    scene.place.register_for_restart(&holder);
    let before = snapshot::tree(&scene.place.prefix());
    let fails = scene.registering().with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    scene.install(&fails, &[]).expect_code(1);
    snapshot::assert_same(&before, &snapshot::tree(&scene.place.prefix()));
    assert_eq!(holder.signal(), Some(15));
    let running = holders(&scene.held);
    assert!(running.len() == 1 && running[0] != holder.pid(), "{running:?}");
    scene.expect_log(&[
        "RESTART MANAGER: Session opened.",
        "RESTART MANAGER: Previously shut down applications have been restarted.",
        "RESTART MANAGER: Session closed.",
    ]);
}
