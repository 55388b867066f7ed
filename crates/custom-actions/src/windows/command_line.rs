//! The command line of a Windows program as the words that it was made of.

/// Splits a command line as the page of `CommandLineToArgvW` says.
///
/// Blanks separate words, but not between quotation marks. Before a quotation mark two backslashes stand for one, and one
/// that is left over makes the mark a part of the word; elsewhere backslashes stand for themselves. In the first word,
/// the program's name, they always do.
pub(crate) fn arguments(command_line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = command_line.trim_start_matches([' ', '\t']).chars().peekable();
    let mut program = String::new();
    let mut is_quoted = false;
    for unit in rest.by_ref() {
        match unit {
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => break,
            unit => program.push(unit),
        }
    }
    words.push(program);
    loop {
        while rest.next_if(|unit| matches!(unit, ' ' | '\t')).is_some() {}
        if rest.peek().is_none() {
            return words;
        }
        let mut word = String::new();
        let mut is_quoted = false;
        while let Some(unit) = rest.next_if(|unit| is_quoted || !matches!(unit, ' ' | '\t')) {
            match unit {
                '\\' => {
                    let mut count = 1_usize;
                    while rest.next_if_eq(&'\\').is_some() {
                        count += 1;
                    }
                    let before_mark = rest.peek() == Some(&'"');
                    word.extend(std::iter::repeat_n('\\', if before_mark { count / 2 } else { count }));
                    if before_mark && count % 2 == 1 {
                        word.extend(rest.next());
                    }
                }
                '"' if is_quoted && rest.next_if_eq(&'"').is_some() => word.push('"'),
                '"' => is_quoted = !is_quoted,
                unit => word.push(unit),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_windows_splits_them() {
        for (line, words) in [
            (r#"a.exe"#, &["a.exe"][..]),
            (r#""C:\my files\a.exe"  b "c d"  "#, &[r"C:\my files\a.exe", "b", "c d"]),
            (r#"a "x\"y" "" z\\w "e\\" "f\g""#, &["a", "x\"y", "", r"z\\w", r"e\", r"f\g"]),
            (r#"C:\"x y"\a b"c"d"#, &[r"C:\x y\a", "bcd"]),
            (r#"a "b""c" \\\"d "open"#, &["a", "b\"c", r#"\"d"#, "open"]),
            ("", &[""]),
        ] {
            assert_eq!(arguments(line), words, "{line}");
        }
    }
}
