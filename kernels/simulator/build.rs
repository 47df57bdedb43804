//! Compiles the simulated driver and all kernels into `$OUT_DIR/simulated/libcuda.so`, and beside it the simulated
//! `libnvjpeg2k.so.0`.
//!
//! Each `.cu` is C++ to g++ (or `$CXX`), in a namespace of its own. What is compiled is compiled again when a header
//! has changed, or itself.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// As nvcc is told to: no fused multiplication and addition where the source has two operations.
const FLAGS: &[&str] =
    &["-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra"];

/// For kernels: an access beside an array, or one that is not aligned to its type, is an illegal instruction.
const KERNEL_FLAGS: &[&str] =
    &["-fsanitize=alignment,bounds", "-fsanitize-undefined-trap-on-error", "-Wno-unknown-pragmas"];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("simulated");
    let (driver, kernels) = (here.join("driver"), here.join("../src/gpu"));
    // The folder that holds the libraries holds nothing else.
    let objects = out.with_file_name("objects");
    fs::create_dir_all(&out)?;
    fs::create_dir_all(&objects)?;

    let mut sources = with_extension(&driver, "cpp")?;
    let mut cuda = with_extension(&kernels, "cu")?;
    cuda.extend(with_extension(&here.join("tests"), "cu")?);
    for (i, kernel) in cuda.iter().enumerate() {
        let wrapper = objects.join(format!("kernels_{i}.cpp"));
        let text = format!("#include \"device.cuh\"\nnamespace {{\n#include \"{}\"\n}}\n", kernel.display());
        fs::write(&wrapper, text)?;
        sources.push(wrapper);
    }
    let nvjpeg2k = here.join("nvjpeg2k");
    for folder in [&driver, &kernels, &nvjpeg2k, &here.join("tests")] {
        println!("cargo:rerun-if-changed={}", folder.display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CXX");

    let compiler = env::var("CXX").unwrap_or_else(|_| "g++".into());
    let include = [format!("-I{}", driver.display()), format!("-I{}", kernels.display())];
    let jobs = env::var("NUM_JOBS").ok().and_then(|n| n.parse().ok()).unwrap_or(1usize).max(1);
    for batch in sources.chunks(jobs) {
        let mut running = Vec::new();
        for source in batch {
            let mut command = Command::new(&compiler);
            command.args(FLAGS).args(&include);
            if source.starts_with(&objects) {
                command.args(KERNEL_FLAGS);
            }
            command.arg("-c").arg(source).arg("-o").arg(object(&objects, source));
            running.push((source, spawn(&mut command)?));
        }
        for (source, mut child) in running {
            if !child.wait()?.success() {
                return Err(format!("{compiler} could not compile {}", source.display()).into());
            }
        }
    }
    let mut link = Command::new(&compiler);
    link.args(["-shared", "-pthread", "-Wl,-soname,libcuda.so", "-Wl,-z,defs", "-o"]).arg(out.join("libcuda.so"));
    link.args(sources.iter().map(|source| object(&objects, source)));
    if !spawn(&mut link)?.wait()?.success() {
        return Err(format!("{compiler} could not link the simulated libcuda.so").into());
    }
    let mut decoder = Command::new(&compiler);
    decoder.args(FLAGS).args(["-shared", "-Wl,-soname,libnvjpeg2k.so.0", "-Wl,-z,defs", "-o"]);
    decoder.arg(out.join("libnvjpeg2k.so.0")).args(with_extension(&nvjpeg2k, "cpp")?).arg(out.join("libcuda.so"));
    if !spawn(&mut decoder)?.wait()?.success() {
        return Err(format!("{compiler} could not build the simulated libnvjpeg2k.so.0").into());
    }
    Ok(())
}

fn object(objects: &Path, source: &Path) -> PathBuf {
    objects.join(source.file_name().unwrap_or_default()).with_extension("o")
}

fn spawn(command: &mut Command) -> Result<std::process::Child, String> {
    command.spawn().map_err(|error| {
        let compiler = command.get_program().to_string_lossy();
        format!("the CUDA simulator needs a C++ compiler (`{compiler}`; set CXX for another): {error}")
    })
}

/// The files below a folder whose names end so, in order; none where there is no such folder.
fn with_extension(folder: &Path, extension: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(with_extension(&path, extension)?);
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
