//! `turmwacht local`: what differs in some towns.

use http::Method;
use serde_json::Value;

use super::shown::Shown;
use super::texts::{Fields, Texts};
use super::{How, Request, written};
use crate::model::status::{Mode, Processing, Status};

/// What to say of a component in some towns.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Say what differs.
    Set(Box<Set>),
    /// Take back what an editor said; of all towns, if none is named.
    Clear(Clear),
}

/// Arguments of `local set`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Set {
    /// The component's id.
    #[arg(value_parser = written::id)]
    component: String,
    /// For whom: an organisation's id, or the first digits of an ARS.
    #[arg(long = "organisation", value_name = "ID|PREFIX", required = true)]
    organisations: Vec<String>,
    /// The operating mode there.
    #[arg(long, value_parser = written::words(Mode::ALL, Mode::as_str))]
    mode: Option<String>,
    /// The status there.
    #[arg(long, value_parser = written::words(Status::ALL, Status::as_str))]
    status: Option<String>,
    /// Whether the provider has released it.
    #[arg(long, value_name = "true|false")]
    released: Option<bool>,
    /// How things are processed there.
    #[arg(long, value_parser = written::words(Processing::ALL, Processing::as_str))]
    processing: Option<String>,
    /// What happens to mail there.
    #[arg(long, value_name = "STATE[,since=TIME][,until=TIME]", value_parser = written::delivery)]
    delivery: Option<Value>,
    /// What there is to say.
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Another way there: kind=phone,target=tel:+49…,label=…
    #[arg(long = "alternative", value_name = "FIELDS", value_parser = written::alternative)]
    alternatives: Vec<Value>,
    /// Until when; a date is included.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `local clear`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Clear {
    /// The component's id.
    #[arg(value_parser = written::id)]
    component: String,
    /// For whom: an organisation's id, or the first digits of an ARS.
    #[arg(long = "organisation", value_name = "ID|PREFIX")]
    organisations: Vec<String>,
    #[command(flatten)]
    how: How,
}

impl super::Verb for Verb {
    fn request(&self, texts: &mut Texts) -> Result<Request, String> {
        let mut fields = Fields::new(texts);
        Ok(match self {
            Self::Set(set) => {
                fields.list("organisations", &set.organisations);
                fields.set("mode", set.mode.as_deref());
                fields.set("status", set.status.as_deref());
                fields.set("released", set.released);
                fields.set("processing", set.processing.as_deref());
                fields.set("delivery", set.delivery.clone());
                fields.text("text", &set.text)?;
                fields.list("alternatives", &set.alternatives);
                fields.set("until", set.until.as_deref());
                let whom = set.organisations.join(", ");
                let shown = Shown::component(format!("what differs for component {} in {whom} is set", set.component));
                let path = ["components", &set.component, "local"];
                Request::change(Method::PUT, &path, &set.how, shown).with(fields.all())
            }
            Self::Clear(clear) => {
                let path = ["components", &clear.component, "local"];
                let whom =
                    if clear.organisations.is_empty() { "any town".to_owned() } else { clear.organisations.join(", ") };
                let said = format!("no editor says any more what differs for component {} in {whom}", clear.component);
                let request = Request::change(Method::DELETE, &path, &clear.how, Shown::component(said));
                if clear.organisations.is_empty() {
                    request
                } else {
                    fields.list("organisations", &clear.organisations);
                    request.with(fields.all())
                }
            }
        })
    }
}
