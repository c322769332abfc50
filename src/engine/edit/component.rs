//! Commands about components: statuses set by hand, and what differs in some towns.

use std::sync::Arc;

use crate::engine::edit::Decision;
use crate::engine::edit::rights::Rights;
use crate::engine::schedule::stable_key;
use crate::engine::state::State;
use crate::model::access::Editor;
use crate::model::catalogue::{Reach, reaches};
use crate::model::decision::{Inputs, decide};
use crate::model::editing::{NewLocal, Refusal, Subject};
use crate::model::event::Event;
use crate::model::id::ComponentId;
use crate::model::notice::{LocalNotice, Override};
use crate::model::status::Status;
use crate::model::time::Timestamp;

/// Most words on one component that are in force in single towns.
const LOCALS_MAX: usize = 15_000;

impl State {
    pub(super) fn decide_override(
        &self,
        id: &ComponentId,
        set: Option<(Status, Option<Timestamp>)>,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let subject = Subject::Component(id.clone());
        self.must_be_in_hand(&subject, rights, at)?;
        let (index, _) = self.addressed(id, rights)?;
        let Some((status, until)) = set else {
            if !self.record.overrides.contains_key(id) {
                return Err(Refusal::not_found(format!("the status of `{id}` is not set by hand")));
            }
            return Ok((vec![Event::OverrideSet { component: id.clone(), set: None }], subject));
        };
        if status == Status::UnderMaintenance {
            return Err(Refusal::field(
                "/status",
                "announce a maintenance instead: readers then know from when to when",
            ));
        }
        if until.is_some_and(|until| until <= at) {
            return Err(Refusal::field("/until", "it lies in the past"));
        }
        let set = Override { status, at, until };
        let known = self.known(index, at).unwrap_or(Status::Operational);
        if status < known && !set.may_hide() {
            let detail =
                format!("`{status}` is better than `{known}`, which is known: set it with an end within 7 days");
            return Err(Refusal::field("/until", detail));
        }
        Ok((vec![Event::OverrideSet { component: id.clone(), set: Some(set) }], subject))
    }

    /// The worst that is known of a component on any page that shows it, whatever is set by hand.
    fn known(&self, index: u32, at: Timestamp) -> Option<Status> {
        let inputs = Inputs { by_hand: None, ..self.basis(index, at)?.inputs };
        let everywhere = decide(&inputs).status;
        // A town may read it otherwise, by the same rule.
        let mut snapshot = self.clone().snapshot(at, &[], false);
        let id = &self.catalogue.component(index)?.id;
        let public = snapshot.catalogue.component_index.get(id).copied();
        if let Some(state) = public.and_then(|public| snapshot.states.get_mut(public as usize)).map(Arc::make_mut) {
            (state.inputs, state.status) = (inputs, everywhere);
        }
        let pages = self.catalogue.node(index)?.shown_on.iter();
        let read = pages.filter_map(|&page| Some(snapshot.view(public?, Some(page))?.status));
        read.chain([everywhere]).max()
    }

    pub(super) fn decide_local(
        &self,
        id: &ComponentId,
        local: &NewLocal,
        rights: &Rights<'_>,
        at: Timestamp,
    ) -> Decision {
        let (index, shown_on) = self.addressed(id, rights)?;
        self.may_speak(index, &local.organisations, rights)?;
        let reached = self.catalogue.organisations.iter().zip(0u32..);
        let nobody = !reached
            .filter(|(organisation, _)| reaches(&local.organisations, organisation))
            .any(|(_, organisation)| shown_on.binary_search(&organisation).is_ok());
        if nobody {
            return Err(Refusal::field("/organisations", format!("`{id}` stands on no page of theirs")));
        }
        if let Some(text) = &local.text {
            self.must_read(text, "/text")?;
        }
        if local.until.is_some_and(|until| until <= at) {
            return Err(Refusal::field("/until", "it lies in the past"));
        }
        if local.status == Some(Status::UnderMaintenance) {
            return Err(Refusal::field("/status", "announce a maintenance instead"));
        }
        let NewLocal { organisations, status, mode, released, processing, delivery, text, alternatives, until } =
            local.clone();
        let says_nothing = status.is_none()
            && mode.is_none()
            && released.is_none()
            && processing.is_none()
            && delivery.is_none()
            && text.is_none()
            && alternatives.is_empty();
        if says_nothing {
            let detail = "say what differs: status, mode, released, processing, delivery, text or alternatives";
            return Err(Refusal::new(crate::model::editing::RefusalKind::Invalid, detail));
        }
        let key = stable_key(&format!("{id}\n{organisations:?}\n{}", self.record.position));
        let notice = LocalNotice {
            key,
            component: id.clone(),
            organisations,
            status,
            mode,
            released,
            processing,
            delivery,
            text,
            alternatives,
            since: at,
            until,
            declared: false,
            by_owner: self.catalogue.component(index).is_some_and(|component| rights.owns(component)),
            ended_at: None,
            said_as: None,
        };
        let said = self.record.locals.values().filter(|before| before.component == *id).count();
        if said >= LOCALS_MAX {
            return Err(Refusal::conflict("too much is said of this component in single towns; take something back"));
        }
        Ok((vec![Event::LocalBegan(Box::new(notice))], Subject::Component(id.clone())))
    }

    pub(super) fn decide_no_local(&self, id: &ComponentId, organisations: &[Reach], rights: &Rights<'_>) -> Decision {
        let (index, _) = self.addressed(id, rights)?;
        let meant: Vec<_> = self
            .record
            .locals
            .values()
            .filter(|local| local.component == *id)
            .filter(|local| organisations.is_empty() || local.organisations == organisations)
            .collect();
        let said: Vec<_> = meant.iter().filter(|local| self.is_theirs(index, local, rights)).collect();
        if said.is_empty() {
            return Err(if meant.iter().any(|local| local.declared) {
                Refusal::conflict("it is declared in a file; change it there, or say something newer")
            } else {
                Refusal::not_found(format!("no editor's word on `{id}` is in force there"))
            });
        }
        let events = said.into_iter().map(|local| Event::LocalEnded { key: local.key }).collect();
        Ok((events, Subject::Component(id.clone())))
    }

    /// Whether an editor may take back what is said in some towns.
    pub fn may_take_back(&self, editor: &Editor, local: &LocalNotice) -> bool {
        let Ok(rights) = Rights::new(editor, &self.catalogue) else { return false };
        let component = self.catalogue.component_index(local.component.as_str());
        component.is_some_and(|component| self.is_theirs(component, local, &rights))
    }

    fn is_theirs(&self, component: u32, local: &LocalNotice, rights: &Rights<'_>) -> bool {
        let owns = self.catalogue.component(component).is_some_and(|component| rights.owns(component));
        !local.declared && (owns || !local.by_owner) && self.may_speak(component, &local.organisations, rights).is_ok()
    }

    /// Whoever owns a component says what differs for anybody it stands with; others only for
    /// the towns they speak for.
    fn may_speak(&self, component: u32, organisations: &[Reach], rights: &Rights<'_>) -> Result<(), Refusal> {
        if organisations.iter().all(|reach| matches!(reach, Reach::Except(_))) {
            return Err(Refusal::field("/organisations", "name at least one organisation or ARS prefix"));
        }
        let owns = self.catalogue.component(component).is_some_and(|component| rights.owns(component));
        let shown_on = self.catalogue.node(component).map(|node| &*node.shown_on).unwrap_or_default();
        for reach in organisations {
            match reach {
                Reach::Organisation(id) | Reach::Except(id) => {
                    let Some(index) = self.catalogue.organisation_index(id.as_str()) else {
                        return Err(Refusal::field("/organisations", format!("there is no organisation `{id}`")));
                    };
                    let is_meant = matches!(reach, Reach::Organisation(_));
                    if is_meant && shown_on.binary_search(&index).is_err() {
                        return Err(Refusal::field(
                            "/organisations",
                            format!("it does not stand on the page of `{id}`"),
                        ));
                    }
                    if is_meant && !owns && !rights.speaks_for(id) {
                        return Err(Refusal::forbidden(format!("this token does not speak for `{id}`")));
                    }
                }
                Reach::Prefix(prefix) => {
                    let is_prefix = (2..=12).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
                    if !is_prefix {
                        let detail = format!("`{prefix}` is no ARS prefix: 2 to 12 digits");
                        return Err(Refusal::field("/organisations", detail));
                    }
                    if !owns {
                        let detail = "only who owns the component speaks for a whole area; name your organisations";
                        return Err(Refusal::forbidden(detail));
                    }
                }
            }
        }
        Ok(())
    }

    /// The component in the path of a request.
    fn addressed(&self, id: &ComponentId, rights: &Rights<'_>) -> Result<(u32, Arc<[u32]>), Refusal> {
        let (index, _) =
            rights.known(id, "").map_err(|_| Refusal::not_found(format!("there is no component `{id}`")))?;
        let shown_on = self.catalogue.node(index).map(|node| Arc::clone(&node.shown_on)).unwrap_or_default();
        Ok((index, shown_on))
    }
}
