//! `turmwacht maintenance`.

use http::Method;
use serde_json::{Value, json};

use super::shown::Shown;
use super::texts::{Fields, Texts};
use super::{How, Request, written};

/// What to do with maintenances.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Verb {
    /// List maintenances that are not over, and those ended lately.
    List,
    /// Show a maintenance.
    Show {
        /// Its id.
        #[arg(value_parser = written::id)]
        id: String,
    },
    /// Announce a maintenance.
    Plan(Box<Plan>),
    /// Change what was announced.
    Edit(Box<Edit>),
    /// Call it off.
    Cancel(Cancel),
    /// Say something about it, or that it or a part of it is over.
    Update(Update),
}

/// What can be said of a maintenance, new or old.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Maintenance")]
struct Facts {
    /// What more there is to say.
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// How it ends: at its planned end, or when an editor says so.
    #[arg(long, value_parser = ["by-itself", "on-notice"])]
    ends: Option<String>,
    /// That it recurs, from and until then being those of the whole series:
    /// rrule=FREQ=MONTHLY;BYDAY=2TU,at=19:00,for=3h
    #[arg(long, value_name = "FIELDS", value_parser = written::recurring)]
    recurring: Option<Value>,
    /// The last day before, included.
    #[arg(long, value_name = "TIME")]
    last_chance_before: Option<String>,
    /// When things are back.
    #[arg(long, value_name = "TIME")]
    back_from: Option<String>,
    /// A component that stays as it is.
    #[arg(long, value_name = "COMPONENT")]
    unaffected: Vec<String>,
    /// Another way meanwhile: kind=phone,target=tel:+49…,label=…
    #[arg(long = "alternative", value_name = "FIELDS", value_parser = written::alternative)]
    alternatives: Vec<Value>,
    /// The same word for all that belongs to one programme.
    #[arg(long, value_name = "WORD")]
    programme: Option<String>,
}

impl Facts {
    fn write(&self, fields: &mut Fields<'_>) -> Result<(), String> {
        fields.text("text", &self.text)?;
        fields.set("ends", self.ends.as_ref().map(|word| word.replace('-', "_")));
        fields.set("recurring", self.recurring.clone());
        fields.set("last_chance_before", self.last_chance_before.as_deref());
        fields.set("back_from", self.back_from.as_deref());
        fields.list("unaffected", &self.unaffected);
        fields.list("alternatives", &self.alternatives);
        fields.set("programme", self.programme.as_deref());
        Ok(())
    }
}

/// Arguments of `maintenance plan`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Plan {
    /// Its title.
    #[arg(long, value_name = "TEXT", required = true)]
    title: Vec<String>,
    /// What it covers, with an earlier end where that has one.
    #[arg(long = "component", value_name = "ID[=UNTIL]", required = true, value_parser = written::covered)]
    components: Vec<Value>,
    /// When it begins: 2023-12-08, 2023-12-08T14:00 or 2023-12-08T14:00:00+01:00.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// When it ends; a date is included.
    #[arg(long, value_name = "TIME")]
    until: String,
    /// An id of your own; it begins with that of an organisation of yours.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// When to announce it, if later than now.
    #[arg(long, value_name = "TIME")]
    announced_at: Option<String>,
    #[command(flatten)]
    facts: Facts,
    #[command(flatten)]
    how: How,
}

/// Arguments of `maintenance edit`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Edit {
    /// Its id.
    #[arg(value_parser = written::id)]
    id: String,
    /// Another title.
    #[arg(long, value_name = "TEXT")]
    title: Vec<String>,
    /// What it covers, whole.
    #[arg(long = "component", value_name = "ID[=UNTIL]", value_parser = written::covered)]
    components: Vec<Value>,
    /// When it begins.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// When it ends.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Take back what was said about this.
    #[arg(
        long,
        value_name = "WHAT",
        value_parser = [
            "text", "programme", "recurring", "last-chance-before", "back-from", "unaffected", "alternatives",
        ]
    )]
    clear: Vec<String>,
    #[command(flatten)]
    facts: Facts,
    #[command(flatten)]
    how: How,
}

/// Arguments of `maintenance cancel`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Cancel {
    /// Its id.
    #[arg(value_parser = written::id)]
    id: String,
    #[command(flatten)]
    how: How,
}

/// Arguments of `maintenance update`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Update {
    /// Its id.
    #[arg(value_parser = written::id)]
    id: String,
    /// What to say.
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// A component that is back, and since when.
    #[arg(long, value_name = "ID=TIME", value_parser = written::ended)]
    ended: Vec<Value>,
    /// Since when all of it is over.
    #[arg(long, value_name = "TIME")]
    ended_at: Option<String>,
    #[command(flatten)]
    how: How,
}

impl super::Verb for Verb {
    fn request(&self, texts: &mut Texts) -> Result<Request, String> {
        let mut fields = Fields::new(texts);
        let done = |said: &str| Shown::maintenance(said.to_owned());
        Ok(match self {
            Self::List => {
                Request::read(&["maintenance"], Shown::List("maintenance", &["id", "status", "from", "until", "title"]))
            }
            Self::Show { id } => Request::read(&["maintenance", id], Shown::One("maintenance")),
            Self::Plan(plan) => {
                fields.text("title", &plan.title)?;
                fields.list("components", &plan.components);
                fields.set("from", Some(&*plan.from));
                fields.set("until", Some(&*plan.until));
                fields.set("id", plan.id.as_deref());
                fields.set("announced_at", plan.announced_at.as_deref());
                plan.facts.write(&mut fields)?;
                let shown = done("maintenance {} is planned");
                Request::change(Method::POST, &["maintenance"], &plan.how, shown).with(fields.all())
            }
            Self::Edit(edit) => {
                fields.text("title", &edit.title)?;
                fields.list("components", &edit.components);
                fields.set("from", edit.from.as_deref());
                fields.set("until", edit.until.as_deref());
                edit.facts.write(&mut fields)?;
                for what in &edit.clear {
                    let is_list = ["unaffected", "alternatives"].contains(&what.as_str());
                    fields.clear(what, if is_list { json!([]) } else { Value::Null })?;
                }
                let shown = done("maintenance {} is changed");
                Request::change(Method::PATCH, &["maintenance", &edit.id], &edit.how, shown).with(fields.some()?)
            }
            Self::Cancel(cancel) => {
                fields.set("status", Some("cancelled"));
                let shown = done("maintenance {} is called off");
                Request::change(Method::PATCH, &["maintenance", &cancel.id], &cancel.how, shown).with(fields.all())
            }
            Self::Update(update) => {
                fields.text("text", &update.text)?;
                fields.list("components", &update.ended);
                fields.set("ended_at", update.ended_at.as_deref());
                let shown = done("the update of maintenance {} is published");
                let path = ["maintenance", &update.id, "updates"];
                Request::change(Method::POST, &path, &update.how, shown).with(fields.some()?)
            }
        })
    }
}
