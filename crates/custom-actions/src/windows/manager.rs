//! The functions of the Restart Manager for Windows code: its sessions are those of this machine.
//!
//! See the pages `nf-restartmanager-rmjoinsession.md` and those of the other functions. Paths, and the ids of processes,
//! are those of Windows there; here they are turned into this machine's.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use reseat_engine::{FunctionAnswer, FunctionCall, Value};
use reseat_machine::{Machine, WindowsPath};
use reseat_restart_manager::{
    Application, CancelToken, Error, Filter, FilterAction, FilterTrigger, Primary, Resources, Secondary,
    SessionKey, ShutdownOptions, Store, UniqueProcess,
};

use super::frame::FrameError;
use super::ids::{PROCESS_SIZE, ProcessIds};
use super::mappings::Mapped;

const BAD_ARGUMENTS: u32 = 160;
const INVALID_HANDLE: u32 = 6;
const NOT_IMPLEMENTED: u32 = 120;
pub(crate) const SEM_TIMEOUT: u32 = 121;
const SESSION_CREDENTIAL_CONFLICT: u32 = 1219;

/// RmForceShutdown, RmShutdownOnlyRegistered.
const FORCE: i32 = 0x1;
const ONLY_REGISTERED: i32 = 0x10;

/// RM_FILTER_TRIGGER.
const FILE: u32 = 1;
const PROCESS: u32 = 2;
const SERVICE: u32 = 3;

/// The sessions that one action has joined or started.
pub(crate) struct ManagerSessions<'m> {
    machine: &'m Machine,
    /// Where sessions are, when that is not the user's own store.
    store: Option<&'m Store>,
    open: BTreeMap<u32, Session>,
    last: u32,
    ids: ProcessIds,
    /// Whether a shutdown or restart goes on, which is one at a time.
    operates: bool,
    is_closed: bool,
}

enum Session {
    Started(Arc<Primary>),
    Joined(Secondary),
}

/// A shutdown or restart, which takes a while and is carried out beside the conversation with the host.
pub(crate) struct Operation {
    handle: u32,
    session: Arc<Primary>,
    what: Task,
}

enum Task {
    Shutdown(ShutdownOptions),
    Restart,
}

impl Operation {
    /// Carries it out; gives the code that the function returns.
    pub(crate) fn run(&self, progress: &mut dyn FnMut(u32)) -> u32 {
        let done = match &self.what {
            Task::Shutdown(options) => self.session.shut_down(options, progress),
            Task::Restart => self.session.restart(progress).map(drop),
        };
        done.map_or_else(|error| error.code(), |()| 0)
    }

    /// What cancels it.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.session.cancel_token()
    }
}

impl<'m> ManagerSessions<'m> {
    pub(crate) fn new(machine: &'m Machine, store: Option<&'m Store>) -> Self {
        let (open, ids) = (BTreeMap::new(), ProcessIds::default());
        Self { machine, store, open, last: 0, ids, operates: false, is_closed: false }
    }

    /// The same for code that may neither start nor join one: who registers a file or a service has its users closed.
    pub(crate) fn closed(self) -> Self {
        Self { is_closed: true, ..self }
    }

    /// Whether a function is one of these.
    pub(crate) fn serves(name: &str) -> bool {
        name.starts_with("Rm")
    }

    /// Whether the ids of the programs have to be known before a call is carried out.
    pub(crate) fn wants_ids(&self, call: &FunctionCall) -> bool {
        let names_processes =
            call.arguments.iter().any(|it| matches!(it, Value::Bytes(bytes) if !bytes.is_empty()));
        let lists = matches!(call.name.as_str(), "RmGetList" | "RmShutdown") && !self.open.is_empty();
        (names_processes || lists) && !self.is_closed
    }

    /// Takes what a host told of the programs' ids.
    pub(crate) fn learn_ids(&mut self, told: &[u8], mapped: &[Mapped]) -> Result<(), FrameError> {
        self.ids.learn(told, mapped)
    }

    /// The shutdown or restart that a call asks for; nothing when it asks for something else.
    pub(crate) fn operation(&mut self, call: &FunctionCall) -> Option<Result<Operation, u32>> {
        let (handle, what) = match (call.name.as_str(), call.arguments.as_slice()) {
            ("RmShutdown", [Value::Int(handle), Value::Int(flags)]) => {
                let options = ShutdownOptions {
                    force: flags & FORCE != 0,
                    only_registered: flags & ONLY_REGISTERED != 0,
                    ..ShutdownOptions::default()
                };
                let is_known = flags & !(FORCE | ONLY_REGISTERED) == 0;
                (handle.cast_unsigned(), is_known.then_some(Task::Shutdown(options)))
            }
            ("RmRestart", [Value::Int(handle), Value::Int(flags)]) => {
                (handle.cast_unsigned(), (*flags == 0).then_some(Task::Restart))
            }
            _ => return None,
        };
        let operates = self.operates;
        let operation = self.primary(handle).and_then(|session| {
            let what = what.ok_or(BAD_ARGUMENTS)?;
            // From within the function that is told of another one's progress.
            if operates {
                return Err(SEM_TIMEOUT);
            }
            session.renew_cancel_token();
            Ok(Operation { handle, session: session.clone(), what })
        });
        self.operates |= operation.is_ok();
        Some(operation)
    }

    /// An operation has come to its end. If its session was ended meanwhile, it ends now.
    pub(crate) fn operated(&mut self, operation: Operation) {
        self.operates = false;
        if !self.open.contains_key(&operation.handle)
            && let Ok(session) = Arc::try_unwrap(operation.session)
            && let Err(error) = session.end()
        {
            tracing::debug!(%error, "a session that was ended during an operation is left");
        }
    }

    /// Carries out one call.
    pub(crate) fn call(&mut self, call: &FunctionCall) -> FunctionAnswer {
        let answer = match (call.name.as_str(), call.arguments.as_slice()) {
            _ if self.is_closed => Err(SESSION_CREDENTIAL_CONFLICT),
            ("RmStartSession", [Value::Int(0)]) => self.start(),
            ("RmJoinSession", [Value::Text(key)]) => self.join(key),
            ("RmRegisterResources", [Value::Int(handle), files, processes, services]) => {
                let resources = self.resources(files, processes, services);
                resources.and_then(|resources| self.register(handle.cast_unsigned(), &resources))
            }
            ("RmEndSession", [Value::Int(handle)]) => self.end(handle.cast_unsigned()),
            ("RmGetList", [Value::Int(handle)]) => self.list(handle.cast_unsigned()),
            ("RmCancelCurrentTask", [Value::Int(handle)]) => self.cancel(handle.cast_unsigned()),
            ("RmAddFilter", [Value::Int(handle), program, process, service, Value::Int(action)]) => {
                self.add_filter(handle.cast_unsigned(), (program, process, service), *action)
            }
            ("RmRemoveFilter", [Value::Int(handle), program, process, service]) => {
                self.remove_filter(handle.cast_unsigned(), (program, process, service))
            }
            ("RmGetFilterList", [Value::Int(handle)]) => self.filters(handle.cast_unsigned()),
            ("RmStartSession" | "RmJoinSession" | "RmRegisterResources", _) => Err(BAD_ARGUMENTS),
            _ => Err(NOT_IMPLEMENTED),
        };
        match answer {
            Ok(values) => FunctionAnswer { code: 0, values },
            Err(code) => {
                tracing::debug!(function = call.name, code, "a function of the Restart Manager failed");
                FunctionAnswer { code, values: Vec::new() }
            }
        }
    }

    fn store(&self) -> Result<Store, Error> {
        self.store.map_or_else(Store::open, |store| Ok(store.clone()))
    }

    fn add(&mut self, session: Session) -> Value {
        self.last += 1;
        self.open.insert(self.last, session);
        Value::Int(self.last.cast_signed())
    }

    fn start(&mut self) -> Result<Vec<Value>, u32> {
        let session =
            self.store().and_then(|store| Primary::start_in(&store)).map_err(|error| error.code())?;
        let key = session.key().to_string();
        Ok(vec![self.add(Session::Started(Arc::new(session))), Value::Text(key)])
    }

    fn join(&mut self, key: &str) -> Result<Vec<Value>, u32> {
        let joined = key.parse::<SessionKey>().and_then(|key| Secondary::join_in(&self.store()?, &key));
        Ok(vec![self.add(Session::Joined(joined.map_err(|error| error.code())?))])
    }

    fn register(&self, handle: u32, resources: &Resources) -> Result<Vec<Value>, u32> {
        let registered = match self.open.get(&handle).ok_or(INVALID_HANDLE)? {
            Session::Started(session) => session.register(resources),
            Session::Joined(session) => session.register(resources),
        };
        registered.map(|()| Vec::new()).map_err(|error| error.code())
    }

    /// Ends a session; one that is at work is cancelled, and ends with its work.
    fn end(&mut self, handle: u32) -> Result<Vec<Value>, u32> {
        match self.open.remove(&handle).ok_or(INVALID_HANDLE)? {
            Session::Started(session) => match Arc::try_unwrap(session) {
                Ok(session) => session.end().map_err(|error| error.code())?,
                Err(session) => session.cancel_token().cancel(),
            },
            Session::Joined(session) => session.leave(),
        }
        Ok(Vec::new())
    }

    /// What only the installer that started a session may do.
    fn primary(&self, handle: u32) -> Result<&Arc<Primary>, u32> {
        match self.open.get(&handle).ok_or(INVALID_HANDLE)? {
            Session::Started(session) => Ok(session),
            Session::Joined(_) => Err(SESSION_CREDENTIAL_CONFLICT),
        }
    }

    /// Cancels what the session is at; without an operation there is nothing to cancel.
    fn cancel(&self, handle: u32) -> Result<Vec<Value>, u32> {
        let session = self.primary(handle)?;
        // Whoever else holds it carries out an operation.
        if Arc::strong_count(session) > 1 {
            session.cancel_token().cancel();
        }
        Ok(Vec::new())
    }

    fn list(&self, handle: u32) -> Result<Vec<Value>, u32> {
        let list = self.primary(handle)?.list().map_err(|error: Error| error.code())?;
        let applications = list.applications.iter().flat_map(|it| application_bytes(it, &self.ids));
        let applications = applications.collect();
        Ok(vec![Value::Bytes(applications), Value::Int(list.reboot_reasons.bits().cast_signed())])
    }

    fn add_filter(
        &self,
        handle: u32,
        trigger: (&Value, &Value, &Value),
        action: i32,
    ) -> Result<Vec<Value>, u32> {
        let session = self.primary(handle)?;
        let trigger = self.trigger(trigger)?;
        let actions = [FilterAction::NoRestart, FilterAction::NoShutdown];
        let action = actions.into_iter().find(|it| *it as i32 == action).ok_or(BAD_ARGUMENTS)?;
        session.add_filter(Filter { action, trigger }).map_err(|error| error.code())?;
        Ok(Vec::new())
    }

    fn remove_filter(&self, handle: u32, trigger: (&Value, &Value, &Value)) -> Result<Vec<Value>, u32> {
        let session = self.primary(handle)?;
        session.remove_filter(&self.trigger(trigger)?).map_err(|error| error.code())?;
        Ok(Vec::new())
    }

    /// Exactly one of the three is given.
    fn trigger(&self, given: (&Value, &Value, &Value)) -> Result<FilterTrigger, u32> {
        match given {
            (Value::Text(program), Value::Null, Value::Null) => {
                let path = WindowsPath::parse(program).map_err(|_| BAD_ARGUMENTS)?;
                Ok(FilterTrigger::File(self.machine.unix_path(&path).map_err(|_| BAD_ARGUMENTS)?))
            }
            (Value::Null, Value::Bytes(process), Value::Null) => {
                // Of one that is not there, the filter concerns nobody.
                let nobody = UniqueProcess { pid: 0, start_time: 0 };
                Ok(FilterTrigger::Process(self.ids.process(process).unwrap_or(nobody)))
            }
            (Value::Null, Value::Null, Value::Text(service)) => Ok(FilterTrigger::Service(service.clone())),
            _ => Err(BAD_ARGUMENTS),
        }
    }

    /// Of each filter what it forbids, what it is for, and a process or a text.
    fn filters(&self, handle: u32) -> Result<Vec<Value>, u32> {
        let filters = self.primary(handle)?.filters().map_err(|error| error.code())?;
        let mut bytes = Vec::new();
        for filter in filters {
            bytes.extend((filter.action as u32).to_le_bytes());
            let mut text = |trigger: u32, text: &str| {
                let units: Vec<u16> = text.encode_utf16().collect();
                bytes.extend(trigger.to_le_bytes());
                bytes.extend(u32::try_from(units.len()).unwrap_or_default().to_le_bytes());
                bytes.extend(units.into_iter().flat_map(u16::to_le_bytes));
            };
            match &filter.trigger {
                FilterTrigger::File(path) => text(FILE, &self.windows_path(path)),
                FilterTrigger::Service(service) => text(SERVICE, service),
                FilterTrigger::Process(process) => {
                    bytes.extend(PROCESS.to_le_bytes());
                    bytes.extend(self.ids.bytes(*process));
                }
            }
        }
        Ok(vec![Value::Bytes(bytes)])
    }

    fn windows_path(&self, path: &Path) -> String {
        let found = self.machine.windows_path(path).map(|path| path.as_str().to_owned());
        found.unwrap_or_else(|| path.to_string_lossy().into_owned())
    }

    fn resources(&self, files: &Value, processes: &Value, services: &Value) -> Result<Resources, u32> {
        let mut resources = Resources::default();
        for name in texts(files)? {
            let path = WindowsPath::parse(name).map_err(|_| BAD_ARGUMENTS)?;
            match self.machine.unix_path(&path) {
                Ok(path) => resources.files.push(path),
                // On a drive that is not there nobody can hold it.
                Err(error) => tracing::warn!(file = name, %error, "a file cannot be registered"),
            }
        }
        for process in match processes {
            Value::Bytes(bytes) => bytes.chunks_exact(PROCESS_SIZE),
            _ => [].chunks_exact(PROCESS_SIZE),
        } {
            match self.ids.process(process) {
                Some(process) => resources.processes.push(process),
                // It has ended by now.
                None => {
                    tracing::warn!(?process, "no process of this machine has this id and start of Windows")
                }
            }
        }
        resources.services = texts(services)?.map(str::to_owned).collect();
        if !resources.services.is_empty() {
            resources.prefixes.push(self.machine.prefix().to_owned());
        }
        Ok(resources)
    }
}

/// Several texts in one, each ended by a zero.
fn texts(value: &Value) -> Result<impl Iterator<Item = &str>, u32> {
    match value {
        Value::Text(text) => Ok(text.split_terminator('\0')),
        Value::Null => Ok("".split_terminator('\0')),
        _ => Err(BAD_ARGUMENTS),
    }
}

/// An application as RM_PROCESS_INFO, or each of its services as one: the process and its start as FILETIME, name, service,
/// type, status, session of the terminal server, whether it can be started again.
fn application_bytes(application: &Application, ids: &ProcessIds) -> Vec<u8> {
    let text = |text: &str, room: usize| {
        let units = text.encode_utf16().take(room - 1).chain(std::iter::repeat(0)).take(room);
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let numbers = [
        application.kind.number(),
        application.status.bits(),
        application.session_id.unwrap_or(u32::MAX),
        application.restartable.into(),
    ];
    let of_service = |service: &str| {
        [
            ids.bytes(application.process).to_vec(),
            text(&application.name, 256),
            text(service, 64),
            numbers.into_iter().flat_map(u32::to_le_bytes).collect(),
        ]
        .concat()
    };
    let services: Vec<Vec<u8>> = application.services().map(of_service).collect();
    if services.is_empty() { of_service("") } else { services.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_machine::Bitness;

    fn call(name: &str, arguments: Vec<Value>) -> FunctionCall {
        FunctionCall { name: name.to_owned(), arguments }
    }

    #[test]
    fn arguments_that_cannot_be_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::create(&folder.path().join("prefix"), Bitness::X64).unwrap();
        let mut sessions = ManagerSessions::new(&machine, None);
        let mut code = |call: FunctionCall| sessions.call(&call).code;
        let join = |key: &str| call("RmJoinSession", vec![Value::Text(key.to_owned())]);
        assert_eq!(code(join("no key")), 1219);
        assert_eq!(code(call("RmJoinSession", vec![Value::Null])), BAD_ARGUMENTS);
        assert_eq!(code(call("RmEndSession", vec![Value::Int(7)])), INVALID_HANDLE);
        assert_eq!(code(call("RmGetList", vec![Value::Int(-1)])), INVALID_HANDLE);
        let files = Value::Text("relative.txt\0".to_owned());
        let register = vec![Value::Int(1), files, Value::Null, Value::Null];
        assert_eq!(code(call("RmRegisterResources", register)), BAD_ARGUMENTS);
        assert_eq!(code(call("RmReserveHeap", vec![])), NOT_IMPLEMENTED);
        assert_eq!(code(call("RmStartSession", vec![Value::Int(1)])), BAD_ARGUMENTS);
    }

    #[test]
    fn texts_are_split_at_their_zeros() {
        let value = Value::Text("C:\\a\0C:\\b\0".to_owned());
        assert_eq!(texts(&value).unwrap().collect::<Vec<_>>(), ["C:\\a", "C:\\b"]);
        assert_eq!(texts(&Value::Text(String::new())).unwrap().count(), 0);
        assert_eq!(texts(&Value::Null).unwrap().count(), 0);
    }
}
