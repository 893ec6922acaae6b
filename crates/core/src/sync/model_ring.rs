//! A ring for models, with the contract, the cached indices and the orderings of `ringbuf`'s. What is in
//! it lies behind locks that loom does not see, so that they put nothing in order for it.

use std::cell::{Cell, OnceCell};
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Arc, Mutex, PoisonError};

use loom::sync::atomic::AtomicUsize;

struct Ring<T> {
    slots: Box<[Mutex<Option<T>>]>,
    /// Items taken and pushed so far.
    read: AtomicUsize,
    write: AtomicUsize,
}

impl<T> Ring<T> {
    fn slot(&self, index: usize) -> std::sync::MutexGuard<'_, Option<T>> {
        self.slots[index % self.slots.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A ring that is not split yet.
pub struct HeapRb<T>(Ring<T>);

impl<T> HeapRb<T> {
    /// With room for so many items.
    pub fn new(capacity: usize) -> HeapRb<T> {
        let slots = (0..capacity).map(|_| Mutex::new(None)).collect();
        HeapRb(Ring { slots, read: AtomicUsize::new(0), write: AtomicUsize::new(0) })
    }
}

/// The end that pushes.
pub struct HeapProd<T> {
    ring: Arc<Ring<T>>,
    read: Cell<usize>,
    write: usize,
}

/// The end that takes.
pub struct HeapCons<T> {
    ring: Arc<Ring<T>>,
    read: usize,
    write: Cell<usize>,
    /// What was looked at and not taken.
    peeked: OnceCell<T>,
}

/// As in `ringbuf`.
pub trait Split {
    /// The end that pushes.
    type Prod;
    /// The end that takes.
    type Cons;
    /// Both ends.
    fn split(self) -> (Self::Prod, Self::Cons);
}

impl<T> Split for HeapRb<T> {
    type Prod = HeapProd<T>;
    type Cons = HeapCons<T>;
    fn split(self) -> (HeapProd<T>, HeapCons<T>) {
        let ring = Arc::new(self.0);
        let producer = HeapProd { ring: ring.clone(), read: Cell::new(0), write: 0 };
        (producer, HeapCons { ring, read: 0, write: Cell::new(0), peeked: OnceCell::new() })
    }
}

/// As in `ringbuf`.
pub trait Observer {
    /// Places.
    fn capacity(&self) -> NonZeroUsize;
    /// Items in it now.
    fn occupied_len(&self) -> usize;
    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.occupied_len() == 0
    }
    /// Whether there is no place left.
    fn is_full(&self) -> bool {
        self.occupied_len() >= self.capacity().get()
    }
}

impl<T> Observer for HeapProd<T> {
    fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.ring.slots.len()).unwrap_or(NonZeroUsize::MIN)
    }
    fn occupied_len(&self) -> usize {
        self.read.set(self.ring.read.load(Acquire));
        self.write - self.read.get()
    }
}

impl<T> Observer for HeapCons<T> {
    fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.ring.slots.len()).unwrap_or(NonZeroUsize::MIN)
    }
    fn occupied_len(&self) -> usize {
        self.write.set(self.ring.write.load(Acquire));
        self.write.get() - self.read
    }
}

/// As in `ringbuf`.
pub trait Producer<T> {
    /// Pushes an item, or returns it if the ring is full.
    fn try_push(&mut self, item: T) -> Result<(), T>;
    /// Pushes copies of items as long as there is room, and says how many.
    fn push_slice(&mut self, items: &[T]) -> usize
    where
        T: Copy;
}

impl<T> HeapProd<T> {
    /// The place of the next item, if there is one.
    fn place(&mut self) -> Option<std::sync::MutexGuard<'_, Option<T>>> {
        let full = |ring: &HeapProd<T>| ring.write - ring.read.get() == ring.ring.slots.len();
        if full(self) && self.is_full() {
            return None;
        }
        let place = self.ring.slot(self.write);
        assert!(place.is_none(), "an item of the ring was overwritten");
        Some(place)
    }

    fn publish(&mut self) {
        self.write += 1;
        self.ring.write.store(self.write, Release);
    }
}

impl<T> Producer<T> for HeapProd<T> {
    fn try_push(&mut self, item: T) -> Result<(), T> {
        let Some(mut place) = self.place() else { return Err(item) };
        *place = Some(item);
        drop(place);
        self.publish();
        Ok(())
    }

    // Without an item by value on the way: the threads of a model have small stacks.
    fn push_slice(&mut self, items: &[T]) -> usize
    where
        T: Copy,
    {
        let mut pushed = 0;
        for item in items {
            let Some(mut place) = self.place() else { break };
            *place = Some(*item);
            drop(place);
            self.publish();
            pushed += 1;
        }
        pushed
    }
}

/// As in `ringbuf`.
pub trait Consumer<T> {
    /// The next item, taken.
    fn try_pop(&mut self) -> Option<T>;
    /// The next item, left where it is.
    fn try_peek(&self) -> Option<&T>;
    /// Takes so many items and drops them.
    fn skip(&mut self, count: usize) -> usize;
}

impl<T> Consumer<T> for HeapCons<T> {
    fn try_pop(&mut self) -> Option<T> {
        if self.read == self.write.get() && self.is_empty() {
            return None;
        }
        let item = self.peeked.take().or_else(|| self.ring.slot(self.read).take());
        assert!(item.is_some(), "an item of the ring is not there yet");
        self.read += 1;
        self.ring.read.store(self.read, Release);
        item
    }

    fn try_peek(&self) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        if let (None, Some(item)) = (self.peeked.get(), self.ring.slot(self.read).take()) {
            let _ = self.peeked.set(item);
        }
        self.peeked.get()
    }

    fn skip(&mut self, count: usize) -> usize {
        (0..count).map_while(|_| self.try_pop()).count()
    }
}
