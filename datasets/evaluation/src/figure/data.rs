//! The numbers that a figure was made of.

/// What stands in a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A number; written so that it is read back as the same one.
    Number(f64),
    /// How many.
    Count(u64),
    /// Nothing.
    Empty,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<f64>> for Cell {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// A small table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many cells in each as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

impl Data {
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// As RFC 4180 has it, lines ended by a line feed.
    pub fn csv(&self) -> String {
        let line = |cells: Vec<String>| cells.join(",") + "\n";
        let mut csv = line(self.header.iter().map(|name| quoted(name)).collect());
        for row in &self.rows {
            csv.push_str(&line(row.iter().map(written).collect()));
        }
        csv
    }
}

fn written(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => quoted(text),
        Cell::Number(number) => number.to_string(),
        Cell::Count(count) => count.to_string(),
        Cell::Empty => String::new(),
    }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_reader_reads_it_back() {
        let mut data = Data::new(&["series, named", "x"]);
        data.rows.push(vec!["a \"b\"\nc".into(), 0.1.into()]);
        data.rows.push(vec![Cell::Empty, 3u64.into()]);
        let text = data.csv();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), vec!["series, named", "x"]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows, [vec!["a \"b\"\nc", "0.1"], vec!["", "3"]]);
    }
}
