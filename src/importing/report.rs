//! What an import tells its reader: what is missing, what is different, what is to be done.

/// Something about one entry of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its name there, and where it stands.
    pub entry: String,
    /// What is to be said.
    pub text: String,
}

/// A secret that the operator has to define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretNeeded {
    /// Its name.
    pub name: String,
    /// Who may use it.
    pub organisation: String,
    /// Where it may be sent.
    pub origin: String,
    /// What its file must hold.
    pub content: String,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Components that were written.
    pub components: usize,
    /// Checks that were written.
    pub checks: usize,
    /// Entries that were not carried over, and why.
    pub left: Vec<Remark>,
    /// What is different here.
    pub differs: Vec<Remark>,
    /// What concerns all of it.
    pub notes: Vec<String>,
    /// What config.toml needs.
    pub secrets: Vec<SecretNeeded>,
    /// Entries that ask a private address and were left out for that alone.
    pub private: usize,
}

impl Report {
    /// An entry that is not carried over.
    pub(super) fn leave(&mut self, entry: String, why: impl Into<String>) {
        self.left.push(Remark { entry, text: why.into() });
    }

    /// The report as lines of text, the summary last.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut part = |title: &str, remarks: &[Remark]| {
            if !remarks.is_empty() {
                lines.push(format!("{title}:"));
                lines.extend(remarks.iter().map(|remark| format!("  {}: {}", remark.entry, remark.text)));
            }
        };
        part("not carried over", &self.left);
        part("different from there", &self.differs);
        if !self.secrets.is_empty() {
            lines.push("for config.toml, with a file for each that holds one line:".to_owned());
            for secret in &self.secrets {
                // Names and ids have no character that TOML would have to escape; origins are URLs.
                lines.push(format!("  [secrets.{}]  # {}", secret.name, secret.content));
                lines.push(format!("  file = \"/etc/turmwacht/{}\"", secret.name));
                lines.push(format!("  organisations = [\"{}\"]", secret.organisation));
                lines.push(format!("  origins = [\"{}\"]", secret.origin));
            }
        }
        if self.private > 0 {
            lines.push(format!(
                "{} of these ask private addresses: to carry them over, add the networks to `[probing] private_networks` in config.toml and import with --private-networks",
                self.private
            ));
        }
        lines.extend(self.notes.iter().cloned());
        let count = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
        lines.push(format!(
            "{} with {} carried over, {} not",
            count(self.components, "component", "components"),
            count(self.checks, "check", "checks"),
            count(self.left.len(), "entry", "entries")
        ));
        lines
    }
}
