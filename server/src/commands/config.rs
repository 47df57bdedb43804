//! `uvid config`: what is set, and by whom.

use std::io::Write as _;

use super::Ended;
use crate::config;

/// Print the effective configuration, with every key explained and the source of its value.
///
/// The output is a configuration file: `uvid config > uvid.toml` is a good start for one's own.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: config::Flags,
    /// Only check: print nothing if all is well.
    #[arg(long)]
    check: bool,
}

/// Prints or checks the configuration.
///
/// # Errors
///
/// The configuration is at fault, or standard output is closed.
pub fn run(args: &Args) -> anyhow::Result<Ended> {
    let loaded = config::load(&args.flags)?;
    if !args.check {
        std::io::stdout().write_all(loaded.to_toml()?.as_bytes())?;
    }
    Ok(Ended::Well)
}
