//! Live sessions: who holds which licence, and the audio that arrived for it. Owned by the
//! `State`, used under its lock.

use super::config::Config;
use super::speech::{Endpointer, Pace, Turn};
use serde::Serialize;
use std::time::Duration;

/// Finished licences are forgotten beyond this number, oldest first, with their audio.
const KEPT: usize = 1024;
/// Turns remembered per licence.
const TURNS: usize = 10_000;

/// A live session as seen from outside (RAVATAR dossier 9).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct License {
    /// `LicenseId`.
    pub id: String,
    /// The user it is bound to.
    pub user_id: String,
    /// The avatar it is bound to.
    pub avatar_id: String,
    /// Width of the video.
    pub width: u32,
    /// Height of the video.
    pub height: u32,
    /// When it began, on the simulator's clock.
    #[serde(serialize_with = "crate::common::words::seconds")]
    pub started: Duration,
    /// What became of it.
    pub status: LicenseStatus,
    /// PCM samples received.
    pub samples: u64,
    /// Those of them that were not kept, see `max_pcm_samples`.
    pub samples_cut: u64,
    /// Spoken turns found in the PCM.
    pub turns: Vec<Turn>,
    /// Successful visits of its streaming page.
    pub page_views: u32,
}

/// What became of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseStatus {
    /// It occupies a slot.
    Active,
    /// It was ended by `POST /endLiveSession`.
    Ended,
    /// It outlived `license_ttl`, or a fault made it expire.
    Expired,
    /// It was ended by the operator, a fault.
    Revoked,
    /// The service forgot it, a fault.
    Forgotten,
}

/// What happened to a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LicenseChange {
    /// Given out.
    Started,
    /// Ended by the client.
    Ended,
    /// Expired.
    Expired,
    /// Ended by the operator, a fault.
    Revoked,
    /// Forgotten by the service, a fault.
    Forgotten,
}

/// A licence with its machinery.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) facts: License,
    pub(crate) pcm: Vec<i16>,
    pub(crate) endpointer: Endpointer,
    pub(crate) pace: Pace,
    expires: Option<Duration>,
    /// When the client could first know that the licence is over.
    pub(crate) told: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Licenses {
    all: Vec<Session>,
    kept_samples: usize,
}

impl Licenses {
    pub(crate) fn active(&self) -> usize {
        let active = |session: &&Session| session.facts.status == LicenseStatus::Active;
        self.all.iter().filter(active).count()
    }

    /// Takes a slot. The caller has checked that one is free.
    pub(crate) fn start(&mut self, config: &Config, facts: License) {
        if self.all.len() >= KEPT {
            self.forget_oldest();
        }
        let expires = config.license_ttl.map(|ttl| facts.started.saturating_add(ttl));
        self.all.push(Session {
            facts,
            pcm: Vec::new(),
            endpointer: Endpointer::new(config.speech_rms, config.silence),
            pace: Pace::new(config.pace_limit, config.pace_burst),
            expires,
            told: None,
        });
    }

    fn forget_oldest(&mut self) {
        let finished = |session: &Session| session.facts.status != LicenseStatus::Active;
        if let Some(oldest) = self.all.iter().position(finished) {
            self.kept_samples -= self.all.remove(oldest).pcm.len();
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.all.iter().find(|session| session.facts.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.all.iter_mut().find(|session| session.facts.id == id)
    }

    /// Marks what expired by `now`; returns the ids. Slots are free from then on.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<String> {
        let mut expired = Vec::new();
        for session in &mut self.all {
            let due = session.expires.is_some_and(|at| at <= now);
            if due && session.facts.status == LicenseStatus::Active {
                session.facts.status = LicenseStatus::Expired;
                expired.push(session.facts.id.clone());
            }
        }
        expired
    }

    /// Gives active licences, or the one of that id, another status; returns the ids.
    pub(crate) fn finish(&mut self, only: Option<&str>, status: LicenseStatus) -> Vec<String> {
        let wanted = |session: &&mut Session| {
            session.facts.status == LicenseStatus::Active && only.is_none_or(|id| session.facts.id == id)
        };
        let finish = |session: &mut Session| {
            session.facts.status = status;
            session.facts.id.clone()
        };
        self.all.iter_mut().filter(wanted).map(finish).collect()
    }

    /// When the next active licence expires.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        let active = self.all.iter().filter(|s| s.facts.status == LicenseStatus::Active);
        active.filter_map(|session| session.expires).min()
    }

    /// Ends an active licence. Its unfinished turn is gone.
    pub(crate) fn end(&mut self, id: &str, now: Duration) {
        if let Some(session) = self.get_mut(id) {
            session.facts.status = LicenseStatus::Ended;
            session.told = Some(now);
        }
    }

    /// Number of samples received for a licence so far.
    pub(crate) fn samples(&self, id: &Option<String>) -> u64 {
        let session = id.as_deref().and_then(|id| self.get(id));
        session.map_or(0, |session| session.facts.samples)
    }

    /// Appends PCM, keeping at most `most` samples over all licences; returns the turns that
    /// ended within it.
    pub(crate) fn append(&mut self, id: &str, pcm: &[i16], most: usize) -> Vec<Turn> {
        let mut room = most.saturating_sub(self.kept_samples).min(pcm.len());
        let Some(session) = self.get_mut(id) else { return Vec::new() };
        // Once something was cut nothing is kept any more: what is kept has no holes.
        if session.facts.samples_cut > 0 {
            room = 0;
        }
        session.facts.samples += pcm.len() as u64;
        session.facts.samples_cut += (pcm.len() - room) as u64;
        session.pcm.extend_from_slice(&pcm[..room]);
        let turns = session.endpointer.push(pcm);
        let free = TURNS.saturating_sub(session.facts.turns.len());
        session.facts.turns.extend(turns.iter().take(free));
        self.kept_samples += room;
        turns
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &License> {
        self.all.iter().map(|session| &session.facts)
    }
}
