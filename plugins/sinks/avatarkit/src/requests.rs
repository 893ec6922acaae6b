//! The requests of a connection: their ids, and what is known of each. Owned by the sink's task.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use glottis_core::clock;

/// Requests remembered after they are over: the service may still speak of them.
const REMEMBERED: usize = 64;

/// Requests remembered at all. One that the service never finishes is forgotten at last.
const MOST: usize = 1024;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// A new id: the time in UTC, and twelve letters nobody can guess.
///
/// # Errors
/// The system has no randomness to give.
pub(crate) fn new_id() -> Result<String, getrandom::Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (date, time) = clock::utc(now);
    let mut random = [0; 12];
    getrandom::fill(&mut random)?;
    // 64 letters: six bits of each byte choose one without bias.
    let letters = random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)]));
    Ok(date.chars().filter(char::is_ascii_digit).chain(time.chars()).chain(['_']).chain(letters).collect())
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: String,
    /// Whether any of it went over the wire.
    pub(crate) sent: bool,
    /// Whether the service has begun with it.
    pub(crate) begun: bool,
    /// Whether the service is done with it, or is no longer wanted to be.
    pub(crate) over: bool,
    /// Whether it was interrupted: what still comes of it is not wanted.
    pub(crate) interrupted: bool,
}

/// The requests of a connection, in the order they were opened.
#[derive(Default)]
pub(crate) struct Requests(VecDeque<Request>);

impl Requests {
    /// Opens a request.
    pub(crate) fn open(&mut self, id: String) {
        let over = self.0.iter().filter(|request| request.over).count();
        if over > REMEMBERED
            && let Some(oldest) = self.0.iter().position(|request| request.over)
        {
            self.0.remove(oldest);
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Request { id, sent: false, begun: false, over: false, interrupted: false });
    }

    /// The latest request.
    pub(crate) fn last(&mut self) -> Option<&mut Request> {
        self.0.back_mut()
    }

    /// The request the service means: the one it names, or the oldest it is not done with if it names
    /// none.
    pub(crate) fn meant(&mut self, id: &str) -> Option<&mut Request> {
        match id {
            "" => self.0.iter_mut().find(|request| !request.over),
            id => self.0.iter_mut().find(|request| request.id == id),
        }
    }

    /// Whether the service has been sent something it is not done with.
    pub(crate) fn any_under_way(&self) -> bool {
        self.0.iter().any(|request| request.sent && !request.over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_time_and_twelve_letters() {
        let ids: Vec<String> = (0..200).map(|_| new_id().unwrap()).collect();
        for id in &ids {
            let (time, letters) = id.split_once('_').unwrap();
            assert!(time.len() == 14 && time.bytes().all(|b| b.is_ascii_digit()), "{id}");
            assert!(letters.len() == 12 && letters.bytes().all(|b| LETTERS.contains(&b)), "{id}");
        }
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let times: Vec<String> = (now - 2..=now).map(clock::utc).map(|(d, t)| d.replace('-', "") + &t).collect();
        assert!(times.contains(&ids[0][..14].to_owned()), "{} not in {times:?}", ids[0]);
    }

    #[test]
    fn the_service_means_the_request_it_names_or_the_oldest_unfinished() {
        let mut requests = Requests::default();
        for id in ["a", "b", "c"] {
            requests.open(id.to_owned());
        }
        assert_eq!(requests.meant("b").unwrap().id, "b");
        assert_eq!(requests.meant("").unwrap().id, "a");
        requests.meant("a").unwrap().over = true;
        assert_eq!(requests.meant("").unwrap().id, "b");
        assert!(requests.meant("z").is_none());
        assert!(!requests.any_under_way(), "nothing was sent");
        requests.last().unwrap().sent = true;
        assert!(requests.any_under_way());
    }

    #[test]
    fn what_is_over_is_forgotten_after_a_while_and_what_is_not_is_kept() {
        let mut requests = Requests::default();
        requests.open("unfinished".to_owned());
        for i in 0..500 {
            requests.open(i.to_string());
            requests.last().unwrap().over = true;
        }
        assert!(requests.0.len() <= REMEMBERED + 3, "{}", requests.0.len());
        assert!(requests.meant("unfinished").is_some() && requests.meant("499").is_some());
        for i in 0..5000 {
            requests.open(format!("never {i}"));
        }
        assert!(requests.0.len() <= MOST);
    }
}
