//! Programs that read scripts: which of their arguments names the script, by the rules of each.
//!
//! The script is the first argument that is no option; a script's own arguments are no scripts.

/// How a script is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// By a path.
    File(&'a [u8]),
    /// By the name of a file in one of the folders of PATH.
    InPath(&'a [u8]),
    /// As a module, in one of the folders where the interpreter looks for those.
    Module {
        /// Its parts have dots between them.
        name: &'a [u8],
        /// Neither the working folder nor the environment counts.
        isolated: bool,
    },
}

/// What reads scripts, told apart by their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interpreter {
    Python,
    Perl,
    Ruby,
    Node,
    Shell,
    BusyBox,
}

impl Interpreter {
    /// By the name of its program, which may end with a version.
    pub(crate) fn of(name: &[u8]) -> Option<Interpreter> {
        match name {
            b"node" | b"nodejs" => return Some(Interpreter::Node),
            b"busybox" => return Some(Interpreter::BusyBox),
            b"sh" | b"dash" | b"bash" | b"zsh" | b"ksh" | b"ksh93" | b"mksh" | b"ash" => {
                return Some(Interpreter::Shell);
            }
            _ => {}
        }
        let named = [
            (&b"python"[..], Interpreter::Python),
            (b"pypy", Interpreter::Python),
            (b"perl", Interpreter::Perl),
            (b"ruby", Interpreter::Ruby),
        ];
        let is_version = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_digit);
        named.into_iter().find(|(word, _)| name.strip_prefix(*word).is_some_and(is_version)).map(|it| it.1)
    }

    /// The script among these arguments, the first of which is the interpreter itself.
    pub(crate) fn script<'a>(self, arguments: &[&'a [u8]]) -> Option<Named<'a>> {
        let mut isolated = false;
        let mut is_searched = false;
        let file = |script: &'a [u8], is_searched: bool| match is_searched && !script.contains(&b'/') {
            true => Named::InPath(script),
            false => Named::File(script),
        };
        let mut rest = arguments.get(1..)?.iter();
        if self == Interpreter::BusyBox {
            // It is called as the program that it is to be, or with that as its first argument.
            let is_shell = |name: &[u8]| matches!(name, b"sh" | b"ash");
            if !is_shell(base_name(arguments.first()?)) && !is_shell(rest.next()?) {
                return None;
            }
        }
        while let Some(&argument) = rest.next() {
            let step = match argument {
                b"-" if self == Interpreter::Shell || self == Interpreter::BusyBox => Step::Ends,
                b"-" | b"" => return None,
                b"--" => Step::Ends,
                [b'-', b'-', long @ ..] => self.long(long),
                [b'-', short @ ..] => {
                    let (flags, step) = self.short(short);
                    isolated |= self == Interpreter::Python && flags.contains(&b'I');
                    is_searched |=
                        matches!(self, Interpreter::Perl | Interpreter::Ruby) && flags.contains(&b'S');
                    step
                }
                [b'+', short @ ..] if self == Interpreter::Shell => self.short(short).1,
                b"inspect" if self == Interpreter::Node => Step::Flag,
                script => return Some(file(script, is_searched)),
            };
            match step {
                Step::Flag => {}
                Step::TakesNext => {
                    rest.next()?;
                }
                Step::Ends => {
                    let script = rest.next().copied().filter(|it| !it.is_empty())?;
                    return Some(file(script, is_searched));
                }
                Step::Module(name) => {
                    let name = if name.is_empty() { rest.next().copied()? } else { name };
                    return Some(Named::Module { name, isolated });
                }
                Step::NoScript => return None,
            }
        }
        None
    }

    fn long<'a>(self, option: &'a [u8]) -> Step<'a> {
        let takes_next: &[&[u8]] = match self {
            Interpreter::Python => &[b"check-hash-based-pycs"],
            Interpreter::Ruby => {
                &[b"encoding", b"external-encoding", b"internal-encoding", b"enable", b"disable"]
            }
            Interpreter::Node => &[
                b"require",
                b"import",
                b"loader",
                b"experimental-loader",
                b"conditions",
                b"env-file",
                b"title",
                b"input-type",
                b"icu-data-dir",
                b"openssl-config",
                b"redirect-warnings",
                b"inspect-port",
                b"diagnostic-dir",
            ],
            Interpreter::Shell => &[b"rcfile", b"init-file"],
            Interpreter::Perl | Interpreter::BusyBox => &[],
        };
        let name = option.split(|&byte| byte == b'=').next().unwrap_or_default();
        match name {
            b"eval" | b"print" | b"interactive" if self == Interpreter::Node => Step::NoScript,
            _ if takes_next.contains(&option) => Step::TakesNext,
            _ => Step::Flag,
        }
    }

    /// One or several options of one letter: those that have no value, and what they mean for what follows.
    fn short<'a>(self, letters: &'a [u8]) -> (&'a [u8], Step<'a>) {
        if self == Interpreter::Node {
            // They are not joined.
            let step = match letters {
                b"e" | b"p" | b"pe" | b"i" => Step::NoScript,
                b"r" | b"C" => Step::TakesNext,
                _ => Step::Flag,
            };
            return (b"", step);
        }
        // Without a program; with a value here or in the next argument; with a value here.
        let (no_script, next, here): (&[u8], &[u8], &[u8]) = match self {
            Interpreter::Python => (b"c", b"WX", b""),
            Interpreter::Perl => (b"eE", b"I", b"MmFixCDVd"),
            // -C changes the folder that the script's name is relative to.
            Interpreter::Ruby => (b"eC", b"IrE", b"xFiKTW"),
            _ => (b"cs", b"oO", b""),
        };
        for (at, letter) in letters.iter().enumerate() {
            let (flags, rest) =
                (letters.get(..at).unwrap_or_default(), letters.get(at + 1..).unwrap_or_default());
            let step = match letter {
                b'm' if self == Interpreter::Python => Step::Module(rest),
                _ if no_script.contains(letter) => Step::NoScript,
                _ if next.contains(letter) && rest.is_empty() => Step::TakesNext,
                _ if next.contains(letter) || here.contains(letter) => Step::Flag,
                _ => continue,
            };
            return (flags, step);
        }
        (letters, Step::Flag)
    }
}

/// What an option means for those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    /// Nothing.
    Flag,
    /// The next argument is its value.
    TakesNext,
    /// The next argument is the script.
    Ends,
    /// The script is a module with this name; without one it is the next argument.
    Module(&'a [u8]),
    /// There is no script.
    NoScript,
}

pub(crate) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(line: &str) -> Option<String> {
        let arguments: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let interpreter = Interpreter::of(arguments[0].rsplit(|&byte| byte == b'/').next()?)?;
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        Some(match interpreter.script(&arguments)? {
            Named::File(name) => text(name),
            Named::InPath(name) => format!("in path: {}", text(name)),
            Named::Module { name, isolated } => {
                format!("module {}{}", text(name), if isolated { ", isolated" } else { "" })
            }
        })
    }

    #[test]
    fn the_script_is_the_first_argument_that_is_no_option() {
        for line in [
            "python3 S",
            "/usr/bin/python3.11 -u -Ibs S other.py",
            "python -W ignore -Xdev -X utf8 S -c x",
            "python3 --check-hash-based-pycs never S",
            "python3 -- S",
            "perl -w S arg",
            "perl5.36.0 -I lib -Ilib -MList::Util S",
            "perl -0777 -lp -i.bak S",
            "ruby -rset -r set -I lib -W0 --yjit S",
            "ruby3.1 --encoding utf-8 S",
            "node --max-old-space-size=64 -r ./x.js S y.js",
            "nodejs inspect S",
            "sh S",
            "bash -e -o pipefail +o posix S",
            "bash --rcfile x --norc - S",
            "busybox sh -e S",
            "ash S",
        ] {
            assert_eq!(script(line).as_deref(), Some("S"), "{line}");
        }
    }

    #[test]
    fn what_has_no_file_is_no_script() {
        for line in [
            "python3",
            "python3 -c pass S",
            "python3 -Ic pass S",
            "python3 - S",
            "perl -ne print S",
            "perl -0777ne print S",
            "perl -E say S",
            "ruby -e p S",
            "ruby -C /tmp S",
            "node -e 1 S",
            "node --eval=1 S",
            "node -p 1",
            "sh -c true S",
            "bash -ec true S",
            "sh -s S",
            "-bash",
            "busybox ls S",
            "pythonista S",
            "perldoc S",
            "tail -f S",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
    }

    #[test]
    fn modules_and_scripts_of_the_search_path_are_told_as_such() {
        for (line, expected) in [
            ("python3 -m http.server S", "module http.server"),
            ("python3 -um a.b S", "module a.b"),
            ("python3 -Iu -ma S", "module a, isolated"),
            ("ruby -S S", "in path: S"),
            ("ruby -wS -I lib S", "in path: S"),
            ("perl -S ./S", "./S"),
            ("perl -wS S", "in path: S"),
            ("perl -MS S", "S"),
            ("bash -S S", "S"),
        ] {
            assert_eq!(script(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_cut_line_of_arguments_is_no_panic() {
        for line in [
            "python3 -W",
            "python3 -m",
            "perl -I",
            "bash -o",
            "ruby --encoding",
            "busybox",
            "node -r",
            "sh --",
        ] {
            assert_eq!(script(line), None, "{line}");
        }
        assert_eq!(Interpreter::Shell.script(&[]), None);
    }
}
