//! `turmwacht incident`.

use http::Method;
use serde_json::{Value, json};

use super::shown::Shown;
use super::texts::{Fields, Texts};
use super::{How, Request, written};
use crate::model::incident::{Cause, Impact, IncidentStatus};

/// What to do with incidents.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// List open incidents and those resolved lately.
    List,
    /// Show an incident with its internal texts.
    Show {
        /// Its id.
        #[arg(value_parser = written::id)]
        id: String,
    },
    /// Open an incident.
    Open(Box<Open>),
    /// Publish an update.
    Update(Box<Update>),
    /// Change what is said of an incident.
    Edit(Box<Edit>),
    /// Say that it is over.
    Resolve(Resolve),
    /// Take an update back.
    Retract(Retract),
    /// Correct the text of an update.
    Correct(Correct),
    /// Continue an incident in another one.
    Merge(Merge),
    /// Go on with some components in an incident of their own.
    Split(Split),
    /// Put a town's own words beside an incident, or take them away.
    Overlay(Overlay),
}

/// What can be said of an incident, new or old.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Incident")]
struct Facts {
    /// Where it stands.
    #[arg(long, value_parser = written::words(IncidentStatus::ALL, IncidentStatus::as_str))]
    status: Option<String>,
    /// How bad it is.
    #[arg(long, value_parser = written::words(Impact::ALL, Impact::as_str))]
    impact: Option<String>,
    /// Category of the cause.
    #[arg(long, value_parser = written::words(Cause::ALL, Cause::as_str))]
    cause: Option<String>,
    /// Where the cause lies.
    #[arg(long, value_name = "COMPONENT")]
    root: Option<String>,
    /// From when the end is expected: 2023-12-08, 2023-12-08T14:00 or 2023-12-08T14:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    expected_earliest: Option<String>,
    /// Until when the end is expected; a date is included.
    #[arg(long, value_name = "TIME")]
    expected_latest: Option<String>,
    /// The expected end in words, for what no date says.
    #[arg(long, value_name = "TEXT")]
    expected_label: Vec<String>,
    /// By when more is promised.
    #[arg(long, value_name = "TIME")]
    next_update_by: Option<String>,
    /// Where more can be read; after a URL with `?` a space begins the label.
    #[arg(long = "reference", value_name = "URL[=LABEL]", value_parser = written::reference)]
    references: Vec<Value>,
    /// A component that stays as it is.
    #[arg(long, value_name = "COMPONENT")]
    unaffected: Vec<String>,
    /// Another way: kind=phone,target=tel:+49…,label=…
    #[arg(long = "alternative", value_name = "FIELDS", value_parser = written::alternative)]
    alternatives: Vec<Value>,
    /// What only editors may read.
    #[arg(long, value_name = "TEXT")]
    internal_text: Vec<String>,
}

impl Facts {
    fn write(&self, fields: &mut Fields<'_>) -> Result<(), String> {
        fields.set("status", self.status.as_deref());
        fields.set("impact", self.impact.as_deref());
        fields.set("cause", self.cause.as_deref());
        fields.set("root", self.root.as_deref());
        fields.object("expected_end", |end| {
            end.set("earliest", self.expected_earliest.as_deref());
            end.set("latest", self.expected_latest.as_deref());
            end.text("label", &self.expected_label)
        })?;
        fields.set("next_update_by", self.next_update_by.as_deref());
        fields.list("references", &self.references);
        fields.list("unaffected", &self.unaffected);
        fields.list("alternatives", &self.alternatives);
        fields.text("internal_text", &self.internal_text)
    }
}

/// What can be changed of an incident beside its facts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Incident")]
struct Changes {
    /// The state of a component, beside those given before; `none` takes it back.
    #[arg(long = "component", value_name = "ID=STATUS", value_parser = written::changed)]
    components: Vec<Value>,
    /// The end is not known any more.
    #[arg(long, conflicts_with_all = ["expected_earliest", "expected_latest", "expected_label"])]
    end_unknown: bool,
    /// Take back what was said about this.
    #[arg(long, value_name = "WHAT", value_parser = ["cause", "next-update-by", "references", "alternatives", "unaffected"])]
    clear: Vec<String>,
    /// Whom the update concerns, if not all.
    #[arg(long = "organisation", value_name = "ID")]
    organisations: Vec<String>,
}

impl Changes {
    fn write(&self, fields: &mut Fields<'_>) -> Result<(), String> {
        fields.list("components", &self.components);
        fields.set("expected_end", self.end_unknown.then_some(Value::Null));
        fields.list("organisations", &self.organisations);
        for what in &self.clear {
            let is_list = ["references", "alternatives", "unaffected"].contains(&what.as_str());
            fields.clear(what, if is_list { json!([]) } else { Value::Null })?;
        }
        Ok(())
    }
}

/// Arguments of `incident open`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Open {
    /// Its title.
    #[arg(long, value_name = "TEXT", required = true)]
    title: Vec<String>,
    /// The text of its first update.
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// The state of a component.
    #[arg(long = "component", value_name = "ID=STATUS", value_parser = written::given)]
    components: Vec<Value>,
    /// When it began, if before now.
    #[arg(long, value_name = "TIME")]
    started_at: Option<String>,
    #[command(flatten)]
    facts: Facts,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident update`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Update {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// What to say.
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// Another title.
    #[arg(long, value_name = "TEXT")]
    title: Vec<String>,
    #[command(flatten)]
    facts: Facts,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident edit`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Edit {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// Another title.
    #[arg(long, value_name = "TEXT")]
    title: Vec<String>,
    /// The text of an update that tells of the change.
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    #[command(flatten)]
    facts: Facts,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident resolve`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Resolve {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// What to say.
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// When it ended, if before now.
    #[arg(long, value_name = "TIME")]
    resolved_at: Option<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident retract`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Retract {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// The update's id or number.
    #[arg(value_parser = written::id)]
    update: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident correct`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Correct {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// The update's id or number.
    #[arg(value_parser = written::id)]
    update: String,
    /// The text that it should have had.
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident merge`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Merge {
    /// The id of the incident that ends.
    #[arg(value_parser = written::id)]
    id: String,
    /// The id of the one that goes on.
    #[arg(long, value_name = "ID")]
    into: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident split`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Split {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// A component that goes on in the new one; the first is its root.
    #[arg(long = "component", value_name = "ID", required = true)]
    components: Vec<String>,
    /// The new incident's title.
    #[arg(long, value_name = "TEXT", required = true)]
    title: Vec<String>,
    /// The text of its first update.
    #[arg(long, value_name = "TEXT", required = true)]
    text: Vec<String>,
    #[command(flatten)]
    how: How,
}

/// Arguments of `incident overlay`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Overlay {
    /// The incident's id.
    #[arg(value_parser = written::id)]
    id: String,
    /// Whose words they are.
    #[arg(value_parser = written::id)]
    organisation: String,
    /// The words.
    #[arg(long, value_name = "TEXT", required_unless_present = "remove")]
    text: Vec<String>,
    /// Another way there: kind=phone,target=tel:+49…,label=…
    #[arg(long = "alternative", value_name = "FIELDS", value_parser = written::alternative)]
    alternatives: Vec<Value>,
    /// Take the words away.
    #[arg(long, conflicts_with_all = ["text", "alternatives"])]
    remove: bool,
    #[command(flatten)]
    how: How,
}

impl super::Verb for Verb {
    fn request(&self, texts: &mut Texts) -> Result<Request, String> {
        let mut fields = Fields::new(texts);
        let done = |said: String| Shown::incident(said);
        Ok(match self {
            Self::List => Request::read(
                &["incidents"],
                Shown::List("incidents", &["id", "status", "impact", "started_at", "root", "title"]),
            ),
            Self::Show { id } => Request::read(&["incidents", id], Shown::One("incident")),
            Self::Open(open) => {
                fields.text("title", &open.title)?;
                fields.text("text", &open.text)?;
                fields.list("components", &open.components);
                fields.set("started_at", open.started_at.as_deref());
                open.facts.write(&mut fields)?;
                let shown = done("incident {} is open".to_owned());
                Request::change(Method::POST, &["incidents"], &open.how, shown).with(fields.all())
            }
            Self::Update(update) => {
                fields.text("text", &update.text)?;
                fields.text("title", &update.title)?;
                update.facts.write(&mut fields)?;
                update.changes.write(&mut fields)?;
                let shown = done("the update of incident {} is published".to_owned());
                let path = ["incidents", &update.id, "updates"];
                Request::change(Method::POST, &path, &update.how, shown).with(fields.all())
            }
            Self::Edit(edit) => {
                fields.text("title", &edit.title)?;
                fields.text("text", &edit.text)?;
                edit.facts.write(&mut fields)?;
                edit.changes.write(&mut fields)?;
                let shown = done("incident {} is changed".to_owned());
                Request::change(Method::PATCH, &["incidents", &edit.id], &edit.how, shown).with(fields.some()?)
            }
            Self::Resolve(resolve) => {
                fields.set("status", Some(IncidentStatus::Resolved.as_str()));
                fields.text("text", &resolve.text)?;
                fields.set("resolved_at", resolve.resolved_at.as_deref());
                let shown = done("incident {} is resolved".to_owned());
                let path = ["incidents", &resolve.id, "updates"];
                Request::change(Method::POST, &path, &resolve.how, shown).with(fields.all())
            }
            Self::Retract(retract) => {
                let update = written::update(&retract.id, &retract.update);
                let shown = done(format!("update {update} is taken back"));
                let path = ["incidents", &retract.id, "updates", &update];
                Request::change(Method::DELETE, &path, &retract.how, shown)
            }
            Self::Correct(correct) => {
                let update = written::update(&correct.id, &correct.update);
                fields.text("text", &correct.text)?;
                let shown = done(format!("update {update} is corrected"));
                let path = ["incidents", &correct.id, "updates", &update];
                Request::change(Method::PATCH, &path, &correct.how, shown).with(fields.all())
            }
            Self::Merge(merge) => {
                fields.set("into", Some(&*merge.into));
                let shown = done(format!("incident {} goes on in {}", merge.id, merge.into));
                let path = ["incidents", &merge.id, "merge"];
                Request::change(Method::POST, &path, &merge.how, shown).with(fields.all())
            }
            Self::Split(split) => {
                fields.list("components", &split.components);
                fields.text("title", &split.title)?;
                fields.text("text", &split.text)?;
                let shown = done(format!("incident {} is split: see {{}}", split.id));
                let path = ["incidents", &split.id, "split"];
                Request::change(Method::POST, &path, &split.how, shown).with(fields.all())
            }
            Self::Overlay(overlay) => {
                let path = ["incidents", &overlay.id, "overlays", &overlay.organisation];
                let (of, id) = (&overlay.organisation, &overlay.id);
                if overlay.remove {
                    let shown = done(format!("the words of {of} beside incident {id} are gone"));
                    Request::change(Method::DELETE, &path, &overlay.how, shown)
                } else {
                    fields.text("text", &overlay.text)?;
                    fields.list("alternatives", &overlay.alternatives);
                    let shown = done(format!("the words of {of} stand beside incident {id}"));
                    Request::change(Method::PUT, &path, &overlay.how, shown).with(fields.all())
                }
            }
        })
    }
}
