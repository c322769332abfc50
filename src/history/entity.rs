//! Who intervals and results are about. Ids are names that people choose; a uid stays when
//! `formerly` moves a name, by the same rule as the engine keeps the state.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::history::{interval, signed};
use crate::model::catalogue::Catalogue;
use crate::model::id::CheckKey;
use crate::model::time::Timestamp;

/// What kind of thing a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Organisation,
    Component,
    Check,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Component => "component",
            Self::Check => "check",
        }
    }
}

/// Uids by name, as far as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Uids(HashMap<Kind, HashMap<String, i64>>);

impl Uids {
    /// The uid of a component or a check. Who is in no catalogue gets one as retired.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        kind: Kind,
        id: &str,
        position: u64,
    ) -> rusqlite::Result<i64> {
        let cache = self.0.entry(kind).or_default();
        if let Some(&uid) = cache.get(id) {
            return Ok(uid);
        }
        let uid = match newest(connection, kind, id)? {
            Some(uid) => uid,
            None => insert(connection, kind, id, Some(position))?,
        };
        cache.insert(id.to_owned(), uid);
        Ok(uid)
    }

    /// Forgets everything: names have moved, or a transaction was rolled back.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Brings the names in line with a catalogue that is adopted at a position, after `before`.
pub(super) fn adopt(
    connection: &Connection,
    before: Option<&Catalogue>,
    catalogue: &Catalogue,
    position: u64,
    at: Timestamp,
) -> rusqlite::Result<()> {
    hide(connection, before)?;
    let organisations: Vec<Wanted> = catalogue
        .organisations
        .iter()
        .map(|organisation| {
            Wanted::new(organisation.id.as_str(), organisation.formerly.iter().map(|id| id.as_str().to_owned()))
        })
        .collect();
    settle(connection, Kind::Organisation, &organisations, position)?;
    let components: Vec<Wanted> = catalogue
        .components
        .iter()
        .map(|component| Wanted::new(component.id.as_str(), component.formerly.iter().map(|id| id.as_str().to_owned())))
        .collect();
    let (came_from, retired) = settle(connection, Kind::Component, &components, position)?;
    for uid in retired {
        interval::end(connection, uid, at)?;
    }
    publish(connection, catalogue, at)?;
    let checks: Vec<Wanted> = catalogue
        .checks
        .iter()
        .filter_map(|check| {
            let component = catalogue.component(check.component)?;
            let key = CheckKey { component: component.id.clone(), check: check.id.clone() };
            let former = came_from.get(check.component as usize).cloned().flatten();
            // A check follows its component, and nobody else's.
            Some(Wanted { id: key.to_string(), former: vec![format!("{}/{}", former?, check.id)] })
        })
        .collect();
    settle(connection, Kind::Check, &checks, position)?;
    // Whose a check is never changes: both move together.
    connection.execute(
        "UPDATE entity SET component_uid = (
             SELECT whole.uid FROM entity AS whole
             WHERE whole.kind = 'component' AND whole.retired_position IS NULL
               AND whole.id = substr(entity.id, 1, instr(entity.id, '/') - 1))
         WHERE kind = 'check' AND retired_position IS NULL AND component_uid IS NULL",
        [],
    )?;
    Ok(())
}

/// Notes which components were internal up to now.
fn hide(connection: &Connection, before: Option<&Catalogue>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE entity SET internal_until_ms = ?2 WHERE kind = 'component' AND id = ?1 AND retired_position IS NULL",
    )?;
    for component in before.iter().flat_map(|before| &before.components).filter(|component| !component.public) {
        statement.execute(params![component.id.as_str(), i64::MAX])?;
    }
    Ok(())
}

/// Those of them that are public now are so from now on.
fn publish(connection: &Connection, catalogue: &Catalogue, at: Timestamp) -> rusqlite::Result<()> {
    let hidden: Vec<(i64, String)> = connection
        .prepare_cached(
            "SELECT uid, id FROM entity
             WHERE kind = 'component' AND retired_position IS NULL AND internal_until_ms = ?1",
        )?
        .query_map([i64::MAX], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    if hidden.is_empty() {
        return Ok(());
    }
    let public = catalogue.components.iter().filter(|component| component.public);
    let public: HashSet<&str> = public.map(|component| component.id.as_str()).collect();
    for (uid, _) in hidden.iter().filter(|(_, id)| public.contains(&**id)) {
        connection
            .prepare_cached("UPDATE entity SET internal_until_ms = ?2 WHERE uid = ?1")?
            .execute(params![uid, at.as_millis()])?;
    }
    Ok(())
}

/// A name that is to be in force, and under which names it may be found, the first first.
struct Wanted {
    id: String,
    former: Vec<String>,
}

impl Wanted {
    fn new(id: &str, formerly: impl Iterator<Item = String>) -> Self {
        Self { id: id.to_owned(), former: std::iter::once(id.to_owned()).chain(formerly).collect() }
    }
}

/// Moves, makes, revives and retires names of one kind. Returns under which name each wanted
/// one was known before, and who was retired.
fn settle(
    connection: &Connection,
    kind: Kind,
    wanted: &[Wanted],
    position: u64,
) -> rusqlite::Result<(Vec<Option<String>>, Vec<i64>)> {
    let mut live: BTreeMap<String, Option<i64>> = connection
        .prepare("SELECT id, uid FROM entity WHERE kind = ?1 AND retired_position IS NULL")?
        .query_map([kind.as_str()], |row| Ok((row.get(0)?, Some(row.get(1)?))))?
        .collect::<rusqlite::Result<_>>()?;
    let mut came_from = Vec::with_capacity(wanted.len());
    let mut moved = Vec::new();
    let mut fresh = Vec::new();
    for name in wanted {
        let known = name.former.iter().find(|former| live.contains_key(*former));
        let uid = known.and_then(|former| live.get_mut(former)?.take());
        match (known, uid) {
            (Some(former), Some(uid)) if *former != name.id => moved.push((uid, name.id.as_str())),
            (Some(_), Some(_)) => {}
            (Some(_) | None, _) => fresh.push(name.id.as_str()),
        }
        came_from.push(uid.and(known).cloned().or_else(|| Some(name.id.clone())));
    }
    let retired: Vec<i64> = live.into_values().flatten().collect();
    for uid in &retired {
        connection
            .prepare_cached("UPDATE entity SET retired_position = ?2 WHERE uid = ?1")?
            .execute(params![uid, signed(position)])?;
    }
    // Two steps, because names may be swapped. No id holds a `#`.
    for (uid, _) in &moved {
        connection.prepare_cached("UPDATE entity SET id = '#' || uid WHERE uid = ?1")?.execute([uid])?;
    }
    for (uid, id) in moved {
        connection.prepare_cached("UPDATE entity SET id = ?2 WHERE uid = ?1")?.execute(params![uid, id])?;
    }
    for id in fresh {
        match newest(connection, kind, id)? {
            Some(uid) => {
                connection
                    .prepare_cached("UPDATE entity SET retired_position = NULL, component_uid = NULL WHERE uid = ?1")?
                    .execute([uid])?;
            }
            None => {
                insert(connection, kind, id, None)?;
            }
        }
    }
    Ok((came_from, retired))
}

/// Who bears the name, or bore it last.
fn newest(connection: &Connection, kind: Kind, id: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT uid FROM entity WHERE kind = ?1 AND id = ?2
             ORDER BY retired_position IS NOT NULL, retired_position DESC, uid DESC LIMIT 1",
        )?
        .query_row(params![kind.as_str(), id], |row| row.get(0))
        .optional()
}

fn insert(connection: &Connection, kind: Kind, id: &str, retired: Option<u64>) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO entity (kind, id, retired_position) VALUES (?1, ?2, ?3)")?
        .execute(params![kind.as_str(), id, retired.map(signed)])?;
    Ok(connection.last_insert_rowid())
}
