//! Windows code as closures: a host that runs them in the place of libraries, and what they call.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

use reseat_database::{Database, Reading};
use reseat_engine::{
    Answer, CallResult, CustomActionHost, EngineError, FilesInUseAnswer, FunctionAnswer, FunctionCall,
    Functions, HostError, Message, Program, ProgramCall, Question, Report, Request, RunningCode, Target,
    UserInterface, Value, WindowsCall, WindowsCode,
};
use reseat_machine::Machine;
use reseat_restart_manager::ApplicationList;

use crate::support::Place;
use crate::support::product::Product;

/// Arguments or results of a function.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(Value::from($value)),*] };
}

/// What Windows code does.
pub type Code<'t> = Box<dyn Fn(&mut Caller<'_>) -> i32 + 't>;

/// Windows code that has not come to its end as long as it gives nothing.
pub type Patient<'t> = Box<dyn Fn(&mut Caller<'_>) -> Option<i32> + 't>;

/// Runs closures by the names of their actions.
#[derive(Default)]
pub struct Host<'t> {
    pub code: HashMap<&'static str, Code<'t>>,
    pub patient: HashMap<&'static str, Patient<'t>>,
    pub ran: RefCell<Vec<String>>,
    pub seen: RefCell<Vec<WindowsCode>>,
    pub refuses: Option<&'static str>,
    /// Whether the stream of each action has to be there when it runs.
    pub reads: bool,
}

impl<'t> Host<'t> {
    pub fn with(mut self, action: &'static str, code: impl Fn(&mut Caller<'_>) -> i32 + 't) -> Self {
        self.code.insert(action, Box::new(code));
        self
    }

    pub fn with_patient(
        mut self,
        action: &'static str,
        code: impl Fn(&mut Caller<'_>) -> Option<i32> + 't,
    ) -> Self {
        self.patient.insert(action, Box::new(code));
        self
    }
}

impl CustomActionHost for Host<'_> {
    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        panic!("{} is no program", call.action)
    }

    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        self.seen.borrow_mut().push(call.code.clone());
        if let (true, WindowsCode::Library { library: Program::Binary { package, name }, .. }) =
            (self.reads, &call.code)
        {
            let database = Database::open(package, Reading::Strict).unwrap();
            assert!(database.stream(&format!("Binary.{name}")).unwrap().is_some());
        }
        self.ran.borrow_mut().push(call.action.clone());
        Ok(Box::new(Running { host: self, call: call.clone() }))
    }

    fn refusal(&self, _: &WindowsCode) -> Option<String> {
        self.refuses.map(str::to_owned)
    }

    fn program_refusal(&self, _: &Program) -> Option<String> {
        None
    }
}

/// Code that was started; it runs when it is served first.
struct Running<'h, 't> {
    host: &'h Host<'t>,
    call: WindowsCall,
}

impl RunningCode for Running<'_, '_> {
    fn serve(
        &mut self,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
        _: Instant,
    ) -> Result<Option<CallResult>, HostError> {
        let mut caller = Caller { functions, session: self.call.session_handle };
        let action = self.call.action.as_str();
        if let Some(code) = self.host.patient.get(action) {
            return Ok(code(&mut caller).map(CallResult::Exited));
        }
        output("said");
        let code = self.host.code.get(action).unwrap_or_else(|| panic!("{action}"));
        Ok(Some(CallResult::Exited(code(&mut caller))))
    }
}

/// What code of a custom action has.
pub struct Caller<'f> {
    pub functions: &'f mut dyn Functions,
    pub session: u32,
}

impl Caller<'_> {
    pub fn call(&mut self, name: &str, arguments: Vec<Value>) -> FunctionAnswer {
        self.functions.call(&FunctionCall { name: name.to_owned(), arguments })
    }

    /// The outputs of a function that succeeds.
    pub fn ok(&mut self, name: &str, arguments: Vec<Value>) -> Vec<Value> {
        let answer = self.call(name, arguments);
        assert_eq!(answer.code, 0, "{name}");
        answer.values
    }

    pub fn code(&mut self, name: &str, arguments: Vec<Value>) -> u32 {
        self.call(name, arguments).code
    }

    pub fn property(&mut self, name: &str) -> String {
        text(&self.ok("MsiGetProperty", values![self.session, name])[0]).to_owned()
    }

    pub fn set_property(&mut self, name: &str, value: &str) {
        self.ok("MsiSetProperty", values![self.session, name, value]);
    }

    /// A record with these fields from field 1 on.
    pub fn record(&mut self, fields: &[&str]) -> u32 {
        let record = self.code("MsiCreateRecord", values![fields.len() as i32]);
        for (field, text) in (1..).zip(fields) {
            self.ok("MsiRecordSetString", values![record, field, *text]);
        }
        record
    }

    /// A view of the active database that was executed.
    pub fn view(&mut self, query: &str) -> u32 {
        let database = self.code("MsiGetActiveDatabase", values![self.session]);
        let view = handle(&self.ok("MsiDatabaseOpenView", values![database, query])[0]);
        self.ok("MsiCloseHandle", values![database]);
        self.ok("MsiViewExecute", values![view, 0]);
        view
    }

    /// The first field of each row.
    pub fn rows(&mut self, query: &str) -> Vec<String> {
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

pub fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        other => panic!("{other:?} is no text"),
    }
}

pub fn handle(value: &Value) -> u32 {
    match value {
        Value::Int(number) => *number as u32,
        other => panic!("{other:?} is no handle"),
    }
}

/// Notes what is said, and answers.
pub struct Watcher {
    pub messages: Vec<Message>,
    pub questions: Vec<Question>,
    pub answer: Answer,
}

impl Watcher {
    pub fn new() -> Self {
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

pub fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text").with_binary("library", "MZ")
}

pub fn install_with(
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

pub fn install(place: &Place, product: &Product, host: &Host<'_>) -> Result<Report, EngineError> {
    install_with(place, product, host, &mut Watcher::new(), |_| {})
}
