use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use proptest::prelude::*;

use super::*;

fn deflated(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2 + 1000);
    let status =
        Compress::new(Compression::new(level), false).compress_vec(bytes, &mut out, FlushCompress::Finish);
    assert_eq!(status.unwrap(), Status::StreamEnd);
    out
}

/// What zlib makes of a stream that has to give so many bytes.
fn by_zlib(deflated: &[u8], dictionary: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut inflate = Decompress::new(false);
    if !dictionary.is_empty() {
        inflate.set_dictionary(dictionary).unwrap();
    }
    // One byte more shows whether the stream would give more.
    let mut out = vec![0; size + 1];
    match inflate.decompress(deflated, &mut out, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if inflate.total_out() == size as u64 => {
            out.truncate(size);
            Some(out)
        }
        _ => None,
    }
}

fn block(deflated: &[u8]) -> Padded {
    Padded::of(&[b"CK", deflated].concat())
}

/// The bytes of a sketched block. What comes behind it in the buffer stays as it was.
fn completed(sketch: &Sketch, before: &[u8], size: usize) -> Vec<u8> {
    let mut buffer: Box<Buffer> = Box::new([0xa5; _]);
    let (start, end) = (before.len(), before.len() + size);
    buffer[..start].copy_from_slice(before);
    sketch.complete(&mut buffer, start);
    assert!(buffer[end..].iter().all(|byte| *byte == 0xa5));
    buffer[start..end].to_vec()
}

/// Bytes that compress well, badly, and not at all.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let alphabet = prop_oneof![Just(1_u8), Just(4), Just(40), Just(255)];
    (alphabet, 1_usize..300, 0_usize..BLOCK_SIZE).prop_perturb(|(letters, period, size), mut random| {
        let mut bytes: Vec<u8> = Vec::with_capacity(size);
        while bytes.len() < size {
            let back = random.random_range(1..=period);
            match bytes.len().checked_sub(back).filter(|_| random.random_bool(0.3)) {
                Some(from) => {
                    for index in 0..random.random_range(3..300) {
                        bytes.push(bytes[from + index]);
                    }
                }
                None => bytes.push(random.random_range(0..=letters)),
            }
        }
        bytes.truncate(size);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_zlib_compresses_comes_back(bytes in content(), level in 0_u32..10) {
        let mut decoder = Mszip::new();
        decoder.decode(&block(&deflated(&bytes, level)), bytes.len()).unwrap();
        prop_assert_eq!(decoder.output(), bytes.as_slice());
    }

    #[test]
    fn damaged_streams_are_taken_as_zlib_takes_them(
        bytes in content(),
        level in 0_u32..10,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        cut in proptest::bool::weighted(0.2),
    ) {
        let mut stream = deflated(&bytes, level);
        for (place, byte) in damage {
            let place = place.index(stream.len());
            stream[place] = byte;
        }
        if cut {
            stream.truncate(end.index(stream.len()));
        }
        let mut decoder = Mszip::new();
        let ours = decoder.decode(&block(&stream), bytes.len()).is_ok().then(|| decoder.output().to_vec());
        prop_assert_eq!(&ours, &by_zlib(&stream, &[], bytes.len()));
        let mut sketch = Box::<Sketch>::default();
        let made = sketch.make(&mut Inflate::new(), &block(&stream), bytes.len(), 0);
        prop_assert_eq!(made.is_ok(), ours.is_some());
        if let Some(ours) = ours {
            prop_assert_eq!(completed(&sketch, &[], bytes.len()), ours);
        }
    }
}

#[test]
fn each_block_has_those_before_it_as_its_dictionary() {
    let whole: Vec<u8> =
        (0..40 * BLOCK_SIZE as u32).map(|index| (index.wrapping_mul(index >> 7) >> 9) as u8).collect();
    let mut decoder = Mszip::new();
    let (mut inflate, mut sketch) = (Inflate::new(), Box::<Sketch>::default());
    let mut before: &[u8] = &[];
    let mut offset = 0;
    for bytes in whole.chunks(BLOCK_SIZE - 1000) {
        let mut compress = Compress::new(Compression::new(6), false);
        if !before.is_empty() {
            compress.set_dictionary(before).unwrap();
        }
        let mut stream = Vec::with_capacity(2 * BLOCK_SIZE);
        compress.compress_vec(bytes, &mut stream, FlushCompress::Finish).unwrap();
        decoder.decode(&block(&stream), bytes.len()).unwrap();
        assert_eq!(decoder.output(), bytes);
        sketch.make(&mut inflate, &block(&stream), bytes.len(), offset).unwrap();
        assert_eq!(completed(&sketch, before, bytes.len()), bytes);
        before = bytes;
        offset += bytes.len() as u64;
    }
}

#[test]
fn damage_is_named() {
    let cases: [(&[u8], &str); 7] = [
        (&[0b111], "its deflate stream is damaged after 0 bytes: a block of a type that is not defined"),
        (&[], "its compressed bytes end after 0 bytes of output"),
        (
            &[0b001, 1, 0, 1, 0],
            "its deflate stream is damaged after 0 bytes: the length of a stored block is not the complement of what follows it",
        ),
        (&[0b001, 1, 0, 0xfe, 0xff], "its compressed bytes end after 0 bytes of output"),
        (&[0b001, 2, 0, 0xfd, 0xff, 1, 2], "it yields 2 bytes, its header says 4"),
        // A match 1 byte back at the very start.
        (
            &[0b0000_0011, 0b0000_0010, 0],
            "a match 1 bytes back starts before the folder's first byte, 0 bytes back",
        ),
        (
            &[0xff, 0xff, 0xff],
            "its deflate stream is damaged after 0 bytes: a block of a type that is not defined",
        ),
    ];
    for (stream, message) in cases {
        assert_eq!(Mszip::new().decode(&block(stream), 4).unwrap_err().to_string(), message, "{stream:02x?}");
    }
    assert!(matches!(Mszip::new().decode(&Padded::of(b"XY"), 4), Err(DecodeError::MszipSignature { .. })));
}
