//! Faults (RAVATAR dossier 16.4): the language of the rules. What a strike does to the state is in
//! `effects`.
//!
//! A rule is read once (`named`, `place`, `deed`, `raw`) and from then on only counted.

mod change;
mod deed;
mod named;
mod named_rest;
mod named_socket;
mod place;
mod raw;

pub(crate) use deed::{Deed, Hold, LicenseFate, TokenFate, Twist, World};
pub(crate) use named_rest::BUSY;
pub(crate) use place::{Place, Point};

use super::outgoing::Outgoing;
use crate::common::faults;
use crate::common::keys::{self, Flaw, Keys};
use crate::common::rule::{self, Form, Grammar};
use std::time::Duration;

pub(crate) use crate::common::response::merge;
pub use keys::RuleError;

/// The language of RAVATAR's faults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ravatar {}

/// One fault of RAVATAR.
pub type Rule = rule::Rule<Ravatar>;
/// Faults of RAVATAR in the order they are tried.
pub type Rules = rule::Rules<Ravatar>;
/// A rule in force and what it did so far.
pub type FaultStatus = faults::FaultStatus<Ravatar>;

pub(crate) type Strike = faults::Strike<Ravatar>;
pub(crate) type Faults = faults::Faults<Ravatar>;

impl Grammar for Ravatar {
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
    /// What it does to a socket, from when it is due.
    pub(crate) fn acts(&self) -> impl Iterator<Item = Outgoing> {
        self.deed.acts.iter().map(|act| act.clone().begun(self.due))
    }
}
