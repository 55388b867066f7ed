//! Runs Windows code in host processes under Wine, so that code that crashes costs only itself. A library is called by the host of the
//! one before, if that has left nothing there.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reseat_engine::{
    CustomActionHost, HostError, Program, ProgramCall, RunningCode, ScriptLanguage, ServiceOrder,
    ServiceState, WindowsCall, WindowsCode,
};
use reseat_machine::Machine;
use reseat_restart_manager::Store;

use crate::binary;
use crate::container::Container;

use super::action::{Action, Code, trouble};
use super::files::{Bits, WindowsFiles};
use super::frame::Frame;
use super::image::Image;
use super::manager::ManagerSessions;
use super::missing::{self, Missing};
use super::script;
use super::service;
use super::site::Site;

/// How long an action may run unless told otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(60 * 60);

/// What of a library or program is looked through for what it is, in bytes.
const MOST_CODE: u64 = 64 << 20;

/// Runs Windows code under Wine.
#[derive(Debug)]
pub struct WineHost<'m> {
    machine: &'m Machine,
    site: Site,
    time_limit: Duration,
    store: Option<Store>,
}

impl<'m> WineHost<'m> {
    /// A host for this machine, with the Windows side that the running program finds.
    ///
    /// # Errors
    /// What is missing.
    pub fn find(machine: &'m Machine) -> Result<Self, Missing> {
        let files = WindowsFiles::find().ok_or(Missing::WindowsSide)?;
        Self::new(machine, files)
    }

    /// A host for this machine with this Windows side.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(machine: &'m Machine, files: WindowsFiles) -> Result<Self, Missing> {
        Ok(Self { machine, site: Site::new(machine.prefix(), files)?, time_limit: TIME_LIMIT, store: None })
    }

    /// The same with another limit on how long an action may run.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The same with sessions of the Restart Manager in this store instead of the user's own.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Self { store: Some(store), ..self }
    }

    /// Has its code in this container from now on.
    pub(crate) fn set_container(&mut self, container: Option<Arc<Container>>) {
        self.site.set_container(container);
    }

    /// Why no Windows code can run in the container that there may be.
    fn container_refusal(&self) -> Option<String> {
        self.site.container()?.refusal()
    }

    /// Why code of this width, or managed code, cannot run here.
    pub(crate) fn image_refusal(&self, image: Image) -> Option<Missing> {
        if image.bits == Bits::B32 && !self.site.files.has(Bits::B32) {
            return Some(Missing::Host32);
        }
        if image.bits == Bits::B32 && missing::lacks_32_bit(self.machine.prefix()) {
            return Some(Missing::Wine32);
        }
        (image.is_managed && missing::lacks_dot_net(self.machine.prefix())).then_some(Missing::DotNet)
    }

    /// Starts a host and has it begin.
    fn begin(
        &self,
        action: &str,
        bits: Bits,
        request: Frame,
        code: Code,
    ) -> Result<Box<dyn RunningCode + '_>, HostError> {
        let limit = self.time_limit;
        let mut manager = ManagerSessions::new(self.machine, self.store.as_ref());
        if self.site.container().is_some() {
            manager = manager.closed();
        }
        Ok(Box::new(Action::begin(&self.site, manager, action, (bits, request), limit, code)?))
    }

    /// Has the code at a place where Windows programs find it.
    fn stage(&self, action: &str, program: &Program) -> Result<(String, Option<Image>), HostError> {
        match program {
            Program::Binary { package, name } => {
                let mut stream = binary::open(package, name)?;
                let failed = |error: std::io::Error| binary::failed(package, name, error);
                let (file, path) =
                    self.site.in_session(|session| session.write(&mut stream)).map_err(failed)?;
                let image = File::open(&path).and_then(|mut file| Image::read(&mut file));
                let image = image.map_err(failed)?;
                let path = self.site.in_session(|session| Ok(session.windows_path(&file)));
                Ok((path.map_err(failed)?, image))
            }
            Program::File(path) => {
                let start = |source| HostError::Start { program: path.clone(), source };
                let image = File::open(path).and_then(|mut file| Image::read(&mut file)).map_err(start)?;
                Ok((self.windows_path(action, path)?, image))
            }
            Program::FirstArgument => Err(trouble(action, "has no file".to_owned())),
        }
    }

    fn windows_path(&self, action: &str, path: &Path) -> Result<String, HostError> {
        let found = self.machine.windows_path(path).map(|path| path.as_str().to_owned());
        found.ok_or_else(|| trouble(action, format!("has no drive for {}", path.display())))
    }
}

impl CustomActionHost for WineHost<'_> {
    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        let action = &call.action;
        let (library, entry_point) = match &call.code {
            WindowsCode::Library { library, entry_point } => (library, entry_point),
            WindowsCode::Script { language, source, function, .. } => {
                let letter = if *language == ScriptLanguage::VbScript { b'v' } else { b'j' };
                let request = Frame::new(b'S')
                    .number(call.session_handle)
                    .byte(letter)
                    .text(&script::text(source)?)
                    .text(function.as_deref().unwrap_or_default());
                // The engines of either width are the same to a script.
                return self.begin(action, Bits::B64, request, Code::Other);
            }
        };
        let (path, image) = self.stage(action, library)?;
        let image = image.ok_or_else(|| HostError::Unsupported {
            what: format!("{} is no Windows library for this processor; it", shown(library).display()),
        })?;
        if let Some(missing) = self.image_refusal(image) {
            return Err(HostError::Unsupported {
                what: format!("{} ({missing})", super::describe(&call.code)),
            });
        }
        let request = Frame::new(b'M').number(call.session_handle).text(&path).text(entry_point);
        self.begin(action, image.bits, request, Code::Library)
    }

    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError> {
        let (command_line, image) = match &call.program {
            Program::FirstArgument => (call.command_line.clone(), None),
            program => {
                let (path, image) = self.stage(&call.action, program)?;
                (format!("\"{path}\" {}", call.command_line), image)
            }
        };
        if let Some(missing) =
            image.and_then(|image| self.image_refusal(Image { is_managed: false, ..image }))
        {
            let what = format!("the Windows program {} ({missing})", shown(&call.program).display());
            return Err(HostError::Unsupported { what });
        }
        let folder = match &call.working_folder {
            Some(folder) => self.windows_path(&call.action, folder)?,
            None => String::new(),
        };
        let mut request = Frame::new(b'P')
            .text(&command_line)
            .text(&folder)
            .byte(call.wait.into())
            .number(u32::try_from(call.environment.len()).unwrap_or_default());
        for (name, value) in &call.environment {
            request = request.text(name).text(value);
        }
        // A program of either width is started from a host of 64 bit.
        let code = if call.wait { Code::Other } else { Code::Left };
        self.begin(&call.action, Bits::B64, request, code)
    }

    fn refusal(&self, code: &WindowsCode) -> Option<String> {
        if let Some(reason) = self.container_refusal() {
            return Some(format!("{} ({reason})", super::describe(code)));
        }
        let missing = match code {
            WindowsCode::Script { .. } => return None,
            WindowsCode::Library { library, .. } => {
                match (image_of(library), library) {
                    (Some(image), _) => self.image_refusal(image)?.to_string(),
                    (None, Program::Binary { .. }) => {
                        "it is no Windows library for this processor".to_owned()
                    }
                    // It may be installed first.
                    (None, _) => return None,
                }
            }
        };
        Some(format!("{} ({missing})", super::describe(code)))
    }

    fn program_refusal(&self, program: &Program) -> Option<String> {
        if let Some(reason) = self.container_refusal() {
            return Some(format!("the Windows program {} ({reason})", shown(program).display()));
        }
        let missing = match (image_of(program), program) {
            (Some(image), _) => self.image_refusal(image)?.to_string(),
            (None, Program::Binary { .. }) => "it is none for this processor".to_owned(),
            // It may be installed first.
            (None, _) => return None,
        };
        Some(format!("the Windows program {} ({missing})", shown(program).display()))
    }

    fn service(&self, name: &str, order: &ServiceOrder) -> Result<Option<ServiceState>, HostError> {
        if self.site.container().is_none_or(|container| container.registry_owner().is_some()) {
            return service::order(&self.site, name, order, service::WAIT);
        }
        // The Wine that runs is not the one in the container.
        let unsupported = |missing| HostError::Unsupported { what: format!("service {name} ({missing})") };
        service::order(&self.site.again().map_err(unsupported)?, name, order, service::WAIT)
    }

    /// Removes what was made in the prefix for the installation. What runs goes on, but in a container, which is ended.
    fn finish(&self) {
        self.site.clear();
        if let Some(container) = self.site.container() {
            container.end();
        }
    }
}

fn shown(program: &Program) -> PathBuf {
    match program {
        Program::Binary { name, .. } => PathBuf::from(name),
        Program::File(path) => path.clone(),
        Program::FirstArgument => PathBuf::new(),
    }
}

/// The kind of Windows code that a program's file or stream is, when it is there.
fn image_of(program: &Program) -> Option<Image> {
    match program {
        Program::Binary { package, name } => {
            let mut bytes = Vec::new();
            binary::open(package, name).ok()?.take(MOST_CODE).read_to_end(&mut bytes).ok()?;
            Image::read(&mut Cursor::new(bytes)).ok()?
        }
        Program::File(path) => Image::read(&mut File::open(path).ok()?).ok()?,
        Program::FirstArgument => None,
    }
}
