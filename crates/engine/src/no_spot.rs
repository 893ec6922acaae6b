//! Where threads cannot be kept on a CPU, or not by what is known here: they run where the system puts them.

/// Any CPU.
#[derive(Clone, Default)]
pub(crate) struct Spot;

impl Spot {
    pub fn settle(&self) {}

    pub fn settle_sinks(&self) {}

    pub fn leave(&self) {}
}
