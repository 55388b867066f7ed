//! A set of cabinets seen as one: folders and files that go on in the next cabinet are whole here.
//!
//! The first cabinet is read when the set is opened. Following ones are opened when a file that goes on in them is copied,
//! or when [`CabinetSet::open_following`], [`CabinetSet::open_all`] or [`CabinetSet::locate`] asks for them; their files
//! are then listed after those known so far, so indices stay valid.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::PoisonError;

use crate::blocks::Parts;
use crate::decoder::Compression;
use crate::error::CabinetError;
use crate::file::CabinetFile;
use crate::folder::{Folder, FolderReader, Run, Step};
use crate::header::{
    CONTINUED_BOTH, CONTINUED_FROM_PREVIOUS, CONTINUED_TO_NEXT, FileEntry, FolderEntry, Header, Neighbour,
};
use crate::part::{Part, ReadSeek};

/// Opens the cabinet of this name. The name is as the cabinet before gives it: in real sets it may differ from the file's in
/// letter case, and in hostile ones it may have separators or `..`, so the opener looks it up rather than joining it.
pub type NextCabinet = Box<dyn FnMut(&str) -> io::Result<Box<dyn ReadSeek>> + Send>;

/// An open set of one or more cabinets.
pub struct CabinetSet {
    parts: Parts,
    /// How many these are.
    count: usize,
    next: NextCabinet,
    folders: Vec<Folder>,
    files: Vec<CabinetFile>,
    /// By name in ASCII lower case; the first file of a name counts.
    by_name: HashMap<String, usize>,
    /// The cabinet that follows the last open one.
    following: Option<Neighbour>,
    /// The cabinet before the first one.
    previous: Option<Neighbour>,
    set_id: u16,
    first_index: u16,
    reader: Option<FolderReader>,
    /// So many threads may decompress beside the one that copies.
    threads: usize,
}

impl CabinetSet {
    /// Opens a set by its first cabinet. `next` opens the named following cabinet; it is called once for each, on demand.
    ///
    /// # Errors
    /// When the first cabinet's tables are damaged. Data blocks are not looked at before they are needed.
    pub fn open(first: Box<dyn ReadSeek>, next: NextCabinet) -> Result<Self, CabinetError> {
        let mut set = Self {
            parts: Parts::default(),
            count: 0,
            next,
            folders: Vec::new(),
            files: Vec::new(),
            by_name: HashMap::new(),
            following: None,
            previous: None,
            set_id: 0,
            first_index: 0,
            reader: None,
            threads: 0,
        };
        let mut part = Part::new("cabinet 1".to_owned(), first)?;
        let header = Header::read(&mut part)?;
        set.set_id = header.set_id;
        set.first_index = header.index;
        set.previous = header.previous.clone();
        set.add_part(part, header)?;
        Ok(set)
    }

    /// Opens a single cabinet; a following one counts as missing.
    ///
    /// # Errors
    /// As [`CabinetSet::open`].
    pub fn open_single(cabinet: Box<dyn ReadSeek>) -> Result<Self, CabinetError> {
        let missing = |_: &str| Err(io::Error::new(io::ErrorKind::NotFound, "only one cabinet was given"));
        Self::open(cabinet, Box::new(missing))
    }

    /// Lets so many threads read and decompress what comes next while files are copied; without this the thread that copies does all of
    /// it. With MSZIP each of them helps, and so does the one that copies when it would wait. With LZX and Quantum, where all blocks of a
    /// folder are one chain, one of them decompresses what the one that copies reads.
    pub fn use_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// The files of the cabinets that are open so far, in their order.
    pub fn files(&self) -> &[CabinetFile] {
        &self.files
    }

    /// The index of the first file with this name, without regard to ASCII letter case, among those listed so far.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// As [`CabinetSet::find`], but it opens following cabinets until the file is found or there are no more.
    ///
    /// # Errors
    /// When a following cabinet cannot be opened.
    pub fn locate(&mut self, name: &str) -> Result<Option<usize>, CabinetError> {
        loop {
            if let Some(index) = self.find(name) {
                return Ok(Some(index));
            }
            if !self.open_following()? {
                return Ok(None);
            }
        }
    }

    /// Number of folders known so far.
    pub fn folder_count(&self) -> usize {
        self.folders.len()
    }

    /// How a folder is compressed.
    pub fn compression(&self, folder: usize) -> Option<Compression> {
        self.folders.get(folder).map(|folder| folder.compression)
    }

    /// Number of cabinets open so far.
    pub fn part_count(&self) -> usize {
        self.count
    }

    /// The name of the cabinet that follows the last open one.
    pub fn following_name(&self) -> Option<&str> {
        self.following.as_ref().map(|neighbour| neighbour.name.as_str())
    }

    /// The name of the cabinet before the first one; files that start in it cannot be copied.
    pub fn previous_name(&self) -> Option<&str> {
        self.previous.as_ref().map(|neighbour| neighbour.name.as_str())
    }

    /// The indices of all files in the order in which their data comes, which makes copying them one pass.
    pub fn reading_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|index| self.files.get(*index).map(|file| (file.folder, file.offset)));
        order
    }

    /// Opens the following cabinet and lists its files. `false` when the last open one is the set's last.
    ///
    /// # Errors
    /// When it cannot be opened, is damaged, or is not the following one.
    pub fn open_following(&mut self) -> Result<bool, CabinetError> {
        let Some(Neighbour { name, disk }) = self.following.clone() else { return Ok(false) };
        let number = self.count + 1;
        let label = format!("cabinet {number} ('{name}')");
        let source = (self.next)(&name).map_err(|source| CabinetError::Next { name, disk, source })?;
        let mut part = Part::new(label, source)?;
        let header = Header::read(&mut part)?;
        // The index grows with each cabinet, so a set that names an earlier one again ends here.
        let expected_index = u32::from(self.first_index) + self.count as u32;
        if header.set_id != self.set_id || u32::from(header.index) != expected_index {
            return Err(CabinetError::WrongPart {
                part: part.label(),
                expected_set: self.set_id,
                expected_index,
                got_set: header.set_id,
                got_index: header.index,
            });
        }
        tracing::debug!(part = %part.label(), files = header.files, "opened the following cabinet");
        self.add_part(part, header)?;
        Ok(true)
    }

    /// Opens all following cabinets, after which [`CabinetSet::files`] is the whole set.
    ///
    /// # Errors
    /// As [`CabinetSet::open_following`].
    pub fn open_all(&mut self) -> Result<(), CabinetError> {
        while self.open_following()? {}
        Ok(())
    }

    /// Copies a file's content to `out` and gives its length in bytes. The folder's decoder is kept: files in the order of
    /// [`CabinetSet::reading_order`] take one pass, going back starts the folder again.
    ///
    /// # Errors
    /// When the data is damaged or a following cabinet is missing: `out` then has an unfinished file.
    pub fn copy(&mut self, index: usize, out: &mut dyn Write) -> Result<u64, CabinetError> {
        let files = self.files.len();
        let file = self.files.get(index).ok_or(CabinetError::NoSuchFile { index, files })?.clone();
        if file.size == 0 {
            return Ok(0);
        }
        // An error drops the reader, so that the next call starts from a sound state.
        let mut reader = self.reader_before(&file)?;
        let end = file.offset + file.size;
        let mut position = file.offset;
        while position < end {
            while reader.end <= position {
                self.advance(&mut reader, &file)?;
            }
            let available = reader.bytes_from(position);
            let wanted = usize::try_from(end - position).unwrap_or(usize::MAX);
            let bytes = available.get(..wanted).unwrap_or(available);
            out.write_all(bytes).map_err(|source| CabinetError::Write { file: file.name.clone(), source })?;
            position += bytes.len() as u64;
        }
        self.reader = Some(reader);
        Ok(file.size)
    }

    /// A reader of the file's folder that stands before the file's data or within its first block.
    fn reader_before(&mut self, file: &CabinetFile) -> Result<FolderReader, CabinetError> {
        let reader = self.reader.take();
        if let Some(reader) =
            reader.filter(|reader| reader.folder == file.folder && reader.start <= file.offset)
        {
            return Ok(reader);
        }
        let folders = self.folders.len();
        let Some(folder) = self.folders.get(file.folder) else {
            return Err(CabinetError::NoSuchFile { index: file.folder, files: folders });
        };
        if folder.starts_before {
            let previous = self.previous_name().unwrap_or_default().to_owned();
            return Err(CabinetError::StartsBefore { file: file.name.clone(), previous });
        }
        Ok(FolderReader::new(file.folder, folder, &self.parts, self.threads))
    }

    /// Takes the reader to the next block, opening the following cabinet where the folder goes on in it.
    fn advance(&mut self, reader: &mut FolderReader, file: &CabinetFile) -> Result<(), CabinetError> {
        loop {
            match reader.step()? {
                Step::Block => return Ok(()),
                Step::End => return Err(beyond(reader, file)),
                Step::NeedsNext => {
                    if !self.open_following()? {
                        return Err(beyond(reader, file));
                    }
                    let Some(folder) = self.folders.get(reader.folder) else {
                        return Err(beyond(reader, file));
                    };
                    reader.extend(folder);
                }
            }
        }
    }

    /// Adds a cabinet's folders and files to the set's.
    fn add_part(&mut self, mut part: Part, header: Header) -> Result<(), CabinetError> {
        let folders = header.read_folders(&mut part)?;
        let files = header.read_files(&mut part)?;
        let continued =
            files.iter().any(|file| matches!(file.folder, CONTINUED_FROM_PREVIOUS | CONTINUED_BOTH));
        let joins = self.folders.last().is_some_and(|folder| folder.continues);
        let mut added = Vec::with_capacity(folders.len());
        for (index, entry) in folders.iter().enumerate() {
            added.push(self.folder_of(&part, &header, index, *entry)?);
        }
        if let Some(first) = added.first_mut() {
            first.starts_before = continued && !joins;
        }
        let to_next = files.iter().any(|file| matches!(file.folder, CONTINUED_TO_NEXT | CONTINUED_BOTH));
        if let Some(last) = added.last_mut() {
            last.continues = to_next && header.next.is_some();
        }
        // Index in the set of this part's first folder.
        let base = self.folders.len() - usize::from(joins);
        let listed = self.files_of(&part, &files, base, folders.len(), joins)?;
        self.join_folders(&part, added, joins, continued)?;
        for file in listed {
            self.by_name.entry(file.name.to_ascii_lowercase()).or_insert(self.files.len());
            self.files.push(file);
        }
        self.following = header.next;
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(part);
        self.count += 1;
        Ok(())
    }

    fn folder_of(
        &self,
        part: &Part,
        header: &Header,
        index: usize,
        entry: FolderEntry,
    ) -> Result<Folder, CabinetError> {
        let Some(compression) = Compression::from_raw(entry.compression) else {
            return Err(CabinetError::Compression {
                part: part.label(),
                folder: index,
                value: entry.compression,
            });
        };
        let run = Run {
            part: self.count,
            offset: u64::from(entry.data_offset),
            blocks: entry.blocks,
            reserved: header.data_reserved,
        };
        Ok(Folder { compression, runs: vec![run], continues: false, starts_before: false })
    }

    /// The files to list. Those that continue a listed one are the same file and left out.
    fn files_of(
        &self,
        part: &Part,
        entries: &[FileEntry],
        base: usize,
        folders: usize,
        joins: bool,
    ) -> Result<Vec<CabinetFile>, CabinetError> {
        let mut files = Vec::with_capacity(entries.len());
        for entry in entries {
            let folder = match entry.folder {
                CONTINUED_FROM_PREVIOUS | CONTINUED_BOTH if joins => continue,
                CONTINUED_FROM_PREVIOUS | CONTINUED_BOTH => 0,
                CONTINUED_TO_NEXT => folders.saturating_sub(1),
                index => usize::from(index),
            };
            if folder >= folders {
                let file = crate::file::decode_name(&entry.name, entry.attributes);
                return Err(CabinetError::FolderIndex {
                    part: part.label(),
                    file,
                    folder: entry.folder,
                    folders,
                });
            }
            files.push(CabinetFile::new(entry, base + folder));
        }
        Ok(files)
    }

    /// Appends a part's folders; the first one continues the last known one when that goes on.
    fn join_folders(
        &mut self,
        part: &Part,
        added: Vec<Folder>,
        joins: bool,
        continued: bool,
    ) -> Result<(), CabinetError> {
        let folder = self.folders.len().saturating_sub(1);
        let mut added = added.into_iter();
        if let (true, Some(last)) = (joins, self.folders.last_mut()) {
            let refuse = |reason| CabinetError::NotContinued { part: part.label(), folder, reason };
            if !continued {
                return Err(refuse("none of its files is continued from there"));
            }
            let first = added.next().ok_or_else(|| refuse("it has no folder"))?;
            if first.compression != last.compression {
                return Err(refuse("its first folder is compressed in another way"));
            }
            last.runs.extend(first.runs);
            last.continues = first.continues;
        }
        self.folders.extend(added);
        Ok(())
    }
}

fn beyond(reader: &FolderReader, file: &CabinetFile) -> CabinetError {
    CabinetError::BeyondFolder {
        file: file.name.clone(),
        offset: file.offset,
        end: file.offset + file.size,
        folder: file.folder,
        available: reader.end,
    }
}
