//! Packages that tests make: a recipe, weights by name, and the least that a card must say.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use sha2::{Digest, Sha256};
use uvid_exam::Slot;
use uvid_kernels::Weights;

/// Writes a package. `recipe` is what stands under `[recipe]`; `required` views are demanded of an exam; `outputs` are
/// explained, somehow.
pub(crate) fn write(folder: &Path, recipe: &str, required: &[Slot], outputs: &[&str], files: &[(&str, &Weights)]) {
    std::fs::create_dir_all(folder).expect("folder");
    let mut digests = String::new();
    for (name, weights) in files {
        let named = weights.names().map(|n| (n.to_owned(), weights.get(n).expect("named").clone()));
        let tensors: HashMap<String, Tensor> = named.collect();
        let path = folder.join(name);
        candle_core::safetensors::save(&tensors, &path).expect("written");
        let digest = Sha256::digest(std::fs::read(&path).expect("readable"));
        let digest: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        digests += &format!("\"{name}\" = \"{digest}\"\n");
    }
    let required: Vec<&str> = required.iter().map(|slot| slot.name()).collect();
    let meanings = outputs.iter().map(|o| format!("[outputs.{o}]\nmeaning = \"Of a test.\"\nunit = \"none\"\n"));
    let manifest = format!(
        r#"
name = "test"
version = "0"
summary = "For tests"
intended_use = "Tests."
limits = ["It is for tests."]
licence = "none needed"
training_data = "not known here"

[input]
required_views = {required:?}
acquisitions = ["ffdm"]
intents = ["for-presentation"]
implants = false
lossy = false
burned_in_annotation = false
magnification_max = 1.1

[recipe]
{recipe}

{}
[files]
{digests}"#,
        meanings.collect::<String>()
    );
    std::fs::write(folder.join("package.toml"), manifest).expect("written");
}
