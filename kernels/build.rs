//! Compiles the GPU's kernels where nvcc is: `NVCC`, `$CUDA_HOME/bin/nvcc`, or on the path. Elsewhere there are none, and
//! the binary says so when a GPU is asked for.
//!
//! Each source becomes one image with code for every architecture of [`ARCHITECTURES`]; `images.rs` names them all.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// What is compiled for: Ampere's A100, Hopper, and code for the driver to compile for later cards.
const ARCHITECTURES: [&str; 3] =
    ["arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a", "arch=compute_90,code=compute_90"];

fn main() {
    println!("cargo::rerun-if-env-changed=NVCC");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    println!("cargo::rerun-if-changed=src/gpu");
    if let Err(problem) = images() {
        println!("cargo::error=the GPU's kernels cannot be compiled: {problem}");
        std::process::exit(1);
    }
}

fn images() -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut images = Vec::new();
    if let Some(nvcc) = nvcc().filter(|_| std::env::var_os("CARGO_FEATURE_CUDA").is_some()) {
        let mut sources = Vec::new();
        find(Path::new("src/gpu"), &mut sources).map_err(said)?;
        sources.sort();
        images = compile(&nvcc, &out, sources)?;
    }
    let include = |image: &PathBuf| format!("    include_bytes!({:?}),\n", image.display().to_string());
    let list: String = images.iter().map(include).collect();
    std::fs::write(out.join("images.rs"), format!("&[\n{list}]\n")).map_err(said)
}

/// A compiler that runs.
fn nvcc() -> Option<PathBuf> {
    let home = std::env::var_os("CUDA_HOME").map(|home| Path::new(&home).join("bin/nvcc"));
    let named = std::env::var_os("NVCC").map(PathBuf::from);
    let runs = |nvcc: &PathBuf| Command::new(nvcc).arg("--version").output().is_ok_and(|o| o.status.success());
    [named, home, Some("nvcc".into())].into_iter().flatten().find(runs)
}

/// As many at a time as there are processors.
fn compile(nvcc: &Path, out: &Path, sources: Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let image = |source: &PathBuf| out.join(source.file_stem().unwrap_or_default()).with_extension("fatbin");
    let images = sources.iter().map(image).collect();
    let waiting = Mutex::new(sources.iter());
    let next = || waiting.lock().ok().and_then(|mut sources| sources.next());
    let work = || -> Result<(), String> {
        while let Some(source) = next() {
            let mut command = Command::new(nvcc);
            // Without contraction to fused multiply-adds, so that the host's arithmetic is the device's.
            command.args(["-std=c++17", "-O3", "-fmad=false", "-lineinfo", "-fatbin", "-Xfatbin", "-compress-all"]);
            command.args(ARCHITECTURES.iter().flat_map(|architecture| ["-gencode", architecture]));
            let ended = command.arg("-o").arg(image(source)).arg(source).output().map_err(|error| error.to_string())?;
            if !ended.status.success() {
                return Err(String::from_utf8_lossy(&ended.stderr).into_owned());
            }
        }
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a panic".into())))
    })?;
    Ok(images)
}

fn find(folder: &Path, sources: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, sources)?;
        } else if path.extension().is_some_and(|e| e == "cu") {
            sources.push(path);
        }
    }
    Ok(())
}
