//! What a model is in this server: the one whose results count, or one that is only tried.

use std::fmt;
use std::str::FromStr;

use super::StoreError;

/// Whose job or run it is. Each role of a study has a job and a current run of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The model whose results are the study's.
    Production,
    /// A model that scores the same studies to be compared: its results are kept, and leave by no door but the API's
    /// own for shadows. Named by its package, so that a new version of a package takes the place of the old one.
    Shadow(String),
}

impl Role {
    /// Of a fixed set, for labels of metrics: no package's name is one.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Shadow(_) => "shadow",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Production => write!(f, "production"),
            Self::Shadow(name) => write!(f, "shadow:{name}"),
        }
    }
}

impl FromStr for Role {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text.split_once(':') {
            None if text == "production" => Ok(Self::Production),
            Some(("shadow", name)) => Ok(Self::Shadow(name.to_owned())),
            _ => Err(StoreError::Invalid("role")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_reads_back_as_it_was_written() {
        for role in [Role::Production, Role::Shadow("density-v1".into()), Role::Shadow("a:b".into())] {
            assert_eq!(role.to_string().parse::<Role>().ok(), Some(role));
        }
        for text in ["", "Production", "shadow", "other:x"] {
            assert!(text.parse::<Role>().is_err(), "{text}");
        }
    }
}
