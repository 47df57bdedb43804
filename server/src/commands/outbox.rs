//! `uvid outbox`: results on their way to destinations.
//!
//! Works on the running server that has the data folder, by its API; without one, on the folder itself.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde::de::DeserializeOwned;

use super::{EXIT_CODES, Ended};
use crate::config::{self, Config, Flags};
use crate::http::outbox::{DeliveryJson, OutboxJson};
use crate::store::{Changed, DeliveryFilter, DeliveryState, Policy, Store, StoreError};

/// For a server on this machine to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Show results on their way to destinations, and send or stop them.
///
/// Every object made of a result has one delivery for each destination that wants it. `pending` waits, or is tried again
/// after a failure; `sent` was taken; `awaiting-commitment` was taken, and the destination was asked to keep it;
/// `delivered`, it has promised to; `refused`, it never will take it; `cancelled`, a later result has taken its place or a
/// person said so. `(orphaned)` stands where the configuration has no such destination any more.
///
/// Works beside a running server, through its API, and on the data folder when the server is stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, after_long_help = format!("\
Examples:
  uvid outbox                                  what has not arrived yet, and why
  uvid outbox list --all --study 1.2.3         everything that was made of a study
  uvid outbox list --state refused --json
  uvid outbox show 17
  uvid outbox resend 17                        after the PACS was told to take it
  uvid outbox cancel 17

{EXIT_CODES}"))]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON, as the API gives it.
    #[arg(long, global = true)]
    json: bool,
    /// The data folder [default: that of the configuration].
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    /// The server's configuration [default: ./uvid.toml, then /etc/uvid/uvid.toml].
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// The address of the running server, if not that of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT", global = true)]
    server: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List deliveries, latest first; those that have not arrived, unless told otherwise.
    List(ListArgs),
    /// Show one delivery.
    Show(One),
    /// Send an object at once, again if it was sent before.
    Resend(One),
    /// Stop a delivery that has not arrived.
    Cancel(One),
}

#[derive(Debug, Default, clap::Args)]
struct ListArgs {
    /// Only deliveries to this destination.
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Only deliveries of this study.
    #[arg(long, value_name = "UID")]
    study: Option<String>,
    /// Only deliveries in this state.
    #[arg(long, value_name = "STATE",
          value_parser = ["pending", "sent", "awaiting-commitment", "delivered", "refused", "cancelled"])]
    state: Option<String>,
    /// Also those that have arrived and those that were cancelled.
    #[arg(long, conflicts_with = "state")]
    all: bool,
    /// At most so many of each state.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct One {
    /// The delivery's number.
    id: i64,
}

/// Runs the command.
///
/// # Errors
///
/// The configuration, the data folder or the server cannot be used, or there is no such delivery.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let flags = Flags { config: args.config.clone(), data_dir: args.data_dir.clone(), ..Flags::default() };
    let config = config::load(&flags)?.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outbox = runtime.block_on(Outbox::open(args, &config))?;
    let mut out = std::io::stdout().lock();
    match &args.command {
        None => list(&outbox, &runtime, &ListArgs { limit: 100, ..ListArgs::default() }, args.json, &mut out),
        Some(Command::List(which)) => list(&outbox, &runtime, which, args.json, &mut out),
        Some(Command::Show(one)) => show(&runtime.block_on(outbox.show(one.id))?, args.json, &mut out),
        Some(Command::Resend(one)) => show(&runtime.block_on(outbox.resend(one.id))?, args.json, &mut out),
        Some(Command::Cancel(one)) => show(&runtime.block_on(outbox.cancel(one.id))?, args.json, &mut out),
    }?;
    runtime.block_on(outbox.close());
    Ok(Ended::Well)
}

/// The states that are listed.
fn states(which: &ListArgs) -> Vec<DeliveryState> {
    let arrived = |state: &DeliveryState| match state {
        DeliveryState::Pending | DeliveryState::AwaitingCommitment | DeliveryState::Refused => false,
        DeliveryState::Sent | DeliveryState::Delivered | DeliveryState::Cancelled => true,
    };
    let wanted = |state: &DeliveryState| match &which.state {
        Some(name) => state.name() == name,
        None => which.all || !arrived(state),
    };
    DeliveryState::ALL.into_iter().filter(wanted).collect()
}

fn list(
    outbox: &Outbox,
    runtime: &tokio::runtime::Runtime,
    which: &ListArgs,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut listed = OutboxJson { total: 0, deliveries: Vec::new() };
    for state in states(which) {
        let page = runtime.block_on(outbox.list(which, state))?;
        listed.total += page.total;
        listed.deliveries.extend(page.deliveries);
    }
    listed.deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.id));
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string_pretty(&listed)?)?);
    }
    if listed.deliveries.is_empty() {
        let all = which.all || which.state.is_some() || which.study.is_some() || which.destination.is_some();
        writeln!(
            out,
            "{}",
            if all { "no deliveries" } else { "nothing waits; `uvid outbox list --all` lists what has arrived" }
        )?;
        return Ok(());
    }
    writeln!(out, "{:>6}  {:<16} {:<20} {:<10} {:>5}  STUDY / PROBLEM", "ID", "DESTINATION", "STATE", "KIND", "FAILS")?;
    for delivery in &listed.deliveries {
        let DeliveryJson { id, destination, kind, attempts, study, .. } = delivery;
        let orphaned = if delivery.orphaned { " (orphaned)" } else { "" };
        let state = format!("{}{orphaned}", delivery.state);
        writeln!(out, "{id:>6}  {destination:<16} {state:<20} {kind:<10} {attempts:>5}  {study}")?;
        if let Some(problem) = &delivery.problem {
            writeln!(out, "{:>64}{problem}", "")?;
        }
    }
    let more = listed.total.saturating_sub(listed.deliveries.len() as u64);
    if more > 0 {
        writeln!(out, "and {more} more; --limit lists more of them")?;
    }
    Ok(())
}

fn show(delivery: &DeliveryJson, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let value = serde_json::to_value(delivery)?;
    if json {
        return Ok(writeln!(out, "{value:#}")?);
    }
    for (key, value) in value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        writeln!(out, "{:<14} {value}", key.replace('_', " "))?;
    }
    Ok(())
}

/// Where deliveries are.
enum Outbox {
    /// A server that runs.
    Server(SocketAddr),
    /// A data folder that nobody uses.
    Folder(Box<Store>),
}

impl Outbox {
    async fn open(args: &Args, config: &Config) -> anyhow::Result<Self> {
        if let Some(server) = args.server {
            return Ok(Self::Server(server));
        }
        anyhow::ensure!(config.data_dir.is_dir(), "there is no data folder {}", config.data_dir.display());
        match Store::open(&config.data_dir, Policy::from(config)).await {
            Ok(store) => Ok(Self::Folder(Box::new(store))),
            Err(StoreError::InUse(_)) => Ok(Self::Server(reachable(config.listen))),
            Err(error) => {
                Err(error).with_context(|| format!("the data folder {} cannot be used", config.data_dir.display()))
            }
        }
    }

    async fn list(&self, which: &ListArgs, state: DeliveryState) -> anyhow::Result<OutboxJson> {
        let study = which.study.as_deref().map(str::parse).transpose();
        let study = study.map_err(|_| anyhow::anyhow!("--study is no UID"))?;
        let (destination, limit) = (which.destination.clone(), which.limit);
        match self {
            Self::Folder(store) => {
                let filter = DeliveryFilter { destination, study, state: Some(state), limit, offset: 0 };
                let (total, deliveries) = store.deliveries(&filter).await?;
                Ok(OutboxJson { total, deliveries: deliveries.into_iter().map(DeliveryJson::from).collect() })
            }
            Self::Server(address) => {
                let mut path = format!("/api/v1/outbox?state={}&limit={limit}", state.name());
                if let Some(study) = study {
                    path.push_str(&format!("&study={study}"));
                }
                if let Some(destination) = destination {
                    path.push_str(&format!("&destination={}", percent_encoded(&destination)));
                }
                request(*address, "GET", &path)
            }
        }
    }

    async fn show(&self, id: i64) -> anyhow::Result<DeliveryJson> {
        match self {
            Self::Folder(store) => match store.delivery(id).await? {
                Some(delivery) => Ok(delivery.into()),
                None => bail!("there is no delivery {id}"),
            },
            Self::Server(address) => request(*address, "GET", &format!("/api/v1/outbox/{id}")),
        }
    }

    async fn resend(&self, id: i64) -> anyhow::Result<DeliveryJson> {
        match self {
            Self::Folder(store) => done(id, &store.resend(id).await?)?,
            Self::Server(address) => return request(*address, "POST", &format!("/api/v1/outbox/{id}/resend")),
        }
        self.show(id).await
    }

    async fn cancel(&self, id: i64) -> anyhow::Result<DeliveryJson> {
        match self {
            Self::Folder(store) => done(id, &store.cancel(id).await?)?,
            Self::Server(address) => return request(*address, "POST", &format!("/api/v1/outbox/{id}/cancel")),
        }
        self.show(id).await
    }

    async fn close(&self) {
        match self {
            Self::Folder(store) => store.close().await,
            Self::Server(_) => {}
        }
    }
}

fn done(id: i64, changed: &Changed) -> anyhow::Result<()> {
    match changed {
        Changed::Done => Ok(()),
        Changed::NoSuch => bail!("there is no delivery {id}"),
        Changed::Not(why) => bail!("delivery {id}: {why}"),
    }
}

/// A server that listens on all addresses of this machine is reached on one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// One request to a server on this machine, whose answers are short and plain.
fn request<T: DeserializeOwned>(address: SocketAddr, method: &str, path: &str) -> anyhow::Result<T> {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0: the body comes in one piece and ends with the connection.
        write!(socket, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")?;
        let mut answer = Vec::new();
        socket.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().with_context(|| {
        format!("a process has the data folder, but no server answers on {address}; is it another one? try --server")
    })?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").context("the server's answer is cut off")?;
    let body = &answer[end + 4..];
    if !answer[..end].starts_with(b"HTTP/1.0 200") && !answer[..end].starts_with(b"HTTP/1.1 200") {
        let problem: serde_json::Value = serde_json::from_slice(body).context("the server's answer is none")?;
        bail!("{}", problem["detail"].as_str().unwrap_or("the server does not do it"));
    }
    serde_json::from_slice(body).context("the server's answer is none")
}

/// RFC 3986 section 2.1.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}
