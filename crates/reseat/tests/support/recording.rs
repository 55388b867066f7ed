//! What a program did to the files beneath a folder, as strace saw it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Ran;

/// A change of the files, or a wait for the disk. Paths are relative to the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    MakeFolder {
        path: String,
        mode: u32,
    },
    /// Opened for writing; made if it was not there.
    Open {
        path: String,
        mode: u32,
        truncate: bool,
    },
    /// None is the end of the file.
    Write {
        path: String,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    /// What is at a path is written to another from this place on.
    Copy {
        from: String,
        from_at: u64,
        length: u64,
        path: String,
        at: u64,
    },
    Truncate {
        path: String,
        length: u64,
    },
    SetMode {
        path: String,
        mode: u32,
    },
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    Sync {
        path: String,
    },
    SyncAll,
}

const CALLS: &str = "openat,openat2,open,write,writev,pwrite64,lseek,copy_file_range,sendfile,fsync,fdatasync,syncfs,\
                     ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fchmod,chmod,\
                     fchmodat,symlink,symlinkat";

/// Runs a command and records it.
pub fn record(command: &Command, folder: &Path, log: &Path) -> (Ran, Vec<Event>) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-xx", "-s", "1000000000", "-e"]).arg(format!("trace={CALLS}"));
    strace
        .arg("-e")
        .arg("signal=none")
        .arg("-o")
        .arg(log)
        .arg(command.get_program())
        .args(command.get_args());
    strace.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strace.stdin(std::process::Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        strace.current_dir(folder);
    }
    let ran = super::run(&mut strace);
    let text = std::fs::read_to_string(log).unwrap();
    let mut reader =
        Reader { folder: folder.to_owned(), program: None, places: HashMap::new(), events: Vec::new() };
    let mut unfinished: HashMap<&str, &str> = HashMap::new();
    for line in text.lines() {
        let (pid, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, begin);
        } else if let Some((_, rest)) =
            call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"))
        {
            let whole = format!("{}{rest}", unfinished.remove(pid).unwrap());
            reader.read(pid, &whole);
        } else {
            reader.read(pid, call);
        }
    }
    (ran, reader.events)
}

struct Reader {
    folder: PathBuf,
    /// The process id of the recorded program itself.
    program: Option<String>,
    /// Where the next write of its descriptors goes.
    places: HashMap<String, u64>,
    events: Vec<Event>,
}

impl Reader {
    fn read(&mut self, pid: &str, call: &str) {
        self.program.get_or_insert_with(|| pid.to_owned());
        let Some((call, result)) = call.rsplit_once(" = ") else { return };
        let Some((name, arguments)) = call.trim_end().strip_suffix(')').and_then(|call| call.split_once('('))
        else {
            return;
        };
        let number = result.split(['<', ' ']).next().unwrap();
        let Ok(result_number) = number.parse::<i64>() else { return };
        if result_number < 0 {
            return;
        }
        let own = self.program.as_deref() == Some(pid);
        let arguments = split(arguments);
        let argument = |index: usize| arguments.get(index).copied().unwrap_or_default();
        let count = u64::try_from(result_number).unwrap();
        let event = match name {
            "openat" | "openat2" | "open" => {
                let at = usize::from(name != "open");
                let (flags, mode) = if name == "openat2" {
                    let how = argument(2);
                    let field = |key: &str| {
                        how.split_once(key).map_or("", |(_, rest)| rest.split([',', '}']).next().unwrap())
                    };
                    (field("flags="), field("mode="))
                } else {
                    (argument(at + 1), argument(at + 2))
                };
                self.places.insert(number.to_owned(), 0);
                let path = self.at_folder(if at == 1 { argument(0) } else { "" }, argument(at));
                let writes =
                    ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| flags.contains(flag));
                path.filter(|_| writes).map(|path| Event::Open {
                    path,
                    mode: octal(mode),
                    truncate: flags.contains("O_TRUNC"),
                })
            }
            "lseek" => {
                self.places.insert(descriptor(argument(0)).to_owned(), count);
                None
            }
            "write" => {
                let mut bytes = unescape(argument(1));
                bytes.truncate(usize::try_from(count).unwrap());
                self.write(own, argument(0), bytes)
            }
            "pwrite64" => {
                let path = self.of_descriptor(argument(0));
                path.map(|path| Event::Write {
                    path,
                    at: argument(3).parse().ok(),
                    bytes: unescape(argument(1)),
                })
            }
            "copy_file_range" | "sendfile" => {
                let (from, to) =
                    if name == "sendfile" { (argument(1), argument(0)) } else { (argument(0), argument(2)) };
                let key = descriptor(from).to_owned();
                let start = self.places.get(&key).copied().unwrap_or(0);
                self.places.insert(key, start + count);
                let at = self.places.entry(descriptor(to).to_owned()).or_default();
                let (begin, length) = (*at, count);
                *at += count;
                self.of_descriptor(to).map(|path| match self.of_descriptor(from) {
                    Some(from) => Event::Copy { from, from_at: start, length, path, at: begin },
                    // What is outside is not changed while the program runs.
                    None => {
                        let all = std::fs::read(descriptor_path(from).unwrap()).unwrap();
                        let part = usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap();
                        Event::Write { path, at: Some(begin), bytes: all[part].to_vec() }
                    }
                })
            }
            "writev" => {
                assert!(self.of_descriptor(argument(0)).is_none(), "writev of a file");
                None
            }
            "fsync" | "fdatasync" => self.of_descriptor(argument(0)).map(|path| Event::Sync { path }),
            "syncfs" => Some(Event::SyncAll),
            "ftruncate" => {
                let length = argument(1).parse().unwrap();
                self.of_descriptor(argument(0)).map(|path| Event::Truncate { path, length })
            }
            "fchmod" => {
                let mode = octal(argument(1));
                self.of_descriptor(argument(0)).map(|path| Event::SetMode { path, mode })
            }
            "chmod" => {
                self.at_folder("", argument(0)).map(|path| Event::SetMode { path, mode: octal(argument(1)) })
            }
            "fchmodat" => self
                .at_folder(argument(0), argument(1))
                .map(|path| Event::SetMode { path, mode: octal(argument(2)) }),
            "rename" | "link" => self.pair(name == "link", ("", argument(0)), ("", argument(1))),
            "renameat" | "renameat2" | "linkat" => {
                self.pair(name == "linkat", (argument(0), argument(1)), (argument(2), argument(3)))
            }
            "unlink" | "rmdir" => self.at_folder("", argument(0)).map(|path| Event::Remove { path }),
            "unlinkat" => self.at_folder(argument(0), argument(1)).map(|path| Event::Remove { path }),
            "mkdir" => {
                let mode = octal(argument(1));
                self.at_folder("", argument(0)).map(|path| Event::MakeFolder { path, mode })
            }
            "mkdirat" => {
                let mode = octal(argument(2));
                self.at_folder(argument(0), argument(1)).map(|path| Event::MakeFolder { path, mode })
            }
            "symlink" | "symlinkat" => panic!("a link is made: {call}"),
            other => panic!("{other} is not known here"),
        };
        self.events.extend(event);
    }

    fn write(&mut self, own: bool, file: &str, bytes: Vec<u8>) -> Option<Event> {
        let path = self.of_descriptor(file);
        // Other programs are scripts that write behind what is there.
        let at = own.then(|| {
            let place = self.places.entry(descriptor(file).to_owned()).or_default();
            let at = *place;
            *place += bytes.len() as u64;
            at
        });
        path.map(|path| Event::Write { path, at, bytes })
    }

    fn pair(&self, link: bool, from: (&str, &str), to: (&str, &str)) -> Option<Event> {
        let (from, to) = (self.at_folder(from.0, from.1), self.at_folder(to.0, to.1));
        match (from, to) {
            (Some(from), Some(to)) if link => Some(Event::Link { from, to }),
            (Some(from), Some(to)) => Some(Event::Rename { from, to }),
            (None, None) => None,
            pair => panic!("a file crosses the folder's border: {pair:?}"),
        }
    }

    fn of_descriptor(&self, argument: &str) -> Option<String> {
        self.relative(&descriptor_path(argument)?)
    }

    fn at_folder(&self, folder: &str, path: &str) -> Option<String> {
        let path = PathBuf::from(String::from_utf8(unescape(path)).unwrap());
        let folder = descriptor_path(folder);
        self.relative(&folder.map_or_else(|| path.clone(), |folder| folder.join(&path)))
    }

    fn relative(&self, path: &Path) -> Option<String> {
        let path: PathBuf = path.components().filter(|part| *part != std::path::Component::CurDir).collect();
        Some(path.strip_prefix(&self.folder).ok()?.to_str()?.to_owned())
    }
}

fn split(arguments: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (place, letter) in arguments.char_indices() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(arguments[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(arguments[start..].trim());
    parts
}

fn octal(text: &str) -> u32 {
    u32::from_str_radix(text.trim_start_matches('0'), 8).unwrap_or(0)
}

/// The number of `5<path>`.
fn descriptor(argument: &str) -> &str {
    argument.split('<').next().unwrap()
}

fn descriptor_path(argument: &str) -> Option<PathBuf> {
    let text = argument.split_once('<')?.1.split('>').next()?;
    Some(PathBuf::from(String::from_utf8(unescape(text)).ok()?))
}

/// The bytes of `"\x2f\x74"`.
fn unescape(text: &str) -> Vec<u8> {
    let digits = |place: usize| u8::from_str_radix(text.get(place..place + 2)?, 16).ok();
    text.match_indices("\\x").filter_map(|(place, _)| digits(place + 2)).collect()
}
