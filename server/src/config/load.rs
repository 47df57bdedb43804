//! The layers of the configuration, merged.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{
    Computing, Config, Destination, DicomLimits, Dimse, DimseTls, Http, Jobs, Log, Node, Outbox, Priors, Results,
    Section, Sender, StoreLimits, Urgent,
};

/// Where the configuration file is looked for if `--config` names none; the first that exists is read.
pub(super) const FILES: [&str; 2] = ["./uvid.toml", "/etc/uvid/uvid.toml"];

/// What every variable of the environment that we read begins with.
const PREFIX: &str = "UVID_";

/// The variable that names the configuration file; the flag's own, no key.
const CONFIG_VARIABLE: &str = "UVID_CONFIG";

/// Where the configuration comes from on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Read this configuration file instead of ./uvid.toml or /etc/uvid/uvid.toml.
    ///
    /// `uvid config` prints a complete one, with every key explained.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    pub config: Option<PathBuf>,
    /// Listen on this address and port [default: 127.0.0.1:8642].
    ///
    /// Uvid does not ask who is there yet. Anything but a loopback address opens the studies to the network.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Keep images and results in this folder [default: ./uvid-data].
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Score with this model package: the name of the one inside the binary, or a folder [default: density-v0].
    #[arg(long, value_name = "NAME|FOLDER")]
    pub model: Option<String>,
    /// Compute on these devices: `auto` for all GPUs if there are any, else the processor; `cpu`; `cuda`; `cuda:0,2`
    /// [default: auto].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Set any key of the configuration, for example --set jobs.quiet_seconds=10. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was asked for cannot be read.
    #[error("the configuration file {path} cannot be read: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path}: {error}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A key that does not exist.
    #[error("{source_name}: there is no key `{key}`; {known}")]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The file, variable or flag.
        source_name: String,
        /// The keys that exist there.
        known: String,
    },
    /// `--set` without `=`.
    #[error("--set {0}: write --set key=value, for example --set jobs.quiet_seconds=10")]
    Set(String),
    /// A value of the wrong kind.
    #[error("{0}")]
    Value(String),
    /// A value that makes no sense.
    #[error("{key} {problem} (set by: {source_name})")]
    Invalid {
        /// The key.
        key: &'static str,
        /// What is wrong.
        problem: String,
        /// Who set it.
        source_name: String,
    },
}

/// The effective configuration, and where each of its values comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    figment: Figment,
}

impl Loaded {
    /// Who set a key: `default`, a file, a variable or a flag.
    pub fn source(&self, key: &str) -> String {
        source(&self.figment, key)
    }
}

/// Loads the configuration of this process: files, environment, flags.
///
/// # Errors
///
/// A file that cannot be read, a key that does not exist, a value that cannot be.
pub fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
    let files = FILES.map(PathBuf::from);
    let environment = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    load_from(flags, &files, environment)
}

/// [`load`] with the places to look in given: what tests call.
///
/// # Errors
///
/// As [`load`].
pub fn load_from(
    flags: &Flags,
    files: &[PathBuf],
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let mut figment = Figment::from(Defaults);
    let file = flags.config.clone().or_else(|| files.iter().find(|path| path.is_file()).cloned());
    if let Some(path) = &file {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File { path: path.clone(), error })?;
        let syntax = |error| ConfigError::Syntax { path: path.clone(), error: Box::new(error) };
        text.parse::<toml::Table>().map_err(syntax)?;
        figment = figment.merge(File { path, toml: &text });
    }
    let mut layers = vec![figment.clone()];
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        if name == CONFIG_VARIABLE || announces_service(key, &value) {
            continue;
        }
        let key = key.to_ascii_lowercase().replace("__", ".");
        figment = figment.merge(One { name: format!("environment variable {name}"), key, value: parsed(&value) });
    }
    layers.push(figment.clone());
    for (flag, key, value) in [
        ("listen", "listen", &flags.listen),
        ("data-dir", "data_dir", &flags.data_dir),
        ("model", "model", &flags.model),
        ("device", "compute.device", &flags.device),
    ] {
        if let Some(text) = value {
            let name = format!("flag --{flag}");
            figment = figment.merge(One { name, key: key.to_owned(), value: Value::from(text.as_str()) });
        }
    }
    for set in &flags.set {
        let (key, value) = set.split_once('=').ok_or_else(|| ConfigError::Set(set.clone()))?;
        let key = key.trim().to_owned();
        figment = figment.merge(One { name: format!("flag --set {key}"), key, value: parsed(value) });
    }
    refuse_unknown(&figment)?;
    let config: Config = figment.extract().map_err(|error| ConfigError::Value(error.to_string()))?;
    config.check().map_err(|(key, problem)| ConfigError::Invalid {
        key,
        problem,
        source_name: source(&figment, key),
    })?;
    refuse_for_another_model(&layers, &figment, &config.model)?;
    Ok(Loaded { config, file, figment })
}

/// Whether Kubernetes or Docker set this variable for a service named `uvid` or `uvid-...`: `SERVICE_HOST`,
/// `SERVICE_PORT_HTTP`, `PORT=tcp://...`, `PORT_8642_TCP_ADDR`.
fn announces_service(key: &str, value: &str) -> bool {
    let key = format!("_{key}");
    let numbered = |(_, port): (&str, &str)| {
        let protocol = port.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol != port && ["_TCP", "_UDP", "_SCTP"].iter().any(|p| protocol.starts_with(p))
    };
    !key.contains("__")
        && (key.ends_with("_SERVICE_HOST")
            || key.ends_with("_SERVICE_PORT")
            || key.contains("_SERVICE_PORT_")
            || key.ends_with("_PORT") && value.contains("://")
            || key.split_once("_PORT_").is_some_and(numbered))
}

/// A value as one writes it in a variable or flag: `10`, `0.5`, `true`, `[1, 2, 3]`, or else text.
fn parsed(text: &str) -> Value {
    match text.parse() {
        Ok(value) => value,
        Err(infallible) => match infallible {},
    }
}

fn source(figment: &Figment, key: &str) -> String {
    // A key inside an array has no place of its own: it came with the array.
    let around = || figment.find_metadata(key.rsplit_once('.')?.0);
    let metadata = figment.find_metadata(key).or_else(around);
    metadata.map_or_else(|| "default".to_owned(), |metadata| metadata.name.to_string())
}

/// The layer of the defaults.
struct Defaults;

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named("default")
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Serialized::defaults(Config::default()).data()
    }
}

/// The layer of the file.
struct File<'a> {
    path: &'a Path,
    toml: &'a str,
}

impl Provider for File<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.path.display().to_string())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Toml::string(self.toml).data()
    }
}

/// A layer of one value: a variable or a flag.
struct One {
    name: String,
    key: String,
    value: Value,
}

impl Provider for One {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::error::Result<Map<Profile, Dict>> {
        Serialized::default(&self.key, &self.value).data()
    }
}

/// The keys of `[calibration]`, which is a struct of the model's.
pub(super) const CALIBRATION: &[(&str, &str)] = &[
    ("scale", " Above 0; multiplies the network's score."),
    ("thresholds", " Three, strictly rising: P(class > k) = sigmoid(scale * score - thresholds[k])."),
    ("by", " Who fitted it."),
    ("reason", " On what and why."),
];

/// The keys of each of `operating_points`, likewise.
const OPERATING_POINT: &[(&str, &str)] = &[("name", ""), ("threshold", ""), ("by", ""), ("reason", "")];

/// The sections with their keys.
pub(super) const SECTIONS: [(&str, &[(&str, &str)]); 13] = [
    ("log", Log::KEYS),
    ("http", Http::KEYS),
    ("store", StoreLimits::KEYS),
    ("jobs", Jobs::KEYS),
    ("dicom", DicomLimits::KEYS),
    ("calibration", CALIBRATION),
    ("compute", Computing::KEYS),
    ("dimse", Dimse::KEYS),
    ("dimse_tls", DimseTls::KEYS),
    ("urgent", Urgent::KEYS),
    ("results", Results::KEYS),
    ("outbox", Outbox::KEYS),
    ("priors", Priors::KEYS),
];

/// The arrays of tables with the keys of each table.
const ARRAYS: [(&str, &[(&str, &str)]); 4] = [
    ("operating_points", OPERATING_POINT),
    ("nodes", Node::KEYS),
    ("senders", Sender::KEYS),
    ("destinations", Destination::KEYS),
];

/// What a site has set belongs to the model that was named where it was set: says who named another one later.
fn refuse_for_another_model(layers: &[Figment], figment: &Figment, model: &str) -> Result<(), ConfigError> {
    let calibration = CALIBRATION.iter().map(|(key, _)| ("calibration", format!("calibration.{key}")));
    for (key, path) in calibration.chain([("operating_points", "operating_points".to_owned())]) {
        let set_by = source(figment, &path);
        let set_in = layers.iter().find(|layer| layer.find_value(&path).is_ok() && source(layer, &path) == set_by);
        let meant = set_in.and_then(|layer| layer.find_value("model").ok()?.into_string());
        if let Some(meant) = meant.filter(|meant| meant != model && set_by != "default") {
            let named_by = source(figment, "model");
            let problem = format!(
                "was set for the model {meant:?}, and {named_by} names {model:?}: name the model where that is set, or \
                 use a configuration without it (--config)"
            );
            return Err(ConfigError::Invalid { key, problem, source_name: set_by });
        }
    }
    Ok(())
}

/// Says who wrote a key that does not exist, and which keys do.
fn refuse_unknown(figment: &Figment) -> Result<(), ConfigError> {
    let data = figment.data().map_err(|error| ConfigError::Value(error.to_string()))?;
    for (key, value) in data.values().flatten() {
        known(figment, key, key, Config::KEYS, "the keys")?;
        let section = SECTIONS.iter().find(|(name, _)| name == key);
        if let (Some((name, keys)), Some(dict)) = (section, value.as_dict()) {
            for inner in dict.keys() {
                known(figment, &format!("{name}.{inner}"), inner, keys, &format!("the keys of [{name}]"))?;
            }
        }
        let Some((_, keys)) = ARRAYS.iter().find(|(name, _)| name == key) else { continue };
        for inner in value.as_array().into_iter().flatten().filter_map(Value::as_dict).flat_map(Dict::keys) {
            known(figment, &format!("{key}.{inner}"), inner, keys, &format!("the keys of each of {key}"))?;
        }
    }
    Ok(())
}

/// Says who wrote `path` if its last part `key` is none of `keys`.
fn known(figment: &Figment, path: &str, key: &str, keys: &[(&str, &str)], whose: &str) -> Result<(), ConfigError> {
    if keys.iter().any(|(name, _)| *name == key) {
        return Ok(());
    }
    let names: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
    Err(ConfigError::UnknownKey {
        key: path.to_owned(),
        source_name: source(figment, path),
        known: format!("{whose} are {}", names.join(", ")),
    })
}
