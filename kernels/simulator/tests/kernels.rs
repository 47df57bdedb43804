//! The language of the kernels: what each function of `device.cuh` computes, and which mistakes show.
#![allow(missing_docs, unsafe_code)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Device, TestParams, turn};

fn pattern(n: usize, factor: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * factor) % 97) as f32 / 8.0 - 6.0).collect()
}

#[test]
fn every_thread_of_every_block_runs() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let (a, b) = (pattern(1000, 7), pattern(1000, 11));
    let (left, right) = (device.upload(&a), device.upload(&b));
    let out = device.stream.alloc_zeros::<f32>(1000).unwrap();
    let params = TestParams { a: device.at(&left), b: device.at(&right), out: device.at(&out), n: 1000 };
    device.launch("test_add", 4, 256, 0, &params).unwrap();
    let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
    assert_eq!(device.download(&out), expected);
}

#[test]
fn shuffles_and_shared_memory_reduce_a_block() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let a: Vec<f32> = (0..1000).map(|i| i as f32).collect();
    let (from, out) = (device.upload(&a), device.stream.alloc_zeros::<f32>(4).unwrap());
    device
        .launch(
            "test_sum",
            4,
            256,
            0,
            &TestParams { a: device.at(&from), out: device.at(&out), n: 1000, ..Default::default() },
        )
        .unwrap();
    let expected: Vec<f32> = a.chunks(256).map(|block| block.iter().sum()).collect();
    assert_eq!(device.download(&out), expected);
}

#[test]
fn a_missing_barrier_shows() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let a = pattern(256, 5);
    let (from, out) = (device.upload(&a), device.stream.alloc_zeros::<f32>(256).unwrap());
    let params = TestParams { a: device.at(&from), out: device.at(&out), n: 256, ..Default::default() };
    let expected: Vec<f32> = a.iter().rev().copied().collect();
    device.launch("test_turn_right", 1, 256, 1024, &params).unwrap();
    assert_eq!(device.download(&out), expected);
    device.launch("test_turn_wrong", 1, 256, 1024, &params).unwrap();
    assert!(device.download(&out).iter().any(|x| x.is_nan()));
}

#[test]
fn votes_and_broadcasts() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<i32>(64).unwrap();
    device.launch("test_votes", 1, 64, 0, &TestParams { out: device.at(&out), n: 37, ..Default::default() }).unwrap();
    let expected: Vec<i32> = (0..64).map(|i| 1 | i32::from(i >= 32) << 1 | 5 << 2).collect();
    assert_eq!(device.download(&out), expected);
}

#[test]
fn atomics_of_all_blocks() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<u32>(3).unwrap();
    device.launch("test_atomics", 5, 100, 0, &TestParams { out: device.at(&out), ..Default::default() }).unwrap();
    assert_eq!(device.download(&out), [500, 499, 511]);
}

/// What an f16 of these bits is worth (IEEE 754-2008, 3.4).
fn f16_value(bits: u16) -> f64 {
    let (sign, exponent, fraction) =
        (1 - 2 * i32::from(bits >> 15), i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    f64::from(sign) * magnitude
}

fn bf16_value(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

#[test]
fn sixteen_bits_widen_exactly() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let all: Vec<u16> = (0..=u16::MAX).collect();
    let (from, out) = (device.upload(&all), device.stream.alloc_zeros::<f32>(1 << 16).unwrap());
    let params = TestParams { a: device.at(&from), out: device.at(&out), ..Default::default() };
    for (kernel, value) in [("test_widen_bf16", bf16_value as fn(u16) -> f64), ("test_widen_f16", f16_value)] {
        device.launch(kernel, 256, 256, 0, &params).unwrap();
        for (bits, wide) in all.iter().zip(device.download(&out)) {
            let expected = value(*bits) as f32;
            assert!(wide.to_bits() == expected.to_bits() || (wide.is_nan() && expected.is_nan()), "{kernel} {bits:#x}");
        }
    }
}

/// The nearest of two neighbours, by exact arithmetic in f64; the even one where both are as near.
fn nearest(x: f32, value: fn(u16) -> f64, infinity: u16) -> u16 {
    let sign = u16::from(x.is_sign_negative()) << 15;
    let x = f64::from(x.abs());
    let above = (0..=infinity).collect::<Vec<_>>().partition_point(|bits| value(*bits) < x) as u16;
    if above == 0 {
        return sign;
    }
    // Infinity counts as the value that the next exponent would have.
    let worth =
        |bits: u16| if bits == infinity { 2.0 * value(infinity - 1) - value(infinity - 2) } else { value(bits) };
    let (down, up) = (x - value(above - 1), worth(above.min(infinity)) - x);
    sign | if down < up || (down == up && above % 2 == 1) { above - 1 } else { above }
}

#[test]
fn floats_narrow_to_the_nearest_even() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let mut values =
        vec![0.0, -0.0, 1.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE, f32::MAX, f32::from_bits(1)];
    values.extend([
        65504.0,
        65519.996,
        65520.0,
        65536.0,
        2f32.powi(-24),
        2f32.powi(-25),
        2f32.powi(-25) * 1.0001,
        3e-8,
    ]);
    let mut state = 1u32;
    while values.len() < 1024 {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        // Ties and what lies beside them, of both formats, at exponents around those of f16.
        let fraction =
            [state & 0x7F_FFFF, state & 0x7F_8000 | 0x8000, state & 0x7F_F000 | 0x1000, state & 0x7F_F000 | 0xFFF];
        let exponent = 127 - 28 + (state >> 8) % 48;
        values.push(f32::from_bits(state & 1 << 31 | exponent << 23 | fraction[values.len() % 4]));
    }
    let (from, out) = (device.upload(&values), device.stream.alloc_zeros::<u16>(1024).unwrap());
    let params = TestParams { a: device.at(&from), out: device.at(&out), ..Default::default() };
    for (kernel, value, infinity) in [
        ("test_narrow_bf16", bf16_value as fn(u16) -> f64, 0x7F80),
        ("test_narrow_f16", f16_value as fn(u16) -> f64, 0x7C00),
    ] {
        device.launch(kernel, 4, 256, 0, &params).unwrap();
        for (x, bits) in values.iter().zip(device.download(&out)) {
            assert_eq!(bits, nearest(*x, value, infinity), "{kernel} of {x:e} ({:#x})", x.to_bits());
        }
    }
    let nan = device.upload(&[f32::NAN, f32::from_bits(0xFF80_0001)]);
    for kernel in ["test_narrow_bf16", "test_narrow_f16"] {
        device.launch(kernel, 1, 2, 0, &TestParams { a: device.at(&nan), ..params }).unwrap();
        assert_eq!(device.download(&out)[..2], [0x7FFF, 0x7FFF]);
    }
}

/// Every product and sum is exact, so the order does not matter.
#[test]
fn matrix_products_have_their_fragments_where_they_belong() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let a: Vec<i32> = (0..256).map(|i| (i * 37 + i / 16) % 23 - 11).collect();
    let b: Vec<i32> = (0..128).map(|i| (i * 29 + i / 16) % 19 - 9).collect(); // b[n][k]
    let expected: Vec<f32> =
        (0..128).map(|i| (0..16).map(|k| a[i / 8 * 16 + k] * b[i % 8 * 16 + k]).sum::<i32>() as f32).collect();
    let bf16 = |x: i32| ((x as f32).to_bits() >> 16) as u16;
    let f16 = |x: i32| nearest(x as f32, f16_value, 0x7C00);
    let out = device.stream.alloc_zeros::<f32>(128).unwrap();
    for (kernel, bits) in [("test_mma_bf16", &bf16 as &dyn Fn(i32) -> u16), ("test_mma_f16", &f16)] {
        let left = device.upload(&a.iter().map(|x| bits(*x)).collect::<Vec<_>>());
        let right = device.upload(&b.iter().map(|x| bits(*x)).collect::<Vec<_>>());
        for n in [0, 1] {
            let params = TestParams { a: device.at(&left), b: device.at(&right), out: device.at(&out), n };
            device.launch(kernel, 1, 32, 0, &params).unwrap();
            assert_eq!(device.download(&out), expected, "{kernel} {n}");
        }
    }
}

#[test]
fn a_copy_that_is_not_waited_for_has_not_come() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let a = pattern(5 * 64 * 4, 3);
    let (from, out) = (device.upload(&a), device.stream.alloc_zeros::<f32>(a.len()).unwrap());
    let params = TestParams { a: device.at(&from), out: device.at(&out), n: 5, ..Default::default() };
    device.launch("test_pipeline_right", 1, 64, 3 * 64 * 16, &params).unwrap();
    assert_eq!(device.download(&out), a);
    device.launch("test_pipeline_wrong", 1, 64, 3 * 64 * 16, &params).unwrap();
    assert!(device.download(&out).iter().any(|x| x.is_nan()));
}

#[test]
fn shared_memory_is_not_a_number_until_it_is_written() {
    let _turn = turn();
    let device = Device::new(0).unwrap();
    let out = device.stream.alloc_zeros::<f32>(64).unwrap();
    // Two blocks: the second must not find what the first has left.
    device.launch("test_unwritten", 2, 32, 128, &TestParams { out: device.at(&out), ..Default::default() }).unwrap();
    assert!(device.download(&out).iter().all(|x| x.is_nan()));
}

#[test]
fn all_of_this_by_three_threads_in_another_order() {
    const CHILD: &str = "UVID_THREADS";
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--skip", "nvcc"]);
        child.env(CHILD, "1").env("CUDA_SIMULATOR_THREADS", "3").env("CUDA_SIMULATOR_SEED", "77");
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// The same source for a card. Where there is no nvcc this says so.
#[test]
fn nvcc_takes_the_same_kernels() {
    let nvcc = std::env::var_os("CUDA_HOME").map_or("nvcc".into(), |home| Path::new(&home).join("bin/nvcc"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::new(&nvcc);
    command.args(["-std=c++17", "-fmad=false", "-Werror=all-warnings", "-fatbin"]);
    command.args(["-gencode", "arch=compute_80,code=sm_80", "-gencode", "arch=compute_90a,code=sm_90a"]);
    command.arg("-I").arg(here.join("../src/gpu")).arg(here.join("tests/kernels.cu"));
    match command.arg("-o").arg(out.path().join("kernels.fatbin")).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("skipped: {}: {error}", nvcc.display()),
    }
}
