//! What can go wrong while audio flows. A fault is a plain value: it is made on the pipeline thread
//! and formatted somewhere else.

/// A stable code for what went wrong in a component while audio flowed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultCode {
    /// The component failed. It says no more: there is no room for words on this thread.
    Failed,
    /// More marks than a block can carry.
    TooManyMarks,
    /// The encoder wrote more than it announced.
    BodyFull,
    /// A parameter was set that the component does not have, or to a value out of its range.
    BadParameter,
    /// The component took longer than its time budget.
    DeadlineMissed,
    /// The component panicked, and the panic was caught at the border of its library.
    Panicked,
}

impl FaultCode {
    /// The name events carry.
    pub const fn name(self) -> &'static str {
        match self {
            FaultCode::Failed => "Failed",
            FaultCode::TooManyMarks => "TooManyMarks",
            FaultCode::BodyFull => "BodyFull",
            FaultCode::BadParameter => "BadParameter",
            FaultCode::DeadlineMissed => "DeadlineMissed",
            FaultCode::Panicked => "Panicked",
        }
    }

    /// What it means and what to do, for people.
    pub const fn advice(self) -> &'static str {
        match self {
            FaultCode::Failed => {
                "the component reported a failure; it is bypassed where its output has its input's format"
            }
            FaultCode::TooManyMarks => {
                "a detector reports more than eight changes in 10 ms; use a longer analysis frame"
            }
            FaultCode::BodyFull => "the encoder wrote more bytes than it announced: a bug in that encoder",
            FaultCode::BadParameter => "see the component's parameters and ranges with `glottis components`",
            FaultCode::DeadlineMissed => {
                "the component is too slow for real time on this machine; it is bypassed where its output has its \
                 input's format"
            }
            FaultCode::Panicked => "a bug in that component: it is bypassed where its output has its input's format",
        }
    }
}

/// A failure of a component while audio flowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What went wrong.
    pub code: FaultCode,
}

impl Fault {
    /// A fault with `code`.
    pub const fn new(code: FaultCode) -> Fault {
        Fault { code }
    }

    /// The component failed.
    pub const fn failed() -> Fault {
        Fault::new(FaultCode::Failed)
    }

    /// A mark did not fit its block.
    pub const fn too_many_marks() -> Fault {
        Fault::new(FaultCode::TooManyMarks)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.code.advice())
    }
}

impl std::error::Error for Fault {}
