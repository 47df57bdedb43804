//! `uvid send`: DICOM files to a node by C-STORE, or to a DICOMweb server by STOW-RS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use uvid_datasets::dicom::{self, Limits};
use uvid_exam::{SopClassUid, SopInstanceUid};
use walkdir::WalkDir;

use super::Ended;
use super::progress::bar;
use super::remotes::Nodes;
use crate::config::seconds;
use crate::dicomweb::client::{self, Web};
use crate::dimse::scu::storage::{Kind, Storing};
use crate::dimse::scu::{Remote, ScuError, ToStore, request_commitment};
use crate::simulate::shuffle;

/// Send DICOM files to a node (C-STORE) or a DICOMweb server (STOW-RS), as a modality or PACS would.
///
/// Each file goes in its own transfer syntax; where the node takes an uncompressed one only in Implicit VR Little
/// Endian, in that. No file is sent twice unless --repeat says so: what was under way when a connection broke counts as
/// not sent.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  uvid send exam/ --to pacs                                     a node of the configuration
  uvid send exam/ --to localhost:11112 --called UVID            a server here
  uvid send exam/ --to https://pacs/dicom-web                   a DICOMweb server, by STOW-RS
  uvid send exams/ --to pacs --commit                           and ask whether it keeps them
  uvid send exams/ --to localhost:11112 --called UVID --associations 4 --shuffle 7 --repeat 2
                                                                four senders at once, worst order, everything twice
  uvid send exam/ --to localhost:11112 --called UVID --delay-ms 2000   a slow modality

Exit codes:
  0  the node took every file (and keeps them, with --commit)
  1  nothing was sent: no file, no node, no association
  3  some file was not DICOM, not taken, or is not kept; the output says which and why")]
pub struct Args {
    /// Files, or folders with files.
    #[arg(required = true, value_name = "FOLDER|FILE")]
    paths: Vec<PathBuf>,
    /// A node of the configuration, HOST:PORT, or the URL of a DICOMweb server.
    #[arg(long, value_name = "NODE|HOST:PORT|URL")]
    to: String,
    /// Send everything so many times.
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repeat: u16,
    /// Send in an order drawn from this seed, not by file name.
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Wait so many milliseconds before each file.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    delay_ms: u64,
    /// Send over so many associations at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    associations: u16,
    /// Ask the node to commit to what it took (Storage Commitment), and wait for its word on the same association.
    #[arg(long)]
    commit: bool,
    /// With a URL: the file whose first line is sent as the Authorization header.
    #[arg(long, value_name = "FILE")]
    authorization_file: Option<PathBuf>,
    #[command(flatten)]
    how: Nodes,
}

/// Who is sent to.
#[derive(Clone)]
enum Target {
    Node(Box<Remote>),
    Web(Web),
}

/// A file to send.
#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    sop_class: SopClassUid,
    sop_instance: SopInstanceUid,
    kind: Kind,
    bytes: u64,
}

/// A file that was not sent, and why.
type NotSent = (PathBuf, String);

/// What became of them.
#[derive(Default)]
struct Outcomes {
    taken: Vec<(SopClassUid, SopInstanceUid)>,
    warnings: usize,
    bytes: u64,
    not_taken: Vec<NotSent>,
}

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let target = if args.to.starts_with("http://") || args.to.starts_with("https://") {
        anyhow::ensure!(!args.commit, "only a node commits (Storage Commitment); a URL does not");
        Target::Web(Web::new(&args.to, args.authorization_file.as_deref(), args.how.ca())?)
    } else {
        let config = args.how.configuration()?;
        Target::Node(Box::new(args.how.remote(&config, &args.to)?))
    };
    let (mut files, strange) = files(&args.paths)?;
    anyhow::ensure!(!files.is_empty(), "there is no DICOM file to send");
    files = (0..args.repeat).flat_map(|_| files.clone()).collect();
    if let Some(seed) = args.shuffle {
        shuffle(&mut files, seed);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(send(args, &target, files, strange))
}

async fn send(args: &Args, target: &Target, files: Vec<File>, strange: Vec<NotSent>) -> anyhow::Result<Ended> {
    let start = Instant::now();
    let progress = Arc::new(bar("sending", files.len(), "files"));
    let count = files.len();
    let mut lanes: Vec<Vec<File>> = vec![Vec::new(); usize::from(args.associations).min(count)];
    let lane_count = lanes.len();
    for (i, file) in files.into_iter().enumerate() {
        if let Some(lane) = lanes.get_mut(i % lane_count) {
            lane.push(file);
        }
    }
    let delay = Duration::from_millis(args.delay_ms);
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|lane| {
            let (target, progress) = (target.clone(), Arc::clone(&progress));
            tokio::spawn(async move {
                match target {
                    Target::Node(remote) => send_lane(*remote, lane, delay, progress).await,
                    Target::Web(web) => send_lane_by_web(web, lane, delay, progress).await,
                }
            })
        })
        .collect();
    let mut outcomes = Outcomes { not_taken: strange, ..Outcomes::default() };
    for lane in lanes {
        let lane = lane.await?;
        outcomes.taken.extend(lane.taken);
        outcomes.warnings += lane.warnings;
        outcomes.bytes += lane.bytes;
        outcomes.not_taken.extend(lane.not_taken);
    }
    progress.finish_and_clear();
    let well = say(&outcomes, count, start.elapsed())?;
    if outcomes.taken.is_empty() {
        anyhow::bail!("nothing was sent to {}", args.to);
    }
    let kept = match target {
        Target::Node(remote) if args.commit => commit(remote, outcomes.taken).await?,
        Target::Node(_) | Target::Web(_) => true,
    };
    Ok(if well && kept { Ended::Well } else { Ended::NotAll })
}

/// One association after another, until each file was sent once or cannot be.
async fn send_lane(remote: Remote, files: Vec<File>, delay: Duration, progress: Arc<ProgressBar>) -> Outcomes {
    let kinds: BTreeSet<Kind> = files.iter().map(|file| file.kind.clone()).collect();
    let mut outcomes = Outcomes::default();
    let mut storing: Option<Storing> = None;
    let mut unreachable: Option<String> = None;
    for file in files {
        tokio::time::sleep(delay).await;
        if storing.as_ref().is_none_or(Storing::is_broken) && unreachable.is_none() {
            match Storing::open(&remote, &kinds).await {
                Ok(opened) => storing = Some(opened),
                // Without an association for one there is none for the others.
                Err(error) => unreachable = Some(error.to_string()),
            }
        }
        let outcome = match (&mut storing, &unreachable) {
            (_, Some(why)) => Err(why.clone()),
            (Some(storing), None) => store(storing, &file).await.map_err(|error| error.explained()),
            (None, None) => Err("there is no association".to_owned()),
        };
        match outcome {
            Ok(status) => {
                outcomes.warnings += usize::from(status != 0);
                outcomes.bytes += file.bytes;
                outcomes.taken.push((file.sop_class, file.sop_instance));
            }
            Err(why) => outcomes.not_taken.push((file.path, why)),
        }
        progress.inc(1);
    }
    if let Some(storing) = storing {
        storing.close().await;
    }
    outcomes
}

/// One request after another, a file each.
async fn send_lane_by_web(web: Web, files: Vec<File>, delay: Duration, progress: Arc<ProgressBar>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for file in files {
        tokio::time::sleep(delay).await;
        match stow(&web, &file).await {
            Ok(()) => {
                outcomes.bytes += file.bytes;
                outcomes.taken.push((file.sop_class, file.sop_instance));
            }
            Err(why) => outcomes.not_taken.push((file.path, why)),
        }
        progress.inc(1);
    }
    outcomes
}

async fn stow(web: &Web, file: &File) -> Result<(), String> {
    let bytes = tokio::fs::read(&file.path).await.map_err(|error| format!("it cannot be read ({error})"))?;
    let object = ToStore { sop_class: file.sop_class.clone(), sop_instance: file.sop_instance.clone(), bytes };
    let said = client::stow(web, std::slice::from_ref(&object)).await.map_err(|error| error.to_string())?;
    said.into_iter().try_for_each(|said| said).map_err(|failure| failure.to_string())
}

async fn store(storing: &mut Storing, file: &File) -> Result<u16, ScuError> {
    let bytes = tokio::fs::read(&file.path).await;
    let bytes = bytes.map_err(|error| ScuError::NoContext(format!("a file that cannot be read ({error})")))?;
    let object = ToStore { sop_class: file.sop_class.clone(), sop_instance: file.sop_instance.clone(), bytes };
    storing.store(&object).await
}

/// What is DICOM under the paths, and what was named and is not.
fn files(paths: &[PathBuf]) -> anyhow::Result<(Vec<File>, Vec<NotSent>)> {
    let (mut files, mut strange) = (Vec::new(), Vec::new());
    for path in paths {
        anyhow::ensure!(path.exists(), "{} does not exist", path.display());
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.with_context(|| path.display().to_string())?;
            if !entry.file_type().is_file() {
                continue;
            }
            match file(entry.path()) {
                Ok(file) => files.push(file),
                // In a folder, other things may lie about.
                Err(dicom::ReadError::NotDicom) if !path.is_file() => {}
                Err(error) => strange.push((entry.into_path(), error.to_string())),
            }
        }
    }
    Ok((files, strange))
}

pub(super) fn dicom_paths(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    Ok(files(&[folder.to_owned()])?.0.into_iter().map(|file| file.path).collect())
}

fn file(path: &Path) -> Result<File, dicom::ReadError> {
    let limits = Limits::default();
    let bytes = std::fs::read(path).map_err(|_| dicom::ReadError::NotDicom)?;
    let header = dicom::read_header(&bytes, &limits)?;
    let kind = (header.sop_class.as_str().to_owned(), header.transfer_syntax);
    let (sop_class, sop_instance) = (header.sop_class, header.sop_instance);
    Ok(File { path: path.to_owned(), sop_class, sop_instance, kind, bytes: bytes.len() as u64 })
}

/// The summary; whether all went well.
fn say(outcomes: &Outcomes, count: usize, took: Duration) -> anyhow::Result<bool> {
    let out = &mut std::io::stdout().lock();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, why) in &outcomes.not_taken {
        writeln!(out, "not taken: {}: {why}", path.display())?;
        *reasons.entry(why).or_default() += 1;
    }
    let seconds = took.as_secs_f64().max(1e-3);
    let rate = outcomes.bytes as f64 / 1e6 / seconds;
    let (taken, failed) = (outcomes.taken.len(), outcomes.not_taken.len());
    writeln!(
        out,
        "{taken} of {count} taken in {seconds:.1} s, {rate:.1} MB/s; {} with a warning; {failed} not",
        outcomes.warnings
    )?;
    if reasons.len() > 1 {
        for (why, count) in reasons {
            writeln!(out, "  {count} × {why}")?;
        }
    }
    Ok(failed == 0)
}

/// Asks for commitment; whether everything is kept.
async fn commit(remote: &Remote, taken: Vec<(SopClassUid, SopInstanceUid)>) -> anyhow::Result<bool> {
    let objects: Vec<_> = taken.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let asked =
        request_commitment(remote, &transaction(&objects), &objects, seconds(remote.node.answer_seconds_max)).await;
    let report = asked.map_err(|error| anyhow::anyhow!(error.explained()))?;
    let out = &mut std::io::stdout().lock();
    let Some(report) = report else {
        let wait = remote.node.answer_seconds_max;
        writeln!(
            out,
            "no word of commitment within {wait} s on this association; the node may send it to the address that it \
             knows for {}",
            remote.calling_ae_title
        )?;
        return Ok(false);
    };
    for (instance, reason) in &report.failed {
        writeln!(out, "not kept: {} (reason {reason:04X}H)", instance.as_str())?;
    }
    writeln!(out, "{} of {} kept by commitment", report.committed.len(), objects.len())?;
    Ok(objects.iter().all(|(_, instance)| report.committed.contains(instance)))
}

/// A UID under 2.25 (PS3.5 annex B.2) of these objects at this moment.
fn transaction(objects: &[(SopClassUid, SopInstanceUid)]) -> String {
    let mut digest = Sha256::new();
    digest.update(time::OffsetDateTime::now_utc().unix_timestamp_nanos().to_le_bytes());
    digest.update(std::process::id().to_le_bytes());
    for (_, instance) in objects {
        digest.update(instance.as_str());
    }
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
    format!("2.25.{}", u128::from_be_bytes(bytes))
}
