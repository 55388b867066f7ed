//! Message templates: Formatted text in which `{{…}}` is for the log alone (page `error-table.md`).

use std::borrow::Cow;

/// Who reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The user: text between doubled braces is left out.
    User,
    /// The log: it is kept, without the braces.
    Log,
}

/// A template for one audience, to be resolved by [`crate::Formatted`] then.
pub fn template(text: &str, audience: Audience) -> Cow<'_, str> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inside, following)) = after.split_once("}}") else { break };
        result.push_str(before);
        if audience == Audience::Log {
            result.push_str(inside);
        }
        rest = following;
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    result.push_str(rest);
    Cow::Owned(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_what_only_the_log_shows() {
        let text = "{{Disk full: }}No room on [2]{, [3]}.{{ Error [4]}}";
        assert_eq!(template(text, Audience::User), "No room on [2]{, [3]}.");
        assert_eq!(template(text, Audience::Log), "Disk full: No room on [2]{, [3]}. Error [4]");
        assert_eq!(template("{{open", Audience::User), "{{open");
        assert_eq!(template("{[2]}{, [3]}", Audience::User), "{[2]}{, [3]}");
    }
}
