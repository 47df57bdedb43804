//! `uvid simulate-pacs`: a PACS, or a modality, that misbehaves on purpose.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::Ended;
use super::remotes::host_and_port;
use crate::config::{DimseTls, Node};
use crate::dimse::scu::Remote;
use crate::simulate::{Misbehaviour, Options, Push, push, serve};

/// Play a PACS that misbehaves on purpose, to try a site out.
///
/// It takes C-ECHO and C-STORE, commits to what it has, answers Study Root C-FIND, C-GET and C-MOVE over its folder, and
/// a worklist query by accession number. With --push it plays a modality instead: it sends a folder and ends. What it
/// does is printed, one JSON object a line, without anything of a patient; the first line says where it listens.
/// It believes whoever connects: use it on a test network, with test data.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  uvid simulate-pacs --listen 127.0.0.1:11113 --store pacs/
  uvid simulate-pacs --store pacs/ --drop-rate 0.1 --refuse-rate 0.1 --seed 7     a bad day, always the same one
  uvid simulate-pacs --store priors/ --know UVID=127.0.0.1:11112 --wrong-charset  priors by C-MOVE, names mislabelled
  uvid simulate-pacs --late-commit-seconds 30 --know UVID=127.0.0.1:11112
  uvid simulate-pacs --push exam/ --to UVID=127.0.0.1:11112 --drop-rate 0.2 --duplicate --odd-syntaxes

Exit codes:
  0  it was told to stop; with --push: the node took everything
  1  it failed: a port, a folder, a file, or an association
  3  with --push: the node did not take everything; the output says what")]
pub struct Args {
    /// Listen on this address and port; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:11113")]
    listen: SocketAddr,
    /// Its AE title. It answers to any.
    #[arg(long, value_name = "AE", default_value = "SIMPACS")]
    ae_title: String,
    /// Keep objects in this folder, and offer what lies in it [default: in memory].
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// Where another AE title is: for C-MOVE, and for commitment that comes late. May be repeated.
    #[arg(long, value_name = "AE=HOST:PORT", value_parser = peer)]
    know: Vec<Node>,
    /// The worklist: CSV with the columns accession_number and priority (STAT, HIGH, ROUTINE, MEDIUM, LOW).
    #[arg(long, value_name = "FILE")]
    worklist: Option<PathBuf>,
    /// What chance is drawn from.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Of objects, cut the connection: as a PACS instead of answering, as a modality in the middle. 0 to 1.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    drop_rate: f64,
    /// Of objects, refuse as out of resources (A700).
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    refuse_rate: f64,
    /// Of associations, reject.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    reject_associations_rate: f64,
    /// Wait so long before each answer, or before each object that is pushed.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    delay_ms: u64,
    /// Accept Implicit VR Little Endian only.
    #[arg(long)]
    only_implicit: bool,
    /// Label names in Windows-1251 as ISO_IR 100: in answers to queries, or in objects that are pushed.
    #[arg(long)]
    wrong_charset: bool,
    /// Accept requests for commitment and never report.
    #[arg(long)]
    no_commit: bool,
    /// Report commitment so much later, on an association of its own to the AE title that asked (--know).
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = late)]
    late_commit_seconds: f64,
    /// Of objects, report as not kept.
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    commit_fail_rate: f64,
    /// Play a modality: send the DICOM files of this folder, and end.
    #[arg(long, value_name = "FOLDER", requires = "to")]
    push: Option<PathBuf>,
    /// To whom.
    #[arg(long, value_name = "AE=HOST:PORT", value_parser = peer, requires = "push")]
    to: Option<Node>,
    /// Send each object twice.
    #[arg(long, requires = "push")]
    duplicate: bool,
    /// Send uncompressed objects in Implicit VR Little Endian and Explicit VR Big Endian in turn.
    #[arg(long, requires = "push")]
    odd_syntaxes: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match (&args.push, &args.to) {
        (Some(folder), Some(to)) => {
            let remote = Remote { node: to.clone(), calling_ae_title: args.ae_title.clone(), tls: DimseTls::default() };
            let what = Push {
                files: super::send::dicom_paths(folder)?,
                to: remote,
                seed: args.seed,
                drop_rate: args.drop_rate,
                duplicate: args.duplicate,
                delay_ms: args.delay_ms,
                odd_syntaxes: args.odd_syntaxes,
                wrong_charset: args.wrong_charset,
            };
            let (_, not_taken) = runtime.block_on(push(&what))?;
            Ok(if not_taken == 0 { Ended::Well } else { Ended::NotAll })
        }
        _ => runtime.block_on(listen(args)),
    }
}

async fn listen(args: &Args) -> anyhow::Result<Ended> {
    let options = Options {
        listen: args.listen,
        ae_title: args.ae_title.clone(),
        store: args.store.clone(),
        peers: args.know.clone(),
        worklist: args.worklist.clone(),
        misbehaviour: Misbehaviour {
            seed: args.seed,
            drop_rate: args.drop_rate,
            refuse_rate: args.refuse_rate,
            reject_associations_rate: args.reject_associations_rate,
            delay_ms: args.delay_ms,
            only_implicit: args.only_implicit,
            wrong_charset: args.wrong_charset,
            no_commit: args.no_commit,
            late_commit_seconds: args.late_commit_seconds,
            commit_fail_rate: args.commit_fail_rate,
        },
    };
    tokio::select! {
        ended = serve(options) => ended.map(|()| Ended::Well),
        _ = tokio::signal::ctrl_c() => Ok(Ended::Well),
    }
}

/// `AE=HOST:PORT`.
fn peer(text: &str) -> Result<Node, String> {
    let parts = text.split_once('=').and_then(|(ae_title, at)| Some((ae_title, host_and_port(at)?)));
    let (ae_title, (host, port)) = parts.ok_or("write AE=HOST:PORT, for example UVID=127.0.0.1:11112")?;
    if !(1..=16).contains(&ae_title.len()) {
        return Err("an AE title has 1 to 16 characters".to_owned());
    }
    Ok(Node { name: ae_title.to_owned(), ae_title: ae_title.to_owned(), host, port, ..Node::default() })
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)).ok_or_else(|| "a rate is from 0 to 1".to_owned())
}

fn late(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "from 0 to 86400 seconds".to_owned())
}
