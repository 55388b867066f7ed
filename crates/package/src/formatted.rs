//! Formatted text: texts with references to properties, files, components and the environment.
//!
//! Follows the pages `formatted.md` and, for fields of a record, `MsiFormatRecord`. Where they are silent: brackets
//! with nothing between them stay; a reference that is put in is not searched for references again; a group in
//! braces within another one is judged on its own.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

/// How deep brackets and braces may nest; deeper ones are taken as plain characters.
const DEPTH_LIMIT: usize = 256;

/// What the log shows in place of a value that it must not show.
const MASK: &str = "**********";

/// Which form of a file's path a reference asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathForm {
    /// `[#key]`: the full path.
    Long,
    /// `[!key]`: the path in short names, in the Value columns of the Registry and IniFile tables.
    Short,
}

/// What references refer to. `None` is a reference to nothing, which gives no text.
pub trait FormatContext {
    /// The value of a property.
    fn property(&self, name: &str) -> Option<Cow<'_, str>>;
    /// The value of an environment variable, found without regard to letter case.
    fn environment(&self, name: &str) -> Option<String>;
    /// The path of a file by its key in the File table; nothing before costing.
    fn file_path(&self, file: &str, form: PathForm) -> Option<String>;
    /// The folder of a component, ending in a backslash; nothing before costing or when it is absent.
    fn component_folder(&self, component: &str) -> Option<String>;
    /// The field of a record, 1 being the first; `None` when there is no record, which leaves `[1]` in the text.
    fn field(&self, _number: u32) -> Option<Cow<'_, str>> {
        None
    }
}

/// A Formatted text with its references resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormattedText {
    /// The text; `[~]` is the null character.
    pub text: String,
    /// The properties referred to, in order, found or not.
    pub properties: Vec<String>,
    /// The references that had no value, as written between the brackets.
    pub missing: Vec<String>,
}

impl FormattedText {
    /// The text as the log may show it: masked when a property that it refers to is hidden.
    pub fn loggable(&self, is_hidden: impl Fn(&str) -> bool) -> &str {
        if self.properties.iter().any(|name| is_hidden(name)) { MASK } else { &self.text }
    }
}

/// Resolves Formatted text.
#[derive(Debug)]
pub struct Formatted;

impl Formatted {
    /// Replaces all references in a text.
    pub fn resolve(text: &str, context: &dyn FormatContext) -> FormattedText {
        if !text.contains(['[', '{']) {
            return FormattedText { text: text.to_owned(), ..FormattedText::default() };
        }
        Resolver { context, open: Vec::new(), result: FormattedText::default() }.run(text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bracket,
    Brace,
}

/// A bracket or brace that is not closed yet, and what came after it.
struct Open {
    kind: Kind,
    text: String,
    /// Whether a reference was resolved in it.
    refers: bool,
    /// Whether one of them had no value.
    misses: bool,
}

struct Resolver<'c> {
    context: &'c dyn FormatContext,
    open: Vec<Open>,
    result: FormattedText,
}

impl Resolver<'_> {
    fn run(mut self, text: &str) -> FormattedText {
        let mut rest = text;
        while let Some(position) = rest.find(['[', ']', '{', '}']) {
            let (plain, special) = rest.split_at(position);
            self.write(plain);
            rest = self.step(special);
        }
        self.write(rest);
        while !self.open.is_empty() {
            self.give_up();
        }
        self.result
    }

    /// Takes the special character at the beginning, and returns what follows.
    fn step<'t>(&mut self, text: &'t str) -> &'t str {
        let mut characters = text.chars();
        let first = characters.next();
        let rest = characters.as_str();
        match first {
            Some('[') => {
                if let Some((character, rest)) = escaped(rest) {
                    self.write(character.encode_utf8(&mut [0; 4]));
                    return rest;
                }
                self.begin(Kind::Bracket);
            }
            Some('{') => self.begin(Kind::Brace),
            Some(']') => self.end(Kind::Bracket),
            _ => self.end(Kind::Brace),
        }
        rest
    }

    fn write(&mut self, text: &str) {
        self.open.last_mut().map_or(&mut self.result.text, |open| &mut open.text).push_str(text);
    }

    fn begin(&mut self, kind: Kind) {
        if self.open.len() >= DEPTH_LIMIT {
            return self.write(if kind == Kind::Bracket { "[" } else { "{" });
        }
        self.open.push(Open { kind, text: String::new(), refers: false, misses: false });
    }

    fn end(&mut self, kind: Kind) {
        if !self.open.iter().any(|open| open.kind == kind) {
            return self.write(if kind == Kind::Bracket { "]" } else { "}" });
        }
        // What was opened in between has no end before this one and is plain text.
        while self.open.last().is_some_and(|open| open.kind != kind) {
            self.give_up();
        }
        let Some(closed) = self.open.pop() else { return };
        match kind {
            Kind::Bracket => self.reference(closed),
            Kind::Brace => self.group(closed),
        }
    }

    /// Turns the innermost open bracket or brace into plain text.
    fn give_up(&mut self) {
        let Some(open) = self.open.pop() else { return };
        self.write(if open.kind == Kind::Bracket { "[" } else { "{" });
        self.write(&open.text);
        if let Some(outer) = self.open.last_mut() {
            outer.refers |= open.refers;
            outer.misses |= open.misses;
        }
    }

    fn reference(&mut self, closed: Open) {
        let name = closed.text;
        let value = match name.chars().next() {
            None if closed.refers => None,
            None => return self.write("[]"),
            Some('~') if name.len() == 1 => return self.write("\0"),
            Some('%') => name.get(1..).and_then(|name| self.context.environment(name)).map(Cow::Owned),
            Some('#') => self.path(&name, PathForm::Long),
            Some('!') => self.path(&name, PathForm::Short),
            Some('$') => name.get(1..).and_then(|name| self.context.component_folder(name)).map(Cow::Owned),
            Some(_) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                match name.parse().ok().and_then(|number| self.context.field(number)) {
                    Some(value) => Some(value),
                    None => return self.write(&format!("[{name}]")),
                }
            }
            Some(_) => {
                self.result.properties.push(name.clone());
                self.context.property(&name)
            }
        };
        let value = value.filter(|value| !value.is_empty());
        let misses = value.is_none();
        if let Some(value) = value {
            self.write(&value);
        } else {
            self.result.missing.push(name);
        }
        if let Some(outer) = self.open.last_mut() {
            outer.refers = true;
            outer.misses |= misses;
        }
    }

    fn path(&self, name: &str, form: PathForm) -> Option<Cow<'static, str>> {
        name.get(1..).and_then(|name| self.context.file_path(name, form)).map(Cow::Owned)
    }

    fn group(&mut self, closed: Open) {
        if !closed.refers {
            self.write("{");
            self.write(&closed.text);
            self.write("}");
            return;
        }
        if let Some(outer) = self.open.last_mut() {
            outer.refers = true;
        }
        if !closed.misses {
            self.write(&closed.text);
        }
    }
}

/// `\x]` after a bracket: the one character, and what follows the closing bracket.
fn escaped(text: &str) -> Option<(char, &str)> {
    let mut characters = text.strip_prefix('\\')?.chars();
    let character = characters.next()?;
    characters.as_str().split_once(']').map(|(_, rest)| (character, rest))
}
