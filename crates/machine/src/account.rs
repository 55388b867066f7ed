//! Users of this computer.

use std::ffi::OsString;

/// A user of this computer, as `/etc/passwd` has it. Users of a directory service are not in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user's number.
    pub id: u32,
    /// The number of the user's first group.
    pub group: u32,
    /// What the user logs in as.
    pub name: String,
    /// The user's own folder.
    pub home: OsString,
}

impl Account {
    /// The user of this number, when it is known.
    pub fn of(id: u32) -> Option<Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        passwd.lines().filter_map(Self::of_line).find(|account| account.id == id)
    }

    fn of_line(line: &str) -> Option<Self> {
        let [name, _, id, group, _, home, ..] = line.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self {
            id: id.parse().ok()?,
            group: group.parse().ok()?,
            name: name.to_owned(),
            home: home.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_number_group_name_and_folder() {
        let account = Account::of_line("anna:x:1000:1001:Anna,,,:/home/anna:/bin/sh").unwrap();
        assert_eq!((account.id, account.group, account.name.as_str()), (1000, 1001, "anna"));
        assert_eq!(account.home, "/home/anna");
        assert_eq!(Account::of_line("+@directory"), None);
    }

    #[test]
    fn root_is_known() {
        assert_eq!(Account::of(0).unwrap().name, "root");
    }
}
