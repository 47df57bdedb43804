//! Everything that can be set: one struct, its defaults and its documentation, side by side.
//!
//! A value comes from the last of these that has it: the default here, the file (`--config`, else `./uvid.toml`, else
//! `/etc/uvid/uvid.toml`), the environment (`UVID_HTTP__BODY_BYTES_MAX` sets `http.body_bytes_max`), the command line
//! (`--set http.body_bytes_max=...`, or a flag of its own). `uvid config` prints the outcome with the source of each.
//!
//! Invariants: a key that does not exist is an error wherever it was written; every limit names its unit; a
//! [`Config`] that [`load`] gives has passed [`Config::check`].

mod load;
mod show;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use uvid_datasets::dicom;
use uvid_model::{Site, SiteCalibration, SiteOperatingPoint};

use crate::pipeline::Limits;

pub use load::{ConfigError, Flags, Loaded, load, load_from};

/// A struct of settings whose doc comments can be printed.
trait Section {
    /// Each key with its documentation, in order.
    const KEYS: &'static [(&'static str, &'static str)];
}

/// Declares a struct of settings: for each key its documentation, its type and its default.
macro_rules! settings {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $key:ident: $kind:ty = $default:expr;)* }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $key: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl Section for $name {
            const KEYS: &'static [(&'static str, &'static str)] = &[$((stringify!($key), concat!($($doc),+)),)*];
        }
    };
}

// Behind the macro that they use.
mod compute;
mod hospital;

pub use compute::{Computing, DeviceChoice, GpuDecoding, Instructions, UnknownDevice};
pub use hospital::{
    Charset, Destination, Dimse, DimseTls, Language, Network, Node, ObjectKind, Outbox, Priors, Results, Retrieve,
    Sender, TruncatedPixels, Urgent, When,
};

settings! {
    /// The configuration of `uvid serve`.
    Config {
        /// Address and port of HTTP. There is no authentication yet: keep it on the loopback interface.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8642));
        /// Folder of everything that is kept: `uvid.sqlite` and `objects/`. One process at a time.
        data_dir: PathBuf = PathBuf::from("./uvid-data");
        /// The model package: the name of the one inside the binary, or the folder of another.
        model: String = "density-v0".to_owned();
        /// Packages that score every study beside it, to be compared: names or folders. Their results are kept and never
        /// sent; each needs a name of its own.
        shadows: Vec<String> = Vec::new();
        /// How clients reach this server, as in `https://uvid.example.org`, if a proxy stands before it: on a loopback
        /// address, its host is answered besides those of this machine.
        public_url: Option<String> = None;
        /// The log.
        log: Log = Log::default();
        /// What a client may send and how long it may take.
        http: Http = Http::default();
        /// Objects on disk.
        store: StoreLimits = StoreLimits::default();
        /// When a study is scored.
        jobs: Jobs = Jobs::default();
        /// What reading one DICOM file may cost.
        dicom: DicomLimits = DicomLimits::default();
        /// A calibration fitted at this site in place of the model package's own. It belongs to `model` as the same file
        /// (or environment, or command line) names it; naming another model elsewhere is an error.
        calibration: Option<SiteCalibration> = None;
        /// Thresholds set at this site in place of the model package's own, for the same model likewise; each is
        /// `{ name = "...", threshold = 0.5, by = "who set it", reason = "on what and why" }`.
        operating_points: Vec<SiteOperatingPoint> = Vec::new();
        /// With what networks are computed.
        compute: Computing = Computing::default();
        /// The DICOM node that modalities and PACS push to.
        dimse: Dimse = Dimse::default();
        /// The same over TLS.
        dimse_tls: DimseTls = DimseTls::default();
        /// DICOM nodes that Uvid opens associations to, each `[[nodes]]` with a name, ae_title, host and port.
        nodes: Vec<Node> = Vec::new();
        /// What holds for single senders, each `[[senders]]` with a name, ae_titles or addresses.
        senders: Vec<Sender> = Vec::new();
        /// Which studies are urgent.
        urgent: Urgent = Urgent::default();
        /// What is made of a result.
        results: Results = Results::default();
        /// Where results go, each `[[destinations]]` with a name and a node or url.
        destinations: Vec<Destination> = Vec::new();
        /// How they are delivered.
        outbox: Outbox = Outbox::default();
        /// Earlier exams.
        priors: Priors = Priors::default();
    }
}

settings! {
    /// The log, on standard error.
    Log {
        /// What is logged, in the syntax of tracing's EnvFilter: `info`, `uvid_server=debug,info`.
        filter: String = "info".to_owned();
        /// `text` for people, `json` for machines.
        format: LogFormat = LogFormat::Text;
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

settings! {
    /// What a client may send and how long it may take. Times are seconds, fractions allowed.
    Http {
        /// Bytes of the body of one STOW-RS request; beyond: 413, nothing stored.
        body_bytes_max: u64 = 8 << 30;
        /// Bytes of one instance; beyond: this instance fails with A700, the others are stored.
        part_bytes_max: u64 = 4 << 30;
        /// Instances in one STOW-RS request; beyond: 413, nothing stored.
        parts_max: usize = 2_000;
        /// Bytes of the headers of one part; beyond: 400, nothing stored.
        part_header_bytes_max: usize = 16 << 10;
        /// Bytes of a request's line and headers together; beyond: 431. At least 8192.
        header_bytes_max: usize = 64 << 10;
        /// Until a request's headers must be complete; beyond: the connection is closed.
        header_seconds_max: f64 = 15.0;
        /// Between two pieces of a STOW-RS body; beyond: 408, nothing stored.
        idle_seconds_max: f64 = 30.0;
        /// For the body of a STOW-RS request in all; beyond: 408, nothing stored.
        upload_seconds_max: f64 = 1_800.0;
        /// For the answer to any other request; beyond: 503.
        request_seconds_max: f64 = 30.0;
        /// For a client to take the next bytes of an answer; beyond: the connection is closed.
        write_seconds_max: f64 = 30.0;
        /// STOW-RS requests at once; further ones wait.
        uploads_max: usize = 16;
        /// How long they wait; beyond: 503 and Retry-After.
        uploads_wait_seconds_max: f64 = 10.0;
        /// Open connections; further ones wait in the operating system's queue.
        connections_max: usize = 512;
        /// Studies that one page of `/api/v1/studies` may hold.
        page_studies_max: u32 = 200;
        /// Answers that one search by QIDO-RS may hold; beyond: a warning says how many there are.
        search_results_max: u32 = 1_000;
        /// Heat maps and other pictures drawn at once, and objects read for their metadata or frames; beyond: they wait.
        heatmaps_max: usize = 2;
        /// For open requests to end once the server was told to stop.
        shutdown_seconds_max: f64 = 10.0;
    }
}

settings! {
    /// Objects on disk.
    StoreLimits {
        /// Free space of the data folder's disk below which nothing more is accepted (503).
        free_bytes_min: u64 = 2 << 30;
        /// Objects of one study; beyond: the instance fails with A700.
        study_instances_max: u32 = 500;
        /// Bytes of a file read into memory to identify it; if they do not do, the whole file is, one file at a time.
        header_bytes_max: u64 = 4 << 20;
        /// Bytes of a file that may be read whole for that; beyond: the instance fails with C000.
        identify_bytes_max: u64 = 256 << 20;
        /// Bytes of objects that came under the SOP Instance UID of another one, and are kept apart in `quarantine/`;
        /// beyond: they are refused all the same, and not kept.
        quarantine_bytes_max: u64 = 8 << 30;
        /// How many they are.
        quarantine_objects_max: u64 = 10_000;
    }
}

settings! {
    /// When a study is scored.
    Jobs {
        /// Score a study as soon as the four standard views are there, by images that the model takes.
        four_views: bool = false;
        /// Seconds without a new image after which a study counts as complete and is scored.
        quiet_seconds: f64 = 2.0;
        /// Seconds after the first image that was not scored yet when it is scored however many still come.
        hard_seconds: f64 = 1_800.0;
        /// Attempts at a study, crashes of the whole process included, before it counts as failed.
        attempts_max: u32 = 5;
        /// Seconds until a failed attempt is repeated.
        retry_seconds: f64 = 5.0;
        /// Seconds after which a study that is not urgent takes turns with urgent ones, instead of waiting for them all.
        urgent_wait_seconds_max: f64 = 1_800.0;
    }
}

settings! {
    /// What reading one DICOM file may cost.
    DicomLimits {
        /// Rows times Columns of a frame.
        frame_pixels_max: usize = dicom::Limits::default().frame_pixels_max;
        /// Decoded pixels of one study held at once, 2 bytes each; beyond: the study has no score.
        study_pixels_max: usize = Limits::default().study_pixels_max;
        /// Bytes of a deflated data set once inflated.
        inflated_bytes_max: usize = dicom::Limits::default().inflated_bytes_max;
        /// Bytes of a data set without its Pixel Data, which are held in memory.
        data_set_bytes_max: usize = dicom::Limits::default().header_bytes_max;
        /// Fragments of compressed pixels, 16 bytes of memory each.
        fragments_max: usize = dicom::Limits::default().fragments_max;
        /// Bytes of one frame as it is stored.
        frame_bytes_max: usize = dicom::Limits::default().frame_bytes_max;
    }
}

impl Config {
    /// What this site has set in place of the package's own.
    pub fn site(&self) -> Site {
        Site {
            calibration: self.calibration.clone(),
            operating_points: self.operating_points.clone(),
            compute: self.compute.compute(),
        }
    }

    /// What one study may cost.
    pub fn limits(&self) -> Limits {
        // By DIMSE the data set is counted, without the file's head.
        let dimse_bytes_max = self.dimse.object_bytes_max.saturating_add(4096);
        let file_bytes_max = bytes(self.http.part_bytes_max.max(dimse_bytes_max));
        let dicom = dicom::Limits { file_bytes_max, ..self.dicom_limits() };
        Limits { dicom, study_pixels_max: self.dicom.study_pixels_max }
    }

    /// What identifying one file may cost.
    pub fn dicom_limits(&self) -> dicom::Limits {
        dicom::Limits {
            file_bytes_max: bytes(self.store.identify_bytes_max),
            frame_pixels_max: self.dicom.frame_pixels_max,
            inflated_bytes_max: self.dicom.inflated_bytes_max,
            header_bytes_max: self.dicom.data_set_bytes_max,
            fragments_max: self.dicom.fragments_max,
            frame_bytes_max: self.dicom.frame_bytes_max,
            ..dicom::Limits::default()
        }
    }

    /// Refuses values that parse and make no sense: the key and what is wrong with it.
    ///
    /// # Errors
    ///
    /// The first such key.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let (http, jobs) = (&self.http, &self.jobs);
        for (key, value, least) in [
            ("http.body_bytes_max", http.body_bytes_max, 1),
            ("http.part_bytes_max", http.part_bytes_max, 1),
            ("http.parts_max", http.parts_max as u64, 1),
            ("http.part_header_bytes_max", http.part_header_bytes_max as u64, 256),
            ("http.header_bytes_max", http.header_bytes_max as u64, 8192),
            ("http.uploads_max", http.uploads_max as u64, 1),
            ("http.connections_max", http.connections_max as u64, 1),
            ("http.page_studies_max", u64::from(http.page_studies_max), 1),
            ("http.search_results_max", u64::from(http.search_results_max), 1),
            ("http.heatmaps_max", http.heatmaps_max as u64, 1),
            ("store.study_instances_max", u64::from(self.store.study_instances_max), 1),
            ("store.free_bytes_min", self.store.free_bytes_min, 0),
            ("store.header_bytes_max", self.store.header_bytes_max, 4096),
            ("store.identify_bytes_max", self.store.identify_bytes_max, self.store.header_bytes_max),
            ("store.quarantine_bytes_max", self.store.quarantine_bytes_max, 0),
            ("store.quarantine_objects_max", self.store.quarantine_objects_max, 0),
            ("jobs.attempts_max", u64::from(jobs.attempts_max), 1),
            ("compute.slots_per_gpu", self.compute.slots_per_gpu as u64, 1),
            ("dimse.associations_max", self.dimse.associations_max as u64, 1),
            ("dimse.associations_per_address_max", self.dimse.associations_per_address_max as u64, 1),
            ("dimse.object_bytes_max", self.dimse.object_bytes_max, 1),
            ("dimse.command_bytes_max", self.dimse.command_bytes_max as u64, 4096),
            ("dimse.waiting_jobs_max", self.dimse.waiting_jobs_max, 1),
            ("outbox.batch_max", self.outbox.batch_max as u64, 1),
            ("priors.bytes_max", self.priors.bytes_max, 1),
            ("dicom.frame_pixels_max", self.dicom.frame_pixels_max as u64, 1),
            ("dicom.study_pixels_max", self.dicom.study_pixels_max as u64, 1),
            ("dicom.inflated_bytes_max", self.dicom.inflated_bytes_max as u64, 1),
            ("dicom.data_set_bytes_max", self.dicom.data_set_bytes_max as u64, 1),
            ("dicom.fragments_max", self.dicom.fragments_max as u64, 1),
            ("dicom.frame_bytes_max", self.dicom.frame_bytes_max as u64, 1),
        ] {
            if value < least {
                return Err((key, format!("is {value}; the least is {least}")));
            }
            if value > INTEGER_MAX {
                return Err((key, format!("is {value}; the most is {INTEGER_MAX}")));
            }
        }
        for (key, value, least) in [
            ("http.header_seconds_max", http.header_seconds_max, 0.1),
            ("http.idle_seconds_max", http.idle_seconds_max, 0.1),
            ("http.upload_seconds_max", http.upload_seconds_max, 0.1),
            ("http.uploads_wait_seconds_max", http.uploads_wait_seconds_max, 0.0),
            ("http.request_seconds_max", http.request_seconds_max, 0.1),
            ("http.write_seconds_max", http.write_seconds_max, 0.1),
            ("http.shutdown_seconds_max", http.shutdown_seconds_max, 0.0),
            ("jobs.quiet_seconds", jobs.quiet_seconds, 0.0),
            ("jobs.hard_seconds", jobs.hard_seconds, 0.0),
            ("jobs.retry_seconds", jobs.retry_seconds, 0.0),
            ("jobs.urgent_wait_seconds_max", jobs.urgent_wait_seconds_max, 0.0),
            ("compute.reopen_seconds", self.compute.reopen_seconds, 0.01),
            ("compute.reopen_seconds_max", self.compute.reopen_seconds_max, 0.01),
            ("dimse.request_seconds_max", self.dimse.request_seconds_max, 0.1),
            ("dimse.idle_seconds_max", self.dimse.idle_seconds_max, 0.1),
            ("dimse.quiet_seconds_max", self.dimse.quiet_seconds_max, 0.1),
            ("dimse.association_seconds_max", self.dimse.association_seconds_max, 0.1),
            ("dimse.write_seconds_max", self.dimse.write_seconds_max, 0.1),
            ("outbox.retry_seconds", self.outbox.retry_seconds, 0.0),
            ("outbox.retry_seconds_max", self.outbox.retry_seconds_max, 0.0),
            ("outbox.commitment_seconds_max", self.outbox.commitment_seconds_max, 0.1),
            ("priors.wait_seconds_max", self.priors.wait_seconds_max, 0.0),
        ] {
            if !(least..=SECONDS_MAX).contains(&value) {
                return Err((key, format!("is {value}; from {least} to {SECONDS_MAX} is allowed")));
            }
        }
        if self.compute.slots_per_gpu > SLOTS_MAX {
            return Err((
                "compute.slots_per_gpu",
                format!("is {}; the most is {SLOTS_MAX}", self.compute.slots_per_gpu),
            ));
        }
        if http.part_bytes_max > http.body_bytes_max {
            return Err(("http.part_bytes_max", "is more than http.body_bytes_max".to_owned()));
        }
        if let Err(error) = EnvFilter::try_new(&self.log.filter) {
            return Err(("log.filter", format!("is no filter: {error}")));
        }
        self.check_site()?;
        hospital::check(self)?;
        if let Some(url) = &self.public_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Err(("public_url", "must begin with http:// or https://".to_owned()));
        }
        Ok(())
    }

    /// What a site sets says who did and why, each thing once.
    fn check_site(&self) -> Result<(), (&'static str, String)> {
        let unsigned = |by: &str, reason: &str| by.trim().is_empty() || reason.trim().is_empty();
        if self.calibration.as_ref().is_some_and(|c| unsigned(&c.by, &c.reason)) {
            return Err(("calibration", "must say who fitted it (by) and why (reason)".to_owned()));
        }
        for (i, point) in self.operating_points.iter().enumerate() {
            let name = &point.name;
            if unsigned(&point.by, &point.reason) {
                return Err(("operating_points", format!("{name:?} must say who set it (by) and why (reason)")));
            }
            if self.operating_points[..i].iter().any(|earlier| earlier.name == *name) {
                return Err(("operating_points", format!("sets {name:?} twice")));
            }
        }
        if self.shadows.contains(&self.model) {
            return Err(("shadows", format!("names {:?}, which is the production model", self.model)));
        }
        Ok(())
    }
}

/// The largest integer that TOML can hold.
const INTEGER_MAX: u64 = i64::MAX as u64;

/// The most studies that one GPU can be at together: each holds its decoded images.
const SLOTS_MAX: usize = 16;

/// The longest time that can be set: a week.
const SECONDS_MAX: f64 = 7.0 * 86_400.0;

/// A number of bytes as one that memory could hold.
fn bytes(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Seconds of the configuration, which [`Config::check`] has looked at, as a duration.
pub fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::ZERO)
}
