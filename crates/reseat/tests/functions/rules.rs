//! When Windows code runs, where it comes from, and what its return value means.

use std::cell::RefCell;

use reseat_engine::{
    EngineError, Language, Program, Request, ScriptLanguage, ScriptSource, Target, Value, WindowsCode,
};
use reseat_machine::Machine;

use crate::code::{Caller, Host, Watcher, install, install_with, product, text};
use crate::support::product::guid;
use crate::support::{Place, snapshot};

const IGNORE: i32 = 64;
const ASYNC: i32 = 128;
const DEFERRED: i32 = 1024;
const ROLLBACK: i32 = DEFERRED + 256;
const COMMIT: i32 = DEFERRED + 512;

#[test]
fn deferred_actions_know_their_data_and_little_else() {
    let place = Place::with_prefix();
    let product = product()
        .with_action("SetData", 51, "Later", "data of [ProductName]", 1550)
        .with_action("Later", 1 + DEFERRED, "library", "Entry", 6000)
        .with_action("Undo", 1 + ROLLBACK, "library", "Entry", 5990)
        .with_action("AtEnd", 1 + COMMIT, "library", "Entry", 6010);
    let look = |caller: &mut Caller<'_>, mode: i32| {
        let session = caller.session;
        for other in [2, 16, 17, 18] {
            let is_set = u32::from(other == mode);
            assert_eq!(caller.code("MsiGetMode", values![session, other]), is_set, "{other}");
        }
        let record = caller.record(&["x"]);
        caller.ok("MsiRecordSetString", values![record, 0, "[1] [CustomActionData]"]);
        let formatted = caller.ok("MsiFormatRecord", values![session, record]);
        for (name, arguments) in [
            ("MsiSetProperty", values![session, "A", "x"]),
            ("MsiGetTargetPath", values![session, "INSTALLDIR"]),
            ("MsiGetComponentState", values![session, "Main"]),
            ("MsiDoAction", values![session, "InstallFiles"]),
        ] {
            assert_eq!(caller.code(name, arguments), 6, "{name}");
        }
        assert_eq!(caller.code("MsiGetActiveDatabase", values![session]), 0);
        assert_eq!(caller.property("ProductName"), "");
        assert_eq!(caller.code("MsiEnumRelatedProducts", values![guid(2, 9), 0, 0]), 259);
        text(&formatted[0]).to_owned()
    };
    let host = Host::default()
        .with("Later", |caller| {
            assert_eq!(look(caller, 16), "x data of Test");
            assert_eq!(caller.property("CustomActionData"), "data of Test");
            assert_eq!(caller.property("ProductCode").len(), 38);
            assert_eq!(caller.code("MsiGetLanguage", values![caller.session]), 1033);
            0
        })
        .with("AtEnd", |caller| {
            look(caller, 18);
            assert_eq!(caller.property("ProductCode"), "");
            0
        })
        .with("Undo", |caller| {
            look(caller, 17);
            0
        })
        .with("Fail", |_| 1603);
    install(&place, &product, &host).unwrap();
    assert_eq!(host.ran.take(), ["Later", "AtEnd"]);

    let failing =
        product.clone().version("2.0.0").with_action("Fail", 1 + DEFERRED, "library", "Entry", 6020);
    install(&Place::with_prefix(), &failing, &host).unwrap_err();
    assert_eq!(host.ran.take(), ["Later", "Fail", "Undo"]);
}

#[test]
fn each_return_value_means_what_is_documented() {
    for (kind, sequence, result, expected, ran) in [
        (1, 1100, 0, 0, "Ask Next"),
        (1, 1100, 1603, 1603, "Ask"),
        (1, 1100, 42, 1603, "Ask"),
        (1, 1100, 1602, 1602, "Ask"),
        (1, 1100, 1604, 1604, "Ask"),
        (1, 1100, 1626, 0, "Ask Next"),
        (1, 1100, 259, 0, "Ask"),
        (1 + IGNORE, 1100, 1603, 0, "Ask Next"),
        (1 + IGNORE, 1100, 259, 0, "Ask Next"),
        (1 + ASYNC, 1100, 1603, 1603, "Ask Next"),
        (1 + ASYNC + IGNORE, 1100, 1603, 0, "Ask Next"),
        (1 + 768, 1100, 1603, 0, "Next"),
        (1 + DEFERRED, 6000, 1603, 1603, "Next Ask"),
        (1 + DEFERRED, 6000, 1602, 1602, "Next Ask"),
        (1 + DEFERRED, 6000, 1604, 1604, "Next Ask"),
        (1 + DEFERRED, 6000, 259, 0, "Next Ask"),
        (1 + DEFERRED + IGNORE, 6000, 1603, 0, "Next Ask"),
    ] {
        let place = Place::with_prefix();
        let product = product()
            .with_action("Ask", kind, "library", "Entry", sequence)
            .with_action("Next", 1, "library", "Entry", 1200);
        let host = Host::default().with("Ask", |_| result).with("Next", |_| 0);
        let before = snapshot::tree(&place.prefix());
        let code = match install(&place, &product, &host) {
            Ok(_) => 0,
            Err(error) => error.code(),
        };
        assert_eq!((code, host.ran.take().join(" ").as_str()), (expected, ran), "{kind} {result}");
        let is_installed = place.drive_c("Program Files/Test/readme.txt").is_file();
        // What was skipped has not been installed, and nothing of it remains.
        // The result of an asynchronous action counts at the end of the sequence, when all has been committed.
        let is_late = kind == 1 + ASYNC;
        assert_eq!(is_installed, is_late || (expected == 0 && ran != "Ask"), "{kind} {result}");
        if !is_installed {
            snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        }
    }
}

#[test]
fn an_action_runs_other_actions_and_not_itself_for_ever() {
    let place = Place::with_prefix();
    let product = product()
        .with_row("CustomAction", &["Set", "51", "SET", "[ProductName]"])
        .with_row("CustomAction", &["Inner", "1", "library", "Entry"])
        .with_row("CustomAction", &["Endless", "1", "library", "Entry"])
        .with_row("CustomAction", &["Schedule", "1025", "library", "Entry"])
        .with_action("Outer", 1, "library", "Entry", 1600);
    let depth = RefCell::new(0);
    let host = Host::default()
        .with("Outer", |caller| {
            let session = caller.session;
            assert_eq!(caller.code("MsiDoAction", values![session, "Set"]), 0);
            assert_eq!(caller.property("SET"), "Test");
            assert_eq!(caller.code("MsiDoAction", values![session, "Inner"]), 1602);
            assert_eq!(caller.property("INNER"), "ran");
            assert_eq!(caller.code("MsiDoAction", values![session, "Endless"]), 1603);
            // Its data is set as any property, and it is written into the script at this place.
            caller.set_property("Schedule", "scheduled from within");
            assert_eq!(caller.code("MsiDoAction", values![session, "Schedule"]), 0);
            0
        })
        .with("Inner", |caller| {
            caller.set_property("INNER", "ran");
            1602
        })
        .with("Endless", |caller| {
            *depth.borrow_mut() += 1;
            caller.code("MsiDoAction", values![caller.session, "Endless"]) as i32
        })
        .with("Schedule", |caller| {
            assert_eq!(caller.property("CustomActionData"), "scheduled from within");
            0
        });
    install(&place, &product, &host).unwrap();
    assert_eq!(host.ran.borrow().last().map(String::as_str), Some("Schedule"));
    assert!(*depth.borrow() <= 16, "{}", depth.borrow());
}

#[test]
fn what_cannot_run_here_is_refused_by_name_unless_its_result_is_ignored() {
    for (kind, arguments, expected) in
        [(1, "", 1603), (1 + IGNORE, "", 0), (1, "skip", 0), (1 + DEFERRED, "", 1603)]
    {
        let place = Place::with_prefix();
        let product = product().with_action("Ask", kind, "library", "Entry", 6000);
        let host = Host { refuses: Some("needs 32-bit Wine"), ..Host::default() };
        let mut watcher = Watcher::new();
        let result = install_with(&place, &product, &host, &mut watcher, |request| {
            if arguments == "skip" {
                request.custom_actions = reseat_engine::CustomActions::Skip(vec!["Ask".to_owned()]);
            }
        });
        assert_eq!(result.as_ref().map_or_else(EngineError::code, |_| 0), expected, "{kind} {arguments}");
        if let Err(error) = result {
            assert!(error.to_string().contains("custom action Ask (type 1, needs 32-bit Wine)"), "{error}");
        }
        assert!(host.ran.borrow().is_empty());
    }
}

#[test]
fn libraries_and_scripts_come_from_streams_files_properties_and_the_table_itself() {
    let place = Place::with_prefix();
    let product = product()
        .with_file("Script", "script.js", "1")
        .with_property("SCRIPT", "text of [ProductName]")
        .with_action("A", 1, "library", "Entry", 1100)
        .with_action("B", 6 + 0x1000, "library", "", 1101)
        .with_action("C", 37, "", "inline [ProductName]", 1102)
        .with_action("D", 54, "SCRIPT", "Run", 1103)
        .with_action("E", 17, "Readme", "Entry", 6700)
        .with_action("F", 21 + DEFERRED, "Script", "Run", 6000);
    let host = Host::default();
    let host = ["A", "B", "C", "D", "E", "F"].into_iter().fold(host, |host, action| {
        // The result of a script in the table itself does not matter: it has none.
        host.with(action, move |_| if action == "C" { 1603 } else { 0 })
    });
    install(&place, &product, &host).unwrap();
    let package = place.path("test.msi");
    let script = |language, source, function: Option<&str>, is_64_bit| WindowsCode::Script {
        language,
        source,
        function: function.map(str::to_owned),
        is_64_bit,
    };
    let binary = || Program::Binary { package: package.clone(), name: "library".to_owned() };
    let file = |name: &str| place.drive_c("Program Files/Test").join(name);
    use ScriptLanguage::{JScript, VbScript};
    assert_eq!(
        host.seen.take(),
        [
            WindowsCode::Library { library: binary(), entry_point: "Entry".to_owned() },
            script(
                VbScript,
                ScriptSource::Binary { package: package.clone(), name: "library".to_owned() },
                None,
                true
            ),
            script(JScript, ScriptSource::Text("inline [ProductName]".to_owned()), None, false),
            script(VbScript, ScriptSource::Text("text of [ProductName]".to_owned()), Some("Run"), false),
            script(JScript, ScriptSource::File(file("script.js")), Some("Run"), false),
            WindowsCode::Library {
                library: Program::File(file("readme.txt")),
                entry_point: "Entry".to_owned()
            },
        ]
    );
}

#[test]
fn the_code_of_a_package_can_be_read_when_its_product_is_gone() {
    let place = Place::with_prefix();
    let mut product = product().with_row("CustomAction", &["Commit", "1537", "library", "Entry"]);
    product.row("CustomAction", &["Last", "1", "library", "Entry"]);
    product.row("InstallExecuteSequence", &["Commit", "REMOVE", "6500"]);
    product.row("InstallExecuteSequence", &["Last", "REMOVE", "6700"]);
    install(&place, &product, &Host::default()).unwrap();
    let host = Host::default().with("Commit", |_| 0).with("Last", |_| 0);
    let machine = Machine::open(&place.prefix()).unwrap();
    let host = Host { reads: true, ..host };
    let mut request = Request::new(Target::Product(product.product_code()));
    request.properties.push(("REMOVE".to_owned(), "ALL".to_owned()));
    request.properties.push(("MSIRESTARTMANAGERCONTROL".to_owned(), "Disable".to_owned()));
    reseat_engine::install(&machine, &request, &mut Watcher::new(), &host).unwrap();
    assert_eq!(host.ran.take(), ["Commit", "Last"]);
}

#[test]
fn a_library_that_fails_is_told_as_1723_and_a_script_as_1720_deferred_or_not() {
    for deferred in [0, 1024] {
        let script = product().with_binary("script", "text");
        for (product, number, text) in [
            (
                product().with_action("Fails", 1 + deferred, "library", "Entry", 6500),
                1723,
                "Action: Fails, entry: Entry, library: library: it returned 1603",
            ),
            (
                script.with_action("Fails", 6 + deferred, "script", "Run", 6500),
                1720,
                "Fails: it returned 1603",
            ),
        ] {
            let place = Place::with_prefix();
            let host = Host::default().with("Fails", |_| 1603);
            let error = install(&place, &product, &host).unwrap_err();
            assert_eq!((error.code(), error.numbered().unwrap().number()), (1603, number), "{error:?}");
            let told = error.told(Language::English, None, None);
            assert!(told.ends_with(text), "{told}");
        }
    }
}
