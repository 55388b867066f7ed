//! Control characters within a value, which would be taken for delimiters.

/// Each control character and what stands for it (page `archive-file-format.md`).
const TRANSLATIONS: [(char, char); 6] = [
    ('\0', '\u{15}'),
    ('\u{8}', '\u{1B}'),
    ('\t', '\u{10}'),
    ('\n', '\u{19}'),
    ('\u{C}', '\u{18}'),
    ('\r', '\u{11}'),
];

/// The value as it stands in an archive.
pub fn escape(text: &str) -> String {
    translate(text, |(plain, stored)| (plain, stored))
}

/// The value that stands in an archive.
pub fn unescape(text: &str) -> String {
    translate(text, |(plain, stored)| (stored, plain))
}

fn translate(text: &str, direction: impl Fn((char, char)) -> (char, char)) -> String {
    let replace = |character: char| {
        let mut pairs = TRANSLATIONS.iter().map(|&pair| direction(pair));
        pairs.find(|(from, _)| *from == character).map_or(character, |(_, to)| to)
    };
    text.chars().map(replace).collect()
}
