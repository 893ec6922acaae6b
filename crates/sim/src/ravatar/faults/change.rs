//! Changes to the body of a real success that a merge patch cannot say. Pure functions, any thread.

use super::super::ids::Ids;
use super::keys::{Flaw, Keys};
use crate::common::response::{Alter, merge};
use serde_json::{Map, Value};

/// A change with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// `POST /jwt`: the token under `token` instead of `jwt`.
    TokenField,
    /// `GET /connection`: `vadEnabled` is the opposite; absent counts as false.
    FlipVad,
    /// `GET /connection`: no avatar has live mode.
    NoLive,
    /// `GET /chat`: the page in random order.
    Shuffle,
    /// `GET /chat`: no record has a direction.
    NoDirection,
    /// `GET /chat`: every record occurs twice.
    DuplicateIds,
}

const CHANGES: [(&str, Change); 6] = [
    ("token-field", Change::TokenField),
    ("flip-vad", Change::FlipVad),
    ("no-live", Change::NoLive),
    ("shuffle", Change::Shuffle),
    ("no-direction", Change::NoDirection),
    ("duplicate-ids", Change::DuplicateIds),
];

/// Reads the key `change`.
pub(crate) fn parse(keys: &mut Keys) -> Result<Option<Box<dyn Alter>>, Flaw> {
    if !keys.has("change") {
        keys.mention(&["change"]);
        return Ok(None);
    }
    let word = keys.choice("change", &CHANGES.map(|(name, _)| name), None)?;
    let found = CHANGES.iter().find(|(name, _)| *name == word);
    Ok(found.map(|(_, change)| Box::new(*change) as Box<dyn Alter>))
}

impl Alter for Change {
    fn apply(&self, body: &mut Value, draw: u64) {
        match self {
            Self::TokenField => {
                let fields = body.as_object_mut();
                if let Some((fields, token)) =
                    fields.and_then(|fields| fields.remove("jwt").map(|token| (fields, token)))
                {
                    fields.insert("token".into(), token);
                }
            }
            Self::FlipVad => {
                let on = body.get("vadEnabled").and_then(Value::as_bool).unwrap_or(false);
                merge(body, &serde_json::json!({ "vadEnabled": !on }));
            }
            Self::NoLive => each(body, "avatars_info", |avatar| {
                avatar.insert("hasLiveMode".into(), false.into());
            }),
            Self::Shuffle => shuffle(body, draw),
            Self::NoDirection => each(body, "payload", |record| {
                record.remove("direction");
            }),
            Self::DuplicateIds => {
                if let Some(records) = list(body, "payload") {
                    *records = records.iter().flat_map(|record| [record.clone(), record.clone()]).collect();
                }
            }
        }
    }
}

fn list<'a>(body: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    body.get_mut(name)?.as_array_mut()
}

fn each(body: &mut Value, name: &str, change: impl Fn(&mut Map<String, Value>)) {
    let entries = list(body, name).into_iter().flatten();
    entries.filter_map(Value::as_object_mut).for_each(change);
}

/// Fisher-Yates. Two or more records never end up in the order of their dates.
fn shuffle(body: &mut Value, draw: u64) {
    let Some(records) = list(body, "payload") else { return };
    let mut ids = Ids::new(draw);
    for at in (1..records.len()).rev() {
        records.swap(at, (ids.next() % (at as u64 + 1)) as usize);
    }
    let date = |record: &Value| record.get("date").and_then(Value::as_u64);
    if records.is_sorted_by_key(date) {
        records.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shuffled_page_is_never_sorted() {
        for draw in 0..200 {
            let mut body = json!({ "payload": [{ "date": 1 }, { "date": 2 }, { "date": 3 }] });
            Change::Shuffle.apply(&mut body, draw);
            assert_ne!(body["payload"], json!([{ "date": 1 }, { "date": 2 }, { "date": 3 }]));
        }
    }
}
