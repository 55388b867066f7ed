//! Splitting a command line into words, as a shell would, without a shell.

/// Why a command line cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A quotation mark has no partner.
    #[error("the {mark} at offset {offset} is not closed")]
    OpenQuote {
        /// The mark.
        mark: char,
        /// Where it stands, in bytes.
        offset: usize,
    },
}

/// The words of a command line.
///
/// Blanks separate words. Between `"` and `"` blanks do not; there a backslash stands for itself unless it comes before
/// `"`. Between `'` and `'` everything stands for itself. Elsewhere a backslash stands for itself too: it separates the
/// folders of Windows paths, which are what these command lines are made of. Nothing is expanded.
///
/// A folder such as `[INSTALLDIR]` ends in a backslash, so that `"[INSTALLDIR]"` ends in `\"`. When taking that as a part
/// of the word leaves a quotation mark open, every backslash stands for itself.
///
/// # Errors
/// When a quotation mark is not closed.
pub fn split(command_line: &str) -> Result<Vec<String>, SplitError> {
    split_with(command_line, Backslash::BeforeMark)
        .or_else(|error| split_with(command_line, Backslash::Literal).map_err(|_| error))
}

/// What a backslash between `"` and `"` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// Before `"` it makes that a part of the word.
    BeforeMark,
    /// It always stands for itself.
    Literal,
}

fn split_with(command_line: &str, backslash: Backslash) -> Result<Vec<String>, SplitError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command_line.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            mark @ ('"' | '\'') => {
                let inside = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(SplitError::OpenQuote { mark, offset }),
                        Some((_, end)) if end == mark => break,
                        Some((_, '\\'))
                            if mark == '"'
                                && backslash == Backslash::BeforeMark
                                && characters.next_if(|(_, next)| *next == '"').is_some() =>
                        {
                            inside.push('"');
                        }
                        Some((_, other)) => inside.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_blanks_outside_of_quotation_marks() {
        for (line, expected) in [
            ("", &[] as &[&str]),
            ("  a\tb \n", &["a", "b"]),
            (r#""a b" c"#, &["a b", "c"]),
            (r#"--x="a b"c"#, &["--x=a bc"]),
            (r#""" ''"#, &["", ""]),
            (r#"'a "b" \ c'"#, &[r#"a "b" \ c"#]),
            (r#""say \"yes\"""#, &[r#"say "yes""#]),
            (r"C:\Program\x.txt", &[r"C:\Program\x.txt"]),
            (r#""C:\Program Files\x""#, &[r"C:\Program Files\x"]),
            (r#""C:\Program Files\x\""#, &[r"C:\Program Files\x\"]),
            (r#"--a "C:\a b\" "C:\c d\""#, &["--a", r"C:\a b\", r"C:\c d\"]),
            ("$HOME `id` ; rm *", &["$HOME", "`id`", ";", "rm", "*"]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn an_open_quotation_mark_is_named() {
        assert_eq!(split("a 'b"), Err(SplitError::OpenQuote { mark: '\'', offset: 2 }));
        assert_eq!(split("\"b\\\" \""), Ok(vec!["b\" ".to_owned()]));
        assert_eq!(split("\"b"), Err(SplitError::OpenQuote { mark: '"', offset: 0 }));
    }
}
