//! Text with a little emphasis.

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inline {
    /// As it is.
    Text(String),
    /// What stands out.
    Bold(String),
    /// Names of files, commands, digests.
    Code(String),
    /// What leads elsewhere.
    Link {
        /// What is read.
        text: String,
        /// Where it leads: http, https, mailto. Other addresses are written out, and lead nowhere.
        url: String,
    },
}

/// Pieces of text, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prose(pub Vec<Inline>);

impl Prose {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With text as it is.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Text(text.into()));
        self
    }

    /// With text that stands out.
    #[must_use]
    pub fn bold(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Bold(text.into()));
        self
    }

    /// With a name of a file, a command, a digest.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Code(text.into()));
        self
    }

    /// With a link.
    #[must_use]
    pub fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(Inline::Link { text: text.into(), url: url.into() });
        self
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|inline| inline.words().is_empty())
    }

    /// Without emphasis.
    pub fn plain(&self) -> String {
        self.0.iter().map(Inline::words).collect()
    }
}

impl Inline {
    /// What is read.
    pub fn words(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bold(text) | Self::Code(text) | Self::Link { text, .. } => text,
        }
    }
}

/// Whether an address may be a link: no scripts, no files of the reader's machine.
pub(super) fn may_link(url: &str) -> bool {
    let scheme = ["https://", "http://", "mailto:"].into_iter().any(|scheme| url.starts_with(scheme));
    scheme && url.bytes().all(|byte| byte.is_ascii_graphic())
}

impl From<&str> for Prose {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Prose {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}
