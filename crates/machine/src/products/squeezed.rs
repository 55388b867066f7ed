//! The squeezed form of a GUID: 20 characters, of which the installer's list of a feature's components is made.
//!
//! The four 32-bit numbers of the GUID, as they lie in memory on Windows, are each written with five digits to the base
//! 85, the lowest first.

use reseat_database::Guid;

const DIGITS: &[u8; 85] =
    b"!$%&'()*+,-.0123456789=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{}~";

/// The bytes as they lie in memory: the numbers of the first three groups have their low byte first.
fn in_memory_order(mut bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    let [i, j, k, l, m, n, o, p] = {
        let [.., i, j, k, l, m, n, o, p] = bytes;
        [i, j, k, l, m, n, o, p]
    };
    bytes = [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p];
    bytes
}

/// Writes a GUID in 20 characters.
pub fn squeeze(guid: Guid) -> String {
    let mut text = String::with_capacity(20);
    for four in in_memory_order(guid.to_bytes()).chunks_exact(4) {
        let mut number = u32::from_le_bytes(four.try_into().unwrap_or_default());
        for _ in 0..5 {
            text.extend(DIGITS.get((number % 85) as usize).map(|digit| char::from(*digit)));
            number /= 85;
        }
    }
    text
}

/// Reads the form that [`squeeze`] writes; nothing when the text is not that.
pub fn unsqueeze(text: &str) -> Option<Guid> {
    let mut bytes = [0; 16];
    if text.len() != 20 {
        return None;
    }
    for (four, digits) in bytes.chunks_exact_mut(4).zip(text.as_bytes().chunks_exact(5)) {
        let mut number = 0_u64;
        for digit in digits.iter().rev() {
            let value = DIGITS.iter().position(|known| known == digit)?;
            number = number * 85 + value as u64;
        }
        four.copy_from_slice(&u32::try_from(number).ok()?.to_le_bytes());
    }
    Some(Guid::from_bytes(in_memory_order(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_of_a_real_feature_is_squeezed_as_in_its_registry() {
        let guid: Guid = "{D039E3D1-CE42-488D-96CC-90E1DE3796F8}".parse().unwrap();
        assert_eq!(squeeze(guid), "91Swkev*C?S@5Rqys,ux");
        assert_eq!(unsqueeze("91Swkev*C?S@5Rqys,ux"), Some(guid));
    }

    #[test]
    fn refuses_what_is_not_squeezed() {
        for text in [
            "",
            "91Swkev*C?S@5Rqys,u",
            "91Swkev*C?S@5Rqys,u\"",
            "~~~~~~~~~~~~~~~~~~~~",
            "é1Swkev*C?S@5Rqys,u",
        ] {
            assert_eq!(unsqueeze(text), None, "{text}");
        }
    }
}
