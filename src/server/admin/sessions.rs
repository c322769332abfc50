//! Who is signed in at the desk: in memory only, so a restart signs everybody out.
//!
//! A browser holds 256 random bits, of which only a hash is kept here. What a session may do is
//! not kept either where it came from a token: the store is asked at each visit, so a token
//! that was revoked opens nothing any more.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::model::access::Editor;

/// Longest time without a visit.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// Longest time from the sign-in on.
pub(super) const WHOLE_MAX: Duration = Duration::from_secs(8 * 60 * 60);
/// Most sessions. The one that was idle for longest makes room.
const SESSIONS_MAX: usize = 1024;
/// Most sessions of one editor, so that nobody pushes others out.
const SESSIONS_OF_ONE_MAX: usize = 16;

/// Bytes of an id, and of what stands in forms.
const WORD_BYTES: usize = 32;

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// Whoever holds the token with this id, for as long as it is in force.
    Token(String),
    /// Whom the provider named, with the scope that its groups had then.
    Provider(Editor),
}

impl Who {
    /// What the audit log calls them.
    pub(super) fn actor(&self) -> &str {
        match self {
            Self::Token(id) => id,
            Self::Provider(editor) => &editor.token,
        }
    }
}

/// A session that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Whose it is.
    pub(super) who: Who,
    /// What each of its forms holds.
    pub(super) csrf: String,
}

#[derive(Debug)]
struct Held {
    session: Session,
    began: Instant,
    used: Instant,
}

impl Held {
    fn is_in_force(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < IDLE_MAX && now.saturating_duration_since(self.began) < WHOLE_MAX
    }
}

/// The sessions, by the hashes of their ids.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Held>>);

impl Sessions {
    /// Begins a session and returns its id, which is nowhere else, and the word for its forms.
    pub(super) fn begin(&self, who: Who, now: Instant) -> Result<(String, String), getrandom::Error> {
        let (id, csrf) = (word()?, word()?);
        let mut held = self.lock();
        held.retain(|_, held| held.is_in_force(now));
        let own = held.values().filter(|held| held.session.who.actor() == who.actor()).count();
        let actor = (own >= SESSIONS_OF_ONE_MAX).then(|| who.actor());
        if own >= SESSIONS_OF_ONE_MAX || held.len() >= SESSIONS_MAX {
            let oldest = held
                .iter()
                .filter(|(_, held)| actor.is_none_or(|actor| held.session.who.actor() == actor))
                .min_by_key(|(_, held)| held.used)
                .map(|(hash, _)| *hash);
            oldest.and_then(|hash| held.remove(&hash));
        }
        held.insert(hash(&id), Held { session: Session { who, csrf: csrf.clone() }, began: now, used: now });
        Ok((id, csrf))
    }

    /// The session with this id, which is used now.
    pub(super) fn find(&self, id: &str, now: Instant) -> Option<Session> {
        let mut held = self.lock();
        let hash = hash(id);
        let found = held.get_mut(&hash)?;
        if !found.is_in_force(now) {
            held.remove(&hash);
            return None;
        }
        found.used = now;
        Some(found.session.clone())
    }

    /// Ends the session with this id.
    pub(super) fn end(&self, id: &str) {
        self.lock().remove(&hash(id));
    }

    /// Forgets those that have ended.
    pub(super) fn forget(&self, now: Instant) {
        self.lock().retain(|_, held| held.is_in_force(now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Held>> {
        // Nothing of others runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 random bits, in hexadecimal.
pub(super) fn word() -> Result<String, getrandom::Error> {
    let mut bytes = [0; WORD_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Whether a text may be one of ours.
pub(super) fn is_word(text: &str) -> bool {
    text.len() == 2 * WORD_BYTES && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    fn token(id: &str) -> Who {
        Who::Token(id.to_owned())
    }

    #[test]
    fn a_session_ends_after_half_an_hour_of_silence() {
        let (sessions, start) = (Sessions::default(), monotonic());
        let at = |minute: u64| start + Duration::from_secs(60 * minute);
        let id = sessions.begin(token("a"), start).unwrap().0;
        assert_eq!(sessions.find(&id, at(29)).map(|session| session.who), Some(token("a")));
        assert!(sessions.find(&id, at(58)).is_some(), "each visit counts");
        assert!(sessions.find(&id, at(88)).is_none());
        assert!(sessions.find(&id, at(87)).is_none(), "what has ended stays so");
    }

    #[test]
    fn a_session_ends_after_eight_hours_however_busy() {
        let (sessions, start) = (Sessions::default(), monotonic());
        let at = |minute: u64| start + Duration::from_secs(60 * minute);
        let id = sessions.begin(token("a"), start).unwrap().0;
        for minute in (0..480).step_by(20) {
            assert!(sessions.find(&id, at(minute)).is_some(), "{minute}");
        }
        assert!(sessions.find(&id, at(479)).is_some());
        assert!(sessions.find(&id, at(480)).is_none());
    }

    #[test]
    fn each_sign_in_has_an_id_and_a_form_word_of_its_own() {
        let (sessions, now) = (Sessions::default(), monotonic());
        let ids: Vec<String> = (0..3).map(|_| sessions.begin(token("a"), now).unwrap().0).collect();
        assert!(ids.iter().all(|id| is_word(id)));
        let mut words: Vec<String> = ids.iter().map(|id| sessions.find(id, now).unwrap().csrf).collect();
        words.extend(ids.iter().cloned());
        words.sort();
        words.dedup();
        assert_eq!(words.len(), 6);
        let [first, second, ..] = ids.as_slice() else { unreachable!() };
        sessions.end(first);
        assert!(sessions.find(first, now).is_none() && sessions.find(second, now).is_some());
    }

    #[test]
    fn no_id_is_kept() {
        let (sessions, now) = (Sessions::default(), monotonic());
        let id = sessions.begin(token("a"), now).unwrap().0;
        assert!(!format!("{sessions:?}").contains(&id));
        let raw = HEXLOWER.decode(id.as_bytes()).unwrap();
        assert!(sessions.lock().keys().all(|hash| hash.as_slice() != raw));
    }

    #[test]
    fn sessions_are_bounded_and_nobody_pushes_others_out() {
        let (sessions, start) = (Sessions::default(), monotonic());
        let at = |millis: u64| start + Duration::from_millis(millis);
        let quiet = sessions.begin(token("quiet"), start).unwrap().0;
        let mut busy: Vec<String> = Vec::new();
        for number in 1..100 {
            busy.push(sessions.begin(token("busy"), at(number)).unwrap().0);
        }
        assert_eq!(sessions.lock().len(), 1 + SESSIONS_OF_ONE_MAX);
        assert!(sessions.find(&quiet, at(100)).is_some());
        assert!(sessions.find(busy.last().unwrap(), at(100)).is_some());
        assert!(sessions.find(busy.first().unwrap(), at(100)).is_none());
        for number in 0..2_000 {
            sessions.begin(token(&number.to_string()), at(200 + number)).unwrap();
        }
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
        assert!(sessions.find(&quiet, at(3_000)).is_none(), "it was idle for longest");
        sessions.forget(start + IDLE_MAX + Duration::from_secs(10));
        assert_eq!(sessions.lock().len(), 0);
    }
}
