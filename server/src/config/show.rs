//! The effective configuration as a file that says where each value comes from.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::load::SECTIONS;
use super::{Config, Loaded, Section};

impl Loaded {
    /// TOML that can be used as a configuration file: every key with its documentation, its value and its source.
    ///
    /// # Errors
    ///
    /// A value that TOML cannot hold, which no checked configuration has.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let table = Table::try_from(&self.config)?;
        let mut text = String::new();
        let scalars = Config::KEYS.iter().filter(|(key, _)| !SECTIONS.iter().any(|(section, _)| section == key));
        for (key, doc) in scalars {
            self.line(&mut text, key, key, doc, table.get(*key));
        }
        for (section, keys) in SECTIONS {
            let about = Config::KEYS.iter().find(|(key, _)| *key == section).map_or("", |(_, doc)| doc);
            let values = table.get(section).and_then(Value::as_table);
            let comment = if values.is_some() { "" } else { "# " };
            let _ = write!(text, "\n#{about}\n{comment}[{section}]\n");
            for (key, doc) in keys {
                self.line(&mut text, &format!("{section}.{key}"), key, doc, values.and_then(|v| v.get(*key)));
            }
        }
        Ok(text)
    }

    fn line(&self, text: &mut String, path: &str, key: &str, doc: &str, value: Option<&Value>) {
        // Writing to a String cannot fail.
        let _ = match value {
            Some(value) => write!(text, "#{doc}\n{key} = {value}  # {}\n", self.source(path)),
            None => write!(text, "#{doc}\n# {key} =  # not set\n"),
        };
    }
}
