//! Stand-ins for a model of the threads: loom tries every order in which they can run, and every value a
//! load may see. Each can be told to forget its duty, so that a model shows that it would notice.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the stand-ins do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// Nothing.
    Nothing,
    /// Flags are stored and loaded as if nothing else depended on them.
    RelaxedFlags,
    /// A full fence does nothing.
    NoFence,
    /// A parked thread is not unparked.
    NoUnpark,
    /// A task is not woken.
    NoWake,
}

thread_local! {
    static PLANTED: Cell<Planted> = const { Cell::new(Planted::Nothing) };
}

/// From now on the models that this thread runs have this fault.
pub fn plant(fault: Planted) {
    PLANTED.set(fault);
}

pub(super) fn has(fault: Planted) -> bool {
    PLANTED.get() == fault
}

fn weakened(order: Ordering) -> Ordering {
    if has(Planted::RelaxedFlags) { Ordering::Relaxed } else { order }
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// Loom's, with the orderings that are planted.
        #[derive(Default, Debug)]
        pub struct $name(loom::sync::atomic::$name);

        impl $name {
            /// As the standard library's.
            pub fn new(value: $value) -> $name {
                $name(loom::sync::atomic::$name::new(value))
            }
            /// As the standard library's.
            pub fn load(&self, order: Ordering) -> $value {
                self.0.load(weakened(order))
            }
            /// As the standard library's.
            pub fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, weakened(order));
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU8, u8);
atomic!(AtomicU64, u64);

impl AtomicBool {
    /// As the standard library's.
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value, weakened(order))
    }
}

impl AtomicU64 {
    /// As the standard library's.
    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, weakened(order))
    }
}

/// A full fence.
pub fn fence(order: Ordering) {
    if !has(Planted::NoFence) {
        loom::sync::atomic::fence(order);
    }
}

/// The standard library's cell, whose flag loom sees; a flag is all that others can see of it.
#[derive(Debug)]
pub struct OnceLock<T> {
    there: loom::sync::atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> OnceLock<T> {
        OnceLock { there: loom::sync::atomic::AtomicBool::new(false), value: std::sync::OnceLock::new() }
    }
}

impl<T> OnceLock<T> {
    /// As the standard library's.
    pub fn get(&self) -> Option<&T> {
        if self.there.load(Ordering::Acquire) { self.value.get() } else { None }
    }
    /// As the standard library's, for one writer.
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(make);
        self.there.store(true, Ordering::Release);
        value
    }
}

/// A thread of the model.
#[derive(Clone, Debug)]
pub struct Thread(loom::thread::Thread);

impl Thread {
    /// Lets it go on from where it is parked, or will be.
    pub fn unpark(&self) {
        if !has(Planted::NoUnpark) {
            self.0.unpark();
        }
    }
}

/// The running thread of the model.
pub fn current() -> Thread {
    Thread(loom::thread::current())
}

/// Parks for ever: no wake-up may rely on the time.
pub fn park_timeout(_: Duration) {
    loom::thread::park();
}
