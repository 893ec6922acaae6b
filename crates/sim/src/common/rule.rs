//! Fault rules as text and as values: one rule, a file of rules, and how they are read. Plain
//! values, any thread.

use super::keys::{Flaw, Keys, RuleError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::{Map, Value};
use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Rules a simulator can have at once.
pub(crate) const MOST_RULES: usize = 1000;

/// The fault language of one service: its places, its short forms, and what a rule can do there.
pub trait Grammar: Clone + Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Where a rule strikes.
    type Place: Copy + Debug + Send + Sync;
    /// A point the simulator passes.
    type Point: Copy;
    /// What a rule does.
    type Deed: Debug + Send + Sync;

    /// Reads `on`.
    fn place(text: &str) -> Result<Self::Place, Flaw>;
    /// Whether a rule there strikes once, when it is added.
    fn at_once(place: Self::Place) -> bool;
    /// Whether a point is that place.
    fn is(place: Self::Place, point: Self::Point) -> bool;
    /// Turns a short form into the long one; the key `fault` is still there.
    fn expand(keys: &mut Keys) -> Result<Form, Flaw>;
    /// Reads `do`.
    fn deed(keys: &mut Keys, place: Self::Place) -> Result<Self::Deed, Flaw>;
    /// How much later everything in a deed happens.
    fn delay(deed: &Self::Deed) -> Duration;
}

/// A rule in the long form, or on its way to it.
#[derive(Debug)]
pub struct Form {
    pub(crate) on: String,
    /// How often it strikes if the rule does not say; `None` without end.
    pub(crate) count: Option<u64>,
    pub(crate) deed: Map<String, Value>,
}

impl Form {
    /// A form that strikes once.
    pub(crate) fn new(on: &str, deed: Value) -> Self {
        let deed = match deed {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self { on: on.into(), count: Some(1), deed }
    }

    /// The same without end.
    pub(crate) fn always(self) -> Self {
        Self { count: None, ..self }
    }

    /// A rule in the long form.
    fn written(keys: &mut Keys) -> Result<Self, Flaw> {
        let Some(on) = keys.text("on")? else {
            return Err(keys.flaw("on", "is missing", "name a place such as \"POST /jwt\", or use `fault`"));
        };
        match keys.value("do") {
            Some(Value::Object(deed)) => Ok(Self { on, count: Some(1), deed }),
            Some(_) => Err(keys.flaw("do", "is no object", "write for example {\"http\":503}")),
            None => Err(keys.flaw("do", "is missing", "write for example {\"http\":503}")),
        }
    }
}

/// One fault: where it strikes, at which occurrences, and what it does. The grammar is in the
/// README of this crate. Clones are cheap.
///
/// ```
/// use glottis_sim::ravatar::Rule;
/// use serde_json::json;
///
/// let long: Rule = r#"{"on":"POST /startLiveSession","count":2,"do":{"http":503}}"#.parse()?;
/// let short = Rule::try_from(json!({ "fault": "F6", "count": 2 }))?;
/// let wrong = Rule::try_from(json!({ "fault": "F6", "count": 0 })).unwrap_err();
/// assert!(wrong.to_string().contains("key `count`"), "{wrong} {long:?} {short:?}");
/// # Ok::<(), glottis_sim::ravatar::RuleError>(())
/// ```
#[derive(Debug)]
pub struct Rule<G: Grammar> {
    written: Arc<Value>,
    pub(crate) place: G::Place,
    /// Strikes from this occurrence on, the first being 1.
    pub(crate) nth: u64,
    /// Strikes at most this often; `None` without end.
    pub(crate) count: Option<u64>,
    /// Chance of each strike.
    pub(crate) probability: f64,
    pub(crate) seed: Option<u64>,
    pub(crate) deed: Arc<G::Deed>,
}

/// Fault rules in the order they are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules<G: Grammar>(Vec<Rule<G>>);

impl<G: Grammar> Default for Rules<G> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

// Derived, it would ask for deeds that can be cloned.
impl<G: Grammar> Clone for Rule<G> {
    fn clone(&self) -> Self {
        Self { written: self.written.clone(), deed: self.deed.clone(), ..*self }
    }
}

impl<G: Grammar> PartialEq for Rule<G> {
    /// Equal if written equally.
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl<G: Grammar> Rule<G> {
    /// The rule as it was written.
    pub fn written(&self) -> &Value {
        &self.written
    }

    /// Its `fault`, for one in the short form.
    pub fn fault(&self) -> Option<&str> {
        self.written.get("fault")?.as_str()
    }

    /// Reads a rule; `number` is its place in the file.
    fn read(written: Value, number: usize) -> Result<Self, RuleError> {
        let name = ["fault", "on"].iter().find_map(|key| written.get(key)?.as_str()).map(super::words::shorten);
        let name = name.unwrap_or_default();
        let Value::Object(map) = &written else {
            return Err(Flaw::new("", "is no object", "write {\"on\":PLACE,\"do\":{…}}").at(number, &name));
        };
        Self::parse(map.clone(), &written).map_err(|flaw| flaw.at(number, &name))
    }

    fn parse(map: Map<String, Value>, written: &Value) -> Result<Self, Flaw> {
        let mut keys = Keys::new(map, "");
        let form = if keys.has("fault") { G::expand(&mut keys)? } else { Form::written(&mut keys)? };
        let place = G::place(&form.on)?;
        let when = When::parse(&mut keys, G::at_once(place), form.count)?;
        keys.end("in this rule")?;
        let mut inner = Keys::new(form.deed, "do.");
        let parsed = G::deed(&mut inner, place)?;
        inner.end(&format!("at `{}`", form.on))?;
        Ok(Self {
            written: Arc::new(written.clone()),
            place,
            nth: when.nth,
            count: when.count,
            probability: when.probability,
            seed: when.seed,
            deed: Arc::new(parsed),
        })
    }
}

/// At which occurrences a rule strikes.
struct When {
    nth: u64,
    count: Option<u64>,
    probability: f64,
    seed: Option<u64>,
}

impl When {
    /// `usual` is the short form's own count.
    fn parse(keys: &mut Keys, at_once: bool, usual: Option<u64>) -> Result<Self, Flaw> {
        if at_once {
            for key in ["nth", "count", "probability", "seed"] {
                if keys.has(key) {
                    let remedy = "leave it out, or name another place with `on`";
                    return Err(keys.flaw(key, "has no meaning with `now`, which happens once", remedy));
                }
            }
        }
        let nth = keys.number("nth", 1, u64::MAX)?.unwrap_or(1);
        let probability = keys.share("probability")?;
        let seed = keys.number("seed", 0, u64::MAX)?;
        // By chance but only once is rarely meant.
        let usual = if probability.is_some() { None } else { usual };
        let count = match keys.value("count") {
            None => usual,
            Some(Value::String(word)) if word == "always" => None,
            Some(value) => match value.as_u64().filter(|count| *count > 0) {
                Some(count) => Some(count),
                None => {
                    let remedy = "write a whole number from 1, or \"always\"";
                    return Err(keys.flaw("count", format!("{value} is not possible"), remedy));
                }
            },
        };
        Ok(Self { nth, count, probability: probability.unwrap_or(1.0), seed })
    }
}

impl<G: Grammar> TryFrom<Value> for Rule<G> {
    type Error = RuleError;

    fn try_from(written: Value) -> Result<Self, RuleError> {
        Self::read(written, 1)
    }
}

impl<G: Grammar> FromStr for Rule<G> {
    type Err = RuleError;

    /// Reads a rule written in JSON.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::read(json(text)?, 1)
    }
}

impl<G: Grammar> Rules<G> {
    /// Reads rules written in JSON: a list, an object with the list `rule`, or one rule.
    ///
    /// # Errors
    ///
    /// The first mistake, naming the rule, the key and the remedy.
    pub fn parse_json(text: &str) -> Result<Self, RuleError> {
        Self::try_from(json(text)?)
    }

    /// Reads rules written in TOML, one `[[rule]]` each.
    ///
    /// # Errors
    ///
    /// The first mistake, naming the rule, the key and the remedy.
    pub fn parse_toml(text: &str) -> Result<Self, RuleError> {
        let wrong = |error: toml::de::Error| {
            let words = error.to_string();
            Flaw::new("", format!("no TOML: {}", words.trim_end()), "correct that place").at(0, "")
        };
        let table: Map<String, Value> = toml::from_str(text).map_err(wrong)?;
        if table.is_empty() {
            return Ok(Self::default());
        }
        Self::try_from(Value::Object(table))
    }

    /// The rules, in the order they are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Rule<G>> {
        self.0.iter()
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn json(text: &str) -> Result<Value, RuleError> {
    let wrong = |error: serde_json::Error| Flaw::new("", format!("no JSON: {error}"), "correct that place").at(0, "");
    serde_json::from_str(text).map_err(wrong)
}

impl<G: Grammar> TryFrom<Value> for Rules<G> {
    type Error = RuleError;

    fn try_from(written: Value) -> Result<Self, RuleError> {
        let list = match written {
            Value::Array(list) => list,
            Value::Object(mut map) if map.contains_key("rule") => match (map.remove("rule"), map.keys().next()) {
                (_, Some(other)) => {
                    let remedy = "a file of rules holds only the list `rule`";
                    return Err(Flaw::new(other, "is unknown", remedy).at(0, ""));
                }
                (Some(Value::Array(list)), None) => list,
                _ => return Err(Flaw::new("rule", "is no list", "write [[rule]] in TOML, a list in JSON").at(0, "")),
            },
            one => vec![one],
        };
        if list.len() > MOST_RULES {
            let remedy = format!("write at most {MOST_RULES}");
            return Err(Flaw::new("", format!("{} are too many", list.len()), remedy).at(0, ""));
        }
        let read = |(at, rule)| Rule::read(rule, at + 1);
        Ok(Self(list.into_iter().enumerate().map(read).collect::<Result<_, _>>()?))
    }
}

impl<G: Grammar> From<Vec<Rule<G>>> for Rules<G> {
    fn from(rules: Vec<Rule<G>>) -> Self {
        Self(rules)
    }
}

impl<G: Grammar> IntoIterator for Rules<G> {
    type Item = Rule<G>;
    type IntoIter = std::vec::IntoIter<Rule<G>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, G: Grammar> Deserialize<'de> for Rules<G> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(Value::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl<G: Grammar> Serialize for Rule<G> {
    /// As it was written.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(to)
    }
}
