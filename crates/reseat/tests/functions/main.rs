//! The functions that Windows code of custom actions calls, served by the engine. The code is a closure that a host of the
//! test's own runs in the place of a library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[macro_use]
mod code;
mod asynchronous;
mod rules;
#[path = "../support/mod.rs"]
mod support;

use code::{Caller, Host, Watcher, handle, install, install_with, product, text};
use reseat_engine::{Answer, Buttons, FunctionAnswer, Message, UiLevel, Value};
use reseat_machine::{Hive, Machine, RegistryKey};
use support::Place;
use support::product::{Product, guid};

const DEFERRED: i32 = 1024;

#[test]
fn each_function_answers_as_documented() {
    let place = Place::with_prefix();
    let product = product()
        .with_property("GREETING", "hello")
        .with_row("Feature", &["Extra", "Main", "Extra", "", "1", "200", "INSTALLDIR", "24"])
        .with_row("Component", &["Extra", &guid(3, 7), "INSTALLDIR", "256", "", ""])
        .with_row("FeatureComponents", &["Extra", "Extra"])
        .with_action("Ask", 1, "library", "Entry", 1100);
    let host = Host::default().with("Ask", |caller| {
        let session = caller.session;
        let null = || Value::Null;
        let record = caller.record(&["one", "2", ""]);
        let template = caller.record(&["one", "2"]);
        caller.ok(
            "MsiRecordSetString",
            values![template, 0, "[1] and [2][3]: [GREETING] {[NOTHING]x}[#Readme]"],
        );
        let database = caller.code("MsiGetActiveDatabase", values![session]);
        let code = caller.property("ProductCode");
        let readme = "C:\\Program Files\\Test\\readme.txt";
        for (name, arguments, code, results) in [
            // Properties and texts.
            ("MsiGetProperty", values![session, "GREETING"], 0, values!["hello"]),
            ("MsiGetProperty", values![session, "NOTHING"], 0, values![""]),
            ("MsiGetProperty", values![session, null()], 87, values![]),
            ("MsiGetProperty", values![7777, "GREETING"], 6, values![]),
            ("MsiGetProperty", values![0, "GREETING"], 6, values![]),
            ("MsiSetProperty", values![session, "", "x"], 87, values![]),
            ("MsiSetProperty", values![session, "A", "x"], 0, values![]),
            ("MsiGetProperty", values![session, "A"], 0, values!["x"]),
            ("MsiSetProperty", values![session, "A", null()], 0, values![]),
            ("MsiGetProperty", values![session, "A"], 0, values![""]),
            ("MsiFormatRecord", values![session, template], 0, values![format!("one and 2: hello {readme}")]),
            ("MsiFormatRecord", values![0, record], 0, values!["1: one 2: 2 3:  "]),
            ("MsiFormatRecord", values![session, 7777], 6, values![]),
            ("MsiFormatRecord", values![7777, record], 6, values![]),
            ("MsiEvaluateCondition", values![session, "GREETING = \"hello\""], 1, values![]),
            ("MsiEvaluateCondition", values![session, "NOTHING"], 0, values![]),
            ("MsiEvaluateCondition", values![session, ""], 2, values![]),
            ("MsiEvaluateCondition", values![session, "= ="], 3, values![]),
            ("MsiGetLanguage", values![session], 1033, values![]),
            // Records.
            ("MsiRecordGetFieldCount", values![record], 3, values![]),
            ("MsiRecordGetFieldCount", values![7777], u32::MAX, values![]),
            ("MsiRecordGetInteger", values![record, 2], 2, values![]),
            ("MsiRecordGetInteger", values![record, 1], 0x8000_0000, values![]),
            ("MsiRecordGetInteger", values![7777, 1], 0x8000_0000, values![]),
            ("MsiRecordIsNull", values![record, 3], 1, values![]),
            ("MsiRecordIsNull", values![record, 1], 0, values![]),
            ("MsiRecordIsNull", values![record, 9], 1, values![]),
            ("MsiRecordIsNull", values![7777, 1], 0, values![]),
            ("MsiRecordDataSize", values![record, 1], 3, values![]),
            ("MsiRecordDataSize", values![record, 9], 0, values![]),
            ("MsiRecordGetString", values![record, 3], 0, values![""]),
            ("MsiRecordGetString", values![record, 9], 87, values![]),
            ("MsiRecordSetString", values![record, 9, "x"], 1616, values![]),
            ("MsiRecordSetInteger", values![record, 3, 5], 0, values![]),
            ("MsiRecordGetString", values![record, 3], 0, values!["5"]),
            ("MsiRecordReadStream", values![record, 1, 10], 1804, values![]),
            ("MsiRecordSetStream", values![record, 1, "C:\\nothing"], 161, values![]),
            ("MsiRecordClearData", values![record], 0, values![]),
            ("MsiRecordIsNull", values![record, 1], 1, values![]),
            ("MsiCreateRecord", values![-1], 0, values![]),
            // Modes.
            ("MsiGetMode", values![session, 2], 0, values![]),
            ("MsiGetMode", values![session, 3], 1, values![]),
            ("MsiGetMode", values![session, 6], 0, values![]),
            ("MsiGetMode", values![session, 8], 1, values![]),
            ("MsiGetMode", values![session, 16], 0, values![]),
            ("MsiSetMode", values![session, 2, 1], 5, values![]),
            // Features and components: 2 is absent, 3 local, -1 no change.
            ("MsiGetFeatureState", values![session, "Main"], 0, values![2, 3]),
            ("MsiGetFeatureState", values![session, "Extra"], 0, values![2, -1]),
            ("MsiGetFeatureState", values![session, "Nothing"], 1606, values![]),
            ("MsiSetFeatureState", values![session, "Nothing", 3], 1606, values![]),
            ("MsiSetFeatureState", values![session, "Main", 77], 87, values![]),
            ("MsiGetComponentState", values![session, "Main"], 0, values![2, 3]),
            ("MsiGetComponentState", values![session, "Nothing"], 1607, values![]),
            ("MsiSetComponentState", values![session, "Nothing", 3], 1607, values![]),
            ("MsiGetFeatureValidStates", values![session, "Extra"], 0, values![8]),
            ("MsiGetFeatureValidStates", values![session, "Nothing"], 1606, values![]),
            ("MsiGetFeatureCost", values![session, "Main", 0, 3], 0, values![1]),
            ("MsiGetFeatureCost", values![session, "Extra", 2, 3], 0, values![1]),
            ("MsiGetFeatureCost", values![session, "Extra", 1, 3], 0, values![0]),
            ("MsiGetFeatureCost", values![session, "Main", 9, 3], 87, values![]),
            ("MsiEnumComponentCosts", values![session, "Main", 0, 3], 0, values!["C:", 1, 0]),
            ("MsiEnumComponentCosts", values![session, "Main", 1, 3], 259, values![]),
            ("MsiEnumComponentCosts", values![session, "Nothing", 0, 3], 1607, values![]),
            ("MsiSetFeatureAttributes", values![session, "Main", 1], 1627, values![]),
            // Folders and space.
            ("MsiGetTargetPath", values![session, "INSTALLDIR"], 0, values!["C:\\Program Files\\Test\\"]),
            ("MsiGetTargetPath", values![session, "Nothing"], 267, values![]),
            ("MsiSetTargetPath", values![session, "Nothing", "C:\\x"], 267, values![]),
            ("MsiGetSourcePath", values![session, "Nothing"], 267, values![]),
            ("MsiVerifyDiskSpace", values![session], 0, values![]),
            // The database.
            ("MsiDatabaseIsTablePersistent", values![database, "Property"], 1, values![]),
            ("MsiDatabaseIsTablePersistent", values![database, "Nothing"], 2, values![]),
            ("MsiDatabaseIsTablePersistent", values![7777, "Property"], 3, values![]),
            ("MsiDatabaseGetPrimaryKeys", values![database, "Nothing"], 1628, values![]),
            ("MsiDatabaseOpenView", values![database, "SELECT"], 1615, values![]),
            ("MsiDatabaseOpenView", values![database, "SELECT * FROM `Nothing`"], 1615, values![]),
            ("MsiDatabaseOpenView", values![7777, "SELECT * FROM `Property`"], 6, values![]),
            ("MsiDatabaseCommit", values![database], 0, values![]),
            ("MsiGetDatabaseState", values![database], 0, values![]),
            ("MsiViewExecute", values![database, 0], 6, values![]),
            ("MsiViewFetch", values![7777], 6, values![]),
            ("MsiOpenDatabase", values!["C:\\nothing.msi", 0], 110, values![]),
            ("MsiOpenDatabase", values!["C:\\nothing.msi", 1], 5, values![]),
            ("MsiOpenDatabase", values!["/etc/passwd", 0], 110, values![]),
            ("MsiGetSummaryInformation", values![database, null(), 3], 5, values![]),
            // What is installed.
            ("MsiQueryProductState", values![code.as_str()], -1_i32 as u32, values![]),
            ("MsiQueryProductState", values!["no code"], -2_i32 as u32, values![]),
            ("MsiGetProductInfo", values![code.as_str(), "ProductName"], 1605, values![]),
            ("MsiGetProductInfo", values!["no code", "ProductName"], 87, values![]),
            ("MsiEnumProducts", values![0], 259, values![]),
            ("MsiEnumRelatedProducts", values![guid(2, 0), 0, 0], 259, values![]),
            ("MsiEnumClients", values![guid(3, 0), 0], 1607, values![]),
            ("MsiGetFileVersion", values!["C:\\nothing"], 2, values![]),
            ("MsiConfigureProductEx", values![code.as_str(), 0, 2, ""], 1618, values![]),
            // Handles, actions, and what there is not.
            ("MsiDoAction", values![session, "Nothing"], 1626, values![]),
            ("MsiSequence", values![session, "Nothing", 0], 1626, values![]),
            ("MsiCloseHandle", values![database], 0, values![]),
            ("MsiCloseHandle", values![database], 6, values![]),
            ("MsiCloseHandle", values![session], 0, values![]),
            ("MsiPreviewDialog", values![session, "x"], 120, values![]),
        ] {
            let answer = caller.call(name, arguments.clone());
            assert_eq!(answer, FunctionAnswer { code, values: results }, "{name} {arguments:?}");
        }
        0
    });
    install(&place, &product, &host).unwrap();
}

#[test]
fn views_describe_themselves_read_streams_and_remember_what_was_wrong() {
    let place = Place::with_prefix();
    let product = product().with_action("Ask", 1, "library", "Entry", 1100);
    let host = Host::default().with("Ask", |caller| {
        let session = caller.session;
        let view = caller.view("SELECT `Name`, `Data` FROM `Binary`");
        let names = handle(&caller.ok("MsiViewGetColumnInfo", values![view, 0])[0]);
        let types = handle(&caller.ok("MsiViewGetColumnInfo", values![view, 1])[0]);
        assert_eq!(caller.ok("MsiRecordGetString", values![names, 2]), values!["Data"]);
        assert_eq!(caller.ok("MsiRecordGetString", values![types, 1]), values!["s72"]);
        assert_eq!(caller.code("MsiViewGetColumnInfo", values![view, 2]), 87);
        let row = handle(&caller.ok("MsiViewFetch", values![view])[0]);
        assert_eq!(caller.code("MsiRecordDataSize", values![row, 2]), 2);
        assert_eq!(caller.ok("MsiRecordReadStream", values![row, 2, 1]), [Value::Bytes(b"M".to_vec())]);
        assert_eq!(caller.ok("MsiRecordReadStream", values![row, 2, Value::Null]), values![1]);
        assert_eq!(caller.ok("MsiRecordReadStream", values![row, 2, 99]), [Value::Bytes(b"Z".to_vec())]);
        assert_eq!(caller.code("MsiViewFetch", values![view]), 259);
        caller.ok("MsiViewClose", values![view]);
        assert_eq!(caller.code("MsiViewFetch", values![view]), 1609);

        let database = caller.code("MsiGetActiveDatabase", values![session]);
        let keys = handle(&caller.ok("MsiDatabaseGetPrimaryKeys", values![database, "FeatureComponents"])[0]);
        assert_eq!(caller.code("MsiRecordGetFieldCount", values![keys]), 2);
        assert_eq!(caller.ok("MsiRecordGetString", values![keys, 1]), values!["Feature_"]);
        assert_eq!(caller.ok("MsiRecordGetString", values![keys, 0]), values!["FeatureComponents"]);

        assert_eq!(caller.code("MsiDatabaseOpenView", values![database, "SELECT `X` FROM `Nothing`"]), 1615);
        let error = caller.code("MsiGetLastErrorRecord", values![]);
        assert_eq!(caller.code("MsiRecordGetInteger", values![error, 1]), 2228);
        assert_eq!(caller.ok("MsiRecordGetString", values![error, 3]), values!["Nothing"]);
        assert_eq!(caller.code("MsiGetLastErrorRecord", values![]), 0);

        let summary = handle(&caller.ok("MsiGetSummaryInformation", values![database, Value::Null, 0])[0]);
        assert_eq!(
            caller.ok("MsiSummaryInfoGetProperty", values![summary, 7]),
            values![30, 0, Value::Null, "x64;1033"]
        );
        assert_eq!(
            caller.ok("MsiSummaryInfoGetProperty", values![summary, 14]),
            values![3, 200, Value::Null, Value::Null]
        );
        assert_eq!(caller.code("MsiSummaryInfoGetProperty", values![summary, 99]), 1608);
        assert_eq!(caller.code("MsiSummaryInfoSetProperty", values![summary, 2, 30, 0, Value::Null, "x"]), 5);

        // The package by its own name, as another database: it can be read, not changed.
        let path = caller.property("DATABASE");
        let other = handle(&caller.ok("MsiOpenDatabase", values![path, Value::Null])[0]);
        let view = handle(&caller.ok("MsiDatabaseOpenView", values![other, "DELETE FROM `Property`"])[0]);
        assert_eq!(caller.code("MsiViewExecute", values![view, 0]), 1627);
        0
    });
    install(&place, &product, &host).unwrap();
}

#[test]
fn temporary_rows_are_obeyed_by_later_actions_and_stored_rows_cannot_be_changed() {
    let place = Place::with_prefix();
    let product = product()
        .with_row("Registry", &["Stored", "2", "Software\\Test", "Stored", "1", "Main"])
        .with_row("RemoveFile", &["None", "Main", "none", "INSTALLDIR", "2"])
        .with_action("Insert", 1, "library", "Entry", 1100)
        .with_action("Look", 1, "library", "Entry", 1101);
    let host = Host::default()
        .with("Insert", |caller| {
            let view = caller
                .view("SELECT `Registry`, `Root`, `Key`, `Name`, `Value`, `Component_` FROM `Registry`");
            let row = caller.record(&["Own", "2", "Software\\Test", "Own", "[ProductName]", "Main"]);
            caller.ok("MsiRecordSetInteger", values![row, 2, 2]);
            // Only what is temporary may be changed.
            assert_eq!(caller.code("MsiViewModify", values![view, 1, row]), 5);
            assert_eq!(caller.code("MsiViewModify", values![view, 99, row]), 87);
            assert_eq!(caller.code("MsiViewModify", values![view, 0, row]), 1627);
            caller.ok("MsiViewModify", values![view, 7, row]);
            assert_eq!(caller.code("MsiViewModify", values![view, 7, row]), 1627);
            let stored = handle(&caller.ok("MsiViewFetch", values![view])[0]);
            assert_eq!(caller.code("MsiViewModify", values![view, 6, stored]), 5);
            let database = caller.code("MsiGetActiveDatabase", values![caller.session]);
            let delete =
                handle(&caller.ok("MsiDatabaseOpenView", values![database, "DELETE FROM `Registry`"])[0]);
            assert_eq!(caller.code("MsiViewExecute", values![delete, 0]), 1627);
            caller.view("CREATE TABLE `Mine` (`A` CHAR(9) NOT NULL TEMPORARY PRIMARY KEY `A`) HOLD");
            caller.view("INSERT INTO `Mine` (`A`) VALUES ('kept')");
            assert_eq!(caller.code("MsiDatabaseIsTablePersistent", values![database, "Mine"]), 0);
            0
        })
        .with("Look", |caller| {
            assert_eq!(caller.rows("SELECT `A` FROM `Mine`"), ["kept"]);
            assert_eq!(caller.rows("SELECT `Registry` FROM `Registry`"), ["Stored", "Own"]);
            0
        });
    install(&place, &product, &host).unwrap();
    let machine = Machine::open(&place.prefix()).unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, "Software\\Test");
    let value = |name| machine.registry().unwrap().value(&key, name);
    assert_eq!(value("Own").unwrap().as_text(), Some("Test"));
    assert!(value("Stored").is_some());
}

#[test]
fn features_folders_and_levels_are_changed_from_within() {
    for (action, installed) in [("Leave", None), ("Move", Some("Elsewhere/readme.txt")), ("Level", None)] {
        let place = Place::with_prefix();
        let product = product().with_action(action, 1, "library", "Entry", 1050);
        let host = Host::default()
            .with("Leave", |caller| {
                caller.ok("MsiSetComponentState", values![caller.session, "Main", -1]);
                assert_eq!(
                    caller.ok("MsiGetComponentState", values![caller.session, "Main"]),
                    values![2, -1]
                );
                0
            })
            .with("Move", |caller| {
                caller.ok("MsiSetTargetPath", values![caller.session, "INSTALLDIR", "C:\\Elsewhere"]);
                assert_eq!(caller.property("INSTALLDIR"), "C:\\Elsewhere\\");
                0
            })
            .with("Level", |caller| {
                caller.ok("MsiSetFeatureState", values![caller.session, "Main", 2]);
                assert_eq!(caller.ok("MsiGetFeatureState", values![caller.session, "Main"]), values![2, -1]);
                0
            });
        install(&place, &product, &host).unwrap();
        let found = ["Elsewhere/readme.txt", "Program Files/Test/readme.txt"]
            .into_iter()
            .find(|path| place.drive_c(path).is_file());
        assert_eq!(found, installed, "{action}");
    }
}

#[test]
fn messages_reach_the_user_and_answers_come_back() {
    let place = Place::with_prefix();
    let product = product()
        .with_row("Error", &["25001", "{{Fatal: }}No [2] in [ProductName]"])
        .with_action("Say", 1, "library", "Entry", 1100)
        .with_action("Later", 1 + DEFERRED, "library", "Entry", 6000);
    const ERROR: i32 = 0x0100_0000;
    const WARNING: i32 = 0x0200_0000;
    const USER: i32 = 0x0300_0000;
    const INFORMATION: i32 = 0x0400_0000;
    const ACTION_START: i32 = 0x0800_0000;
    const ACTION_DATA: i32 = 0x0900_0000;
    const PROGRESS: i32 = 0x0A00_0000;
    let say = |caller: &mut Caller<'_>, kind: i32, fields: &[&str]| {
        let record = caller.record(fields);
        let first = caller.code("MsiRecordGetInteger", values![record, 1]);
        if first != 0x8000_0000 {
            caller.ok("MsiRecordSetInteger", values![record, 1, first as i32]);
        }
        caller.code("MsiProcessMessage", values![caller.session, kind, record])
    };
    let host = Host::default()
        .with("Say", |caller| {
            assert_eq!(say(caller, INFORMATION, &["for the log"]), 1);
            assert_eq!(say(caller, WARNING, &["25001", "luck"]), 1);
            // Yes and No, the second being the default.
            assert_eq!(say(caller, USER + 4 + 0x100, &["Really?"]), 7);
            assert_eq!(say(caller, ACTION_START, &["Dig", "Digging", "hole [1] of [2]"]), 1);
            assert_eq!(say(caller, ACTION_DATA, &["3", "9"]), 1);
            assert_eq!(say(caller, PROGRESS, &["2", "10"]), 1);
            assert_eq!(say(caller, 0x7F00_0000, &["?"]), u32::MAX);
            0
        })
        .with("Later", |caller| {
            assert_eq!(say(caller, ERROR, &["25001", "time"]), 1);
            0
        });
    let mut watcher = Watcher { answer: Answer::No, ..Watcher::new() };
    install_with(&place, &product, &host, &mut watcher, |request| request.ui_level = UiLevel::Basic).unwrap();
    let said = |watcher: &Watcher, message: &Message| watcher.messages.iter().any(|said| said == message);
    assert!(said(&watcher, &Message::warning("Warning 25001. No luck in Test")));
    assert!(said(&watcher, &Message::ActionData("hole 3 of 9".to_owned())));
    assert!(said(&watcher, &Message::ActionData("said".to_owned())));
    let dig = Message::ActionStart { action: "Dig".to_owned(), description: "Digging".to_owned() };
    assert!(said(&watcher, &dig));
    assert!(!watcher.messages.iter().any(|said| format!("{said:?}").contains("for the log")));
    assert!(said(&watcher, &Message::warning("Error 25001. No time in ")));
    assert_eq!(watcher.questions.len(), 1);
    assert_eq!(
        (watcher.questions[0].text.as_str(), watcher.questions[0].buttons),
        ("1: Really? ", Buttons::YesNo)
    );

    // Nobody is asked when the installation is silent: the default counts.
    let mut silent = Watcher { answer: Answer::Yes, ..Watcher::new() };
    install_with(&Place::with_prefix(), &product, &host, &mut silent, |_| {}).unwrap();
    assert!(silent.questions.is_empty());
}

#[test]
fn what_is_installed_can_be_asked_for() {
    let place = Place::with_prefix();
    let old = product();
    install(&place, &old, &Host::default()).unwrap();
    let old = old.product_code();
    let newer = Product::new()
        .with_binary("library", "MZ")
        .version("1.0.1")
        .with_action("Ask", 1, "library", "Entry", 1100);
    let host = Host::default().with("Ask", move |caller| {
        let info =
            |caller: &mut Caller<'_>, name| caller.ok("MsiGetProductInfo", values![old.as_str(), name]);
        assert_eq!(info(caller, "ProductName"), values!["Test"]);
        assert_eq!(info(caller, "VersionString"), values!["1.0.0"]);
        assert_eq!(info(caller, "VersionMajor"), values!["1"]);
        assert_eq!(info(caller, "AssignmentType"), values!["1"]);
        assert_eq!(caller.code("MsiGetProductInfo", values![old.as_str(), "Nothing"]), 1608);
        assert_eq!(caller.code("MsiQueryProductState", values![old.as_str()]), 5);
        assert_eq!(caller.code("MsiQueryFeatureState", values![old.as_str(), "Main"]), 3);
        assert_eq!(caller.ok("MsiEnumProducts", values![0]), values![old.as_str()]);
        assert_eq!(caller.ok("MsiEnumRelatedProducts", values![guid(2, 0), 0, 0]), values![old.as_str()]);
        assert_eq!(caller.ok("MsiEnumFeatures", values![old.as_str(), 0]), values!["Main", ""]);
        assert_eq!(caller.ok("MsiEnumClients", values![guid(3, 0), 0]), values![old.as_str()]);
        let answer = caller.call("MsiGetComponentPath", values![old.as_str(), guid(3, 0)]);
        assert_eq!(answer.code, 3);
        assert!(text(&answer.values[0]).starts_with("C:\\Program Files\\Test"), "{answer:?}");
        0
    });
    install(&place, &newer, &host).unwrap();
}

/// All functions that are served, and one that is not.
const FUNCTIONS: &[&str] = &[
    "MsiCloseHandle",
    "MsiCreateRecord",
    "MsiDatabaseCommit",
    "MsiDatabaseGetPrimaryKeys",
    "MsiDatabaseIsTablePersistent",
    "MsiDatabaseOpenView",
    "MsiDoAction",
    "MsiEnumClients",
    "MsiEnumComponentCosts",
    "MsiEnumComponents",
    "MsiEnumFeatures",
    "MsiEnumProducts",
    "MsiEnumRelatedProducts",
    "MsiEvaluateCondition",
    "MsiFormatRecord",
    "MsiGetActiveDatabase",
    "MsiGetComponentPath",
    "MsiGetComponentState",
    "MsiGetDatabaseState",
    "MsiGetFeatureCost",
    "MsiGetFeatureState",
    "MsiGetFeatureValidStates",
    "MsiGetFileVersion",
    "MsiGetLanguage",
    "MsiGetLastErrorRecord",
    "MsiGetMode",
    "MsiGetProductCode",
    "MsiGetProductInfo",
    "MsiGetProperty",
    "MsiGetSourcePath",
    "MsiGetSummaryInformation",
    "MsiGetTargetPath",
    "MsiIsProductElevated",
    "MsiLocateComponent",
    "MsiOpenDatabase",
    "MsiProcessMessage",
    "MsiQueryFeatureState",
    "MsiQueryProductState",
    "MsiRecordClearData",
    "MsiRecordDataSize",
    "MsiRecordGetFieldCount",
    "MsiRecordGetInteger",
    "MsiRecordGetString",
    "MsiRecordIsNull",
    "MsiRecordReadStream",
    "MsiRecordSetInteger",
    "MsiRecordSetStream",
    "MsiRecordSetString",
    "MsiSequence",
    "MsiSetComponentState",
    "MsiSetFeatureAttributes",
    "MsiSetFeatureState",
    "MsiSetInstallLevel",
    "MsiSetMode",
    "MsiSetProperty",
    "MsiSetTargetPath",
    "MsiSummaryInfoGetProperty",
    "MsiSummaryInfoGetPropertyCount",
    "MsiSummaryInfoPersist",
    "MsiSummaryInfoSetProperty",
    "MsiVerifyDiskSpace",
    "MsiViewClose",
    "MsiViewExecute",
    "MsiViewFetch",
    "MsiViewGetColumnInfo",
    "MsiViewGetError",
    "MsiViewModify",
    "Nonsense",
    "MsiRecord",
    "MsiView",
    "",
];

#[test]
fn whatever_code_passes_to_a_function_it_gets_an_answer() {
    let place = Place::with_prefix();
    let product = product()
        .with_action("Early", 1, "library", "Entry", 10)
        .with_action("Ask", 1, "library", "Entry", 1100)
        .with_action("Later", 1 + DEFERRED, "library", "Entry", 6000);
    let probe = |caller: &mut Caller<'_>| {
        let mut handles = vec![0, 1, 77_777, u32::MAX, caller.record(&["[1]", "", "{[2]}"])];
        let database = caller.code("MsiGetActiveDatabase", values![caller.session]);
        if database != 0 {
            handles.extend([database, caller.view("SELECT * FROM `Binary`")]);
        }
        let odd = [
            Value::Null,
            Value::Int(-1),
            Value::Int(i32::MAX),
            Value::Int(i32::MIN),
            Value::from(""),
            Value::from("[[[{}\u{0}]'`%\\:*"),
            Value::from("x".repeat(70_000)),
            Value::Bytes(vec![0xFF; 9]),
        ];
        for name in FUNCTIONS {
            caller.call(name, Vec::new());
            for handle in &handles {
                caller.call(name, values![*handle]);
                for (place, first) in odd.iter().enumerate() {
                    let second = &odd[(place * 3 + 1) % odd.len()];
                    let arguments = [Value::from(*handle), first.clone(), second.clone(), first.clone()];
                    if *name == "MsiCloseHandle" || *name == "MsiSetMode" {
                        continue;
                    }
                    caller.call(name, arguments.to_vec());
                    caller.call(name, arguments[1..].to_vec());
                }
            }
        }
        // The session is as good as before.
        if database != 0 {
            assert_eq!(caller.property("ProductName"), "Test");
        }
        0
    };
    let host = Host::default().with("Early", probe).with("Ask", probe).with("Later", probe);
    let result = install(&place, &product, &host);
    assert_eq!(host.ran.take(), ["Early", "Ask", "Later"], "{result:?}");
}
