//! `turmwacht component`.

use http::Method;

use super::shown::Shown;
use super::texts::{Fields, Texts};
use super::{How, Request, written};
use crate::model::status::Status;

/// What to do with a component.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// Show a component with what editors set.
    Show {
        /// Its id.
        #[arg(value_parser = written::id)]
        id: String,
    },
    /// Set its status by hand, or give it back to its checks.
    Override(Override),
    /// Show the last probes of its checks.
    Probes {
        /// Its id.
        #[arg(value_parser = written::id)]
        id: String,
    },
}

/// Arguments of `component override`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Override {
    /// The component's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// The status it is to have.
    #[arg(
        long,
        value_parser = written::words(Status::ALL, Status::as_str),
        required_unless_present = "clear"
    )]
    status: Option<String>,
    /// Until when; something better than what is measured needs an end within 7 days.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Give the status back.
    #[arg(long, conflicts_with_all = ["status", "until"])]
    clear: bool,
    #[command(flatten)]
    how: How,
}

impl super::Verb for Verb {
    fn request(&self, texts: &mut Texts) -> Result<Request, String> {
        Ok(match self {
            Self::Show { id } => Request::read(&["components", id], Shown::One("component")),
            Self::Probes { id } => Request::read(&["components", id, "probes"], Shown::Probes),
            Self::Override(set) => {
                let path = ["components", &set.id, "override"];
                if set.clear {
                    let shown = Shown::component(format!("component {} is judged by itself again", set.id));
                    Request::change(Method::DELETE, &path, &set.how, shown)
                } else {
                    let mut fields = Fields::new(texts);
                    fields.set("status", set.status.as_deref());
                    fields.set("until", set.until.as_deref());
                    let shown = Shown::component(format!("the status of component {} is set by hand", set.id));
                    Request::change(Method::PUT, &path, &set.how, shown).with(fields.all())
                }
            }
        })
    }
}
