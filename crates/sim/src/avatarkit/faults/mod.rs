//! Faults (AvatarKit dossier 18.4): the language of the rules. What a strike does to the state is in
//! `effects`.
//!
//! A rule is read once (`named`, `place`, `deed`, `frames`) and from then on only counted.

mod deed;
mod frames;
mod named;
mod place;

pub(crate) use deed::{Confirmation, Deed, Issue, TokenFate, World};
pub(crate) use place::{Kind, Place, Point};

use super::act::Act;
use crate::common::faults;
use crate::common::keys::{self, Flaw, Keys};
use crate::common::rule::{self, Form, Grammar};
use std::time::Duration;

pub use keys::RuleError;

/// The language of AvatarKit's faults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AvatarKit {}

/// One fault of AvatarKit.
pub type Rule = rule::Rule<AvatarKit>;
/// Faults of AvatarKit in the order they are tried.
pub type Rules = rule::Rules<AvatarKit>;
/// A rule in force and what it did so far.
pub type FaultStatus = faults::FaultStatus<AvatarKit>;

pub(crate) type Strike = faults::Strike<AvatarKit>;
pub(crate) type Faults = faults::Faults<AvatarKit>;

impl Grammar for AvatarKit {
    type Place = Place;
    type Point = Point;
    type Deed = Deed;

    fn place(text: &str) -> Result<Place, Flaw> {
        Place::parse(text)
    }

    fn at_once(place: Place) -> bool {
        place == Place::Now
    }

    fn is(place: Place, point: Point) -> bool {
        place.is(point)
    }

    fn expand(keys: &mut Keys) -> Result<Form, Flaw> {
        named::expand(keys)
    }

    fn deed(keys: &mut Keys, place: Place) -> Result<Deed, Flaw> {
        Deed::parse(keys, place)
    }

    fn delay(deed: &Deed) -> Duration {
        deed.delay
    }
}

impl Strike {
    /// What it does to a connection, from when it is due.
    pub(crate) fn acts(&self) -> impl Iterator<Item = Act> {
        self.deed.acts.iter().map(|act| act.clone().begun(self.due))
    }
}
