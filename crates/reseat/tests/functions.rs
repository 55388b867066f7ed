//! The functions that Windows code of custom actions calls, served by the engine. The code is a closure that a host of the
//! test's own runs in the place of a library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::cell::RefCell;
use std::collections::HashMap;

use reseat_database::{Database, Reading};
use reseat_engine::{
    Answer, Buttons, CallResult, CustomActionHost, EngineError, FilesInUseAnswer, FunctionAnswer,
    FunctionCall, Functions, HostError, Message, Program, ProgramCall, Question, Report, Request,
    ScriptLanguage, ScriptSource, Target, UiLevel, UserInterface, Value, WindowsCall, WindowsCode,
};
use reseat_machine::{Hive, Machine, RegistryKey};
use reseat_restart_manager::ApplicationList;
use support::Place;
use support::product::{Product, guid};
use support::snapshot;

const IGNORE: i32 = 64;
const ASYNC: i32 = 128;
const DEFERRED: i32 = 1024;
const ROLLBACK: i32 = DEFERRED + 256;
const COMMIT: i32 = DEFERRED + 512;

/// Arguments or results of a function.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

/// What Windows code does.
type Code<'t> = Box<dyn Fn(&mut Caller<'_>) -> i32 + 't>;

/// Runs closures by the names of their actions.
#[derive(Default)]
struct Host<'t> {
    code: HashMap<&'static str, Code<'t>>,
    ran: RefCell<Vec<String>>,
    seen: RefCell<Vec<WindowsCode>>,
    refuses: Option<&'static str>,
    /// Whether the stream of each action has to be there when it runs.
    reads: bool,
}

impl<'t> Host<'t> {
    fn with(mut self, action: &'static str, code: impl Fn(&mut Caller<'_>) -> i32 + 't) -> Self {
        self.code.insert(action, Box::new(code));
        self
    }
}

impl CustomActionHost for Host<'_> {
    fn run(&self, call: &ProgramCall, _: &mut dyn FnMut(&str)) -> Result<CallResult, HostError> {
        panic!("{} is no program", call.action)
    }

    fn run_windows(
        &self,
        call: &WindowsCall,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        self.seen.borrow_mut().push(call.code.clone());
        if let (true, WindowsCode::Library { library: Program::Binary { package, name }, .. }) =
            (self.reads, &call.code)
        {
            let database = Database::open(package, Reading::Strict).unwrap();
            assert!(database.stream(&format!("Binary.{name}")).unwrap().is_some());
        }
        self.ran.borrow_mut().push(call.action.clone());
        output("said");
        let code = self.code.get(call.action.as_str()).unwrap_or_else(|| panic!("{}", call.action));
        Ok(CallResult::Exited(code(&mut Caller { functions, session: call.session_handle })))
    }

    fn refusal(&self, _: &WindowsCode) -> Option<String> {
        self.refuses.map(str::to_owned)
    }

    fn program_refusal(&self, _: &Program) -> Option<String> {
        None
    }
}

/// What code of a custom action has.
struct Caller<'f> {
    functions: &'f mut dyn Functions,
    session: u32,
}

impl Caller<'_> {
    fn call(&mut self, name: &str, arguments: Vec<Value>) -> FunctionAnswer {
        self.functions.call(&FunctionCall { name: name.to_owned(), arguments })
    }

    /// The outputs of a function that succeeds.
    fn ok(&mut self, name: &str, arguments: Vec<Value>) -> Vec<Value> {
        let answer = self.call(name, arguments);
        assert_eq!(answer.code, 0, "{name}");
        answer.values
    }

    fn code(&mut self, name: &str, arguments: Vec<Value>) -> u32 {
        self.call(name, arguments).code
    }

    fn property(&mut self, name: &str) -> String {
        text(&self.ok("MsiGetProperty", values![self.session, name])[0]).to_owned()
    }

    fn set_property(&mut self, name: &str, value: &str) {
        self.ok("MsiSetProperty", values![self.session, name, value]);
    }

    /// A record with these fields from field 1 on.
    fn record(&mut self, fields: &[&str]) -> u32 {
        let record = self.code("MsiCreateRecord", values![fields.len() as i32]);
        for (field, text) in (1..).zip(fields) {
            self.ok("MsiRecordSetString", values![record, field, *text]);
        }
        record
    }

    /// A view of the active database that was executed.
    fn view(&mut self, query: &str) -> u32 {
        let database = self.code("MsiGetActiveDatabase", values![self.session]);
        let view = handle(&self.ok("MsiDatabaseOpenView", values![database, query])[0]);
        self.ok("MsiCloseHandle", values![database]);
        self.ok("MsiViewExecute", values![view, 0]);
        view
    }

    /// The first field of each row.
    fn rows(&mut self, query: &str) -> Vec<String> {
        let view = self.view(query);
        let mut rows = Vec::new();
        loop {
            let answer = self.call("MsiViewFetch", values![view]);
            match answer.code {
                0 => {
                    let record = handle(&answer.values[0]);
                    rows.push(text(&self.ok("MsiRecordGetString", values![record, 1])[0]).to_owned());
                    self.ok("MsiCloseHandle", values![record]);
                }
                259 => break,
                code => panic!("{query}: {code}"),
            }
        }
        self.ok("MsiCloseHandle", values![view]);
        rows
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

fn handle(value: &Value) -> u32 {
    match value {
        Value::Int(number) => *number as u32,
        other => panic!("{other:?} is no handle"),
    }
}

/// Notes what is said, and answers.
struct Watcher {
    messages: Vec<Message>,
    questions: Vec<Question>,
    answer: Answer,
}

impl Watcher {
    fn new() -> Self {
        Self { messages: Vec::new(), questions: Vec::new(), answer: Answer::Ok }
    }
}

impl UserInterface for Watcher {
    fn message(&mut self, message: &Message) {
        self.messages.push(message.clone());
    }

    fn files_in_use(&mut self, _: &ApplicationList, _: bool) -> FilesInUseAnswer {
        FilesInUseAnswer::ShutDown
    }

    fn question(&mut self, question: &Question) -> Answer {
        self.questions.push(question.clone());
        self.answer
    }
}

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text").with_binary("library", "MZ")
}

fn install_with(
    place: &Place,
    product: &Product,
    host: &Host<'_>,
    watcher: &mut Watcher,
    change: impl FnOnce(&mut Request),
) -> Result<Report, EngineError> {
    let machine = Machine::open(&place.prefix()).unwrap();
    let mut request = Request::new(Target::Package(product.save(place, "test.msi")));
    request.properties.push(("MSIRESTARTMANAGERCONTROL".to_owned(), "Disable".to_owned()));
    change(&mut request);
    reseat_engine::install(&machine, &request, watcher, host)
}

fn install(place: &Place, product: &Product, host: &Host<'_>) -> Result<Report, EngineError> {
    install_with(place, product, host, &mut Watcher::new(), |_| {})
}

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
    assert!(said(&watcher, &Message::Warning("Warning 25001. No luck in Test".to_owned())));
    assert!(said(&watcher, &Message::ActionData("hole 3 of 9".to_owned())));
    assert!(said(&watcher, &Message::ActionData("said".to_owned())));
    let dig = Message::ActionStart { action: "Dig".to_owned(), description: "Digging".to_owned() };
    assert!(said(&watcher, &dig));
    assert!(!watcher.messages.iter().any(|said| format!("{said:?}").contains("for the log")));
    assert!(said(&watcher, &Message::Warning("Error 25001. No time in ".to_owned())));
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
    request.properties.push(("MSIRESTARTMANAGERCONTROL".to_owned(), "Disable".to_owned()));
    reseat_engine::install(&machine, &request, &mut Watcher::new(), &host).unwrap();
    assert_eq!(host.ran.take(), ["Commit", "Last"]);
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
