//! The DICOM neighbours: who may send, where results go, whom to ask.
//!
//! Invariant: an entry that names another one (a destination its node, say) names one that exists; [`check`] holds it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

use super::{SECONDS_MAX, Section};

settings! {
    /// The DICOM node that modalities and PACS push to. Times are seconds, fractions allowed.
    Dimse {
        /// Whether to listen on the plain port; the one of TLS is open if `dimse_tls.listen` is set.
        enabled: bool = true;
        /// Address and port. Whoever reaches it can send; keep it on a network of your own, or use `[dimse_tls]`.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 11112));
        /// The name under which this node is known: 1 to 16 characters.
        ae_title: String = "UVID".to_owned();
        /// Whether an association must call this node by that name.
        check_called_ae_title: bool = true;
        /// Whether senders that no entry of `senders` names, nor any of `nodes`, may send.
        unknown_senders: bool = true;
        /// Transfer syntaxes in order of preference, by UID; those that are not named come last, and images may arrive in
        /// any that Uvid decodes. Empty: compressed as the sender has it, first come.
        transfer_syntaxes: Vec<String> = Vec::new();
        /// Associations at once; further ones are rejected as transient, "local limit exceeded".
        associations_max: usize = 64;
        /// Associations at once from one address.
        associations_per_address_max: usize = 16;
        /// Bytes of one PDU that a peer may send, from 4096 to 131072.
        pdu_bytes_max: u32 = 65_536;
        /// Bytes of one object's data set; beyond: A700, and the rest of it is thrown away.
        object_bytes_max: u64 = 4 << 30;
        /// Bytes of a command set, or of the data set of a request other than C-STORE.
        command_bytes_max: usize = 1 << 20;
        /// Until an association is requested, its TLS handshake included; beyond: the connection is closed.
        request_seconds_max: f64 = 15.0;
        /// Between two PDUs while a message is being sent; beyond: A-ABORT.
        idle_seconds_max: f64 = 30.0;
        /// Between two messages of an association; beyond: A-ABORT.
        quiet_seconds_max: f64 = 300.0;
        /// Of one association in all; beyond: A-ABORT. What was acknowledged stays.
        association_seconds_max: f64 = 14_400.0;
        /// For a peer to take the next bytes of an answer; beyond: the connection is closed.
        write_seconds_max: f64 = 30.0;
        /// How many jobs may wait before objects are refused with A700.
        waiting_jobs_max: u64 = 20_000;
    }
}

settings! {
    /// DICOM over TLS (PS3.15 B.9, B.12: BCP 195, TLS 1.2 and 1.3), beside or in place of `[dimse]`'s plain port. The
    /// certificate is also shown to nodes that ask for one.
    DimseTls {
        /// Address and port; the registered port is 2762. Not set: no TLS port.
        listen: Option<SocketAddr> = None;
        /// The certificate with its chain, PEM.
        certificate: Option<PathBuf> = None;
        /// Its private key, PEM.
        key: Option<PathBuf> = None;
        /// Certificates of the authorities that peers' certificates must come from, PEM. Not set: any peer may connect.
        client_ca: Option<PathBuf> = None;
    }
}

settings! {
    /// A DICOM node that Uvid opens associations to.
    Node {
        /// What it is called in this configuration.
        name: String = String::new();
        /// Its AE title.
        ae_title: String = String::new();
        /// Its host name or address.
        host: String = String::new();
        /// Its port.
        port: u16 = 104;
        /// Whether it speaks TLS.
        tls: bool = false;
        /// With TLS: certificates of the authorities that its certificate must come from, PEM. Not set: the system's.
        ca: Option<PathBuf> = None;
        /// With TLS: the name on its certificate, if that is not `host`.
        server_name: Option<String> = None;
        /// The AE title that we call ourselves towards it, if not `dimse.ae_title`.
        calling_ae_title: Option<String> = None;
        /// For it to accept a connection and an association.
        connect_seconds_max: f64 = 10.0;
        /// For it to answer a request.
        answer_seconds_max: f64 = 60.0;
        /// Bytes of one object that it sends when asked for (C-GET); beyond: the association is aborted.
        object_bytes_max: u64 = 4 << 30;
    }
}

settings! {
    /// A sender, by AE title and address; the first entry that matches holds. Not set: as for everybody.
    Sender {
        /// What it is called in the log and in records.
        name: String = String::new();
        /// Calling AE titles; empty: any.
        ae_titles: Vec<String> = Vec::new();
        /// Addresses, as `10.1.2.3` or `10.1.2.0/24`; empty: any. Of HTTP, the address of the connection.
        addresses: Vec<String> = Vec::new();
        /// Whether it may send.
        accept: bool = true;
        /// What its text really is where its files declare no character set, or a wrong one: every file of it is read so,
        /// and every result says so.
        charset: Option<Charset> = None;
        /// What is done with images of it whose pixels break off: `refuse`, or `show`, so that the part that is there can
        /// be looked at, marked INCOMPLETE. They are never scored, and the report names them in either case.
        truncated_pixels: TruncatedPixels = TruncatedPixels::Refuse;
        /// Its studies are urgent: they overtake those that are not.
        urgent: bool = false;
        /// As `jobs.four_views`.
        four_views: Option<bool> = None;
        /// As `jobs.quiet_seconds`.
        quiet_seconds: Option<f64> = None;
        /// As `jobs.hard_seconds`.
        hard_seconds: Option<f64> = None;
    }
}

/// What is done with pixels that break off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruncatedPixels {
    /// There is no picture.
    Refuse,
    /// What there is is shown, and marked.
    Show,
}

/// A character set that files of Windows programs are in, whatever they declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charset {
    /// Central European, Serbian in Latin letters.
    #[serde(rename = "windows-1250")]
    Windows1250,
    /// Cyrillic.
    #[serde(rename = "windows-1251")]
    Windows1251,
    /// UTF-8.
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-2.
    #[serde(rename = "iso-8859-2")]
    Latin2,
    /// ISO 8859-5.
    #[serde(rename = "iso-8859-5")]
    Cyrillic,
}

settings! {
    /// Studies that are urgent because of what their objects say: any of the texts in any of the attributes.
    Urgent {
        /// What is looked for, whatever its case: in Study Description, Requested Procedure Description, Scheduled
        /// Procedure Step Description, Reason for the Requested Procedure, and in the meanings and values of the Procedure
        /// and Requested Procedure Code Sequences.
        texts: Vec<String> = Vec::new();
        /// The node whose modality worklist is asked for the Requested Procedure Priority of an accession number: STAT and
        /// HIGH are urgent. Not set: nobody is asked.
        worklist: Option<String> = None;
    }
}

settings! {
    /// What is made of a result, beside the report that the API gives.
    Results {
        /// Kinds of objects made and kept for every study: `cad-sr`, `sr`, `gsps`, `sc`, `pdf`.
        objects: Vec<ObjectKind> =
            vec![ObjectKind::CadSr, ObjectKind::Sr, ObjectKind::Gsps, ObjectKind::Sc];
        /// The language of texts in them: `en`, `sr-Latn` or `sr-Cyrl`.
        language: Language = Language::En;
        /// The prefix of UIDs made here; not set: UUIDs under 2.25.
        uid_root: Option<String> = None;
        /// The offset from UTC of dates and times in them where the images say none (Timezone Offset From UTC), as
        /// `+01:00`; not set: UTC.
        utc_offset: Option<String> = None;
    }
}

impl Results {
    /// Now, at the offset of `utc_offset`.
    pub fn now(&self) -> OffsetDateTime {
        let offset = self.utc_offset.as_deref().and_then(offset).unwrap_or(UtcOffset::UTC);
        OffsetDateTime::now_utc().to_offset(offset)
    }
}

/// An offset from UTC written as `+01:00`, of less than 15 hours.
fn offset(text: &str) -> Option<UtcOffset> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |text: &str, max: i8| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i8>().ok()).flatten().filter(|n| *n <= max)
    };
    UtcOffset::from_hms(sign * number(hours, 14)?, sign * number(minutes, 59)?, 0).ok()
}

/// A kind of object made from a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// Mammography CAD SR (TID 4000).
    CadSr,
    /// Comprehensive 3D SR (TID 1500).
    Sr,
    /// Grayscale Softcopy Presentation State.
    Gsps,
    /// Secondary Capture.
    Sc,
    /// Encapsulated PDF.
    Pdf,
    /// The Key Object that rejects earlier results (IHE IOCM). Made where they were sent; never asked for.
    #[serde(skip_deserializing)]
    Rejection,
}

impl ObjectKind {
    /// As in the configuration, the database, the API and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::CadSr => "cad-sr",
            Self::Sr => "sr",
            Self::Gsps => "gsps",
            Self::Sc => "sc",
            Self::Pdf => "pdf",
            Self::Rejection => "rejection",
        }
    }
}

/// The language of what is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    En,
    /// Serbian in Latin letters.
    #[serde(rename = "sr-Latn")]
    SrLatn,
    /// Serbian in Cyrillic letters.
    #[serde(rename = "sr-Cyrl")]
    SrCyrl,
}

settings! {
    /// Where results go: a node by C-STORE, or a URL by STOW-RS.
    Destination {
        /// What it is called.
        name: String = String::new();
        /// The node that they are stored to.
        node: Option<String> = None;
        /// Or the base URL of a DICOMweb server, as in `https://pacs/dicom-web`.
        url: Option<String> = None;
        /// With `url`: the file whose first line is sent as the `Authorization` header.
        authorization_file: Option<PathBuf> = None;
        /// With `url` of https: certificates of its authorities, PEM. Not set: the system's.
        ca: Option<PathBuf> = None;
        /// Which kinds of objects; those of `results.objects` that are named here.
        objects: Vec<ObjectKind> = vec![ObjectKind::CadSr, ObjectKind::Sr, ObjectKind::Gsps, ObjectKind::Sc];
        /// Of which results: `always`, `scored`, `not-scored`, or `flagged`.
        when: When = When::Always;
        /// With `flagged`: by which operating point; not set: by any.
        operating_point: Option<String> = None;
        /// Whether a result is delivered only when the node commits to keep it (Storage Commitment).
        commitment: bool = false;
        /// Whether earlier results that a new one replaces are rejected by a Key Object (IHE IOCM).
        reject_superseded: bool = true;
    }
}

/// Of which results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Of all.
    Always,
    /// Of those with scores.
    Scored,
    /// Of those without.
    NotScored,
    /// Of those that an operating point flags.
    Flagged,
}

settings! {
    /// How results are delivered. Times are seconds.
    Outbox {
        /// Until a failed delivery is tried again; doubled with every failure.
        retry_seconds: f64 = 5.0;
        /// At most.
        retry_seconds_max: f64 = 600.0;
        /// For a node to commit to what it has; beyond: it is sent again.
        commitment_seconds_max: f64 = 600.0;
        /// Objects in one association or request.
        batch_max: usize = 50;
    }
}

settings! {
    /// Earlier exams of the same woman, fetched when a model package wants them.
    Priors {
        /// The node that is asked (Study Root C-FIND, C-GET or C-MOVE). Not set: none by DIMSE.
        node: Option<String> = None;
        /// Or the base URL of a DICOMweb server (QIDO-RS, WADO-RS).
        url: Option<String> = None;
        /// As of `destinations`.
        authorization_file: Option<PathBuf> = None;
        /// As of `destinations`.
        ca: Option<PathBuf> = None;
        /// How objects are fetched from `node`: `get` or `move`.
        retrieve: Retrieve = Retrieve::Get;
        /// Fetch them although no model package of this version looks at them: they are kept beside the study.
        always: bool = false;
        /// Exams.
        exams_max: usize = 2;
        /// Years before the exam.
        years_max: f64 = 6.0;
        /// Bytes in all.
        bytes_max: u64 = 2 << 30;
        /// Seconds that a study waits for its priors; beyond: it is scored without.
        wait_seconds_max: f64 = 120.0;
    }
}

impl Priors {
    /// Whether earlier exams are looked for.
    pub fn wanted(&self) -> bool {
        self.always && (self.node.is_some() || self.url.is_some())
    }
}

/// How a node gives objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retrieve {
    /// C-GET: on the same association.
    Get,
    /// C-MOVE: to our own port; the node must know our AE title and address.
    Move,
}

/// An AE title of PS3.5 table 6.2-1: 1 to 16 characters of the default repertoire, no backslash, no control character.
pub(super) fn is_ae_title(text: &str) -> bool {
    let valid = |c: char| (' '..='~').contains(&c) && c != '\\';
    (1..=16).contains(&text.len()) && text.chars().all(valid) && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Refuses what parses and makes no sense.
pub(super) fn check(config: &super::Config) -> Result<(), (&'static str, String)> {
    let nodes: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
    let node_exists = |key, name: &Option<String>| match name {
        Some(name) if !nodes.contains(&name.as_str()) => {
            Err((key, format!("names the node {name:?}, which is none of `nodes`: {}", nodes.join(", "))))
        }
        _ => Ok(()),
    };
    once("nodes", &nodes)?;
    for node in &config.nodes {
        let name = &node.name;
        if !is_ae_title(&node.ae_title) || !node.calling_ae_title.as_deref().is_none_or(is_ae_title) {
            return Err(("nodes", format!("{name:?}: an AE title has 1 to 16 printable ASCII characters")));
        }
        if node.host.is_empty() || node.port == 0 {
            return Err(("nodes", format!("{name:?} needs a host and a port")));
        }
        for value in [node.connect_seconds_max, node.answer_seconds_max] {
            if !(0.1..=SECONDS_MAX).contains(&value) {
                return Err(("nodes", format!("{name:?}: {value} seconds; from 0.1 to {SECONDS_MAX} is allowed")));
            }
        }
    }
    once("senders", &config.senders.iter().map(|s| s.name.as_str()).collect::<Vec<_>>())?;
    for sender in &config.senders {
        let seconds = sender.quiet_seconds.into_iter().chain(sender.hard_seconds);
        if let Some(value) = seconds.into_iter().find(|value| !(0.0..=SECONDS_MAX).contains(value)) {
            return Err(("senders", format!("{:?}: {value} seconds; from 0 to {SECONDS_MAX} is allowed", sender.name)));
        }
        if let Some(wrong) = sender.addresses.iter().find(|text| Network::parse(text).is_none()) {
            return Err(("senders", format!("{:?}: {wrong:?} is no address and no network", sender.name)));
        }
    }
    once("destinations", &config.destinations.iter().map(|d| d.name.as_str()).collect::<Vec<_>>())?;
    for destination in &config.destinations {
        node_exists("destinations", &destination.node)?;
        if destination.node.is_some() == destination.url.is_some() {
            return Err(("destinations", format!("{:?} needs a node or a url, one of them", destination.name)));
        }
        let made = &config.results.objects;
        if destination.objects.contains(&ObjectKind::Pdf) && !made.contains(&ObjectKind::Pdf) {
            return Err((
                "destinations",
                format!("{:?} wants pdf, which results.objects does not make", destination.name),
            ));
        }
        if destination.commitment && destination.node.is_none() {
            return Err(("destinations", format!("{:?}: only a node commits", destination.name)));
        }
    }
    if config.results.utc_offset.as_deref().is_some_and(|text| offset(text).is_none()) {
        return Err(("results.utc_offset", "must be an offset as +01:00, of less than 15 hours".to_owned()));
    }
    node_exists("urgent", &config.urgent.worklist)?;
    node_exists("priors", &config.priors.node)?;
    if !is_ae_title(&config.dimse.ae_title) {
        return Err(("dimse.ae_title", "must have 1 to 16 printable ASCII characters".to_owned()));
    }
    if !(4096..=131_072).contains(&config.dimse.pdu_bytes_max) {
        return Err(("dimse.pdu_bytes_max", "from 4096 to 131072 is allowed".to_owned()));
    }
    let tls = &config.dimse_tls;
    if tls.certificate.is_some() != tls.key.is_some() || (tls.listen.is_some() && tls.certificate.is_none()) {
        return Err(("dimse_tls", "needs a certificate and its key".to_owned()));
    }
    Ok(())
}

fn once(key: &'static str, names: &[&str]) -> Result<(), (&'static str, String)> {
    for (i, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err((key, "each needs a name".to_owned()));
        }
        if names[..i].contains(name) {
            return Err((key, format!("has {name:?} twice")));
        }
    }
    Ok(())
}

/// Addresses that begin alike: `10.1.2.0/24`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: std::net::IpAddr,
    bits: u32,
}

impl Network {
    /// `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address: std::net::IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(most), |bits| bits.parse().ok())?;
        (bits <= most).then_some(Self { address, bits })
    }

    /// Whether an address is one of them. An IPv4 address in an IPv6 one is itself.
    pub fn contains(&self, address: std::net::IpAddr) -> bool {
        let wide = |address: std::net::IpAddr| match address.to_canonical() {
            std::net::IpAddr::V4(v4) => (32, u128::from(v4.to_bits()) << 96),
            std::net::IpAddr::V6(v6) => (128, v6.to_bits()),
        };
        let ((family, net), (other, address)) = (wide(self.address), wide(address));
        let shift = 128_u32.saturating_sub(self.bits);
        family == other && (self.bits == 0 || net >> shift == address >> shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_written_with_a_sign_and_a_colon() {
        let check = |text: &str, expected: Option<i32>| {
            assert_eq!(offset(text).map(UtcOffset::whole_minutes), expected.map(|m| m as i16), "{text}");
        };
        check("+01:00", Some(60));
        check("-03:30", Some(-210));
        check("+00:00", Some(0));
        for wrong in ["", "01:00", "+1:00", "+0100", "+15:00", "+01:60", "+01:0x", "Europe/Belgrade", "€01:00"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_alike() {
        let check = |network: &str, address: &str, expected: Option<bool>| {
            let found = Network::parse(network).map(|n| n.contains(address.parse().expect("an address")));
            assert_eq!(found, expected, "{address} in {network}");
        };
        check("10.1.2.3", "10.1.2.3", Some(true));
        check("10.1.2.3", "10.1.2.4", Some(false));
        check("10.1.2.0/24", "10.1.2.200", Some(true));
        check("10.1.2.0/24", "10.1.3.1", Some(false));
        check("10.1.2.0/24", "::ffff:10.1.2.7", Some(true));
        check("0.0.0.0/0", "1.2.3.4", Some(true));
        check("0.0.0.0/0", "::1", Some(false));
        check("::/0", "fd00::1", Some(true));
        check("fd00::/8", "fd12::1", Some(true));
        check("10.1.2.0/33", "10.1.2.0", None);
        check("10.1.2", "10.1.2.0", None);
        check("host", "10.1.2.0", None);
    }

    #[test]
    fn an_ae_title_is_short_and_plain() {
        for (text, valid) in [
            ("UVID", true),
            ("A B", true),
            ("", false),
            (" A", false),
            ("A ", false),
            ("ABCDEFGHIJKLMNOP", true),
            ("ABCDEFGHIJKLMNOPQ", false),
            ("A\\B", false),
            ("Ж", false),
        ] {
            assert_eq!(is_ae_title(text), valid, "{text:?}");
        }
    }
}
