//! `uvid serve`: the server.
//!
//! ```text
//! INFO uvid_server::commands::serve: listening url=http://127.0.0.1:8642 data_dir=./uvid-data
//! INFO uvid_server::commands::serve: computes device="cuda:0" card="NVIDIA H100 80GB HBM3" memory_gib=79 backend=...
//! INFO uvid_server::commands::serve: model loaded role=production name=density-v0 package=... recipe=...
//! ```
//!
//! The addresses are also the lines on standard output, HTTP's first, for whoever started the server on port 0.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;
use uvid_datasets::dicom::AccessionNumber;

use super::Ended;
use crate::config::{self, Config, LogFormat, seconds};
use crate::devices::Devices;
use crate::dimse::scu::{self, Remote};
use crate::dimse::{Notice, Outlets, Scp};
use crate::engine::{Engine, Model, Packages};
use crate::http::{self, App};
use crate::store::{Role, Store};
use crate::{jobs, outbox, priors, worklist};

/// Serve: receive studies over DICOMweb, score them, and answer over HTTP.
///
/// Without any option Uvid listens on http://127.0.0.1:8642, keeps everything in ./uvid-data, and scores breast density
/// with the model inside the binary. Send images to http://127.0.0.1:8642/dicom-web, read scores at
/// http://127.0.0.1:8642/api/v1/studies, or open http://127.0.0.1:8642 in a browser. `uvid config` explains every
/// setting. Stop it with Ctrl-C; nothing that was accepted is lost, however it ends.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: config::Flags,
}

/// Serves until told to stop.
///
/// # Errors
///
/// The configuration, the data folder, the address or the model cannot be used.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let loaded = config::load(&args.flags)?;
    log(&loaded.config)?;
    if let Some(file) = &loaded.file {
        info!(file = %file.display(), "configuration");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(loaded.config));
    // A file that is being synced must not hold the process; what was accepted is safe.
    runtime.shutdown_background();
    outcome.map(|()| Ended::Well)
}

fn log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter).context("log.filter is no filter")?;
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // A log that is already there (a test's) stays.
    let _ = match config.log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        // A message put together at run time may hold what a file says; a literal cannot.
        let message = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not shown)");
        let place = panic.location().map(ToString::to_string);
        error!(place, thread = std::thread::current().name(), message, "panic");
    }));
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let metrics = crate::metrics::install()?;
    let devices = Devices::of(&config.compute)?;
    if let Some(why) = devices.why_cpu() {
        info!(%why, "the processor computes");
    }
    let packages = super::packages(&config)?;
    let store = Store::open(&config.data_dir, packages.policy(&config))
        .await
        .with_context(|| format!("the data folder {} cannot be used", config.data_dir.display()))?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {} (another server? set --listen)", config.listen))?;
    let (committed, commitments) = mpsc::channel(TOLD_MAX);
    let (notices, completed) = mpsc::channel(TOLD_MAX);
    let scp = Scp::bind(config.clone(), store.clone(), Outlets { committed, notices }).await?;
    announce(&listener, &scp, &config)?;
    let stop = CancellationToken::new();
    let (engine, loaded) = start_engine(packages, devices, &config, &store)?;
    let working = tokio::spawn({
        let (store, engine, policy, stop) = (store.clone(), engine.clone(), config.jobs.clone(), stop.clone());
        async move {
            let outcome = loaded.await.context("the engine ended early").flatten();
            match &outcome {
                Ok(()) => {
                    say_models(&engine);
                    // It reads every current report: nothing waits for it.
                    tokio::spawn(say_outdated(engine.clone(), store.clone()));
                    jobs::work(store, engine, policy, stop).await;
                }
                // Without its models there is nothing to serve.
                Err(_) => stop.cancel(),
            }
            outcome
        }
    });
    let delivering = tokio::spawn({
        let (store, config, stop) = (store.clone(), config.clone(), stop.clone());
        async move { outbox::run(store, &config, commitments, stop).await }
    });
    tokio::spawn(take_notices(completed, store.clone()));
    ask_neighbours(&config, &store, &stop)?;
    tokio::spawn(stop_on_signal(stop.clone()));
    tokio::spawn(upkeep(metrics.clone()));
    tokio::spawn(index(store.clone()));
    let node = tokio::spawn(scp.serve(stop.clone()));
    let router = http::router(App::new(store.clone(), engine, config.clone(), metrics));
    http::serve(listener, router, &config.http, stop).await;
    if node.await.is_err() {
        error!("the DICOM node ended early");
    }
    let outcome = working.await.context("the worker ended early").flatten();
    delivering.await.context("the outbox ended early")?;
    // What a request that was cut off still does is one transaction: done or not.
    let _ = tokio::time::timeout(seconds(config.http.shutdown_seconds_max), store.close()).await;
    info!("stopped");
    outcome
}

/// What peers may tell us before anybody listens.
const TOLD_MAX: usize = 1000;

/// Says where we listen, in one piece: whoever started us may read no further than the first line.
fn announce(listener: &TcpListener, scp: &Scp, config: &Config) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    info!(url = %format_args!("http://{address}"), data_dir = %config.data_dir.display(), "listening");
    if !address.ip().is_loopback() {
        warn!("there is no authentication yet: whoever reaches {address} can read all studies and add to them");
    }
    let mut lines = format!("listening on http://{address}\n");
    for (address, tls) in scp.ports() {
        let (scheme, ae_title) = (if tls { "dimse+tls" } else { "dimse" }, &config.dimse.ae_title);
        info!(url = %format_args!("{scheme}://{address}"), ae_title, "listening");
        lines.push_str(&format!("listening on {scheme}://{address} as {ae_title}\n"));
    }
    let mut out = std::io::stdout();
    out.write_all(lines.as_bytes()).and_then(|()| out.flush()).context("standard output is closed")
}

/// Notices that a study is complete. One that is lost with the process costs the quiet time.
async fn take_notices(mut completed: mpsc::Receiver<Notice>, store: Store) {
    while let Some(notice) = completed.recv().await {
        if let Err(error) = store.announce(&notice.study, &notice.instances).await {
            error!(%error, "the database failed; a notice is forgotten");
        }
    }
}

/// Starts asking others: the worklist for what is urgent, the archive for earlier exams.
fn ask_neighbours(config: &Config, store: &Store, stop: &CancellationToken) -> anyhow::Result<()> {
    if let Some(remote) = config.urgent.worklist.as_ref().and_then(|node| Remote::of(config, node)) {
        let ask = move |accession_number: AccessionNumber| {
            let remote = remote.clone();
            async move { scu::worklist_priorities(&remote, accession_number.reveal()).await }
        };
        tokio::spawn(worklist::run(store.clone(), ask, stop.clone()));
    }
    if config.priors.wanted()
        && let Some(archive) = priors::Archive::of(config).context("priors")?
    {
        tokio::spawn(priors::work(store.clone(), archive, config.clone(), stop.clone()));
    }
    Ok(())
}

type Loaded = tokio::sync::oneshot::Receiver<anyhow::Result<()>>;

fn start_engine(
    packages: Packages,
    devices: Devices,
    config: &Config,
    store: &Store,
) -> anyhow::Result<(Engine, Loaded)> {
    Engine::start(packages, config, devices, store.objects().clone()).context("no thread for the engine")
}

fn say_models(engine: &Engine) {
    let Some(models) = engine.models() else { return };
    let backend = models.of(&Role::Production).map(Model::backend);
    for (standing, gpu) in engine.devices() {
        let (card, memory_gib) = (gpu.map(|gpu| &gpu.name), gpu.map(|gpu| gpu.memory >> 30));
        info!(device = standing.name, card, memory_gib, backend, "computes");
    }
    for (role, model) in models.all() {
        let id = model.id();
        info!(%role, name = id.name, version = id.version, package = id.digest, recipe = id.recipe_digest, "model loaded");
        for set in super::in_force(&models.site(role), id) {
            warn!(set, "set at this site, in place of the package's own");
        }
    }
}

/// Results of another model stay until somebody has them made again; whoever changed the model should know.
async fn say_outdated(engine: Engine, store: Store) {
    let Some(models) = engine.models() else { return };
    for (role, model) in models.all() {
        match store.outdated(role, model.id(), &models.site(role)).await {
            Ok(0) => {}
            Ok(studies) => warn!(
                studies,
                %role,
                "have a result of another package, recipe or setting, or none that succeeded; \
                 `uvid rescore`, with the server stopped, makes it again"
            ),
            Err(error) => error!(%error, "the database does not say which results are outdated"),
        }
    }
}

/// Cancels `stop` at SIGINT (Ctrl-C) or SIGTERM.
async fn stop_on_signal(stop: CancellationToken) {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => info!("interrupted"),
        _ = terminated => info!("told to stop"),
    }
    stop.cancel();
}

/// Objects from before there was an index are read for it.
async fn index(store: Store) {
    if let Err(error) = store.fill_index().await {
        error!(%error, "not everything is indexed; the next start goes on with it");
    }
}

/// Keeps the histograms small between scrapes.
async fn upkeep(metrics: PrometheusHandle) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tick.tick().await;
        metrics.run_upkeep();
    }
}
