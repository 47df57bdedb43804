//! What holds for whom: the entries of `senders` in the configuration.
//!
//! Invariant: the first entry whose AE titles and networks both match holds; where none does, what holds for everybody.

use std::time::Duration;

use super::Origin;
use super::completion::Patience;
use crate::config::{Charset, Config, Network, Sender, TruncatedPixels, seconds};

/// The entries, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    senders: Vec<(Sender, Vec<Network>)>,
    unknown_senders: bool,
    /// AE titles of the nodes that we talk to: they may answer, as with storage commitment.
    nodes: Vec<String>,
    everybody: Patience,
}

/// What holds for a sender.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What the configuration calls it; `None`: no entry matches.
    pub name: Option<String>,
    /// Whether it may send.
    pub accept: bool,
    /// What its text really is, whatever its files declare.
    pub charset: Option<Charset>,
    /// Whether its studies overtake.
    pub urgent: bool,
    /// When its studies are complete.
    pub patience: Patience,
}

impl Rules {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        let networks = |sender: &Sender| sender.addresses.iter().filter_map(|text| Network::parse(text)).collect();
        Self {
            senders: config.senders.iter().map(|sender| (sender.clone(), networks(sender))).collect(),
            unknown_senders: config.dimse.unknown_senders,
            nodes: config.nodes.iter().map(|node| node.ae_title.clone()).collect(),
            everybody: Patience {
                four_views: config.jobs.four_views,
                quiet: seconds(config.jobs.quiet_seconds),
                hard: seconds(config.jobs.hard_seconds),
            },
        }
    }

    /// What holds for objects from there.
    pub fn rule(&self, origin: &Origin) -> Rule {
        let Some((sender, _)) = self.senders.iter().find(|(sender, networks)| matches(sender, networks, origin)) else {
            // `dimse.unknown_senders` is about AE titles; HTTP has none.
            let known = |title: &String| self.nodes.contains(title);
            let accept = self.unknown_senders || origin.ae_title.as_ref().is_none_or(known);
            return Rule { name: None, accept, charset: None, urgent: false, patience: self.everybody };
        };
        let everybody = self.everybody;
        Rule {
            name: Some(sender.name.clone()),
            accept: sender.accept,
            charset: sender.charset,
            urgent: sender.urgent,
            patience: Patience {
                four_views: sender.four_views.unwrap_or(everybody.four_views),
                quiet: sender.quiet_seconds.map_or(everybody.quiet, seconds),
                hard: sender.hard_seconds.map_or(everybody.hard, seconds),
            },
        }
    }

    /// Whether pictures are made of images whose pixels break off, by the name of their sender's entry.
    pub fn shows_truncated(&self, sender: Option<&str>) -> bool {
        let own = self.senders.iter().find(|(entry, _)| Some(entry.name.as_str()) == sender);
        own.is_some_and(|(entry, _)| entry.truncated_pixels == TruncatedPixels::Show)
    }

    /// The longest quiet time of any sender.
    pub(super) fn quiet_max(&self) -> Duration {
        let own = self.senders.iter().filter_map(|(sender, _)| sender.quiet_seconds).map(seconds);
        own.fold(self.everybody.quiet, Duration::max)
    }
}

fn matches(sender: &Sender, networks: &[Network], origin: &Origin) -> bool {
    let titled = origin.ae_title.as_ref().is_some_and(|title| sender.ae_titles.contains(title));
    let placed = origin.address.is_some_and(|address| networks.iter().any(|network| network.contains(address)));
    (sender.ae_titles.is_empty() || titled) && (sender.addresses.is_empty() || placed)
}

#[cfg(test)]
mod tests {
    use super::super::Door;
    use super::*;

    #[test]
    fn the_first_entry_that_matches_holds() {
        let sender = |name: &str, titles: &[&str], addresses: &[&str]| Sender {
            name: name.to_owned(),
            ae_titles: titles.iter().map(|t| (*t).to_owned()).collect(),
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
            ..Sender::default()
        };
        let senders = vec![
            Sender { charset: Some(Charset::Windows1250), ..sender("room 1", &["MAMMO1"], &["10.0.1.0/24"]) },
            Sender { quiet_seconds: Some(60.0), ..sender("MAMMO1 elsewhere", &["MAMMO1"], &[]) },
            Sender {
                accept: false,
                truncated_pixels: TruncatedPixels::Show,
                ..sender("cellar", &[], &["10.0.9.0/24"])
            },
        ];
        let nodes = vec![crate::config::Node { ae_title: "PACS".to_owned(), ..crate::config::Node::default() }];
        let mut config = Config { senders, nodes, ..Config::default() };
        config.dimse.unknown_senders = false;
        let rules = Rules::of(&config);
        let check = |title: Option<&str>, address: Option<&str>, name: Option<&str>, accept: bool| {
            let ae_title = title.map(ToOwned::to_owned);
            let origin = Origin { door: Door::Push, ae_title, address: address.map(|a| a.parse().unwrap()) };
            let rule = rules.rule(&origin);
            assert_eq!((rule.name.as_deref(), rule.accept), (name, accept), "{title:?} {address:?}");
        };
        check(Some("MAMMO1"), Some("10.0.1.7"), Some("room 1"), true);
        check(Some("MAMMO1"), Some("10.0.2.7"), Some("MAMMO1 elsewhere"), true);
        check(Some("MAMMO1"), None, Some("MAMMO1 elsewhere"), true);
        check(Some("OTHER"), Some("10.0.9.1"), Some("cellar"), false);
        check(None, Some("::ffff:10.0.9.1"), Some("cellar"), false);
        check(Some("OTHER"), Some("10.0.2.7"), None, false);
        // A node of ours may answer, unless it sits where nobody may.
        check(Some("PACS"), Some("10.0.2.7"), None, true);
        check(Some("PACS"), Some("10.0.9.1"), Some("cellar"), false);
        check(None, Some("10.0.1.7"), None, true);
        check(None, None, None, true);
        assert_eq!(rules.quiet_max(), Duration::from_secs(60));
        for (name, shows) in [(None, false), (Some("room 1"), false), (Some("cellar"), true), (Some("gone"), false)] {
            assert_eq!(rules.shows_truncated(name), shows, "{name:?}");
        }
    }
}
