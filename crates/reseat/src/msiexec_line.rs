//! The command line of Microsoft's `msiexec` (pages `command-line-options.md` and
//! `standard-installer-command-line-options.md`), read word by word as a shell gives it.
//!
//! Options begin with `/` or `-`, in any letter case. An option's argument is the next word, or follows the letter at once, as
//! in `/X{…}`. What the pages do not allow together is refused with error 1639.

use reseat_package::{ReinstallMode, parse_assignment};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `/?`, `/h`, `/help`, or nothing.
    Help,
    /// `/i`, `/package`: install or configure a package or product.
    Install(String),
    /// `/x`, `/uninstall`: remove a package's product, or a product.
    Uninstall(String),
    /// `/f`: repair, with the letters of REINSTALLMODE.
    Repair(String, String),
    /// `/a`: administrative installation; with `/p` the image is patched.
    Administer(String, Option<String>),
    /// `/j`: advertise.
    Advertise(Advertisement),
    /// `/p`, `/update`: apply patches; to one product when there is a `/package` too.
    Patch(String, Option<String>),
    /// `/uninstall` of patches; from one product when there is a `/package` too.
    RemovePatches(String, Option<String>),
}

/// The arguments of `/j`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Advertisement {
    /// The package.
    pub package: String,
    /// `m` for all users; else for the current one.
    pub for_all: bool,
    /// `/t`: the transforms.
    pub transforms: Option<String>,
    /// `/g`: the language.
    pub language: Option<String>,
    /// `/c`: a new instance.
    pub new_instance: bool,
}

/// Whether the actions of the user interface sequence run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sequence {
    /// They do not (`/qn`, `/qb`, or nothing).
    #[default]
    Skipped,
    /// They run (`/qr`).
    Reduced,
    /// They run (`/qf`).
    Full,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interface {
    /// Nothing is shown or asked (`/qn`, `/quiet`).
    pub silent: bool,
    /// The actions of the user interface sequence run.
    pub sequence: Sequence,
    /// No question is asked (`/qb-`, `/passive`).
    pub no_questions: bool,
    /// The user cannot end the installation (`!`).
    pub no_cancel: bool,
    /// The end is said even when nothing else is (`+`).
    pub says_end: bool,
}

/// `/l` and `/log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The file.
    pub file: String,
    /// `+`: the file is kept, and what is new goes to its end.
    pub append: bool,
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// What is to be done.
    pub action: Action,
    /// The properties, as they are set.
    pub properties: Vec<(String, String)>,
    /// How much is shown.
    pub interface: Interface,
    /// The log.
    pub log: Option<Log>,
}

/// The letters of `/l`.
const LOG_LETTERS: &str = "iwearucmopvx+!*";
/// The letters of `/f`.
const REPAIR_LETTERS: &str = "poedcaumsv";

/// What has been read.
#[derive(Default)]
struct Reading {
    help: bool,
    package: Option<String>,
    uninstall: Option<String>,
    /// Whether the long form was used, which means patches too.
    uninstall_is_long: bool,
    repair: Option<(String, String)>,
    administer: Option<String>,
    advertise: Option<(String, bool)>,
    patch: Option<String>,
    update: Option<String>,
    transforms: Option<String>,
    language: Option<String>,
    new_instance: bool,
    instance: Option<String>,
    interface: Interface,
    log: Option<Log>,
    restart: Vec<(String, String)>,
    prompts: bool,
    properties: Vec<(String, String)>,
}

impl CommandLine {
    /// Reads a command line, without the program's name.
    ///
    /// # Errors
    /// What is wrong, in words: error 1639.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut reading = Reading::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word.strip_prefix(['/', '-']) {
                Some(option) => reading.option(word, option, &mut words)?,
                None => {
                    let assignment = parse_assignment(word).map_err(|error| error.to_string())?;
                    reading.properties.push(assignment);
                }
            }
        }
        reading.finish()
    }
}

impl Reading {
    fn option<'w>(
        &mut self,
        word: &str,
        option: &str,
        words: &mut impl Iterator<Item = &'w str>,
    ) -> Result<(), String> {
        let lower = option.to_ascii_lowercase();
        let mut argument = |attached: &str| -> Result<String, String> {
            if !attached.is_empty() {
                return Ok(attached.to_owned());
            }
            let next = words.next().filter(|next| !next.is_empty());
            next.map(unquoted).ok_or_else(|| format!("{word} needs an argument"))
        };
        match lower.as_str() {
            "" => return Err(format!("'{word}' is no option")),
            "?" | "h" | "help" => {
                self.help = true;
                return Ok(());
            }
            "quiet" => return self.display("n"),
            "passive" => {
                self.restart.push(("REBOOTPROMPT".to_owned(), "S".to_owned()));
                return self.display("b!-");
            }
            "norestart" => {
                self.restart.push(("REBOOT".to_owned(), "ReallySuppress".to_owned()));
                return Ok(());
            }
            "forcerestart" => {
                self.restart.push(("REBOOT".to_owned(), "Force".to_owned()));
                return Ok(());
            }
            "promptrestart" => {
                self.restart.push(("REBOOTPROMPT".to_owned(), String::new()));
                self.prompts = true;
                return Ok(());
            }
            "package" => return once(&mut self.package, argument("")?, word),
            "update" => return once(&mut self.update, argument("")?, word),
            "uninstall" => {
                self.uninstall_is_long = true;
                return once(&mut self.uninstall, argument("")?, word);
            }
            "log" => return once(&mut self.log, Log { file: argument("")?, append: false }, word),
            _ => {}
        }
        let (letter, rest) = split_letter(option);
        match letter {
            'i' => once(&mut self.package, argument(rest)?, word),
            'x' => once(&mut self.uninstall, argument(rest)?, word),
            'a' => once(&mut self.administer, argument(rest)?, word),
            'p' => once(&mut self.patch, argument(rest)?, word),
            'n' => once(&mut self.instance, argument(rest)?, word),
            't' => once(&mut self.transforms, argument(rest)?, word),
            'g' => once(&mut self.language, argument(rest)?, word),
            'c' if rest.is_empty() => {
                self.new_instance = true;
                Ok(())
            }
            'f' => {
                let (letters, rest) = split_letters(rest, REPAIR_LETTERS);
                if !rest.is_empty() && !rest.starts_with(['{', '"', '.', '/', '\\']) {
                    return Err(format!("'{rest}' in {word} is none of {REPAIR_LETTERS}"));
                }
                let flags = if letters.is_empty() { ReinstallMode::default().to_string() } else { letters };
                once(&mut self.repair, (flags, argument(rest)?), word)
            }
            'j' => {
                let (letters, rest) = split_letters(rest, "um");
                let for_all = match letters.as_str() {
                    "m" => true,
                    "u" | "" => false,
                    _ => return Err(format!("{word} takes u or m")),
                };
                once(&mut self.advertise, (argument(rest)?, for_all), word)
            }
            'l' => {
                let (letters, rest) = split_letters(rest, LOG_LETTERS);
                if !rest.is_empty() {
                    return Err(format!("'{rest}' in {word} is none of {LOG_LETTERS}"));
                }
                let log = Log { file: argument("")?, append: letters.contains('+') };
                once(&mut self.log, log, word)
            }
            'q' => self.display(lower.split_at(1).1),
            'm' => Err(format!("{word} is not supported: status files for SMS")),
            'y' | 'z' => Err(format!("{word} is not supported: libraries that register themselves")),
            _ => Err(format!("{word} is no option")),
        }
    }

    /// The letters and signs behind `/q`.
    fn display(&mut self, text: &str) -> Result<(), String> {
        let (level, signs) = match text.chars().next() {
            Some(level @ ('n' | 'b' | 'r' | 'f')) => (level, text.split_at(1).1),
            _ => ('n', text),
        };
        let has = |sign| signs.contains(sign);
        let allowed = match level {
            'n' => "+",
            'b' => "+-!",
            _ => "",
        };
        let twice = signs.chars().any(|sign| signs.matches(sign).count() > 1);
        if twice || !signs.chars().all(|sign| allowed.contains(sign)) || (has('+') && has('-')) {
            return Err(format!("/q{text} is no level of the user interface"));
        }
        self.interface = Interface {
            silent: level == 'n',
            sequence: match level {
                'r' => Sequence::Reduced,
                'f' => Sequence::Full,
                _ => Sequence::Skipped,
            },
            no_questions: has('-'),
            no_cancel: has('!'),
            says_end: has('+'),
        };
        Ok(())
    }

    fn finish(mut self) -> Result<CommandLine, String> {
        let action = if self.help { Action::Help } else { self.action()? };
        if self.prompts && self.interface.silent {
            return Err("/promptrestart and /quiet cannot be used together".to_owned());
        }
        if !matches!(action, Action::Advertise(_))
            && (self.transforms.is_some() || self.language.is_some() || self.new_instance)
        {
            return Err("/t, /g and /c are only for /j".to_owned());
        }
        if let Some(instance) = &self.instance {
            if matches!(action, Action::Administer(..) | Action::Advertise(_)) {
                return Err("/n is only for /i, /f, /x and /p".to_owned());
            }
            self.properties.push(("MSIINSTANCEGUID".to_owned(), instance.clone()));
        }
        match action {
            // These take no properties.
            Action::Repair(..) => self.properties.retain(|(name, _)| name == "MSIINSTANCEGUID"),
            Action::Advertise(_) => self.properties.clear(),
            Action::Patch(..) => self.properties.retain(|(name, _)| name != "PATCH"),
            _ => {}
        }
        self.properties.append(&mut self.restart);
        Ok(CommandLine { action, properties: self.properties, interface: self.interface, log: self.log })
    }

    fn action(&mut self) -> Result<Action, String> {
        let patch = match (self.patch.take(), self.update.take()) {
            (Some(_), Some(_)) => return Err("/p and /update are the same".to_owned()),
            (Some(patch), None) if self.package.is_some() => {
                return Err(format!("/i and /p cannot be used together; set PATCH={patch} instead"));
            }
            (patch, update) => patch.or(update),
        };
        let package = self.package.take();
        let uninstall = self.uninstall.take();
        let wanted = [
            package.is_some() && patch.is_none() && uninstall.is_none(),
            uninstall.is_some(),
            self.repair.is_some(),
            self.advertise.is_some(),
            self.administer.is_some() || patch.is_some(),
        ];
        if wanted.iter().filter(|wanted| **wanted).count() > 1 {
            return Err("only one of /i, /x, /f, /j, /a and /p can be used".to_owned());
        }
        if let Some(what) = uninstall {
            let are_patches = what.contains(';') || what.to_ascii_lowercase().ends_with(".msp");
            return match package {
                Some(product) if self.uninstall_is_long => Ok(Action::RemovePatches(what, Some(product))),
                Some(_) => Err("/i and /x cannot be used together".to_owned()),
                None if self.uninstall_is_long && are_patches => Ok(Action::RemovePatches(what, None)),
                None => Ok(Action::Uninstall(what)),
            };
        }
        if let Some((flags, product)) = self.repair.take() {
            return Ok(Action::Repair(flags, product));
        }
        if let Some((package, for_all)) = self.advertise.take() {
            return Ok(Action::Advertise(Advertisement {
                package,
                for_all,
                transforms: self.transforms.take(),
                language: self.language.take(),
                new_instance: std::mem::take(&mut self.new_instance),
            }));
        }
        if let Some(image) = self.administer.take() {
            return Ok(Action::Administer(image, patch));
        }
        match (patch, package) {
            (Some(patch), package) => Ok(Action::Patch(patch, package)),
            (None, Some(package)) => Ok(Action::Install(package)),
            (None, None) if self.properties.is_empty() && self.log.is_none() => Ok(Action::Help),
            (None, None) => Err("none of /i, /x, /f, /j, /a and /p is given".to_owned()),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T, word: &str) -> Result<(), String> {
    if place.replace(value).is_some() {
        return Err(format!("{word} is given twice"));
    }
    Ok(())
}

/// An argument without the quotation marks that a shell has left around it.
fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).to_owned()
}

fn split_letter(option: &str) -> (char, &str) {
    let mut characters = option.chars();
    let letter = characters.next().unwrap_or_default().to_ascii_lowercase();
    (letter, characters.as_str())
}

/// The letters at the beginning that are among these, in small, and the rest.
fn split_letters<'t>(text: &'t str, letters: &str) -> (String, &'t str) {
    let end = text.find(|next: char| !letters.contains(next.to_ascii_lowercase())).unwrap_or(text.len());
    let (found, rest) = text.split_at(end);
    (found.to_ascii_lowercase(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, String> {
        CommandLine::parse(
            &line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn each_option_of_the_pages_means_what_they_say() {
        use Action::{Administer, Install, Patch, RemovePatches, Repair, Uninstall};
        let text = str::to_owned;
        let some = |it: &str| Some(it.to_owned());
        let repair = |flags: &str| Repair(text(flags), text("a.msi"));
        let cases = [
            ("", Action::Help),
            ("/?", Action::Help),
            ("/H", Action::Help),
            ("/help", Action::Help),
            ("/i a.msi", Install(text("a.msi"))),
            ("-I a.msi", Install(text("a.msi"))),
            ("/i{A}", Install(text("{A}"))),
            ("/package a.msi", Install(text("a.msi"))),
            ("/i /home/a.msi", Install(text("/home/a.msi"))),
            ("/x a.msi", Uninstall(text("a.msi"))),
            ("/X{A}", Uninstall(text("{A}"))),
            ("/uninstall a.msi", Uninstall(text("a.msi"))),
            ("/f a.msi", repair("omus")),
            ("/fp a.msi", repair("p")),
            ("/fvomus a.msi", repair("vomus")),
            ("/FPECMS a.msi", repair("pecms")),
            ("/fa{A}", Repair(text("a"), text("{A}"))),
            ("/a a.msi", Administer(text("a.msi"), None)),
            ("/p b.msp /a a.msi", Administer(text("a.msi"), some("b.msp"))),
            ("/p b.msp;c.msp", Patch(text("b.msp;c.msp"), None)),
            ("/update b.msp", Patch(text("b.msp"), None)),
            ("/package a.msi /update b.msp", Patch(text("b.msp"), some("a.msi"))),
            ("/uninstall b.msp", RemovePatches(text("b.msp"), None)),
            ("/uninstall b.msp;{C}", RemovePatches(text("b.msp;{C}"), None)),
            ("/package a.msi /uninstall {C}", RemovePatches(text("{C}"), some("a.msi"))),
        ];
        for (line, action) in cases {
            assert_eq!(parse(line).map(|it| it.action), Ok(action), "{line}");
        }
    }

    #[test]
    fn advertisement_has_options_of_its_own() {
        let advertise = |line| match parse(line).map(|it| it.action) {
            Ok(Action::Advertise(it)) => it,
            other => panic!("{line}: {other:?}"),
        };
        assert!(!advertise("/j a.msi").for_all && !advertise("/ju a.msi").for_all);
        let all = advertise("/JM a.msi /T :i.mst;c.mst /c /g 1031 /LIME log.txt NAME=x");
        assert_eq!((all.package.as_str(), all.for_all, all.new_instance), ("a.msi", true, true));
        assert_eq!(
            (all.transforms.as_deref(), all.language.as_deref()),
            (Some(":i.mst;c.mst"), Some("1031"))
        );
        assert_eq!(parse("/jm a.msi NAME=x").unwrap().properties, []);
    }

    #[test]
    fn each_level_of_the_user_interface_is_known() {
        let level = |silent, no_questions, no_cancel, says_end| Interface {
            silent,
            sequence: Sequence::Skipped,
            no_questions,
            no_cancel,
            says_end,
        };
        let with = |sequence| Interface { sequence, ..level(false, false, false, false) };
        for (option, expected) in [
            ("", level(false, false, false, false)),
            ("/q", level(true, false, false, false)),
            ("/qn", level(true, false, false, false)),
            ("/quiet", level(true, false, false, false)),
            ("/qn+", level(true, false, false, true)),
            ("/qb", level(false, false, false, false)),
            ("/QB!", level(false, false, true, false)),
            ("/qb+", level(false, false, false, true)),
            ("/qb+!", level(false, false, true, true)),
            ("/qb!+", level(false, false, true, true)),
            ("/qb-", level(false, true, false, false)),
            ("/qb-!", level(false, true, true, false)),
            ("/passive", level(false, true, true, false)),
            ("/qr", with(Sequence::Reduced)),
            ("/qf", with(Sequence::Full)),
        ] {
            assert_eq!(parse(&format!("/i a {option}")).map(|it| it.interface), Ok(expected), "{option}");
        }
        for option in ["/qb+-", "/qf!", "/qn!", "/qn-", "/qx", "/qb!!", "/qr+"] {
            assert!(parse(&format!("/i a {option}")).is_err(), "{option}");
        }
    }

    #[test]
    fn logs_restarts_and_instances() {
        let log = |line: &str| parse(line).unwrap().log.map(|log| (log.file, log.append));
        for line in
            ["/i a /l x.log", "/i a /l* x.log", "/i a /L*vx x.log", "/log x.log /i a", "/i a /lime! x.log"]
        {
            assert_eq!(log(line), Some(("x.log".to_owned(), false)), "{line}");
        }
        assert_eq!(log("/i a /l+v x.log"), Some(("x.log".to_owned(), true)));
        let properties = |line: &str| {
            let line = parse(line).unwrap();
            line.properties
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(properties("/i a /norestart"), "REBOOT=ReallySuppress");
        assert_eq!(properties("/i a /forcerestart"), "REBOOT=Force");
        assert_eq!(properties("/i a /promptrestart"), "REBOOTPROMPT=");
        assert_eq!(properties("/i a /passive"), "REBOOTPROMPT=S");
        assert_eq!(properties("/i a name=Value /n {B}"), "NAME=Value MSIINSTANCEGUID={B}");
        assert_eq!(properties("/f a NAME=x /n {B}"), "MSIINSTANCEGUID={B}");
        assert_eq!(properties("/p a PATCH=x OTHER=y"), "OTHER=y");
    }

    #[test]
    fn values_keep_doubled_quotation_marks_as_one() {
        let words = [
            "/i",
            "testdb.msi",
            "INSTALLLEVEL=3",
            "COMPANYNAME=\"Acme \"\"Widgets\"\" and \"\"Gizmos.\"\"\"",
            "EMPTY=\"\"",
        ];
        let line = CommandLine::parse(&words.map(str::to_owned)).unwrap();
        let values: Vec<_> = line.properties.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["3", "Acme \"Widgets\" and \"Gizmos.\"", ""]);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for line in [
            "/i",
            "/i a /i b",
            "/i a /x b",
            "/i a /p b",
            "/i a /f b",
            "/x a /f b",
            "/j a /i b",
            "/i a /t b",
            "/i a /c",
            "/i a /g 1033",
            "/a a /n {B}",
            "/i a stray",
            "/i a /unknown",
            "/i a /l",
            "/i a /lq x.log",
            "/fx a",
            "/jum a",
            "/y a.dll",
            "/z a.dll",
            "/m status /i a",
            "/quiet /promptrestart /i a",
            "NAME=x",
            "/",
            "/i a =x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
