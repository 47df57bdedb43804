//! `uvid echo`: can we talk to the nodes, and what do they take?

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;

use clap::Args as ClapArgs;
use time::OffsetDateTime;

use super::Ended;
use super::remotes::Nodes;
use crate::config::{Config, ObjectKind};
use crate::dimse::scu::{Probe, Remote, ScuError, TlsFacts, place, probe};

/// Ask DICOM nodes whether they hear us, and which of our results they take.
///
/// For each node: the connection, TLS with the node's certificate, the association, C-ECHO with its time, and whether
/// the node accepts the kinds of objects that Uvid sends. What does not work is said with what to look at, on which side.
/// Nothing is stored anywhere.
#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  uvid echo                                     every node of the configuration
  uvid echo pacs workstation                    these two
  uvid echo 10.1.2.3:104 --called PACS1         a node that is not in the configuration
  uvid echo pacs.example.org:2762 --called PACS1 --tls --ca hospital-ca.pem

Exit codes:
  0  every node answered and takes what is sent to it
  1  a node is not known, or the configuration cannot be used
  3  some node did not answer, or does not take what a destination of the configuration sends to it; the output says why")]
pub struct Args {
    /// Names of the configuration, or HOST:PORT [default: every node of the configuration].
    #[arg(value_name = "NODE|HOST:PORT")]
    nodes: Vec<String>,
    #[command(flatten)]
    how: Nodes,
}

/// The kinds of objects that are sent.
const RESULTS: &[(ObjectKind, &str, &str)] = &[
    (ObjectKind::CadSr, "1.2.840.10008.5.1.4.1.1.88.50", "Mammography CAD SR"),
    (ObjectKind::Sr, "1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive 3D SR"),
    (ObjectKind::Gsps, "1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Presentation State"),
    (ObjectKind::Sc, "1.2.840.10008.5.1.4.1.1.7", "Secondary Capture"),
    (ObjectKind::Pdf, "1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF"),
    (ObjectKind::Rejection, "1.2.840.10008.5.1.4.1.1.88.59", "Key Object (rejections)"),
];

/// What else a node may be there for.
const SERVICES: &[(&str, &str)] = &[
    ("1.2.840.10008.1.20.1", "Storage Commitment"),
    ("1.2.840.10008.5.1.4.1.2.2.1", "Query (C-FIND)"),
    ("1.2.840.10008.5.1.4.1.2.2.3", "Retrieve (C-GET)"),
    ("1.2.840.10008.5.1.4.1.2.2.2", "Retrieve (C-MOVE)"),
    ("1.2.840.10008.5.1.4.31", "Modality Worklist"),
];

/// Days before a certificate's end at which that is said.
const EXPIRES_SOON_DAYS: i64 = 30;

/// Runs the command.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let config = args.how.configuration()?;
    let names: Vec<String> = match args.nodes.is_empty() {
        true => config.nodes.iter().map(|node| node.name.clone()).collect(),
        false => args.nodes.clone(),
    };
    anyhow::ensure!(
        !names.is_empty(),
        "the configuration has no nodes; add [[nodes]] with name, ae_title, host and port, or give HOST:PORT"
    );
    let remotes = names.iter().map(|name| args.how.remote(&config, name)).collect::<anyhow::Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(ask(&config, remotes))
}

async fn ask(config: &Config, remotes: Vec<Remote>) -> anyhow::Result<Ended> {
    let classes: Vec<&'static str> =
        RESULTS.iter().map(|(_, class, _)| *class).chain(SERVICES.iter().map(|(class, _)| *class)).collect();
    let asked: Vec<_> = remotes
        .into_iter()
        .map(|remote| {
            let classes = classes.clone();
            tokio::spawn(async move {
                let answer = probe(&remote, &classes).await;
                (remote, answer)
            })
        })
        .collect();
    let mut ended = Ended::Well;
    for answer in asked {
        let (remote, answer) = answer.await?;
        let (text, well) = describe(config, &remote, answer, OffsetDateTime::now_utc());
        write!(std::io::stdout().lock(), "{text}")?;
        if !well {
            ended = Ended::NotAll;
        }
    }
    Ok(ended)
}

/// What a node said, for people, and whether all is well.
fn describe(config: &Config, remote: &Remote, answer: Result<Probe, ScuError>, now: OffsetDateTime) -> (String, bool) {
    let node = &remote.node;
    let mut text = format!(
        "{}: {} at {}:{}{}, called by us as {}\n",
        node.name,
        node.ae_title,
        node.host,
        node.port,
        if node.tls { " (TLS)" } else { "" },
        remote.calling_ae_title
    );
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<30} {value}");
    };
    let probe = match answer {
        Ok(probe) => probe,
        Err(error) => {
            row("association", "no");
            let why = error.explained();
            let place = format!("{}: ", place(remote));
            row("to do", why.strip_prefix(&place).unwrap_or(&why));
            return (text + "\n", false);
        }
    };
    let mut to_do = Vec::new();
    if let Some(tls) = &probe.tls {
        let (facts, problem) = describe_tls(tls, now);
        row("TLS", &facts);
        to_do.extend(problem);
    }
    let implementation = probe.implementation.as_deref().map(|name| format!(", by {name}")).unwrap_or_default();
    row("association", &format!("accepted after {} ms{implementation}", probe.connected.as_millis()));
    match probe.echo {
        Some(time) => row("C-ECHO", &format!("{:.1} ms", time.as_secs_f64() * 1e3)),
        None => {
            row("C-ECHO", "not accepted");
            to_do.push("the node does not offer Verification; turn it on there for this AE title".to_owned());
        }
    }
    let sent = sent_to(config, &node.name);
    let syntaxes = |class: &str| -> Vec<&str> {
        let found = probe.accepted.iter().find(|(asked, _)| asked == class);
        found.map(|(_, syntaxes)| syntaxes.iter().map(|uid| syntax_name(uid)).collect()).unwrap_or_default()
    };
    for (kind, class, name) in RESULTS {
        let accepted = syntaxes(class);
        if accepted.is_empty() && sent.contains(kind) {
            to_do.push(format!(
                "a destination sends {name} here, and the node does not take it; turn the SOP class {class} on there, \
                 or leave it out of the destination's `objects`"
            ));
        }
        row(name, &list(&accepted));
    }
    for (class, name) in SERVICES {
        row(name, if syntaxes(class).is_empty() { "no" } else { "yes" });
    }
    for what in &to_do {
        row("to do", what);
    }
    (text + "\n", to_do.is_empty())
}

fn list(accepted: &[&str]) -> String {
    if accepted.is_empty() { "no".to_owned() } else { accepted.join(", ") }
}

fn syntax_name(uid: &str) -> &str {
    match uid {
        "1.2.840.10008.1.2" => "Implicit VR",
        "1.2.840.10008.1.2.1" => "Explicit VR",
        other => other,
    }
}

fn describe_tls(tls: &TlsFacts, now: OffsetDateTime) -> (String, Option<String>) {
    let version = tls.version;
    let Some(certificate) = &tls.certificate else {
        return (format!("{version}, with a certificate that cannot be read"), None);
    };
    let name = certificate.common_name.as_deref().unwrap_or("nobody in particular");
    let days = (certificate.not_after - now).whole_days();
    let problem = format!("its certificate ends in {days} days; it needs a new one");
    (
        format!("{version}, certificate of {name}, valid until {}", certificate.not_after.date()),
        (days < EXPIRES_SOON_DAYS).then_some(problem),
    )
}

/// What the destinations of the configuration send to a node.
fn sent_to(config: &Config, node: &str) -> BTreeSet<ObjectKind> {
    let here = config.destinations.iter().filter(|d| d.node.as_deref() == Some(node));
    let mut kinds = BTreeSet::new();
    for destination in here {
        kinds.extend(destination.objects.iter().filter(|kind| config.results.objects.contains(kind)));
        if destination.reject_superseded {
            kinds.insert(ObjectKind::Rejection);
        }
    }
    kinds
}
