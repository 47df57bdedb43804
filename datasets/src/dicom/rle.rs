//! RLE (PS3.5 annex G), ours because the one in dicom-rs 0.10 panics on short segments, allocates by the number of
//! segments that a file claims, and refuses near-empty frames.
//!
//! Invariant: exactly as many bytes come out as the frame has.

/// Decodes a frame of one sample per pixel into its 16-bit words; `bytes` per sample is 1 or 2.
pub(super) fn decode(fragment: &[u8], pixels: usize, bytes: usize) -> Result<Vec<u16>, &'static str> {
    const HEADER: usize = 64;
    let header = fragment.get(..HEADER).ok_or("the RLE header breaks off")?;
    let (header, _) = header.as_chunks::<4>();
    let mut header = header.iter().map(|b| u32::from_le_bytes(*b) as usize);
    if header.next() != Some(bytes) {
        return Err("the number of RLE segments is not that of the bytes of a pixel");
    }
    let mut ends: Vec<usize> = header.take(bytes).collect();
    ends.push(fragment.len());

    // Segments come with the most significant byte first (PS3.5 section G.2).
    let mut words = vec![0_u16; pixels];
    for range in ends.windows(2) {
        let segment = match *range {
            [start, end] if start >= HEADER => fragment.get(start..end).ok_or("an RLE segment lies outside")?,
            _ => return Err("an RLE segment lies outside"),
        };
        unpack(segment, &mut words)?;
    }
    Ok(words)
}

/// Shifts each word up and puts the next byte of a segment (PS3.5 section G.3.2) below.
fn unpack(segment: &[u8], words: &mut [u16]) -> Result<(), &'static str> {
    const SHORT: &str = "an RLE segment is too short";
    let mut input = segment;
    let mut output = words.iter_mut();
    while output.len() > 0 {
        let (&count, rest) = input.split_first().ok_or(SHORT)?;
        input = rest;
        match count {
            0..=127 => {
                let literal = usize::from(count) + 1;
                let wanted = literal.min(output.len());
                let bytes = input.get(..wanted).ok_or(SHORT)?;
                for (word, &byte) in output.by_ref().take(wanted).zip(bytes) {
                    *word = *word << 8 | u16::from(byte);
                }
                input = input.get(literal..).unwrap_or(&[]);
            }
            128 => {}
            129..=255 => {
                let (&byte, rest) = input.split_first().ok_or(SHORT)?;
                input = rest;
                for word in output.by_ref().take(257 - usize::from(count)) {
                    *word = *word << 8 | u16::from(byte);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut bytes = (segments.len() as u32).to_le_bytes().to_vec();
        let mut at = 64_u32;
        for segment in segments {
            bytes.extend(at.to_le_bytes());
            at += segment.len() as u32;
        }
        bytes.resize(64, 0);
        bytes.extend(segments.iter().flat_map(|s| s.iter()));
        bytes
    }

    #[test]
    fn segments() {
        let check = |segments: &[&[u8]], pixels, bytes, expected: Result<Vec<u16>, &str>| {
            assert_eq!(decode(&frame(segments), pixels, bytes), expected);
        };
        check(&[&[1, 7, 8, 0xFE, 9]], 5, 1, Ok(vec![7, 8, 9, 9, 9]));
        check(&[&[0xFD, 1], &[0x80, 3, 1, 2, 3, 4]], 4, 2, Ok(vec![0x101, 0x102, 0x103, 0x104]));
        // A run may reach beyond the frame; a segment may not stay behind it.
        check(&[&[0xFB, 5]], 4, 1, Ok(vec![5; 4]));
        check(&[&[0xFE, 5]], 4, 1, Err("an RLE segment is too short"));
        check(&[&[3, 5]], 4, 1, Err("an RLE segment is too short"));
        check(&[&[0xFD, 1]], 4, 2, Err("the number of RLE segments is not that of the bytes of a pixel"));
    }

    #[test]
    fn hostile_headers() {
        let mut claims = vec![0xFF; 64];
        assert!(decode(&claims, 4, 1).is_err());
        claims[..4].copy_from_slice(&1_u32.to_le_bytes());
        assert!(decode(&claims, 4, 1).is_err());
        assert!(decode(&[1, 0, 0], 4, 1).is_err());
    }
}
