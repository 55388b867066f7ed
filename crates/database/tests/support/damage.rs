//! Damage to files, the same in every run.

/// A generator of numbers that gives the same ones in every run (Marsaglia's xorshift).
pub struct Numbers(pub u64);

impl Numbers {
    /// A number below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Changes a few bytes, preferring what the format is made of to what streams hold.
pub fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    const TELLING: [u32; 8] =
        [0, 1, 0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFD, 0x7FFF_FFFF, 0x8000_0000, 0x1_0000];
    for _ in 0..=numbers.below(6) {
        let sector = if bytes.get(30) == Some(&12) { 4096 } else { 512 };
        let place = match numbers.below(4) {
            0 => numbers.below(512),
            1 => {
                // Somewhere in the directory, whose first sector the header names.
                let first = u32::from_le_bytes(bytes[48..52].try_into().unwrap()) as usize;
                (first.saturating_add(1)).saturating_mul(sector).saturating_add(numbers.below(4096))
            }
            2 => {
                let table = u32::from_le_bytes(bytes[76..80].try_into().unwrap()) as usize;
                (table.saturating_add(1)).saturating_mul(sector).saturating_add(numbers.below(sector))
            }
            _ => numbers.below(bytes.len()),
        };
        let place = place.min(bytes.len() - 4) & !3;
        match numbers.below(3) {
            0 => bytes[place] ^= 1 << numbers.below(8),
            1 => bytes[place + numbers.below(4)] = numbers.below(256) as u8,
            _ => bytes[place..place + 4].copy_from_slice(&TELLING[numbers.below(8)].to_le_bytes()),
        }
    }
    if numbers.below(8) == 0 {
        let length = 512 + numbers.below(bytes.len() - 512);
        bytes.truncate(length);
    }
}
