//! A loaded package, ready to score.

use rayon::prelude::*;
use uvid_exam::{Exam, PackageId, Reason, Rules, Scores};
use uvid_kernels::{Backend, CompileError, DeviceFault, Executor};

use crate::architecture::{Architecture, Prepared, Unscored};
use crate::density::Density;
use crate::gmic::Gmic;
use crate::in_force::InForce;
use crate::manifest::{Level, Manifest, PrecisionName, Recipe, Site};
use crate::mirai::{Mirai, RiskFactorError, RiskFactors};
use crate::nyu_bcc::NyuBcc;
use crate::nyu_density::NyuDensity;
use crate::package::{Package, PackageError};
use crate::timm::Timm;

/// Why a package cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The package itself is at fault.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The weights do not serve the architecture.
    #[error(transparent)]
    Weights(#[from] uvid_kernels::WeightsError),
    /// The network cannot be compiled for the backend.
    #[error(transparent)]
    Compile(CompileError),
    /// The recipe describes no network.
    #[error("the recipe describes no network: {0}")]
    Graph(#[from] uvid_kernels::GraphError),
    /// The package does not allow a precision.
    #[error("the package may not be run in {0}: its package.toml does not name it among its precisions")]
    Precision(PrecisionName),
    /// A number of the recipe makes no sense.
    #[error("the recipe's {0} makes no sense")]
    Recipe(&'static str),
    /// The calibration is none.
    #[error("the calibration {0}")]
    Calibration(String),
    /// An output's name leads nowhere, or to two places.
    #[error("the package's output {0}")]
    Output(String),
    /// A site sets a threshold that the package does not know.
    #[error("the operating point {0}")]
    OperatingPoint(String),
}

impl From<CompileError> for LoadError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Weights(weights) => Self::Weights(weights),
            CompileError::Unavailable(_) | CompileError::Device(_) | CompileError::Tensor(_) => Self::Compile(error),
        }
    }
}

impl LoadError {
    /// The device that failed, if one did: the package may be loaded elsewhere.
    pub fn device(&self) -> Option<&DeviceFault> {
        match self {
            Self::Compile(CompileError::Device(fault)) => Some(fault),
            Self::Compile(CompileError::Tensor(error)) => DeviceFault::of(error),
            Self::Compile(CompileError::Unavailable(_) | CompileError::Weights(_))
            | Self::Package(_)
            | Self::Weights(_)
            | Self::Graph(_)
            | Self::Precision(_)
            | Self::Recipe(_)
            | Self::Calibration(_)
            | Self::Output(_)
            | Self::OperatingPoint(_) => None,
        }
    }

    /// Whether the machine cannot do it, so that another backend may.
    pub fn is_machine(&self) -> bool {
        matches!(self, Self::Compile(CompileError::Unavailable(_))) || self.device().is_some()
    }

    /// The first of the recipe's keys that is not sound.
    pub(crate) fn unless_all(sound: &[(&'static str, bool)]) -> Result<(), Self> {
        sound.iter().find(|(_, sound)| !sound).map_or(Ok(()), |(key, _)| Err(Self::Recipe(key)))
    }
}

/// The most that golden values may be off in a precision besides f32.
const PRECISION_TOLERANCE_MAX: f64 = 0.05;

/// What computes, but for what [`Site::compute`] says.
pub const BACKEND: &str = "uvid-cpu";

/// A model in memory.
pub struct Predictor {
    id: PackageId,
    manifest: Manifest,
    rules: Rules,
    architecture: Box<dyn Architecture>,
    in_force: InForce,
    backend: Backend,
}

impl Predictor {
    /// Loads a package's weights, with what the site has set.
    pub fn load(package: &Package, site: &Site) -> Result<Self, LoadError> {
        Self::load_on(package, site, site.compute.backend())
    }

    /// The same on a backend of the caller's: the reference, in tests.
    pub fn load_on(package: &Package, site: &Site, backend: Backend) -> Result<Self, LoadError> {
        let manifest = package.manifest().clone();
        let magnification = (1.0..=f64::MAX).contains(&manifest.input.magnification_max);
        let levels = manifest.operating_points.iter().all(|p| p.level != Level::Image && p.threshold.is_finite());
        LoadError::unless_all(&[("input.magnification_max", magnification), ("operating_points", levels)])?;
        let precision = PrecisionName::from(backend.precision());
        let allowed = precision == PrecisionName::F32 || manifest.precisions.contains_key(&precision);
        if !allowed || precision != site.compute.precision {
            return Err(LoadError::Precision(precision));
        }
        let sound = |(name, tolerance): (&PrecisionName, &f64)| {
            *name != PrecisionName::F32 && *tolerance > 0.0 && *tolerance <= PRECISION_TOLERANCE_MAX
        };
        LoadError::unless_all(&[("precisions", manifest.precisions.iter().all(sound))])?;
        let recalibrated = site.calibration.as_ref();
        if recalibrated.is_some() && !matches!(manifest.recipe, Recipe::Density(_)) {
            return Err(LoadError::Calibration("of a site has no meaning for this architecture".into()));
        }
        let architecture: Box<dyn Architecture> = match &manifest.recipe {
            Recipe::Density(recipe) => Box::new(Density::load(package, recipe, recalibrated, backend)?),
            Recipe::Gmic(recipe) => Box::new(Gmic::load(package, recipe, backend)?),
            Recipe::Mirai(recipe) => Box::new(Mirai::load(package, recipe, backend)?),
            Recipe::Timm(recipe) => Box::new(Timm::load(package, recipe, backend)?),
            Recipe::NyuBcc(recipe) => Box::new(NyuBcc::load(package, recipe, backend)?),
            Recipe::NyuDensity(recipe) => Box::new(NyuDensity::load(package, recipe, backend)?),
        };
        let id = PackageId {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: package.digest().to_owned(),
            recipe_digest: manifest.recipe_digest(site),
            recalibrated: recalibrated.map(|site| format!("{}: {}", site.by, site.reason)),
        };
        let in_force = InForce::new(&manifest, site)?;
        Ok(Self { id, rules: manifest.input.rules(), manifest, architecture, in_force, backend })
    }

    /// Which package this is; part of every result.
    pub fn id(&self) -> &PackageId {
        &self.id
    }

    /// The package's card.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What runs its networks; part of every result.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// How far golden values may be off in the precision that it is run in, if that is not f32.
    pub(crate) fn precision_tolerance(&self) -> Option<f64> {
        self.manifest.precisions.get(&self.backend.precision().into()).copied()
    }

    /// Its networks, by name.
    pub fn networks(&self) -> Vec<(String, &Executor)> {
        self.architecture.networks()
    }

    /// Which images the model takes.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Turns the exam's images into the network's input. Every image that cannot be prepared gives a reason, and any
    /// reason stops the exam: a score over fewer images than were chosen would be another score.
    pub fn prepare(&self, exam: &Exam) -> Result<Prepared, Vec<Reason>> {
        let prepared: Vec<_> =
            exam.images().par_iter().map(|(slot, image)| (*slot, self.architecture.prepare(*slot, image))).collect();
        let mut images = uvid_exam::Slots::new();
        let mut reasons = Vec::new();
        for (slot, result) in prepared {
            match result {
                Ok(image) if !image.is_finite() => {
                    reasons.push(Reason::ModelFailed(format!("{slot}: the prepared image holds no finite number")));
                }
                Ok(image) => {
                    images.insert(slot, image);
                }
                Err(reason) => reasons.push(reason),
            }
        }
        if reasons.is_empty() {
            Ok(Prepared { study: exam.study().clone(), images, risk_factors: None })
        } else {
            Err(reasons)
        }
    }

    /// What is known of the woman, as pairs of a risk factor and its class or `yes` or `no`, if the package's recipe
    /// takes it; for [`Prepared::with_risk_factors`].
    pub fn risk_factors<'a>(
        &self,
        known: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<RiskFactors, RiskFactorError> {
        let Recipe::Mirai(recipe) = &self.manifest.recipe else { return Err(RiskFactorError::NotTaken) };
        recipe.known(known)
    }

    /// Scores one exam. What else is being scored does not matter to it.
    ///
    /// # Errors
    ///
    /// The reason why it has no scores, or the fault of a device, which is none.
    pub fn predict(&self, exam: &Prepared) -> Result<Scores, Unscored> {
        if exam.risk_factors.is_some() && !self.architecture.takes_risk_factors() {
            return Err(Reason::ModelFailed(RiskFactorError::NotTaken.to_string()).into());
        }
        let mut readings = self.architecture.predict(exam)?;
        let flags = self.in_force.apply(&mut readings)?;
        Ok(Scores {
            package: self.id.clone(),
            backend: self.backend.to_string(),
            images: readings.images,
            breasts: readings.breasts,
            exam: readings.exam,
            flags,
        })
    }
}
