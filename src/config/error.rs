//! What is wrong with the settings: one line that names the setting and the remedy.

/// A setting that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct ConfigError {
    problem: String,
    remedy: String,
}

impl ConfigError {
    /// `problem` names the setting and what is wrong with it; `remedy` says what to write instead.
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        // Parsers underneath write over several lines; an error of ours is one.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { problem: one_line(problem.into()), remedy: one_line(remedy.into()) }
    }

    /// What is wrong, naming the setting.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
