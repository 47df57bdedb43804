//! The binary `uvid`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use uvid_server::commands::{self, EXIT_CODES};
use uvid_server::report::DISCLAIMER;

/// Uvid: an inference server for mammography screening.
///
/// DICOM mammograms go in, scores and heat maps come out: on the command line, or as a server beside a PACS.
#[derive(Debug, Parser)]
#[command(name = "uvid", version, about, long_about, after_help = format!("{EXIT_CODES}\n\n{DISCLAIMER}"))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Score(commands::score::Args),
    Serve(commands::serve::Args),
    Rescore(commands::rescore::Args),
    Outbox(commands::outbox::Args),
    Model(commands::model::Args),
    Evaluate(Box<commands::evaluate::Args>),
    Stats(commands::stats::Args),
    Dataset(commands::dataset::Args),
    Bench(commands::bench::Args),
    Phantom(commands::phantom::Args),
    Config(commands::config::Args),
    Conformance(commands::conformance::Args),
    Echo(commands::echo::Args),
    Send(commands::send::Args),
    SimulatePacs(commands::simulate_pacs::Args),
}

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Score(args) => commands::score::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Rescore(args) => commands::rescore::run(&args),
        Command::Outbox(args) => commands::outbox::run(&args),
        Command::Model(args) => commands::model::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Stats(args) => commands::stats::run(&args),
        Command::Dataset(args) => commands::dataset::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Phantom(args) => commands::phantom::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Conformance(args) => commands::conformance::run(&args),
        Command::Echo(args) => commands::echo::run(&args),
        Command::Send(args) => commands::send::run(&args),
        Command::SimulatePacs(args) => commands::simulate_pacs::run(&args),
    };
    match ended {
        Ok(ended) => ended.into(),
        // Whoever read the output has read enough (`uvid score … | head`).
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uvid: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
