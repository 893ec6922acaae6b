//! What was said: the pages of `GET /chat` put in order. Pure.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;

use crate::incoming::unix_ms;

/// A message of the conversation, under the names the service gives to its parts.
///
/// A message of the user has a `request`, one of the avatar an `answer`; one that the service does not
/// say the direction of may have both.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(default)]
pub struct Message {
    /// The service's id.
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `outgoing` from the user, `incoming` from the avatar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// When, in Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<u64>,
    /// What the user said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What the avatar said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Which avatar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_name: Option<String>,
    /// `text`, `voice` or `video`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_type: Option<String>,
    /// The language's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// Sound or pictures of the answer.
    #[serde(rename = "fileUrl", skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
}

/// Pages in a row without anything new, after which the service is not believed that there is more.
const FRUITLESS: u32 = 10;

/// Pages being put together. They overlap where messages come in meanwhile.
#[derive(Default)]
pub(crate) struct Pages {
    messages: Vec<Message>,
    seen: HashSet<String>,
    fruitless: u32,
}

impl Pages {
    /// Adds a page; says whether another is to be asked for.
    pub(crate) fn add(&mut self, page: &Value) -> bool {
        let before = self.messages.len();
        let records = page["payload"].as_array().into_iter().flatten();
        for message in records.filter_map(message) {
            // A record without an id cannot be told from another that says the same.
            if message.id.clone().is_none_or(|id| self.seen.insert(id)) {
                self.messages.push(message);
            }
        }
        self.fruitless = if self.messages.len() > before { 0 } else { self.fruitless + 1 };
        page["has_more_messages"].as_bool().unwrap_or(false) && self.fruitless < FRUITLESS
    }

    /// All messages, oldest first. A question comes before the answer of the same moment.
    pub(crate) fn in_order(mut self) -> Vec<Message> {
        self.messages.sort_by_key(|message| (message.date, message.direction.as_deref() == Some("incoming")));
        self.messages
    }
}

/// What a record adds to the conversation. The avatar's records repeat the question: it is taken from
/// the user's own.
fn message(record: &Value) -> Option<Message> {
    let text = |key: &str| record[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    record.is_object().then(|| {
        let direction = text("direction");
        let (asked, answered) = (direction.as_deref() != Some("incoming"), direction.as_deref() != Some("outgoing"));
        Message {
            id: text("_id"),
            date: unix_ms(None, record["date"].as_f64()),
            request: text("request").filter(|_| asked),
            answer: text("answer").filter(|_| answered),
            avatar_id: text("avatar_id"),
            avatar_name: text("avatar_name"),
            chat_type: text("chat_type"),
            language_code: text("language_code"),
            file_url: text("fileUrl").filter(|_| answered),
            direction,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const T: u64 = 1_769_698_497_000;

    fn all(pages: &[Value]) -> Vec<Message> {
        let mut put = Pages::default();
        for page in pages {
            put.add(page);
        }
        put.in_order()
    }

    /// C67, C68.
    #[test]
    fn messages_are_in_order_and_each_is_there_once() {
        let page = json!({"payload":[
            {"_id":"2","direction":"incoming","request":"Hi","answer":"Hello!","date":T + 1000},
            {"_id":"3","request":"Both?","answer":"Both.","date":T + 2000},
            {"_id":"1","direction":"outgoing","request":"Hi","answer":"echo","date":T},
            {"_id":"2","direction":"incoming","request":"Hi","answer":"Hello!","date":T + 1000},
        ]});
        let said: Vec<_> = all(&[page.clone(), page])
            .into_iter()
            .map(|message| (message.request.unwrap_or_default(), message.answer.unwrap_or_default()))
            .collect();
        let want = [("Hi", ""), ("", "Hello!"), ("Both?", "Both.")];
        assert_eq!(said, want.map(|(request, answer)| (request.to_owned(), answer.to_owned())));
    }

    /// C64 for history, and the order within one moment.
    #[test]
    fn seconds_and_milliseconds_are_told_apart_and_questions_come_first() {
        let page = json!({"payload":[
            {"_id":"b","direction":"incoming","answer":"A","date":T},
            {"_id":"a","direction":"outgoing","request":"Q","date":T / 1000},
        ]});
        let ids: Vec<_> = all(&[page]).into_iter().filter_map(|message| message.id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    /// C69.
    #[test]
    fn paging_ends_where_the_service_says_so_or_gives_nothing_new() {
        let mut pages = Pages::default();
        assert!(!pages.add(&json!({})));
        assert!(!pages.add(&json!({"payload":[{"_id":"1"}],"has_more_messages":false})));
        for _ in 1..FRUITLESS {
            assert!(pages.add(&json!({"payload":[{"_id":"1"}],"has_more_messages":true})));
            assert!(pages.fruitless < FRUITLESS);
            pages.fruitless = pages.fruitless.min(FRUITLESS - 2);
        }
        pages.fruitless = FRUITLESS - 1;
        assert!(!pages.add(&json!({"payload":null,"has_more_messages":true})), "for ever");
        assert_eq!(pages.in_order().len(), 1);
    }

    #[test]
    fn odd_records_do_no_harm() {
        let page = json!({"payload":[1, null, {"_id":7,"date":"x","request":["y"]}, {}],"has_more_messages":"yes"});
        assert_eq!(all(&[page]), [Message::default(), Message::default()]);
    }
}
