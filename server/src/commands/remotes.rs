//! DICOM nodes named on the command line: by their names in the configuration, or as HOST:PORT.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use crate::config::{Config, Flags, Node, load};
use crate::dimse::scu::Remote;

/// How nodes are found.
#[derive(Debug, Clone, ClapArgs)]
pub(super) struct Nodes {
    /// Read this configuration file instead of ./uvid.toml or /etc/uvid/uvid.toml.
    #[arg(long, value_name = "FILE", env = "UVID_CONFIG")]
    config: Option<PathBuf>,
    /// Set any key of the configuration. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Of a node given as HOST:PORT: its AE title.
    #[arg(long, value_name = "AE", default_value = "ANY-SCP")]
    called: String,
    /// What we call ourselves [default: calling_ae_title of the node, else dimse.ae_title].
    #[arg(long, value_name = "AE")]
    calling: Option<String>,
    /// Of a node given as HOST:PORT: speak TLS to it.
    #[arg(long)]
    tls: bool,
    /// With --tls, or a URL of https: certificates of the authorities that its certificate must come from, PEM [default:
    /// the system's].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// With --tls: the name on its certificate, if that is not HOST.
    #[arg(long, value_name = "NAME", requires = "tls")]
    server_name: Option<String>,
}

impl Nodes {
    /// Certificates of authorities, where they were given.
    pub(super) fn ca(&self) -> Option<&Path> {
        self.ca.as_deref()
    }

    /// The configuration that names nodes.
    pub(super) fn configuration(&self) -> anyhow::Result<Config> {
        let flags = Flags { config: self.config.clone(), set: self.set.clone(), ..Flags::default() };
        Ok(load(&flags)?.config)
    }

    /// The node of this name, or at this HOST:PORT.
    pub(super) fn remote(&self, config: &Config, text: &str) -> anyhow::Result<Remote> {
        let remote = match Remote::of(config, text) {
            Some(remote) => remote,
            None => self.direct(config, text)?,
        };
        let calling_ae_title = self.calling.clone().unwrap_or_else(|| remote.calling_ae_title.clone());
        Ok(Remote { calling_ae_title, ..remote })
    }

    fn direct(&self, config: &Config, text: &str) -> anyhow::Result<Remote> {
        let Some((host, port)) = host_and_port(text) else {
            let known: Vec<&str> = config.nodes.iter().map(|node| node.name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            anyhow::bail!("{text:?} is neither a node of the configuration ({known}) nor HOST:PORT");
        };
        let node = Node {
            name: text.to_owned(),
            ae_title: self.called.clone(),
            host,
            port,
            tls: self.tls,
            ca: self.ca.clone(),
            server_name: self.server_name.clone(),
            ..Node::default()
        };
        Ok(Remote { node, calling_ae_title: config.dimse.ae_title.clone(), tls: config.dimse_tls.clone() })
    }
}

/// `pacs:104`, `10.1.2.3:104`, `[fd00::1]:104`.
pub(super) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (!bare.is_empty() && (bare == host) != bare.contains(':')).then(|| (bare.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_host_and_port() {
        let check = |text, expected: Option<(&str, u16)>| {
            assert_eq!(host_and_port(text), expected.map(|(host, port)| (host.to_owned(), port)), "{text}");
        };
        check("pacs:104", Some(("pacs", 104)));
        check("10.1.2.3:11112", Some(("10.1.2.3", 11112)));
        check("[fd00::1]:104", Some(("fd00::1", 104)));
        check("fd00::1:104", None);
        check("pacs", None);
        check("pacs:", None);
        check(":104", None);
        check("pacs:0", None);
        check("pacs:70000", None);
    }
}
