//! A model of a disk: what of the recorded changes is there after a power loss.
//!
//! Nothing that was not synced needs to be there. Of a file each write may be missing or torn. Names are lost in the ways in
//! which file systems with a journal lose them: those that changed after some moment, but for those in folders that were
//! synced; and a rename is whole, so that both of its names are changed or none.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::SystemTime;

use super::recording::Event;

/// How much a power loss takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// Everything that was not synced.
    Everything,
    /// Names since some moment after the last sync of any folder, as with ext4 and XFS; of contents anything.
    Ordered,
    /// Names since any moment, but for those in synced folders, as with btrfs; of contents anything.
    Logged,
}

/// Numbers that look random.
pub struct Dice(pub u64);

impl Dice {
    /// A number below the limit.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % limit.max(1)
    }
}

#[derive(Clone)]
enum Kind {
    Folder,
    File,
    Link(std::path::PathBuf),
}

#[derive(Clone)]
enum Edit {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Mode(u32),
}

struct Inode {
    kind: Kind,
    mode: u32,
    content: Vec<u8>,
    modified: Option<SystemTime>,
    edits: Vec<(usize, Edit)>,
    /// The content as programs see it.
    now: Vec<u8>,
}

type Names = HashMap<(usize, String), Vec<(usize, Option<usize>)>>;

/// A disk with its history.
pub struct Disk {
    inodes: Vec<Inode>,
    /// For each folder and name what it led to, from which event on.
    names: Names,
    /// When each folder was synced.
    folder_syncs: HashMap<usize, Vec<usize>>,
    file_syncs: HashMap<usize, Vec<usize>>,
    all_syncs: Vec<usize>,
    /// Names that renames bind to others, up to the one that stands for all of them.
    groups: HashMap<(usize, String), (usize, String)>,
    umask: u32,
    events: usize,
}

impl Disk {
    /// A disk that holds this folder, and on which this happens.
    pub fn new(folder: &Path, events: &[Event]) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let umask = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap().trim().to_owned();
        let mut disk = Self {
            inodes: Vec::new(),
            names: Names::new(),
            folder_syncs: HashMap::new(),
            file_syncs: HashMap::new(),
            all_syncs: vec![0],
            groups: HashMap::new(),
            umask: u32::from_str_radix(&umask, 8).unwrap(),
            events: events.len(),
        };
        disk.load(folder);
        for (number, event) in events.iter().enumerate() {
            disk.apply(number + 1, event);
        }
        disk
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.events
    }

    fn load(&mut self, path: &Path) -> usize {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        let (kind, content) = if metadata.is_dir() {
            (Kind::Folder, Vec::new())
        } else if metadata.is_symlink() {
            (Kind::Link(std::fs::read_link(path).unwrap()), Vec::new())
        } else {
            (Kind::File, std::fs::read(path).unwrap())
        };
        let number = self.inode(kind, mode, content, metadata.modified().ok());
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                let child = self.load(&entry.path());
                let name = entry.file_name().into_string().unwrap();
                self.names.insert((number, name), vec![(0, Some(child))]);
            }
        }
        number
    }

    fn inode(&mut self, kind: Kind, mode: u32, content: Vec<u8>, modified: Option<SystemTime>) -> usize {
        let now = content.clone();
        self.inodes.push(Inode { kind, mode, content, modified, edits: Vec::new(), now });
        self.inodes.len() - 1
    }

    fn child(&self, folder: usize, name: &str) -> Option<usize> {
        self.names.get(&(folder, name.to_owned()))?.last()?.1
    }

    /// The folder and name of a path.
    fn place(&self, path: &str) -> (usize, String) {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (self.find(folder).unwrap_or_else(|| panic!("no folder for {path}")), name.to_owned())
    }

    fn find(&self, path: &str) -> Option<usize> {
        path.split('/').filter(|name| !name.is_empty()).try_fold(0, |folder, name| self.child(folder, name))
    }

    fn group(&self, name: &(usize, String)) -> (usize, String) {
        let mut name = name;
        while let Some(next) = self.groups.get(name) {
            name = next;
        }
        name.clone()
    }

    fn name(&mut self, number: usize, path: &str, inode: Option<usize>) {
        let place = self.place(path);
        self.names.entry(place).or_insert_with(|| vec![(0, None)]).push((number, inode));
    }

    fn edit(&mut self, number: usize, path: &str, edit: Edit) {
        // A file that has lost its name is lost.
        let Some(inode) = self.find(path) else { return };
        let inode = &mut self.inodes[inode];
        match &edit {
            Edit::Write(at, bytes) => put(&mut inode.now, *at as usize, bytes),
            Edit::Truncate(length) => inode.now.resize(*length as usize, 0),
            Edit::Mode(_) => {}
        }
        inode.edits.push((number, edit));
    }

    fn apply(&mut self, number: usize, event: &Event) {
        match event {
            Event::MakeFolder { path, mode } => {
                let inode = self.inode(Kind::Folder, mode & !self.umask, Vec::new(), None);
                self.name(number, path, Some(inode));
            }
            Event::Open { path, mode, truncate } => match self.find(path) {
                Some(_) if *truncate => self.edit(number, path, Edit::Truncate(0)),
                Some(_) => {}
                None => {
                    let inode = self.inode(Kind::File, mode & !self.umask, Vec::new(), None);
                    self.name(number, path, Some(inode));
                }
            },
            Event::Write { path, at, bytes } => {
                let Some(inode) = self.find(path) else { return };
                let at = at.unwrap_or(self.inodes[inode].now.len() as u64);
                self.edit(number, path, Edit::Write(at, bytes.clone()));
            }
            Event::Copy { from, from_at, length, path, at } => {
                let from_at = *from_at as usize;
                let source = &self.inodes[self.find(from).unwrap()].now;
                let bytes = source[from_at..from_at + *length as usize].to_vec();
                self.edit(number, path, Edit::Write(*at, bytes));
            }
            Event::Truncate { path, length } => self.edit(number, path, Edit::Truncate(*length)),
            Event::SetMode { path, mode } => self.edit(number, path, Edit::Mode(*mode)),
            Event::Rename { from, to } => {
                let inode = self.find(from).unwrap();
                // Two names of one file: a rename does nothing.
                if self.find(to) != Some(inode) {
                    self.name(number, to, Some(inode));
                    self.name(number, from, None);
                    let (one, other) = (self.group(&self.place(from)), self.group(&self.place(to)));
                    if one != other {
                        self.groups.insert(one, other);
                    }
                }
            }
            Event::Link { from, to } => {
                let inode = self.find(from);
                self.name(number, to, inode);
            }
            Event::Remove { path } => self.name(number, path, None),
            Event::Sync { path } => {
                let Some(inode) = self.find(path) else { return };
                match self.inodes[inode].kind {
                    Kind::Folder => self.folder_syncs.entry(inode).or_default().push(number),
                    _ => self.file_syncs.entry(inode).or_default().push(number),
                }
            }
            Event::SyncAll => self.all_syncs.push(number),
        }
    }

    /// What is there when the power goes after an event.
    pub fn after_power_loss(&self, event: usize, loss: Loss, dice: &mut Dice, folder: &Path) {
        let last = |syncs: Option<&Vec<usize>>| {
            syncs.into_iter().flatten().copied().filter(|sync| *sync <= event).max()
        };
        let all = last(Some(&self.all_syncs)).unwrap_or(0);
        let ordered =
            self.folder_syncs.values().filter_map(|syncs| last(Some(syncs))).max().unwrap_or(0).max(all);
        let earliest = if loss == Loss::Ordered { ordered } else { all };
        let moment = earliest + dice.roll((event - earliest) as u64 + 1) as usize;
        // In order, so that the same dice give the same disk.
        let mut sorted: Vec<_> = self.names.iter().collect();
        sorted.sort_by_key(|entry| entry.0);
        let mut synced_groups: BTreeMap<(usize, String), usize> = BTreeMap::new();
        for (name, history) in &sorted {
            let synced = last(self.folder_syncs.get(&name.0)).unwrap_or(0).max(all);
            let reached = history.iter().map(|(number, _)| *number).filter(|number| *number <= synced).max();
            let group = synced_groups.entry(self.group(name)).or_default();
            *group = (*group).max(reached.unwrap_or(0));
        }
        let cuts: BTreeMap<_, _> = synced_groups
            .into_iter()
            .map(|(group, synced)| {
                let until = match loss {
                    Loss::Nothing => event,
                    Loss::Everything => synced,
                    Loss::Ordered | Loss::Logged => moment.max(synced),
                };
                (group, until)
            })
            .collect();
        let mut names: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
        for ((parent, name), history) in sorted {
            let until = cuts[&self.group(&(*parent, name.clone()))];
            let there =
                history.iter().rev().find(|(number, _)| *number <= until).and_then(|(_, inode)| *inode);
            if let Some(inode) = there {
                names.entry(*parent).or_default().insert(name, inode);
            }
        }
        let mut made = HashMap::new();
        let synced = |inode: usize| last(self.file_syncs.get(&inode)).unwrap_or(0).max(all);
        self.write(0, folder, &names, &mut made, &mut |inode| {
            self.content(inode, event, synced(inode), loss, dice)
        });
    }

    /// The content and mode of a file.
    fn content(
        &self,
        inode: usize,
        event: usize,
        synced: usize,
        loss: Loss,
        dice: &mut Dice,
    ) -> (Vec<u8>, u32, bool) {
        let inode = &self.inodes[inode];
        let (mut content, mut mode) = (inode.content.clone(), inode.mode);
        let mut changed = false;
        // Writes are lost from some moment on, or here and there.
        let here_and_there = dice.roll(2) == 0;
        let moment = synced + dice.roll((event - synced) as u64 + 1) as usize;
        for (number, edit) in inode.edits.iter().filter(|(number, _)| *number <= event) {
            let kept = *number <= synced
                || match loss {
                    Loss::Nothing => true,
                    Loss::Everything => false,
                    _ if here_and_there => dice.roll(2) == 0,
                    _ => *number <= moment,
                };
            match edit {
                Edit::Mode(new) if kept => mode = *new,
                Edit::Truncate(length) if kept => content.resize(*length as usize, 0),
                Edit::Write(at, bytes) => {
                    let torn = matches!(loss, Loss::Ordered | Loss::Logged) && *number > synced;
                    let length = match (kept, torn) {
                        (false, _) => continue,
                        (true, true) if dice.roll(4) == 0 => dice.roll(bytes.len() as u64) as usize,
                        (true, _) => bytes.len(),
                    };
                    put(&mut content, *at as usize, &bytes[..length]);
                    changed = true;
                }
                _ => {}
            }
        }
        (content, mode, changed)
    }

    fn write(
        &self,
        number: usize,
        path: &Path,
        names: &BTreeMap<usize, BTreeMap<&str, usize>>,
        made: &mut HashMap<usize, std::path::PathBuf>,
        content: &mut dyn FnMut(usize) -> (Vec<u8>, u32, bool),
    ) {
        let inode = &self.inodes[number];
        if let Some(other) = made.get(&number) {
            // A folder has one name; which of two it is after a power loss is as good as the other.
            if !matches!(inode.kind, Kind::Folder) {
                std::fs::hard_link(other, path).unwrap();
            }
            return;
        }
        made.insert(number, path.to_owned());
        let mode = match &inode.kind {
            Kind::Link(target) => return symlink(target, path).unwrap(),
            Kind::Folder => {
                std::fs::create_dir(path).unwrap();
                for (name, child) in names.get(&number).into_iter().flatten() {
                    self.write(*child, &path.join(name), names, made, content);
                }
                inode.mode
            }
            Kind::File => {
                let (bytes, mode, changed) = content(number);
                std::fs::write(path, bytes).unwrap();
                if let Some(modified) = inode.modified.filter(|_| !changed) {
                    std::fs::File::open(path).unwrap().set_modified(modified).unwrap();
                }
                mode
            }
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if content.len() < at + bytes.len() {
        content.resize(at + bytes.len(), 0);
    }
    content[at..at + bytes.len()].copy_from_slice(bytes);
}
