//! Commands about planned work.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::engine::edit::Decision;
use crate::engine::edit::rights::Rights;
use crate::engine::maintenance::{next_occurrence, word};
use crate::engine::schedule::stable_key;
use crate::engine::state::State;
use crate::model::catalogue::Ends;
use crate::model::editing::{MaintenancePatch, MaintenanceWord, NewMaintenance, Refusal, RefusalKind, Subject};
use crate::model::event::{Event, MaintenancePhase};
use crate::model::id::MaintenanceId;
use crate::model::incident::{Body, Change, MessageCode};
use crate::model::notice::{CoveredNotice, MaintenanceEdit, MaintenanceNotice};
use crate::model::recurrence::series::{self, SeriesFault};
use crate::model::time::{Timestamp, format_duration};
use crate::model::window::When;

/// Most updates of a maintenance.
const UPDATES_MAX: usize = 500;

/// Most maintenances that are not over.
const PLANNED_MAX: usize = 2_000;

impl State {
    pub(super) fn decide_plan(&self, new: &NewMaintenance, rights: &Rights<'_>, at: Timestamp) -> Decision {
        self.must_read(&new.title, "/title")?;
        if new.id.as_ref().is_some_and(|id| !rights.may_choose(id.as_str())) {
            let detail = "an id of yours begins with that of your organisation and `-`; leave it out, and one is made";
            return Err(Refusal::field("/id", detail));
        }
        let id = new.id.clone().unwrap_or_else(|| {
            let key = stable_key(&format!("{:?}\n{}", new.components, self.record.position));
            MaintenanceId::new(format!("m{key:016x}"))
        });
        if self.record.maintenance.contains_key(&id) {
            return Err(Refusal {
                pointer: Some("/id".to_owned()),
                ..Refusal::conflict(format!("there is a maintenance `{id}`; change that one or choose another id"))
            });
        }
        if new.until.at <= at {
            return Err(Refusal::field("/until", "it lies in the past"));
        }
        if self.record.maintenance.values().filter(|notice| !notice.is_over()).count() >= PLANNED_MAX {
            return Err(Refusal::conflict("too much work is planned; call off what will not come"));
        }
        let backdated = new.announced_at.as_ref().is_some_and(|said| said.at < at);
        if backdated && !self.may_backdate {
            return Err(Refusal::field("/announced_at", "it lies in the past; what is announced now is announced now"));
        }
        let announced_at = new.announced_at.clone().unwrap_or_else(|| When::instant(at));
        let mut notice = MaintenanceNotice {
            id: id.clone(),
            title: new.title.clone(),
            text: new.text.clone(),
            components: new.components.clone(),
            programme: new.programme.clone(),
            from: new.from.clone(),
            until: new.until.clone(),
            ends: new.ends,
            announced_at: announced_at.clone(),
            last_chance_before: new.last_chance_before.clone(),
            back_from: new.back_from.clone(),
            unaffected: new.unaffected.clone(),
            recurring: new.recurring.clone(),
            series: new.recurring.as_ref().map(|_| (new.from.clone(), new.until.clone())),
            alternatives: new.alternatives.clone(),
            zone: new.zone.clone(),
            phase: MaintenancePhase::Announced,
            ended_at: None,
            sequence: 0,
            declared: None,
            updates: Vec::new(),
            revision: 0,
        };
        self.must_hold(&notice, rights)?;
        if notice.recurring.is_some() {
            (notice.from, notice.until) = occurrence(&notice, at)?;
        }
        let told = word(&notice, MessageCode::Planned, announced_at.at, MaintenancePhase::Announced);
        notice.updates.push(told);
        Ok((vec![Event::MaintenancePlanned(Box::new(notice))], Subject::Maintenance(id)))
    }

    pub(super) fn decide_replan(
        &self,
        id: &MaintenanceId,
        patch: &MaintenancePatch,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let known = self.changeable(id, rights, at)?;
        if let Some(title) = &patch.title {
            self.must_read(title, "/title")?;
        }
        let phase = patch.cancelled.then_some(MaintenancePhase::Cancelled);
        let mut edit = MaintenanceEdit {
            title: patch.title.clone(),
            text: patch.text.clone(),
            components: patch.components.clone(),
            programme: patch.programme.clone(),
            from: patch.from.clone(),
            until: patch.until.clone(),
            recurring: patch.recurring.clone(),
            ends: patch.ends,
            last_chance_before: patch.last_chance_before.clone(),
            back_from: patch.back_from.clone(),
            unaffected: patch.unaffected.clone(),
            alternatives: patch.alternatives.clone(),
            phase,
            ended_at: patch.cancelled.then_some(at),
            ..MaintenanceEdit::default()
        };
        if edit == MaintenanceEdit::default() {
            return Err(Refusal::new(RefusalKind::Invalid, "the request changes nothing"));
        }
        // What is back stays back.
        for covered in edit.components.iter_mut().flatten() {
            covered.ended_at = known.covers(&covered.component).and_then(|before| before.ended_at);
        }
        edit.rescheduled = true;
        let code = if patch.cancelled { MessageCode::CalledOff } else { MessageCode::Replanned };
        let is_retimed = respan(&mut edit, &known, patch);
        if !patch.cancelled {
            let after = edited(&known, &edit);
            if after.span().1.at <= at && patch.until.is_some() {
                return Err(Refusal::field("/until", "it lies in the past; say that it is over with an update"));
            }
            self.must_hold(&after, rights)?;
            if is_retimed {
                let (from, until) = occurrence(&after, at)?;
                // What was back in one occurrence is not back in another.
                if from != known.from {
                    let again = |covered| CoveredNotice { ended_at: None, ..covered };
                    edit.components = Some(after.components.into_iter().map(again).collect());
                }
                (edit.from, edit.until) = (Some(from), Some(until));
            }
        }
        let title = patch.title.clone().unwrap_or_else(|| known.title.clone());
        let told = MaintenanceNotice { title, ..(*known).clone() };
        edit.update = Some(word(&told, code, at, phase.unwrap_or(known.phase)));
        let event = Event::MaintenanceEdited { id: id.clone(), edit: Box::new(edit) };
        Ok((vec![event], Subject::Maintenance(id.clone())))
    }

    pub(super) fn decide_word(
        &self,
        id: &MaintenanceId,
        said: &MaintenanceWord,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let known = self.changeable(id, rights, at)?;
        if let Some(text) = &said.text {
            self.must_read(text, "/text")?;
        }
        let ends = !said.ended.is_empty() || said.ended_at.is_some();
        if !ends && said.text.is_none() {
            return Err(Refusal::field("/text", "say something, or what is over"));
        }
        if ends && !known.is_active() {
            return Err(Refusal::conflict("it has not begun; call it off or change its times instead"));
        }
        for (component, ended_at) in &said.ended {
            if known.covers(component).is_none() {
                return Err(Refusal::field("/components", format!("`{component}` is not part of this maintenance")));
            }
            must_be_past(*ended_at, &known, at, "/components")?;
        }
        if let Some(ended_at) = said.ended_at {
            must_be_past(ended_at, &known, at, "/ended_at")?;
        }
        let mut ended: Vec<_> = said.ended.iter().map(|(id, ended_at)| (id.clone(), *ended_at)).collect();
        let open = known.components.iter().filter(|covered| !said.ended.contains_key(&covered.component));
        let open: Vec<_> =
            open.filter(|covered| !covered.is_over(at)).map(|covered| covered.component.clone()).collect();
        // Of a series only the occurrence at hand is over.
        let over = ends && known.recurring.is_none() && (said.ended_at.is_some() || open.is_empty());
        if let Some(ended_at) = said.ended_at {
            ended.extend(open.into_iter().map(|component| (component, ended_at)));
        }
        let phase = if over { MaintenancePhase::Completed } else { known.phase };
        let code = if over { MessageCode::Ended } else { MessageCode::PartEnded };
        let mut update = word(&known, code, at, phase);
        if let Some(text) = &said.text {
            update.body = Body::Written(text.clone());
        }
        update.ended.clone_from(&ended);
        let last = ended.iter().map(|(_, ended_at)| *ended_at).max();
        let edit = MaintenanceEdit {
            ended,
            phase: over.then_some(phase),
            ended_at: said.ended_at.or(last).filter(|_| over),
            // Calendars show when it really ended.
            rescheduled: over,
            update: Some(update),
            ..MaintenanceEdit::default()
        };
        let event = Event::MaintenanceEdited { id: id.clone(), edit: Box::new(edit) };
        Ok((vec![event], Subject::Maintenance(id.clone())))
    }

    /// A maintenance that this editor may change.
    fn changeable(
        &self,
        id: &MaintenanceId,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Result<Arc<MaintenanceNotice>, Refusal> {
        let subject = Subject::Maintenance(id.clone());
        self.must_be_in_hand(&subject, rights, at)?;
        let notice = self.record.maintenance.get(id).ok_or_else(|| Refusal::unknown(&subject))?;
        if notice.is_over() {
            return Err(Refusal::conflict(format!("maintenance `{id}` is {}", notice.phase)));
        }
        if notice.updates.len() >= UPDATES_MAX {
            return Err(Refusal::conflict("this maintenance has too many updates; announce a new one"));
        }
        Ok(Arc::clone(notice))
    }

    /// Whether a maintenance makes sense as a whole and goes together with the others.
    fn must_hold(&self, notice: &MaintenanceNotice, rights: &Rights<'_>) -> Result<(), Refusal> {
        if notice.components.is_empty() {
            return Err(Refusal::field("/components", "name at least one component"));
        }
        let (from, until) = notice.span();
        let (begin, end) = (from.at, until.at);
        if end <= begin {
            return Err(Refusal::field("/until", "it ends before it begins"));
        }
        for covered in &notice.components {
            rights.owned(&covered.component, "/components")?;
            let fits = |until: &When| until.at > begin && until.at <= end;
            if covered.until.as_ref().is_some_and(|until| !fits(until)) {
                let detail = format!("the end for `{}` lies outside the maintenance", covered.component);
                return Err(Refusal::field("/components", detail));
            }
            self.must_not_overlap(notice, covered)?;
        }
        for id in &notice.unaffected {
            rights.owned(id, "/unaffected")?;
            if notice.covers(id).is_some() {
                return Err(Refusal::field("/unaffected", format!("`{id}` cannot be covered and unaffected")));
            }
        }
        // The last day may be the day on which it begins.
        if notice.last_chance_before.as_ref().is_some_and(|last| last.at > end) {
            return Err(Refusal::field("/last_chance_before", "it lies after the end"));
        }
        if notice.back_from.as_ref().is_some_and(|back| back.at < begin) {
            return Err(Refusal::field("/back_from", "it lies before the beginning"));
        }
        Ok(())
    }

    /// One may lie within the other where something comes round.
    fn must_not_overlap(&self, notice: &MaintenanceNotice, covered: &CoveredNotice) -> Result<(), Refusal> {
        if notice.recurring.is_some() {
            return Ok(());
        }
        let until = covered.until.as_ref().unwrap_or(&notice.until).at;
        let other = self.record.maintenance.values().find(|other| {
            other.id != notice.id
                && !other.is_over()
                && other.recurring.is_none()
                && other.covers(&covered.component).is_some_and(|theirs| {
                    let end = theirs.ended_at.unwrap_or_else(|| theirs.until.as_ref().unwrap_or(&other.until).at);
                    other.from.at < until && notice.from.at < end
                })
        });
        let Some(other) = other else { return Ok(()) };
        Err(Refusal {
            pointer: Some("/components".to_owned()),
            ..Refusal::conflict(format!(
                "`{}` is under maintenance `{}` from {} to {} already; change that one or these times",
                covered.component, other.id, other.from.at, other.until.at
            ))
        })
    }
}

/// What a change means for the series: `from` and `until` are those of the whole where there is one.
/// Whether the occurrence at hand is to be found anew.
fn respan(edit: &mut MaintenanceEdit, known: &MaintenanceNotice, patch: &MaintenancePatch) -> bool {
    let recurs = match &patch.recurring {
        Change::Keep => known.recurring.is_some(),
        Change::Clear => {
            edit.series = Change::Clear;
            false
        }
        Change::Set(_) => true,
    };
    let is_named = patch.from.is_some() || patch.until.is_some() || patch.ends.is_some() || !patch.recurring.is_kept();
    if recurs && is_named {
        let (from, until) = known.span();
        let from = edit.from.take().unwrap_or_else(|| from.clone());
        let until = edit.until.take().unwrap_or_else(|| until.clone());
        edit.series = Change::Set((from, until));
    }
    recurs && is_named
}

/// The occurrence that is under way or comes next, of what makes a good series.
fn occurrence(notice: &MaintenanceNotice, at: Timestamp) -> Result<(When, When), Refusal> {
    if notice.ends == Ends::OnNotice {
        return Err(Refusal::field("/ends", "recurring work ends by itself each time: `by_itself`"));
    }
    let never = || Refusal::field("/recurring/rrule", "the rule has no occurrence left between beginning and end");
    let (Some(recurring), Ok(zone)) = (&notice.recurring, TimeZone::get(&notice.zone)) else { return Err(never()) };
    match series::faults(recurring, notice.span(), &zone, at).first() {
        None => next_occurrence(notice, at).ok_or_else(never),
        Some(SeriesFault::Never) => Err(never()),
        Some(SeriesFault::Overlong(step)) => {
            let detail = format!("it lasts longer than it takes to the next one: at most {}", format_duration(*step));
            Err(Refusal::field("/recurring/for", detail))
        }
    }
}

/// The maintenance as it would be.
fn edited(known: &MaintenanceNotice, edit: &MaintenanceEdit) -> MaintenanceNotice {
    let mut after = known.clone();
    let edit = edit.clone();
    after.components = edit.components.unwrap_or(after.components);
    after.from = edit.from.unwrap_or(after.from);
    after.until = edit.until.unwrap_or(after.until);
    after.ends = edit.ends.unwrap_or(after.ends);
    edit.recurring.apply(&mut after.recurring);
    edit.series.apply(&mut after.series);
    edit.last_chance_before.apply(&mut after.last_chance_before);
    edit.back_from.apply(&mut after.back_from);
    after.unaffected = edit.unaffected.unwrap_or(after.unaffected);
    after
}

fn must_be_past(ended_at: Timestamp, known: &MaintenanceNotice, at: Timestamp, pointer: &str) -> Result<(), Refusal> {
    if ended_at > at {
        return Err(Refusal::field(pointer, "it lies in the future; say that it is over when it is"));
    }
    if ended_at < known.from.at {
        return Err(Refusal::field(pointer, "it lies before the beginning"));
    }
    Ok(())
}
