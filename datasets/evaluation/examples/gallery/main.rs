//! Writes one of everything into a folder, to be looked at: `cargo run -p uvid-evaluation --example gallery -- FOLDER`.

mod figures;
mod kinds;
mod report;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("which folder?")?);
    fs::create_dir_all(&folder)?;
    let figures = figures::all()?;
    for figure in &figures {
        fs::write(folder.join(format!("{}.svg", figure.id())), figure.svg())?;
        fs::write(folder.join(format!("{}.csv", figure.id())), figure.csv())?;
        fs::write(folder.join(format!("{}.pdf", figure.id())), figure.pdf())?;
    }
    let report = report::report(figures);
    fs::write(folder.join("report.html"), report.html())?;
    fs::write(folder.join("report.pdf"), report.pdf())?;
    Ok(())
}
