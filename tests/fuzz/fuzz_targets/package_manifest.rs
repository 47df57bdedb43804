//! Any text as `package.toml`: a manifest or an error, and what parses parses again from what it prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use uvid_model::Manifest;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = toml::from_str::<Manifest>(text) {
        let printed = toml::to_string(&manifest).expect("a manifest prints");
        let again: Manifest = toml::from_str(&printed).expect("what was printed parses");
        assert_eq!(manifest.recipe_digest(None), again.recipe_digest(None));
    }
});
