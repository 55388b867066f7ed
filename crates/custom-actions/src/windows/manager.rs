//! The functions of the Restart Manager for Windows code: its sessions are those of this machine.
//!
//! See the pages `nf-restartmanager-rmjoinsession.md` and those of the other functions. Paths, and the ids of processes,
//! are those of Windows there; here they are turned into this machine's.

use std::collections::BTreeMap;

use reseat_engine::{FunctionAnswer, FunctionCall, Value};
use reseat_machine::{Machine, WindowsPath};
use reseat_restart_manager::{
    Application, Error, Primary, Resources, Secondary, SessionKey, ShutdownOptions, Store, UniqueProcess,
};

const BAD_ARGUMENTS: u32 = 160;
const INVALID_HANDLE: u32 = 6;
const ACCESS_DENIED: u32 = 5;
const NOT_IMPLEMENTED: u32 = 120;

/// RmForceShutdown, RmShutdownOnlyRegistered.
const FORCE: i32 = 0x1;
const ONLY_REGISTERED: i32 = 0x10;

/// RM_UNIQUE_PROCESS and RM_PROCESS_INFO in bytes.
const PROCESS_SIZE: usize = 12;

/// Finds out which process of this machine has an id of Windows.
pub(crate) type FindProcess<'f> = &'f mut dyn FnMut(u32) -> Option<u32>;

/// The sessions that one action has joined or started.
pub(crate) struct ManagerSessions<'m> {
    machine: &'m Machine,
    /// Where sessions are, when that is not the user's own store.
    store: Option<&'m Store>,
    open: BTreeMap<u32, Session>,
    last: u32,
}

enum Session {
    Started(Primary),
    Joined(Secondary),
}

impl<'m> ManagerSessions<'m> {
    pub(crate) fn new(machine: &'m Machine, store: Option<&'m Store>) -> Self {
        Self { machine, store, open: BTreeMap::new(), last: 0 }
    }

    /// Whether a function is one of these.
    pub(crate) fn serves(name: &str) -> bool {
        name.starts_with("Rm")
    }

    /// Carries out one call.
    pub(crate) fn call(&mut self, call: &FunctionCall, find: FindProcess<'_>) -> FunctionAnswer {
        let answer = match (call.name.as_str(), call.arguments.as_slice()) {
            ("RmStartSession", [_flags]) => self.start(),
            ("RmJoinSession", [Value::Text(key)]) => self.join(key),
            ("RmRegisterResources", [Value::Int(handle), files, processes, services]) => {
                let resources = self.resources(files, processes, services, find);
                resources.and_then(|resources| self.register(handle.cast_unsigned(), &resources))
            }
            ("RmEndSession", [Value::Int(handle)]) => self.end(handle.cast_unsigned()),
            ("RmGetList", [Value::Int(handle)]) => self.list(handle.cast_unsigned()),
            ("RmShutdown", [Value::Int(handle), Value::Int(flags)]) => {
                let options = ShutdownOptions {
                    force: flags & FORCE != 0,
                    only_registered: flags & ONLY_REGISTERED != 0,
                    ..ShutdownOptions::default()
                };
                self.primary(handle.cast_unsigned()).and_then(|session| {
                    session.shut_down(&options, &mut |_| {}).map_err(|error| error.code())?;
                    Ok(Vec::new())
                })
            }
            ("RmRestart", [Value::Int(handle), _flags]) => {
                self.primary(handle.cast_unsigned()).and_then(|session| {
                    session.restart(&mut |_| {}).map_err(|error| error.code())?;
                    Ok(Vec::new())
                })
            }
            ("RmJoinSession" | "RmRegisterResources", _) => Err(BAD_ARGUMENTS),
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
        Ok(vec![self.add(Session::Started(session)), Value::Text(key)])
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

    fn end(&mut self, handle: u32) -> Result<Vec<Value>, u32> {
        match self.open.remove(&handle).ok_or(INVALID_HANDLE)? {
            Session::Started(session) => session.end().map_err(|error| error.code())?,
            Session::Joined(session) => session.leave(),
        }
        Ok(Vec::new())
    }

    /// What only the installer that started a session may do.
    fn primary(&self, handle: u32) -> Result<&Primary, u32> {
        match self.open.get(&handle).ok_or(INVALID_HANDLE)? {
            Session::Started(session) => Ok(session),
            Session::Joined(_) => Err(ACCESS_DENIED),
        }
    }

    fn list(&self, handle: u32) -> Result<Vec<Value>, u32> {
        let list = self.primary(handle)?.list().map_err(|error: Error| error.code())?;
        let applications = list.applications.iter().flat_map(application_bytes).collect();
        Ok(vec![Value::Bytes(applications), Value::Int(list.reboot_reasons.bits().cast_signed())])
    }

    fn resources(
        &self,
        files: &Value,
        processes: &Value,
        services: &Value,
        find: FindProcess<'_>,
    ) -> Result<Resources, u32> {
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
            let pid = process.first_chunk::<4>().map_or(0, |pid| u32::from_le_bytes(*pid));
            match find(pid).and_then(UniqueProcess::of) {
                Some(process) => resources.processes.push(process),
                // It has ended by now.
                None => tracing::warn!(pid, "no process of this machine has this id of Windows"),
            }
        }
        resources.services = texts(services)?.map(str::to_owned).collect();
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

/// An application as RM_PROCESS_INFO: the process and its start as FILETIME, name, service, type, status, session of the
/// terminal server, whether it can be started again.
fn application_bytes(application: &Application) -> Vec<u8> {
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
    [
        application.process.pid.to_le_bytes().to_vec(),
        application.process.start_time.to_le_bytes().to_vec(),
        text(&application.name, 256),
        text(application.service.as_deref().unwrap_or_default(), 64),
        numbers.into_iter().flat_map(u32::to_le_bytes).collect(),
    ]
    .concat()
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
        let mut code = |call: FunctionCall| sessions.call(&call, &mut |_| None).code;
        let join = |key: &str| call("RmJoinSession", vec![Value::Text(key.to_owned())]);
        assert_eq!(code(join("no key")), 1219);
        assert_eq!(code(call("RmJoinSession", vec![Value::Null])), BAD_ARGUMENTS);
        assert_eq!(code(call("RmEndSession", vec![Value::Int(7)])), INVALID_HANDLE);
        assert_eq!(code(call("RmGetList", vec![Value::Int(-1)])), INVALID_HANDLE);
        let files = Value::Text("relative.txt\0".to_owned());
        let register = vec![Value::Int(1), files, Value::Null, Value::Null];
        assert_eq!(code(call("RmRegisterResources", register)), BAD_ARGUMENTS);
        assert_eq!(code(call("RmReserveHeap", vec![])), NOT_IMPLEMENTED);
    }

    #[test]
    fn texts_are_split_at_their_zeros() {
        let value = Value::Text("C:\\a\0C:\\b\0".to_owned());
        assert_eq!(texts(&value).unwrap().collect::<Vec<_>>(), ["C:\\a", "C:\\b"]);
        assert_eq!(texts(&Value::Text(String::new())).unwrap().count(), 0);
        assert_eq!(texts(&Value::Null).unwrap().count(), 0);
    }
}
