//! How fast the simulator is: `cargo run -p uvid-cuda-simulator --example speed`. Its library is optimised either way.
//! What counts is time on a processor (Linux), so that other programs do not.
#![allow(missing_docs, unsafe_code)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Device, TestParams};
use cudarc::driver::DriverError;

/// Nanoseconds that this thread has run.
fn now() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ran| ran.parse().ok()).unwrap_or(f64::NAN)
}

fn main() -> Result<(), DriverError> {
    let device = Device::new(0)?;
    let out = device.stream.alloc_zeros::<f32>(1024)?;
    let params = |n| TestParams { out: device.at(&out), n, ..Default::default() };
    let nanoseconds = |kernel, launches: u32, grid, block, n, count: f64| -> Result<f64, DriverError> {
        let start = now();
        for _ in 0..launches {
            device.launch(kernel, grid, block, 0, &params(n))?;
        }
        device.stream.synchronize()?;
        Ok((now() - start) / count)
    };
    for _ in 0..2 {
        println!("{:8.0} ns a launch of one empty thread", nanoseconds("test_empty", 100_000, 1, 1, 0, 1e5)?);
        println!("{:8.1} ns an empty thread, blocks of 256", nanoseconds("test_empty", 100, 1000, 256, 0, 256e5)?);
        for block in [32, 256, 1024] {
            let crossings = 1e4 * f64::from(block);
            let each = nanoseconds("test_barriers", 10, 10, block, 100, crossings)?;
            println!("{each:8.1} ns a thread at a barrier, blocks of {block}");
        }
        println!("{:8.0} ns a product of a warp, 16x8x16", nanoseconds("test_products", 10, 10, 256, 100, 8e4)?);
    }
    Ok(())
}
