//! Who may use whom: the table of ARCHITECTURE.md, held to what cargo resolves.

use std::process::Command;

/// Crates that a crate of ours must never reach, directly or not, in what it ships (not in its tests).
const NEVER: [(&str, &[&str]); 8] = [
    ("uvid-exam", &["tokio", "axum", "candle-core", "dicom-core", "serde", "cudarc", "image", "rayon", "sqlx-core"]),
    ("uvid-codecs", &["uvid-exam", "dicom-core", "candle-core", "tokio", "axum", "sqlx-core"]),
    ("uvid-kernels", &["uvid-exam", "dicom-core", "tokio", "axum", "sqlx-core"]),
    ("uvid-metrics", &["uvid-exam", "dicom-core", "candle-core", "csv", "tokio", "axum", "sqlx-core"]),
    ("uvid-evaluation", &["uvid-exam", "dicom-core", "candle-core", "tokio", "axum", "sqlx-core"]),
    ("uvid-datasets", &["candle-core", "dicom-pixeldata", "uvid-model", "uvid-kernels", "tokio", "axum", "sqlx-core"]),
    ("uvid-model", &["uvid-datasets", "dicom-core", "tokio", "axum", "sqlx-core"]),
    // What is for tests is never shipped.
    ("uvid-server", &["uvid-cuda-simulator", "uvid-tests"]),
];

/// The only crates of ours that a crate may name.
const OURS: [(&str, &[&str]); 8] = [
    ("uvid-exam", &[]),
    ("uvid-codecs", &[]),
    ("uvid-kernels", &[]),
    ("uvid-metrics", &[]),
    ("uvid-evaluation", &["uvid-metrics"]),
    ("uvid-datasets", &["uvid-codecs", "uvid-exam"]),
    ("uvid-model", &["uvid-exam", "uvid-kernels"]),
    ("uvid-server", &["uvid-exam", "uvid-kernels", "uvid-datasets", "uvid-model", "uvid-metrics", "uvid-evaluation"]),
];

/// The crates that `package` uses outside its tests and build scripts, `depth` steps away at most.
fn uses(package: &str, depth: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{lib}|{p}"])
        .args(["--package", package, "--depth", depth])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let name = |line: &str| Some(line.split('|').nth(1)?.split(' ').next()?.to_owned());
    // The first line is the package itself.
    text.lines().skip(1).filter_map(name).collect()
}

#[test]
fn the_dependency_table_holds() {
    for (package, never) in NEVER {
        let reached = uses(package, "99");
        assert!(!reached.is_empty(), "cargo tree says nothing of {package}");
        let found: Vec<_> = reached.iter().filter(|name| never.contains(&name.as_str())).collect();
        assert!(found.is_empty(), "{package} reaches {found:?}, which ARCHITECTURE.md forbids");
    }
    for (package, allowed) in OURS {
        let direct = uses(package, "1");
        let ours = direct.iter().filter(|name| name.starts_with("uvid-"));
        let others: Vec<_> = ours.filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "{package} uses {others:?}, which ARCHITECTURE.md forbids");
    }
}
