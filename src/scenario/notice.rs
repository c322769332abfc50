//! What editors do in a story: requests of the admin interface, as they would send them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::model::access::{Editor, Role};
use crate::model::id::OrganisationId;

/// An editor's request.
#[derive(Debug, Clone)]
pub struct Notice {
    /// When, from the start.
    pub at: Duration,
    /// Who asks.
    pub editor: Editor,
    /// The method.
    pub method: String,
    /// The path below the admin interface. `{name}` stands for what the notice of that name
    /// made, `{open:component}` for the open incident with that root.
    pub path: String,
    /// The body, with the same words in braces.
    pub body: serde_json::Value,
    /// By which later notices call what it makes.
    pub name: Option<String>,
    /// The HTTP status with which it must be refused.
    pub refused: Option<u16>,
}

/// One `[[notice]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNotice {
    pub(super) at: toml::Value,
    by: By,
    request: String,
    body: Option<toml::Value>,
    #[serde(rename = "as")]
    name: Option<String>,
    refused: Option<u16>,
}

/// `"admin"`, an organisation, or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum By {
    One(String),
    Several(Vec<String>),
}

impl RawNotice {
    pub(super) fn read(self, at: Duration) -> Result<Notice, String> {
        let (method, path) = self
            .request
            .split_once(' ')
            .ok_or_else(|| format!("`{}` must be a method and a path: \"POST /incidents\"", self.request))?;
        let organisations = match self.by {
            By::One(who) if who == "admin" => Vec::new(),
            By::One(who) => vec![who],
            By::Several(who) => who,
        };
        let role = if organisations.is_empty() { Role::Admin } else { Role::Editor };
        Ok(Notice {
            at,
            editor: Editor {
                token: organisations.first().cloned().unwrap_or_else(|| "admin".to_owned()),
                label: String::new(),
                role,
                organisations: organisations.into_iter().map(OrganisationId::new).collect(),
            },
            method: method.to_owned(),
            path: path.to_owned(),
            body: self.body.map_or(serde_json::Value::Null, json),
            name: self.name,
            refused: self.refused,
        })
    }
}

impl Notice {
    /// The path and the body as they are sent, with names replaced by ids.
    ///
    /// # Errors
    /// If a name is unknown: a sentence that says which.
    pub fn addressed(&self, id_of: impl Fn(&str) -> Option<String>) -> Result<(String, Vec<u8>), String> {
        let path = replaced(&self.path, &id_of)?;
        let body = match &self.body {
            serde_json::Value::Null => Vec::new(),
            body => replaced_in(body, &id_of)?.to_string().into_bytes(),
        };
        Ok((path, body))
    }
}

fn replaced_in(
    value: &serde_json::Value,
    id_of: &impl Fn(&str) -> Option<String>,
) -> Result<serde_json::Value, String> {
    Ok(match value {
        serde_json::Value::String(text) => serde_json::Value::String(replaced(text, id_of)?),
        serde_json::Value::Array(values) => {
            values.iter().map(|value| replaced_in(value, id_of)).collect::<Result<_, _>>()?
        }
        serde_json::Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| Ok::<_, String>((key.clone(), replaced_in(value, id_of)?)))
            .collect::<Result<_, _>>()?,
        other => other.clone(),
    })
}

fn replaced(text: &str, id_of: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&id_of(name).ok_or_else(|| format!("nothing is called `{name}` at that time"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The same in JSON; a date or time becomes its text.
fn json(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(yes) if yes => true.into(),
        toml::Value::Boolean(_) => false.into(),
        toml::Value::Datetime(when) => when.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(fields) => {
            fields.into_iter().map(|(key, value)| (key, json(value))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// Outputs that are kept as they were at a time.
#[derive(Debug, Clone)]
pub struct Golden {
    /// When, from the start.
    pub at: Duration,
    /// Which documents.
    pub paths: Vec<String>,
}

/// One `[[golden]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGolden {
    pub(super) at: toml::Value,
    pub(super) paths: Vec<String>,
}

/// JSON pointers and what must stand there.
pub(super) type Pointers = BTreeMap<String, toml::Value>;
