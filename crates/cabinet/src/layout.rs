//! How blocks and files are laid out in the cabinets of a set, none larger than allowed.
//!
//! A folder goes on in the next cabinet only together with a file: readers know it by the file that is listed in both. So a
//! cabinet ends where a file goes on, or in the middle of a block, whose files then go on; the two parts of a block are joined
//! by the reader ([MS-CAB] 2.5: a part that goes on says 0 bytes after decompression). cabextract 1.9 joins a folder over three
//! cabinets only if the same file goes on in all of them, and Windows writes no others: so no file starts in a folder that
//! comes from the cabinet before, for which [`Layout::is_full_with`] is asked before a file is added.

use crate::block::HEADER_SIZE;
use crate::header::{self, FileEntry};

/// The least that a part of a block takes; a block of one byte cannot be parted.
const LEAST_PIECE: u64 = HEADER_SIZE as u64 + 2;

/// A compressed block that waits for its cabinet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where its stored bytes wait.
    pub place: u64,
    /// Stored bytes.
    pub stored: u16,
    /// Bytes after decompression.
    pub size: u16,
}

/// A block, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub block: Block,
    /// Range of the stored bytes.
    pub from: u16,
    pub to: u16,
}

impl Piece {
    /// True when the block ends with it.
    pub fn is_last(&self) -> bool {
        self.to == self.block.stored
    }

    /// Bytes that it takes with its header.
    pub fn stored_size(&self) -> u64 {
        HEADER_SIZE as u64 + u64::from(self.to - self.from)
    }
}

/// A folder as far as it lies in one cabinet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FolderPlan {
    pub pieces: Vec<Piece>,
}

/// One cabinet of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CabinetPlan {
    pub folders: Vec<FolderPlan>,
    /// Index of the file, and the folder's index as stored.
    pub files: Vec<(usize, u16)>,
}

/// A set as far as it is laid out.
pub(crate) struct Layout {
    most: u64,
    header: u64,
    /// The files of the folders so far.
    files: Vec<FileEntry>,
    done: Vec<CabinetPlan>,
    current: Current,
    /// The first file that is not listed yet.
    next: usize,
}

/// The cabinet being filled.
struct Current {
    folders: Vec<FolderPlan>,
    /// Files with the index of their folder here, and those of them that come from the cabinet before.
    files: Vec<(usize, u16)>,
    carried: Vec<usize>,
    used: u64,
}

impl Current {
    fn new(header: u64) -> Self {
        Self { folders: Vec::new(), files: Vec::new(), carried: Vec::new(), used: header }
    }
}

impl Layout {
    /// Nothing yet, in cabinets of at most `most` bytes, of which `header` are needed for a header.
    pub fn new(most: u64, header: u64) -> Self {
        let current = Current::new(header);
        Self { most, header, files: Vec::new(), done: Vec::new(), current, next: 0 }
    }

    /// Whether the cabinet may have no room for a folder of so many bytes, with the entries of its files, and anything more.
    pub fn is_full_with(&self, bytes: u64) -> bool {
        self.current.used + header::FOLDER_SIZE + bytes + LEAST_PIECE > self.most
    }

    /// All cabinets.
    pub fn finish(mut self) -> Vec<CabinetPlan> {
        self.end_cabinet(&[]);
        self.done
    }

    /// Lays out the next folder with its files. `None` when the cabinets are too small.
    pub fn add_folder(&mut self, index: usize, files: &[FileEntry], blocks: &[Block]) -> Option<()> {
        self.files.extend_from_slice(files);
        let mut is_open = false;
        let mut start = 0;
        if blocks.is_empty() {
            let files = self.starting(index, u64::MAX);
            self.make_room(header::FOLDER_SIZE + self.entries(files.clone()))?;
            self.open_folder(&mut is_open);
            self.list(files);
        }
        for (number, block) in blocks.iter().enumerate() {
            let end = start + u64::from(block.size);
            let following = blocks.get(number + 1);
            // Empty files at the very end of the folder belong to its last block.
            let reach = if following.is_some() { end } else { u64::MAX };
            let mut from = 0;
            while from < block.stored {
                let files = if from == 0 { self.starting(index, reach) } else { self.next..self.next };
                let fixed = self.entries(files.clone())
                    + if is_open { 0 } else { header::FOLDER_SIZE + self.carried_entries() };
                let room = (self.most.checked_sub(self.current.used + fixed))
                    .map_or(0, |room| room.saturating_sub(HEADER_SIZE as u64));
                let rest = block.stored - from;
                let whole = u64::from(rest) <= room
                    && following.is_none_or(|following| {
                        self.crosses(index, files.end, end)
                            || self.can_begin(
                                index,
                                files.end,
                                following,
                                end,
                                blocks.len() == number + 2,
                                room - u64::from(rest),
                            )
                    });
                let taken = if whole { rest } else { room.min(u64::from(rest) - 1) as u16 };
                if taken == 0 {
                    // Nothing of the block fits. It starts where a file goes on, or its folder does.
                    let carried =
                        if from == 0 { self.touching(index, self.next, start, start) } else { Vec::new() };
                    if self.current.files.is_empty() && self.current.folders.is_empty()
                        || from > 0
                        || is_open && carried.is_empty()
                    {
                        return None;
                    }
                    self.end_cabinet(&carried);
                    is_open = false;
                    continue;
                }
                self.open_folder(&mut is_open);
                self.list(files);
                let piece = Piece { block: *block, from, to: from + taken };
                self.current.used += piece.stored_size();
                self.current.folders.last_mut()?.pieces.push(piece);
                from += taken;
                if from < block.stored {
                    let carried = self.touching(index, self.next, start, end);
                    self.end_cabinet(&carried);
                    is_open = false;
                }
            }
            start = end;
        }
        Some(())
    }

    /// Ends the cabinet if there is not so much room in it.
    fn make_room(&mut self, needed: u64) -> Option<()> {
        if self.current.used + needed > self.most {
            self.end_cabinet(&[]);
        }
        (self.current.used + needed <= self.most).then_some(())
    }

    /// The files of a folder that are not listed yet and start before an offset.
    fn starting(&self, folder: usize, before: u64) -> std::ops::Range<usize> {
        let rest = self.files.get(self.next..).unwrap_or_default();
        let starts =
            |file: &&FileEntry| usize::from(file.folder) == folder && u64::from(file.offset) < before;
        self.next..self.next + rest.iter().take_while(starts).count()
    }

    fn entries(&self, files: std::ops::Range<usize>) -> u64 {
        self.files.get(files).unwrap_or_default().iter().map(entry_size).sum()
    }

    fn carried_entries(&self) -> u64 {
        self.current.carried.iter().filter_map(|file| self.files.get(*file)).map(entry_size).sum()
    }

    /// The files before `listed` that have bytes on both sides of an offset, or in the block from `start` to `end`.
    fn touching(&self, folder: usize, listed: usize, start: u64, end: u64) -> Vec<usize> {
        let mut found = Vec::new();
        for index in (0..listed).rev() {
            let Some(file) = self.files.get(index).filter(|file| usize::from(file.folder) == folder) else {
                break;
            };
            let (file_start, file_end) =
                (u64::from(file.offset), u64::from(file.offset) + u64::from(file.size));
            if file_end > start && file_start < end && file.size > 0 {
                found.push(index);
            } else if file.size > 0 && file_end <= start {
                // Files before it end earlier still.
                break;
            }
        }
        found.reverse();
        found
    }

    fn crosses(&self, folder: usize, listed: usize, offset: u64) -> bool {
        !self.touching(folder, listed, offset, offset).is_empty()
    }

    /// Whether a part of the following block can come into the cabinet too.
    fn can_begin(
        &self,
        folder: usize,
        listed: usize,
        block: &Block,
        start: u64,
        is_last: bool,
        room: u64,
    ) -> bool {
        let reach = if is_last { u64::MAX } else { start + u64::from(block.size) };
        let rest = self.files.get(listed..).unwrap_or_default();
        let starts = |file: &&FileEntry| usize::from(file.folder) == folder && u64::from(file.offset) < reach;
        let entries: u64 = rest.iter().take_while(starts).map(entry_size).sum();
        entries + LEAST_PIECE <= room
    }

    fn open_folder(&mut self, is_open: &mut bool) {
        if *is_open {
            return;
        }
        *is_open = true;
        self.current.folders.push(FolderPlan::default());
        self.current.used += header::FOLDER_SIZE + self.carried_entries();
        let carried = self.current.carried.clone();
        self.current.files.extend(carried.into_iter().map(|file| (file, 0)));
    }

    fn list(&mut self, files: std::ops::Range<usize>) {
        let folder = self.current.folders.len().saturating_sub(1) as u16;
        self.current.used += self.entries(files.clone());
        self.next = files.end;
        self.current.files.extend(files.map(|file| (file, folder)));
    }

    /// Ends the cabinet; the carried files go on in the next one.
    fn end_cabinet(&mut self, carried: &[usize]) {
        let next = Current { carried: carried.to_vec(), ..Current::new(self.header) };
        let mut ended = std::mem::replace(&mut self.current, next);
        for (file, folder) in &mut ended.files {
            let (before, after) = (ended.carried.contains(file), carried.contains(file));
            *folder = match (before, after) {
                (true, true) => header::CONTINUED_BOTH,
                (true, false) => header::CONTINUED_FROM_PREVIOUS,
                (false, true) => header::CONTINUED_TO_NEXT,
                (false, false) => *folder,
            };
        }
        self.done.push(CabinetPlan { folders: ended.folders, files: ended.files });
    }
}

/// Bytes of a file's entry.
pub(crate) fn entry_size(file: &FileEntry) -> u64 {
    header::FILE_SIZE + file.name.len() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{CONTINUED_BOTH, CONTINUED_FROM_PREVIOUS, CONTINUED_TO_NEXT};

    fn blocks(stored: &[u16]) -> Vec<Block> {
        stored.iter().map(|&stored| Block { place: 0, stored, size: 1000 }).collect()
    }

    fn file(folder: u16, offset: u32, size: u32) -> FileEntry {
        FileEntry { size, offset, folder, date: 0, time: 0, attributes: 0, name: b"abc".to_vec() }
    }

    fn lay_out(
        folders: &[Vec<Block>],
        files: &[FileEntry],
        most: u64,
        header: u64,
    ) -> Option<Vec<CabinetPlan>> {
        let mut layout = Layout::new(most, header);
        for (index, blocks) in folders.iter().enumerate() {
            let files: Vec<_> =
                files.iter().filter(|file| usize::from(file.folder) == index).cloned().collect();
            layout.add_folder(index, &files, blocks)?;
        }
        Some(layout.finish())
    }

    fn sizes(plans: &[CabinetPlan]) -> Vec<Vec<(u16, u16)>> {
        let of_plan = |plan: &CabinetPlan| {
            plan.folders
                .iter()
                .flat_map(|folder| &folder.pieces)
                .map(|piece| (piece.from, piece.to))
                .collect()
        };
        plans.iter().map(of_plan).collect()
    }

    #[test]
    fn one_cabinet_holds_everything_that_fits() {
        let files = [file(0, 0, 500), file(0, 500, 0), file(0, 500, 1500), file(1, 0, 10), file(1, 10, 0)];
        let plans = lay_out(&[blocks(&[300, 300]), blocks(&[9])], &files, 10_000, 36).unwrap();
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].files, [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1)]);
        assert_eq!(sizes(&plans), [[(0, 300), (0, 300), (0, 9)]]);
    }

    #[test]
    fn a_file_goes_on_in_as_many_cabinets_as_it_needs() {
        let plans = lay_out(&[blocks(&[800; 4])], &[file(0, 0, 4000)], 1500, 36).unwrap();
        assert_eq!(
            plans.iter().map(|plan| plan.files[0].1).collect::<Vec<_>>(),
            [CONTINUED_TO_NEXT, CONTINUED_BOTH, CONTINUED_FROM_PREVIOUS]
        );
        let used = 36 + 8 + 20 + 8 + 800 + 8;
        assert_eq!(sizes(&plans)[0], [(0, 800), (0, 1500 - used)]);
        let stored: u64 = plans
            .iter()
            .flat_map(|plan| &plan.folders[0].pieces)
            .map(|piece| u64::from(piece.to - piece.from))
            .sum();
        assert_eq!(stored, 3200);
    }

    #[test]
    fn a_cabinet_ends_within_a_block_where_no_file_goes_on() {
        // The first block fits to the byte, but its file ends with it.
        let files = [file(0, 0, 1000), file(0, 1000, 1000)];
        let most = 36 + 8 + 20 + 8 + 500;
        let plans = lay_out(&[blocks(&[500, 500])], &files, most, 36).unwrap();
        assert_eq!(sizes(&plans)[0], [(0, 499)]);
        assert_eq!(plans[0].files, [(0, CONTINUED_TO_NEXT)]);
        assert_eq!(plans[1].files[0], (0, CONTINUED_FROM_PREVIOUS));
        // Folders end without that.
        let files = [file(0, 0, 1000), file(1, 0, 1000)];
        let plans = lay_out(&[blocks(&[500]), blocks(&[500])], &files, most, 36).unwrap();
        assert_eq!(sizes(&plans), [[(0, 500)], [(0, 500)]]);
        assert_eq!((plans[0].files[0], plans[1].files[0]), ((0, 0), (1, 0)));
    }

    #[test]
    fn too_little_room_is_refused() {
        for most in [0, 36, 60, 72] {
            assert_eq!(lay_out(&[blocks(&[500])], &[file(0, 0, 1000)], most, 36), None, "{most}");
        }
    }
}
