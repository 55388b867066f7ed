//! The raw layout of a cabinet's tables: CFHEADER, CFFOLDER and CFFILE, read and written ([MS-CAB] 2.1, 2.2, 2.4).
//!
//! Nothing is interpreted here beyond lengths and flags; [`crate::CabinetSet`] gives the numbers their meaning.

use crate::error::CabinetError;
use crate::part::Part;

const SIGNATURE: [u8; 4] = *b"MSCF";
const VERSION_MAJOR: u8 = 1;
const VERSION_MINOR: u8 = 3;
const FLAG_PREVIOUS: u16 = 1;
const FLAG_NEXT: u16 = 2;
const FLAG_RESERVED: u16 = 4;

/// Bytes of CFHEADER without its optional fields.
pub(crate) const HEADER_SIZE: u64 = 36;
/// Bytes of CFFOLDER without its reserved area.
pub(crate) const FOLDER_SIZE: u64 = 8;
/// Bytes of CFFILE without its name.
pub(crate) const FILE_SIZE: u64 = 16;

/// Folder indices that stand for "continued from the previous cabinet", "to the next", and both.
pub(crate) const CONTINUED_FROM_PREVIOUS: u16 = 0xfffd;
pub(crate) const CONTINUED_TO_NEXT: u16 = 0xfffe;
pub(crate) const CONTINUED_BOTH: u16 = 0xffff;

/// A neighbouring cabinet's name and its disk's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub name: String,
    pub disk: String,
}

/// CFHEADER with its optional fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Header {
    /// Length of the cabinet in bytes; a file may be longer (signatures come after it).
    pub size: u32,
    /// Offset of the first CFFILE.
    pub files_offset: u32,
    pub folders: u16,
    pub files: u16,
    pub set_id: u16,
    /// Place in the set, from 0.
    pub index: u16,
    /// Bytes of reserved area in each CFFOLDER and each CFDATA.
    pub folder_reserved: u8,
    pub data_reserved: u8,
    pub previous: Option<Neighbour>,
    pub next: Option<Neighbour>,
    /// Offset of the first CFFOLDER.
    pub folders_offset: u64,
}

/// CFFOLDER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FolderEntry {
    /// Offset of the first CFDATA.
    pub data_offset: u32,
    pub blocks: u16,
    pub compression: u16,
}

/// CFFILE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub size: u32,
    /// Offset in the folder's decompressed data.
    pub offset: u32,
    pub folder: u16,
    pub date: u16,
    pub time: u16,
    pub attributes: u16,
    pub name: Vec<u8>,
}

impl Header {
    /// Reads the header at the start of `part`.
    pub fn read(part: &mut Part) -> Result<Self, CabinetError> {
        let signature = part.read_array_at::<4>("the signature", 0)?;
        if signature != SIGNATURE {
            return Err(CabinetError::Signature { part: part.label(), found: signature });
        }
        let fixed = part.read_array_at::<{ HEADER_SIZE as usize }>("the header", 0)?;
        let mut fields = Fields(&fixed);
        fields.skip(8);
        let mut header = Self { size: fields.u32(), ..Self::default() };
        fields.skip(4);
        header.files_offset = fields.u32();
        fields.skip(4);
        let (minor, major) = (fields.u8(), fields.u8());
        header.folders = fields.u16();
        header.files = fields.u16();
        let flags = fields.u16();
        header.set_id = fields.u16();
        header.index = fields.u16();
        if major != VERSION_MAJOR {
            return Err(CabinetError::Version { part: part.label(), major, minor });
        }
        part.require("the cabinet as its header gives it", 0, u64::from(header.size))?;
        header.read_optional(part, flags)?;
        Ok(header)
    }

    fn read_optional(&mut self, part: &mut Part, flags: u16) -> Result<(), CabinetError> {
        let mut offset = HEADER_SIZE;
        if flags & FLAG_RESERVED != 0 {
            let sizes = part.read_array_at::<4>("the sizes of reserved areas", offset)?;
            let mut fields = Fields(&sizes);
            let reserved = u64::from(fields.u16());
            self.folder_reserved = fields.u8();
            self.data_reserved = fields.u8();
            part.require("the header's reserved area", offset + 4, reserved)?;
            offset += 4 + reserved;
        }
        if flags & FLAG_PREVIOUS != 0 {
            self.previous = Some(read_neighbour(part, &mut offset)?);
        }
        if flags & FLAG_NEXT != 0 {
            self.next = Some(read_neighbour(part, &mut offset)?);
        }
        self.folders_offset = offset;
        Ok(())
    }

    /// The header as stored, without reserved areas.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_SIZE as usize);
        bytes.extend(SIGNATURE);
        bytes.extend([0; 4]);
        bytes.extend(self.size.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.files_offset.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend([VERSION_MINOR, VERSION_MAJOR]);
        let previous = if self.previous.is_some() { FLAG_PREVIOUS } else { 0 };
        let next = if self.next.is_some() { FLAG_NEXT } else { 0 };
        for field in [self.folders, self.files, previous | next, self.set_id, self.index] {
            bytes.extend(field.to_le_bytes());
        }
        for neighbour in self.previous.iter().chain(&self.next) {
            for text in [&neighbour.name, &neighbour.disk] {
                bytes.extend(text.as_bytes());
                bytes.push(0);
            }
        }
        bytes
    }

    /// Reads the folders' entries.
    pub fn read_folders(&self, part: &mut Part) -> Result<Vec<FolderEntry>, CabinetError> {
        let step = FOLDER_SIZE + u64::from(self.folder_reserved);
        part.require("the folder table", self.folders_offset, step * u64::from(self.folders))?;
        let entry = |index: u16| {
            let offset = self.folders_offset + step * u64::from(index);
            let bytes = part.read_array_at::<{ FOLDER_SIZE as usize }>("a folder entry", offset)?;
            let mut fields = Fields(&bytes);
            Ok(FolderEntry { data_offset: fields.u32(), blocks: fields.u16(), compression: fields.u16() })
        };
        (0..self.folders).map(entry).collect()
    }

    /// Reads the files' entries.
    pub fn read_files(&self, part: &mut Part) -> Result<Vec<FileEntry>, CabinetError> {
        let mut offset = u64::from(self.files_offset);
        // The shortest entry has an empty name, which is only its zero.
        part.require("the file table", offset, (FILE_SIZE + 1) * u64::from(self.files))?;
        let mut files = Vec::with_capacity(usize::from(self.files));
        for _ in 0..self.files {
            let bytes = part.read_array_at::<{ FILE_SIZE as usize }>("a file entry", offset)?;
            let name = part.read_name_at("name of a file", offset + FILE_SIZE)?;
            offset += FILE_SIZE + name.len() as u64 + 1;
            let mut fields = Fields(&bytes);
            files.push(FileEntry {
                size: fields.u32(),
                offset: fields.u32(),
                folder: fields.u16(),
                date: fields.u16(),
                time: fields.u16(),
                attributes: fields.u16(),
                name,
            });
        }
        Ok(files)
    }
}

impl FolderEntry {
    /// The entry as stored.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.data_offset.to_le_bytes().to_vec();
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(self.compression.to_le_bytes());
        bytes
    }
}

impl FileEntry {
    /// The entry as stored, with its name.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FILE_SIZE as usize + self.name.len() + 1);
        bytes.extend(self.size.to_le_bytes());
        bytes.extend(self.offset.to_le_bytes());
        for field in [self.folder, self.date, self.time, self.attributes] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(&self.name);
        bytes.push(0);
        bytes
    }
}

fn read_neighbour(part: &mut Part, offset: &mut u64) -> Result<Neighbour, CabinetError> {
    let mut text = |what| {
        let bytes = part.read_name_at(what, *offset)?;
        *offset += bytes.len() as u64 + 1;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Neighbour { name: text("name of a neighbouring cabinet")?, disk: text("name of a disk")? })
}

/// Little-endian fields one after the other. The arrays above are as long as the fields read from them; past the end a
/// field is zero.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *field
    }

    fn skip(&mut self, count: usize) {
        self.0 = self.0.get(count..).unwrap_or_default();
    }

    fn u8(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn part_of(bytes: Vec<u8>) -> Part {
        Part::new("cabinet 1".to_owned(), Box::new(Cursor::new(bytes))).unwrap()
    }

    #[test]
    fn tables_survive_writing_and_reading() {
        let header = Header {
            size: 36 + 8 + 16 + 4,
            files_offset: 44,
            folders: 1,
            files: 1,
            set_id: 5,
            index: 2,
            folders_offset: HEADER_SIZE,
            ..Header::default()
        };
        let folder = FolderEntry { data_offset: 64, blocks: 3, compression: 1 };
        let name = b"abc".to_vec();
        let file = FileEntry { size: 9, offset: 8, folder: 7, date: 6, time: 5, attributes: 4, name };
        let mut part = part_of([header.to_bytes(), folder.to_bytes(), file.to_bytes()].concat());
        assert_eq!(Header::read(&mut part).unwrap(), header);
        assert_eq!(header.read_folders(&mut part).unwrap(), [folder]);
        assert_eq!(header.read_files(&mut part).unwrap(), [file]);
    }

    #[test]
    fn optional_fields_and_reserved_areas_are_read() {
        let mut bytes = Header { size: 36, ..Header::default() }.to_bytes();
        bytes[30] = 7;
        bytes.extend([3, 0, 1, 2, 0xaa, 0xaa, 0xaa]);
        bytes.extend(b"before.cab\0disk 1\0after.cab\0\0");
        let length = bytes.len() as u64;
        let header = Header::read(&mut part_of(bytes)).unwrap();
        assert_eq!((header.folder_reserved, header.data_reserved), (1, 2));
        let neighbour = |name: &str, disk: &str| Some(Neighbour { name: name.into(), disk: disk.into() });
        assert_eq!(header.previous, neighbour("before.cab", "disk 1"));
        assert_eq!(header.next, neighbour("after.cab", ""));
        assert_eq!(header.folders_offset, length);
    }

    #[test]
    fn damaged_headers_are_named() {
        let sound = Header { size: 36, ..Header::default() }.to_bytes();
        let changed = |place: usize, value: u8| {
            let mut bytes = sound.clone();
            bytes[place] = value;
            Header::read(&mut part_of(bytes)).unwrap_err().to_string()
        };
        assert!(changed(0, b'X').contains("starts with [58, 53, 43, 46]"));
        assert!(changed(25, 2).contains("format 2.3 is not known"));
        assert!(changed(8, 37).contains("takes 37 bytes, but the cabinet is 36"));
        assert!(changed(30, 2).contains("name of a neighbouring cabinet at offset 0x24"));
        let mut endless = sound.clone();
        endless[30] = 2;
        endless.extend([b'n'; 300]);
        let error = Header::read(&mut part_of(endless)).unwrap_err().to_string();
        assert!(error.contains("not ended within 256 bytes"), "{error}");
        let many = Header { files: 9, files_offset: 36, ..Header::default() };
        let error = many.read_files(&mut part_of(sound)).unwrap_err().to_string();
        assert!(error.contains("the file table at offset 0x24 takes 153 bytes"), "{error}");
    }
}
