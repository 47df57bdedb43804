//! The models of this process: what everybody may know of them, and those that are loaded on one device.
//!
//! Invariant: a [`Models`] holds no weights, so that whoever keeps one keeps no device from being opened anew.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::Context as _;
use uvid_exam::PackageId;
use uvid_model::{Compute, DeviceFault, FaultKind, LoadError, Manifest, Package, PrecisionName, Predictor, Site};

use super::device::NotOpened;
use crate::config::Config;
use crate::store::{Policy, Role};

/// The packages that a configuration names, read once.
pub struct Packages {
    /// With their roles, production first.
    pub usable: Vec<(Role, Package)>,
    /// Shadows that cannot be read.
    pub unusable: Vec<Unusable>,
}

/// A shadow that is configured and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The package's name; of one that cannot be read, as the configuration calls it.
    pub name: String,
    /// The package, if it can be read.
    pub package: Option<PackageId>,
    /// Stable, for programs: `package-unreadable`, `model-not-loadable`, `model-load-panicked`.
    pub code: &'static str,
    /// In words; may name paths.
    pub problem: String,
}

impl Packages {
    /// Their roles, production first.
    pub fn roles(&self) -> Vec<Role> {
        self.usable.iter().map(|(role, _)| role.clone()).collect()
    }

    /// What a store lives by that these packages are used with.
    pub fn policy(&self, config: &Config) -> Policy {
        let exam = self.usable.first().map(|(_, production)| production.manifest().input.rules());
        Policy { roles: self.roles(), exam, ..Policy::from(config) }
    }

    /// Loads them for the device of `site`. What the site has set is for the production model alone. A shadow that cannot
    /// be loaded is no error: production goes on without it.
    ///
    /// # Errors
    ///
    /// Production's cannot be loaded, or the device fails.
    pub fn load(&self, site: &Site) -> Result<Predictors, NotOpened> {
        let mut packages = self.usable.iter().map(|(_, package)| package);
        let production = packages.next().context("no production model").map_err(NotOpened::Models)?;
        let gpu = site.compute.gpu;
        let name = &production.manifest().name;
        let not_loaded = |error| not_opened(error, gpu, &format!("loading the package {name} (production)"));
        let mut loaded = vec![(Role::Production, Predictor::load(production, site).map_err(not_loaded)?)];
        let mut unusable = self.unusable.clone();
        for package in packages {
            // Loading has no state that it could leave half-changed.
            let (code, problem) = match catch_unwind(AssertUnwindSafe(|| Predictor::load(package, &beside(site)))) {
                Ok(Ok(shadow)) => {
                    loaded.push((Role::Shadow(shadow.id().name.clone()), shadow));
                    continue;
                }
                // One that is too large for the device stops nobody.
                Ok(Err(error)) if error.device().is_some_and(|fault| fault.kind == FaultKind::Failed) => {
                    return Err(not_opened(error, gpu, ""));
                }
                Ok(Err(error)) => ("model-not-loadable", format!("{:#}", anyhow::Error::from(error))),
                Err(_) => ("model-load-panicked", "loading it panicked".to_owned()),
            };
            let manifest = package.manifest();
            let id = PackageId {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                digest: package.digest().to_owned(),
                recipe_digest: manifest.recipe_digest(&Site::default()),
                recalibrated: None,
            };
            unusable.push(Unusable { name: id.name.clone(), package: Some(id), code, problem });
        }
        Ok(Predictors { loaded, unusable })
    }

    /// Whether production gives its golden values on the device that it is loaded on.
    ///
    /// # Errors
    ///
    /// It does not, or the device fails.
    pub(super) fn verify(&self, predictors: &Predictors) -> Result<(), NotOpened> {
        let (Some((_, package)), Some((_, production))) = (self.usable.first(), predictors.loaded.first()) else {
            return Err(NotOpened::Models(anyhow::anyhow!("no production model")));
        };
        match production.verify(package) {
            Ok(report) if report.agrees() => Ok(()),
            Ok(_) => Err(NotOpened::Models(anyhow::anyhow!("it does not give the golden values of the package"))),
            Err(uvid_model::PackageError::Device(fault)) => Err(NotOpened::Device(fault)),
            Err(error) => Err(NotOpened::Models(anyhow::Error::new(error).context("the golden values"))),
        }
    }
}

/// Shadows are computed likewise, but in the precision that every package allows.
fn beside(site: &Site) -> Site {
    Site { compute: Compute { precision: PrecisionName::F32, ..site.compute }, ..Site::default() }
}

/// The fault of a GPU, or what it cannot do, is the device's; everything else is the package's.
fn not_opened(error: LoadError, gpu: Option<usize>, doing: &str) -> NotOpened {
    match (error.device(), gpu) {
        (Some(fault), _) => NotOpened::Device(fault.clone()),
        (None, Some(ordinal)) if error.is_machine() => {
            NotOpened::Device(DeviceFault { ordinal, kind: FaultKind::Failed, said: error.to_string() })
        }
        (None, _) => NotOpened::Models(anyhow::Error::new(error).context(doing.to_owned())),
    }
}

/// The packages, loaded on one device.
pub struct Predictors {
    loaded: Vec<(Role, Predictor)>,
    unusable: Vec<Unusable>,
}

impl Predictors {
    /// The model of a role.
    pub fn of(&self, role: &Role) -> Option<&Predictor> {
        self.loaded.iter().find(|(of, _)| of == role).map(|(_, model)| model)
    }

    /// What is known of them anywhere, with what the site has set for production.
    pub fn cards(&self, site: Site) -> Models {
        let card = |model: &Predictor| Model {
            id: model.id().clone(),
            manifest: model.manifest().clone(),
            backend: model.backend().to_string(),
        };
        let models = self.loaded.iter().map(|(role, model)| (role.clone(), card(model))).collect();
        Models { models, site, unusable: self.unusable.clone() }
    }
}

/// What is known of a loaded model.
#[derive(Debug, Clone)]
pub struct Model {
    id: PackageId,
    manifest: Manifest,
    backend: String,
}

impl Model {
    /// Which package it is, with the recipe in force.
    pub fn id(&self) -> &PackageId {
        &self.id
    }

    /// The package's card.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What runs its networks, as results say; the same on every device.
    pub fn backend(&self) -> &str {
        &self.backend
    }
}

/// What is known of the models of this process.
#[derive(Debug, Clone)]
pub struct Models {
    models: Vec<(Role, Model)>,
    site: Site,
    unusable: Vec<Unusable>,
}

impl Models {
    /// What the site has set for the model of a role: for production alone.
    pub fn site(&self, role: &Role) -> Site {
        if *role == Role::Production { self.site.clone() } else { Site::default() }
    }

    /// What is known of those that two devices have: a shadow that one of them could not load is unusable.
    pub(super) fn on_both(mut self, other: Self) -> Self {
        for shadow in other.unusable {
            if !self.unusable.iter().any(|known| known.name == shadow.name) {
                self.models.retain(|(role, _)| *role != Role::Shadow(shadow.name.clone()));
                self.unusable.push(shadow);
            }
        }
        self
    }

    /// The shadows that are configured and cannot be used.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// All models with their roles, production first.
    pub fn all(&self) -> impl Iterator<Item = (&Role, &Model)> {
        self.models.iter().map(|(role, model)| (role, model))
    }

    /// The model of a role.
    pub fn of(&self, role: &Role) -> Option<&Model> {
        self.all().find(|(of, _)| *of == role).map(|(_, model)| model)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn loaded(package: Package) -> (Packages, Predictors) {
        let packages = Packages { usable: vec![(Role::Production, package)], unusable: Vec::new() };
        let predictors = packages.load(&Site::default()).expect("it loads");
        (packages, predictors)
    }

    /// The bundled package with a recipe that gives other numbers.
    fn altered(folder: &Path) -> Package {
        let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../model/packages/density-v0"));
        std::fs::create_dir_all(folder.join("golden")).expect("a folder");
        let manifest = std::fs::read_to_string(source.join("package.toml")).expect("a manifest");
        for line in manifest.lines().skip_while(|line| *line != "[files]").skip(1) {
            let file = line.split('"').nth(1).expect("a file");
            std::fs::copy(source.join(file), folder.join(file)).expect("copied");
        }
        let other = manifest.replace("stretch_percentiles = [2.0, 99.5]", "stretch_percentiles = [10.0, 90.0]");
        assert_ne!(other, manifest);
        std::fs::write(folder.join("package.toml"), other).expect("written");
        Package::open(folder).expect("a package")
    }

    #[test]
    fn a_device_returns_with_the_golden_values_or_not_at_all() {
        let (packages, predictors) = loaded(Package::bundled().expect("bundled"));
        assert!(packages.verify(&predictors).is_ok());
        let folder = tempfile::tempdir().expect("a folder");
        let (packages, predictors) = loaded(altered(folder.path()));
        let refused = packages.verify(&predictors).expect_err("other values");
        assert!(refused.to_string().contains("golden values"), "{refused}");
    }

    #[test]
    fn a_shadow_is_usable_where_every_device_has_it() {
        let (_, predictors) = loaded(Package::bundled().expect("bundled"));
        let model = predictors.cards(Site::default()).models.remove(0).1;
        let shadow = |name: &str| (Role::Shadow(name.into()), model.clone());
        let unusable = |name: &str| Unusable { name: name.into(), package: None, code: "x", problem: String::new() };
        let cards = |shadows: &[&str], without: &[&str]| Models {
            models: shadows.iter().map(|name| shadow(name)).collect(),
            site: Site::default(),
            unusable: without.iter().map(|name| unusable(name)).collect(),
        };
        let check = |a: Models, b: Models, usable: &[&str], without: &[&str]| {
            let both = a.on_both(b);
            let roles: Vec<_> = both.all().map(|(role, _)| role.clone()).collect();
            assert_eq!(roles, usable.iter().map(|name| Role::Shadow((*name).into())).collect::<Vec<_>>());
            assert_eq!(both.unusable().iter().map(|u| u.name.as_str()).collect::<Vec<_>>(), without);
        };
        check(cards(&["a", "b"], &[]), cards(&["a", "b"], &[]), &["a", "b"], &[]);
        check(cards(&["a", "b"], &[]), cards(&["a"], &["b"]), &["a"], &["b"]);
        check(cards(&["a"], &["b"]), cards(&["a", "b"], &[]), &["a"], &["b"]);
        check(cards(&["a"], &["b"]), cards(&["b"], &["a"]), &[], &["b", "a"]);
    }
}
