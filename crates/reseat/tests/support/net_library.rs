//! Libraries of .NET made by tests.

pub const I386: u16 = 0x14c;
pub const X64: u16 = 0x8664;

/// The smallest library of .NET: headers, and the root of its metadata with the version of the runtime.
pub fn library(machine: u16, flags: u32, runtime: &str) -> Vec<u8> {
    let mut image = vec![0; 0x300];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    put(0x84, &machine.to_le_bytes());
    put(0x86, &1_u16.to_le_bytes());
    put(0x94, &224_u16.to_le_bytes());
    put(0x98, &0x10b_u16.to_le_bytes());
    put(0x98 + 92, &16_u32.to_le_bytes());
    put(0x98 + 96 + 8 * 14, &0x1000_u32.to_le_bytes());
    for (place, number) in [(8, 0x1000_u32), (12, 0x1000), (16, 0x100), (20, 0x200)] {
        put(0x98 + 224 + place, &number.to_le_bytes());
    }
    put(0x208, &0x1050_u32.to_le_bytes());
    put(0x210, &flags.to_le_bytes());
    put(0x250, b"BSJB");
    put(0x25c, &12_u32.to_le_bytes());
    put(0x260, runtime.as_bytes());
    image
}
