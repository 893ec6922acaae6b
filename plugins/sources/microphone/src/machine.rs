//! What to do when a device comes, fails, goes and comes back: a pure state machine. It knows no sound
//! system and no thread; time is handed to it. [`crate::capture`] carries its orders out.
//!
//! ```text
//!             refused for good, never open before
//!   opening ────────────────────────────────────────▶ over
//!    │  ▲ ╲ refused
//!    │  │   ╲──────▶ waiting ──── time, or the devices changed ───▶ opening
//!    ▼  │
//!   open ──── lost, or a better device ───▶ closing ───▶ opening, or waiting
//! ```

use glottis_core::source::{SourceError, SourceEvent};

use crate::errors;
use crate::patience::{MS, Need, Patience, Wait, stirred};

const SECOND: u64 = 1000 * MS;

/// Between changes to a better device that then does not open: the first time, and the longest.
const CHANGE: (u64, u64) = (10 * SECOND, 600 * SECOND);

/// What the configured devices are now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scene {
    /// For each configured device, in the order of preference, what it means now: two values differ if
    /// another device, or the same at another rate, would be opened. `None`: as far as can be seen it is
    /// not there.
    pub meaning: Vec<Option<u64>>,
    /// Changes whenever something was plugged in or out.
    pub print: u64,
}

impl Scene {
    fn best(&self) -> Option<usize> {
        self.meaning.iter().position(Option::is_some)
    }

    fn of(&self, rank: usize) -> Option<u64> {
        self.meaning.get(rank).copied().flatten()
    }
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Input {
    /// The time of [`Machine::due`] has come.
    Tick,
    /// Answer to [`Order::Open`]: sound comes from the device of this rank.
    Opened { rank: usize, device: String },
    /// Answer to [`Order::Open`]: none opens.
    Refused(SourceError),
    /// The open device reported an error, or gives nothing.
    Failed,
    /// Answer to [`Order::Close`], and what is known of why the device failed, if it did.
    Closed(Option<SourceError>),
    /// The devices there are, as often as anybody looks.
    Seen(Scene),
    /// Something that hung goes on: worth a look.
    Stirred,
}

/// What to do. Each order but `Tell` is answered by one input.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// Open the first of the configured devices that opens; with `plain` as the device itself would
    /// have it, whatever is configured.
    Open { plain: bool },
    /// Close the open device, because it is lost, or because there is a better one.
    Close { lost: bool },
    /// Tell the outside.
    Tell(SourceEvent),
    /// Give up: no device was ever open, and none will be.
    End(SourceError),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Opening,
    Open {
        rank: usize,
    },
    /// `lost`: the device failed. Else there is a better one.
    Closing {
        lost: bool,
    },
    Waiting {
        until: u64,
    },
    Over,
}

/// A change to a better device.
#[derive(Debug)]
struct Tried {
    scene: Scene,
    at: u64,
    /// So long after it the same is not tried again.
    wait: u64,
}

/// The state of a capture. See the module.
#[derive(Debug)]
pub struct Machine {
    state: State,
    /// Wait for a first device however long it takes.
    patient: bool,
    /// A device was open once: from then on nothing ends the capture.
    ever: bool,
    /// Told, and not open since.
    searching: bool,
    plain: bool,
    patience: Patience,
    scene: Option<Scene>,
    /// The scene the device was opened in, once it was seen.
    opened_in: Option<Scene>,
    /// The last change to a better device.
    tried: Option<Tried>,
    /// Something changed while a device was being opened.
    stirred: bool,
}

impl Machine {
    /// A machine, and its first order is to open.
    pub fn new(patient: bool, orders: &mut Vec<Order>) -> Machine {
        orders.push(Order::Open { plain: false });
        Machine {
            state: State::Opening,
            patient,
            ever: false,
            searching: false,
            plain: false,
            patience: Patience::default(),
            scene: None,
            opened_in: None,
            tried: None,
            stirred: false,
        }
    }

    /// When a [`Input::Tick`] is wanted, if one is.
    pub fn due(&self) -> Option<u64> {
        match self.state {
            State::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// Whether a device is being looked for, so that changes should be seen soon.
    pub fn eager(&self) -> bool {
        !matches!(self.state, State::Open { .. } | State::Over)
    }

    /// Takes an input at `now`, in nanoseconds of any clock that does not go back.
    pub fn step(&mut self, now: u64, input: Input, orders: &mut Vec<Order>) {
        match (input, self.state) {
            (Input::Tick, State::Waiting { until }) if now >= until => self.open(orders),
            (Input::Opened { rank, device }, State::Opening) => self.opened(now, rank, device, orders),
            (Input::Refused(error), State::Opening) => self.refused(now, error, orders),
            (Input::Failed, State::Open { .. }) => self.lost(orders),
            (Input::Closed(why), State::Closing { lost }) => self.closed(now, lost, why, orders),
            (Input::Seen(scene), _) => self.seen(now, scene, orders),
            (Input::Stirred, _) => self.stir(orders),
            _ => {}
        }
    }

    fn open(&mut self, orders: &mut Vec<Order>) {
        self.state = State::Opening;
        self.stirred = false;
        orders.push(Order::Open { plain: self.plain });
    }

    fn opened(&mut self, now: u64, rank: usize, device: String, orders: &mut Vec<Order>) {
        self.state = State::Open { rank };
        self.ever = true;
        self.searching = false;
        self.plain = false;
        self.patience.opened(now);
        self.opened_in = self.scene.clone();
        orders.push(state("open", Some(device)));
    }

    fn lost(&mut self, orders: &mut Vec<Order>) {
        self.state = State::Closing { lost: true };
        orders.push(state("lost", None));
        orders.push(Order::Close { lost: true });
    }

    fn closed(&mut self, now: u64, lost: bool, why: Option<SourceError>, orders: &mut Vec<Order>) {
        let failing = lost && why.as_ref().is_none_or(|error| error.code == errors::RECORDER);
        if let Some(error) = why {
            orders.push(Order::Tell(SourceEvent::Error { error, retryable: true }));
        }
        self.search(orders);
        if !failing {
            return self.open(orders);
        }
        let (attempt, wait) = self.patience.failed(now);
        if wait == 0 {
            return self.open(orders);
        }
        self.state = State::Waiting { until: now + wait };
        orders.push(retry(attempt, wait, errors::RECORDER));
    }

    fn search(&mut self, orders: &mut Vec<Order>) {
        if (self.ever || self.patient) && !std::mem::replace(&mut self.searching, true) {
            orders.push(state("searching", None));
        }
    }

    fn refused(&mut self, now: u64, error: SourceError, orders: &mut Vec<Order>) {
        if error.code == errors::CONSTRAINTS && !self.plain {
            self.plain = true;
            return self.open(orders);
        }
        let (code, changed) = (error.code, std::mem::take(&mut self.stirred));
        let Some(Wait { ns, news, retry: announced }) = self.patience.refused(now, code, self.need()) else {
            self.state = State::Over;
            return orders.push(Order::End(error));
        };
        if news {
            orders.push(Order::Tell(SourceEvent::Error { error, retryable: true }));
        }
        self.search(orders);
        if let Some((attempt, wait)) = announced {
            orders.push(retry(attempt, wait, code));
        }
        self.state = State::Waiting { until: now + if changed { stirred(ns) } else { ns } };
    }

    fn need(&self) -> Need {
        match (self.ever, self.patient) {
            (true, _) => Need::Again,
            (false, true) => Need::First,
            (false, false) => Need::Now,
        }
    }

    fn seen(&mut self, now: u64, scene: Scene, orders: &mut Vec<Order>) {
        let before = self.scene.replace(scene.clone());
        match self.state {
            State::Open { rank } => {
                // Where the last look before it was opened did not show it, the first one after that does.
                let opened_in = match &self.opened_in {
                    Some(opened_in) if opened_in.of(rank).is_some() => opened_in,
                    _ => self.opened_in.insert(scene.clone()),
                };
                let (was, is) = (opened_in.of(rank), scene.of(rank));
                if was.is_some() && is.is_none() {
                    return self.lost(orders);
                }
                let other = was != is;
                let better = scene.best().is_some_and(|best| best < rank) && self.worth_changing(now, &scene);
                if other || better {
                    self.state = State::Closing { lost: false };
                    orders.push(Order::Close { lost: false });
                }
            }
            _ if before.is_some_and(|before| before != scene) => self.stir(orders),
            _ => {}
        }
    }

    /// Whether to change to a better device. One that is there and does not open is tried ever more
    /// rarely, since every attempt costs some sound of the device that is open.
    fn worth_changing(&mut self, now: u64, scene: &Scene) -> bool {
        let wait = match &self.tried {
            Some(tried) if tried.scene != *scene => CHANGE.0,
            Some(tried) if now.saturating_sub(tried.at) < tried.wait => return false,
            Some(tried) => (2 * tried.wait).min(CHANGE.1),
            None => CHANGE.0,
        };
        self.tried = Some(Tried { scene: scene.clone(), at: now, wait });
        true
    }

    fn stir(&mut self, orders: &mut Vec<Order>) {
        match self.state {
            State::Waiting { .. } => self.open(orders),
            State::Opening => self.stirred = true,
            State::Open { .. } | State::Closing { .. } | State::Over => {}
        }
    }
}

fn state(state: &'static str, device: Option<String>) -> Order {
    Order::Tell(SourceEvent::State { state, device })
}

fn retry(attempt: u32, wait: u64, why: &'static str) -> Order {
    Order::Tell(SourceEvent::Retry { attempt, in_ms: wait / MS, why })
}
