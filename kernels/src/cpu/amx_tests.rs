use super::*;

#[test]
fn values_are_rounded_to_the_nearest_and_to_even() {
    let check = |value: f32, expected: f32| {
        let found = f32::from_bits(u32::from(bf16(value)) << 16);
        assert!(found == expected || found.is_nan() && expected.is_nan(), "{value} gives {found}, not {expected}");
    };
    check(1.0, 1.0);
    check(1.0 + 1.0 / 256.0, 1.0);
    check(1.0 + 3.0 / 256.0, 1.0 + 1.0 / 64.0);
    check(-1.0 - 1.1 / 256.0, -1.0 - 1.0 / 128.0);
    check(f32::MAX, f32::INFINITY);
    check(f32::NAN, f32::NAN);
    check(1e-40, 0.0);
}

#[test]
fn the_processor_rounds_alike() {
    if !is_available() {
        println!("skipped: no AMX");
        return;
    }
    for (channels, apart) in (1..70_usize).map(|channels| (channels, 80)).chain([(16, 16), (48, 48), (64, 64)]) {
        let values = super::super::conv::check::noise(channels as u64, 3 * apart);
        let mut found = vec![0xFFFF_u16; 3 * apart];
        // SAFETY: AMX is there, and the memory.
        unsafe { convert((values.as_ptr(), apart), (found.as_mut_ptr(), apart), 3, channels) };
        for (i, found) in found.into_iter().enumerate() {
            let expected = match i % apart {
                channel if channel < channels => bf16(values[i]),
                channel if channel < channels.next_multiple_of(SIDE) => 0,
                _ => 0xFFFF,
            };
            assert_eq!(found, expected, "{channels} {i}");
        }
    }
}
