//! Where one statement ends and the next begins.

/// The statements of a text. Each ends with `;`; a text without any has one on each line. Lines that begin with `--` are
/// comments. Quotation marks hold what is between them together.
pub fn split(text: &str) -> Vec<&str> {
    let ends = semicolons(text);
    let pieces: Vec<&str> = if ends.is_empty() {
        text.lines().collect()
    } else {
        let starts = std::iter::once(0).chain(ends.iter().map(|end| end + 1));
        let ends = ends.iter().copied().chain([text.len()]);
        starts.zip(ends).filter_map(|(start, end)| text.get(start..end)).collect()
    };
    pieces.into_iter().map(without_comments).filter(|statement| !statement.is_empty()).collect()
}

/// Leaves out the comments before a statement.
fn without_comments(piece: &str) -> &str {
    let mut statement = piece.trim();
    while statement.starts_with("--") {
        statement = statement.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    statement
}

/// The places of all `;` that are neither within quotation marks nor in a comment.
fn semicolons(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut mark = None;
    let mut is_comment = false;
    let mut is_line_start = true;
    for (place, character) in text.char_indices() {
        match (mark, character) {
            (_, '\n') => {
                is_comment = false;
                is_line_start = true;
                continue;
            }
            _ if is_comment => {}
            (Some(open), _) if character == open => mark = None,
            (Some(_), _) => {}
            (None, '\'' | '`') => mark = Some(character),
            (None, '-') if is_line_start => {
                is_comment = text.get(place..).is_some_and(|rest| rest.starts_with("--"))
            }
            (None, ';') => places.push(place),
            _ => {}
        }
        is_line_start &= character.is_whitespace();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn statements_end_with_a_semicolon_or_with_the_line() {
        for (text, expected) in [
            ("SELECT 1", &["SELECT 1"][..]),
            ("SELECT 1;", &["SELECT 1"]),
            ("a\nb\n\n", &["a", "b"]),
            ("a\nb;c ;\n", &["a\nb", "c"]),
            ("a ';' b\nc", &["a ';' b", "c"]),
            ("-- it's; one\na;\n  -- two\nb", &["a", "b"]),
            ("-- only", &[]),
            ("a `x;y`; b", &["a `x;y`", "b"]),
            ("", &[]),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
