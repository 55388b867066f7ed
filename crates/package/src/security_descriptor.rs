//! Security descriptors as texts, as the column SDDLText has them (page `formattedsddltext.md`; in SecAuthZ the pages
//! `security-descriptor-string-format.md`, `ace-strings.md` and `sid-strings.md`).
//!
//! A text is checked and the accounts that it names are found; nothing is made of it.

/// A text that describes permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityDescriptor {
    accounts: Vec<String>,
}

/// Why a text is no security descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecurityDescriptorError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// Something other than `O:`, `G:`, `D:` or `S:` stands where a part begins.
    #[error("'{found}' stands where a part (O:, G:, D:, S:) should begin")]
    Part {
        /// What stands there.
        found: String,
    },
    /// A part is there twice.
    #[error("the part {part}: is there twice")]
    Repeated {
        /// Its letter.
        part: char,
    },
    /// An account that is neither a security identifier, a constant for one, nor a name in angle brackets.
    #[error("'{found}' is no account")]
    Account {
        /// What stands there.
        found: String,
    },
    /// An entry of an access control list that is not closed, or has not the fields of one.
    #[error("'{found}' is no entry of an access control list")]
    Entry {
        /// What stands there.
        found: String,
    },
    /// A field of an entry with another text than it may have.
    #[error("'{found}' is no {field} of an entry")]
    Field {
        /// What the field is.
        field: &'static str,
        /// What stands there.
        found: String,
    },
}

use SecurityDescriptorError as Error;

impl SecurityDescriptor {
    /// Reads a text in which references are resolved.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(Error::Empty);
        }
        let mut accounts = Vec::new();
        let mut seen = String::new();
        while let Some(letter) = rest.chars().next() {
            let part = letter.to_ascii_uppercase();
            let after = rest.get(1..).and_then(|after| after.strip_prefix(':'));
            let (Some(after), 'O' | 'G' | 'D' | 'S') = (after, part) else {
                return Err(Error::Part { found: beginning(rest) });
            };
            if seen.contains(part) {
                return Err(Error::Repeated { part });
            }
            seen.push(part);
            rest = match part {
                'O' | 'G' => account(after.trim_start(), &mut accounts)?,
                _ => list(after, &mut accounts)?,
            }
            .trim_start();
        }
        Ok(Self { accounts })
    }

    /// The names of accounts in it, which stand in angle brackets, as `domain\user`.
    pub fn accounts(&self) -> &[String] {
        &self.accounts
    }
}

/// An access control list without the letter before it; what is behind it.
fn list<'t>(text: &'t str, accounts: &mut Vec<String>) -> Result<&'t str, Error> {
    let mut rest = text.trim_start();
    while let Some(flag) = LIST_FLAGS.iter().find(|flag| begins_with(rest, flag)) {
        rest = rest.get(flag.len()..).unwrap_or_default().trim_start();
    }
    while rest.starts_with('(') {
        let end = entry_end(rest).ok_or_else(|| Error::Entry { found: beginning(rest) })?;
        entry(rest.get(1..end).unwrap_or_default(), accounts)?;
        rest = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    Ok(rest)
}

/// The place of the bracket that closes the entry that the text begins with. What is in quotes does not count.
fn entry_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quoted = false;
    for (place, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

fn entry(text: &str, accounts: &mut Vec<String>) -> Result<(), Error> {
    let mut fields = text.splitn(7, ';').map(str::trim);
    let mut next = || fields.next().ok_or_else(|| Error::Entry { found: beginning(text) });
    let (kind, flags, rights) = (next()?, next()?, next()?);
    let (object, inherited, trustee) = (next()?, next()?, next()?);
    if !is_of(kind, KINDS) {
        return Err(Error::Field { field: "kind", found: beginning(kind) });
    }
    if !are_of(flags, ENTRY_FLAGS) {
        return Err(Error::Field { field: "flag", found: beginning(flags) });
    }
    let number = rights.strip_prefix("0x").or_else(|| rights.strip_prefix("0X"));
    let is_number = match number {
        Some(digits) => u32::from_str_radix(digits, 16).is_ok(),
        None => rights.parse::<u32>().is_ok(),
    };
    if !is_number && !are_of(rights, RIGHTS) {
        return Err(Error::Field { field: "right", found: beginning(rights) });
    }
    for guid in [object, inherited] {
        if !guid.is_empty() && !is_guid(guid) {
            return Err(Error::Field { field: "GUID", found: beginning(guid) });
        }
    }
    match account(trustee, accounts)? {
        "" => Ok(()),
        rest => Err(Error::Account { found: beginning(rest) }),
    }
}

/// An account at the beginning of a text; what is behind it.
fn account<'t>(text: &'t str, accounts: &mut Vec<String>) -> Result<&'t str, Error> {
    let wrong = || Error::Account { found: beginning(text) };
    if let Some(name) = text.strip_prefix('<') {
        let (name, rest) = name.split_once('>').ok_or_else(wrong)?;
        accounts.push(name.trim().to_owned());
        return Ok(rest);
    }
    if begins_with(text, "S-") {
        let numbers = text.get(2..).unwrap_or_default();
        let end = numbers.find(|it: char| !it.is_ascii_digit() && it != '-').unwrap_or(numbers.len());
        let (numbers, rest) = numbers.split_at_checked(end).ok_or_else(wrong)?;
        let is_right = numbers.split('-').count() >= 3 && numbers.split('-').all(|part| !part.is_empty());
        return if is_right { Ok(rest) } else { Err(wrong()) };
    }
    match text.split_at_checked(2) {
        Some((constant, rest)) if is_of(constant, ACCOUNTS) => Ok(rest),
        _ => Err(wrong()),
    }
}

fn begins_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

/// Whether a text is one of those that stand in a list with blanks between them.
fn is_of(text: &str, all: &str) -> bool {
    all.split(' ').any(|one| one.eq_ignore_ascii_case(text))
}

/// Whether a text is made of those of a list, each of which has two letters.
fn are_of(text: &str, all: &str) -> bool {
    let mut rest = text;
    while let Some((one, after)) = rest.split_at_checked(2) {
        if !is_of(one, all) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// As much of a text as an error shows.
fn beginning(text: &str) -> String {
    text.chars().take(40).collect()
}

const LIST_FLAGS: [&str; 4] = ["NO_ACCESS_CONTROL", "AR", "AI", "P"];
const KINDS: &str = "A D OA OD AU AL OU OL ML XA XD RA SP XU ZA TL FL";
const ENTRY_FLAGS: &str = "CI OI NP IO ID SA FA TP CR";
const RIGHTS: &str = "GA GR GW GX RC SD WD WO RP WP CC DC LC SW LO DT CR FA FR FW FX KA KR KW KX NR NW NX";
const ACCOUNTS: &str = "AA AC AN AO AP AU BA BG BO BU CA CD CG CN CO CY DA DC DD DG DU EA ED EK ER ES HA HI HO IS IU \
     KA LA LG LS LU LW ME MP MU NO NS NU OW PA PO PS PU RA RC RD RE RM RO RS RU SA SH SI SO SS SU SY UD WD WR";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_pages_are_read() {
        for text in [
            "O:BAG:BAD:(D;OICI;GA;;;BG)(A;OICI;GRGWGX;;;S-1-5-21-397955417-626881126-188441444-512)S:ARAI(AU;SAFA;FA;;;WD)",
            "D:PAI(A;;0x1200a9;;;BU)(A;;RPWPCCDCLCSWRCWDWOGA;;;S-1-1-0)",
            "D:",
            "D:PS:",
            "o:s-1-5-18d:(a;;ga;;;sy)",
            "D:NO_ACCESS_CONTROL",
            "D:(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;AO)",
            r#"D:(XA;;FX;;;S-1-1-0;(@User.Title=="PM" && (@User.Division=="Finance")))"#,
            r#"S:(RA;CI;;;;S-1-1-0; ("Project",TS,0,"Windows","SQL"))"#,
            " D:(A; OICI; GA; ; ; BA) ",
        ] {
            assert_eq!(SecurityDescriptor::parse(text).map(|_| ()), Ok(()), "{text}");
        }
        let named = r"O:<SampleDomain\SampleUser>G:BAD:(A;OICI;GRGWGX;;;<Users>)";
        let accounts = SecurityDescriptor::parse(named).unwrap().accounts;
        assert_eq!(accounts, [r"SampleDomain\SampleUser", "Users"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            ("", "it is empty"),
            ("nonsense", "'nonsense' stands where a part (O:, G:, D:, S:) should begin"),
            ("D:(A;;GA;;;BA)x", "'x' stands where a part (O:, G:, D:, S:) should begin"),
            ("D:D:", "the part D: is there twice"),
            ("O:Administrators", "'Administrators' is no account"),
            ("O:S-1-5", "'S-1-5' is no account"),
            ("O:S-1--5", "'S-1--5' is no account"),
            ("O:<user", "'<user' is no account"),
            ("D:(A;;GA;;;BA", "'(A;;GA;;;BA' is no entry of an access control list"),
            ("D:(A;GA;BA)", "'A;GA;BA' is no entry of an access control list"),
            ("D:(Q;;GA;;;BA)", "'Q' is no kind of an entry"),
            ("D:(A;XX;GA;;;BA)", "'XX' is no flag of an entry"),
            ("D:(A;;G;;;BA)", "'G' is no right of an entry"),
            ("D:(A;;0xzz;;;BA)", "'0xzz' is no right of an entry"),
            ("D:(A;;GA;1;;BA)", "'1' is no GUID of an entry"),
            ("D:(A;;GA;;;BAX)", "'X' is no account"),
            ("D:(Ä;;GA;;;Ö)", "'Ä' is no kind of an entry"),
            ("Ö", "'Ö' stands where a part (O:, G:, D:, S:) should begin"),
        ] {
            let found = SecurityDescriptor::parse(text).unwrap_err().to_string();
            assert_eq!(found, error, "{text}");
        }
    }
}
