//! Compiles the GPU's kernels into one image, where nvcc is: `NVCC`, `$CUDA_HOME/bin/nvcc`, or on the path. Elsewhere the
//! image is a few zeros, and the binary says so when a GPU is asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is compiled for: Ampere's A100, Hopper, and code for the driver to compile for later cards.
const ARCHITECTURES: [&str; 3] =
    ["arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a", "arch=compute_90,code=compute_90"];

fn main() {
    println!("cargo::rerun-if-env-changed=NVCC");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    println!("cargo::rerun-if-changed=src/gpu");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let image = out.join("kernels.fatbin");
    let compiled = match nvcc() {
        Some(nvcc) => compile(&nvcc, &out, &image),
        None => std::fs::write(&image, [0; 64]).map_err(|error| error.to_string()),
    };
    if let Err(problem) = compiled {
        println!("cargo::error=the GPU's kernels cannot be compiled: {problem}");
        std::process::exit(1);
    }
}

/// A compiler that runs.
fn nvcc() -> Option<PathBuf> {
    let home = std::env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("bin/nvcc"));
    let named = std::env::var_os("NVCC").map(PathBuf::from);
    let runs = |nvcc: &PathBuf| Command::new(nvcc).arg("--version").output().is_ok_and(|o| o.status.success());
    [named, home, Some("nvcc".into())].into_iter().flatten().find(runs)
}

/// All sources at once.
fn compile(nvcc: &Path, out: &Path, image: &Path) -> Result<(), String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let mut sources = Vec::new();
    find(&here.join("src/gpu"), &mut sources).map_err(|error| error.to_string())?;
    sources.sort();
    let all: String = sources.iter().map(|source| format!("#include \"{}\"\n", source.display())).collect();
    let whole = out.join("kernels.cu");
    std::fs::write(&whole, all).map_err(|error| error.to_string())?;
    let mut command = Command::new(nvcc);
    // Without contraction to fused multiply-adds, so that the host's arithmetic is the device's.
    command.args(["-std=c++17", "-O3", "-fmad=false", "-fatbin", "-compress-all", "--threads", "0", "-lineinfo"]);
    command.args(ARCHITECTURES.iter().flat_map(|architecture| ["-gencode", architecture]));
    let ended = command.arg("-o").arg(image).arg(&whole).output().map_err(|error| error.to_string())?;
    if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned()) }
}

fn find(folder: &Path, sources: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, sources)?;
        } else if path.extension().is_some_and(|e| e == "cu") {
            println!("cargo::rerun-if-changed={}", path.display());
            sources.push(path);
        }
    }
    Ok(())
}
