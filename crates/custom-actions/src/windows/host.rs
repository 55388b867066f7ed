//! Runs Windows code: a fresh host process under Wine for each action, so that one that crashes costs only itself.

use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reseat_engine::{
    CallResult, Functions, HostError, Program, ProgramCall, ScriptLanguage, ScriptSource, WindowsCall,
    WindowsCode,
};
use reseat_machine::Machine;

use crate::binary;

use super::files::{Bits, WindowsFiles};
use super::frame::{Frame, Said};
use super::identify;
use super::image::Image;
use super::manager::ManagerSessions;
use super::missing::{self, Missing};
use super::process::{HostProcess, ProcessError};
use super::site::Site;

/// How long an action may run unless told otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(60 * 60);

/// How many lines of one action go to the log.
const MOST_LINES: usize = 100_000;

/// The longest script in bytes.
const MOST_SCRIPT: u64 = 16 << 20;

/// How long a host may take to read an answer, whatever is left of the action's time.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Runs Windows code under Wine.
#[derive(Debug)]
pub struct WineHost<'m> {
    machine: &'m Machine,
    site: Site,
    time_limit: Duration,
}

impl<'m> WineHost<'m> {
    /// A host for this machine, with the Windows side that `reseat`, the running program, finds.
    ///
    /// # Errors
    /// What is missing.
    pub fn find(machine: &'m Machine, reseat: &Path) -> Result<Self, Missing> {
        let files = WindowsFiles::find(reseat).ok_or(Missing::WindowsSide)?;
        Self::new(machine, files)
    }

    /// A host for this machine with this Windows side.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(machine: &'m Machine, files: WindowsFiles) -> Result<Self, Missing> {
        Ok(Self { machine, site: Site::new(machine.prefix(), files)?, time_limit: TIME_LIMIT })
    }

    /// The same with another limit on how long an action may run.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// Removes what was made in the prefix for the installation. What runs goes on.
    pub fn finish(&self) {
        self.site.clear();
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

    /// Runs Windows code within the session whose functions these are.
    ///
    /// # Errors
    /// See [`reseat_engine::CustomActionHost::run_windows`].
    pub fn run_windows(
        &self,
        call: &WindowsCall,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        let run =
            Run { action: &call.action, deadline: Instant::now() + self.time_limit, limit: self.time_limit };
        let (library, entry_point) = match &call.code {
            WindowsCode::Library { library, entry_point } => (library, entry_point),
            WindowsCode::Script { language, source, function, .. } => {
                let text = script_text(source)?;
                let letter = if *language == ScriptLanguage::VbScript { b'v' } else { b'j' };
                let request = Frame::new(b'S')
                    .number(call.session_handle)
                    .byte(letter)
                    .text(&text)
                    .text(function.as_deref().unwrap_or_default());
                // The engines of either width are the same to a script.
                let mut process =
                    self.site.start(Bits::B64).map_err(|error| run.trouble(error.to_string()))?;
                let result = self.follow(&run, &mut process, request, functions, output);
                return result.inspect(|_| process.quit());
            }
        };
        let (path, image) = self.stage(&run, library)?;
        let image = image.ok_or_else(|| HostError::Unsupported {
            what: format!("{} is no Windows library for this processor; it", shown(library).display()),
        })?;
        if let Some(missing) = self.image_refusal(image) {
            return Err(HostError::Unsupported {
                what: format!("{} ({missing})", super::describe(&call.code)),
            });
        }
        let mut process = self.site.start(image.bits).map_err(|error| run.trouble(error.to_string()))?;
        let request = Frame::new(b'M').number(call.session_handle).text(&path).text(entry_point);
        self.follow(&run, &mut process, request, functions, output).inspect(|_| process.quit())
    }

    /// Runs a Windows program.
    ///
    /// # Errors
    /// See [`reseat_engine::CustomActionHost::run`].
    pub fn run_program(
        &self,
        call: &ProgramCall,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        let run =
            Run { action: &call.action, deadline: Instant::now() + self.time_limit, limit: self.time_limit };
        let (command_line, image) = match &call.program {
            Program::FirstArgument => (call.command_line.clone(), None),
            program => {
                let (path, image) = self.stage(&run, program)?;
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
            Some(folder) => self.windows_path(&run, folder)?,
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
        let mut process = self.site.start(Bits::B64).map_err(|error| run.trouble(error.to_string()))?;
        let result = self.follow(&run, &mut process, request, &mut NoFunctions, output)?;
        process.quit();
        Ok(if call.wait { result } else { CallResult::Started })
    }

    /// Has the code at a place where Windows programs find it.
    fn stage(&self, run: &Run<'_>, program: &Program) -> Result<(String, Option<Image>), HostError> {
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
                Ok((self.windows_path(run, path)?, image))
            }
            Program::FirstArgument => Err(run.trouble("it has no file".to_owned())),
        }
    }

    fn windows_path(&self, run: &Run<'_>, path: &Path) -> Result<String, HostError> {
        let found = self.machine.windows_path(path).map(|path| path.as_str().to_owned());
        found.ok_or_else(|| run.trouble(format!("has no drive for {}", path.display())))
    }

    /// The process of this machine with this id of Windows.
    fn find_process(
        &self,
        process: &mut HostProcess,
        windows_pid: u32,
        deadline: Instant,
    ) -> Result<Option<u32>, ProcessError> {
        let marker = self.site.in_session(|session| {
            let (name, path) = session.write(&mut &b"reseat"[..])?;
            Ok((session.windows_path(&name), path))
        });
        let (windows_path, path) = marker.map_err(ProcessError::Channel)?;
        let found = identify::find(process, windows_pid, (&path, &windows_path), deadline);
        let _ = std::fs::remove_file(&path);
        found
    }

    /// Sends a request and serves the calls that come until it is done.
    fn follow(
        &self,
        run: &Run<'_>,
        process: &mut HostProcess,
        request: Frame,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        let mut lines = 0_usize;
        let mut say = |line: &str| {
            lines = lines.saturating_add(1);
            match lines.cmp(&MOST_LINES) {
                std::cmp::Ordering::Less => output(line),
                std::cmp::Ordering::Equal => output("... and more"),
                std::cmp::Ordering::Greater => {}
            }
        };
        let result = self.serve(run, process, request, functions, &mut say);
        process.printed_lines(&mut say);
        result.map_err(|error| match error {
            Trouble::Host(error) => error,
            Trouble::Process(ProcessError::TimedOut) => {
                process.kill();
                HostError::Hung { action: run.action.to_owned(), seconds: run.limit.as_secs() }
            }
            Trouble::Process(ProcessError::Ended(ending)) => match ending.signal() {
                Some(signal) => run.trouble(format!("was ended by signal {signal}")),
                None => HostError::ProcessEnded { action: run.action.to_owned(), status: ending.status() },
            },
            Trouble::Process(error) => run.trouble(error.to_string()),
        })
    }

    fn serve(
        &self,
        run: &Run<'_>,
        process: &mut HostProcess,
        request: Frame,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, Trouble> {
        let mut manager = ManagerSessions::new(self.machine);
        process.say(request, run.deadline)?;
        loop {
            match process.hear(run.deadline)? {
                Said::Call(call) if ManagerSessions::serves(&call.name) => {
                    let mut trouble = None;
                    let answer = manager.call(&call, &mut |windows_pid| {
                        let found = self.find_process(process, windows_pid, run.deadline);
                        found.unwrap_or_else(|error| {
                            trouble = Some(error);
                            None
                        })
                    });
                    trouble.map_or(Ok(()), Err)?;
                    process.say(Frame::answer(&answer), run.deadline)?;
                }
                Said::Call(call) => {
                    let answer = functions.call(&call);
                    // What it called may have taken long: another action, or a question to the user.
                    let deadline = run.deadline.max(Instant::now() + ANSWER_LIMIT);
                    process.say(Frame::answer(&answer), deadline)?;
                }
                Said::Line(line) => output(&line),
                Said::Done(code) => return Ok(CallResult::Exited(code.cast_signed())),
                Said::Failed { error, what } => {
                    let text = format!("cannot use {what}: error {error}{}", meaning(error));
                    return Err(run.trouble(text).into());
                }
                Said::Crashed { exception, place } => {
                    return Err(HostError::Crashed { action: run.action.to_owned(), exception, place }.into());
                }
                Said::Hello { .. } => return Err(ProcessError::OutOfTurn("a second hello").into()),
                Said::Bytes(_) => return Err(ProcessError::OutOfTurn("bytes").into()),
            }
        }
    }
}

/// One action that is run.
struct Run<'r> {
    action: &'r str,
    deadline: Instant,
    limit: Duration,
}

impl Run<'_> {
    fn trouble(&self, what: String) -> HostError {
        HostError::Channel { action: self.action.to_owned(), what }
    }
}

/// Why an action did not come to its end.
enum Trouble {
    Host(HostError),
    Process(ProcessError),
}

impl From<HostError> for Trouble {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<ProcessError> for Trouble {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

/// For programs, which call none.
struct NoFunctions;

impl Functions for NoFunctions {
    fn call(&mut self, _call: &reseat_engine::FunctionCall) -> reseat_engine::FunctionAnswer {
        reseat_engine::FunctionAnswer { code: 120, values: Vec::new() }
    }
}

fn shown(program: &Program) -> PathBuf {
    match program {
        Program::Binary { name, .. } => PathBuf::from(name),
        Program::File(path) => path.clone(),
        Program::FirstArgument => PathBuf::new(),
    }
}

/// The text of a script, wherever it is.
fn script_text(source: &ScriptSource) -> Result<String, HostError> {
    let mut bytes = Vec::new();
    match source {
        ScriptSource::Text(text) => return Ok(text.clone()),
        ScriptSource::File(path) => {
            let start = |source| HostError::Start { program: path.clone(), source };
            File::open(path)
                .and_then(|file| file.take(MOST_SCRIPT).read_to_end(&mut bytes))
                .map_err(start)?;
        }
        ScriptSource::Binary { package, name } => {
            let stream = binary::open(package, name)?;
            stream
                .take(MOST_SCRIPT)
                .read_to_end(&mut bytes)
                .map_err(|error| binary::failed(package, name, error))?;
        }
    }
    Ok(decode(&bytes))
}

/// A script is UTF-16 or UTF-8 where it says so or can be nothing else; else each byte is a letter of its own.
fn decode(bytes: &[u8]) -> String {
    if let Some(wide) = bytes.strip_prefix(&[0xff, 0xfe]) {
        let units: Vec<u16> = wide
            .chunks_exact(2)
            .filter_map(<[u8]>::first_chunk::<2>)
            .map(|unit| u16::from_le_bytes(*unit))
            .collect();
        return String::from_utf16_lossy(&units);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// What the usual errors of loading code mean.
fn meaning(error: u32) -> &'static str {
    match error {
        2 | 3 => ", not found",
        126 => ", a library that it needs is missing",
        127 => ", no such entry point",
        193 => ", no library or program for this processor",
        740 => ", it asks to be run as administrator",
        1114 => ", its initialisation failed",
        _ => "",
    }
}

/// The kind of Windows code that a stream of the package is.
pub(crate) fn image_of_stream(package: &Path, name: &str) -> Option<Image> {
    let mut bytes = Vec::new();
    binary::open(package, name).ok()?.take(64 << 20).read_to_end(&mut bytes).ok()?;
    Image::read(&mut Cursor::new(bytes)).ok()?
}

/// The kind of Windows code that a file is.
pub(crate) fn image_of_file(path: &Path) -> Option<Image> {
    let mut file = File::open(path).ok()?;
    file.rewind().ok()?;
    Image::read(&mut file).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_in_every_encoding() {
        assert_eq!(decode("é ☺".as_bytes()), "é ☺");
        assert_eq!(decode(b"\xef\xbb\xbfa"), "a");
        assert_eq!(decode(b"\xff\xfea\0\x3a\x26"), "a☺");
        assert_eq!(decode(b"caf\xe9"), "café");
    }
}
