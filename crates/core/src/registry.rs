//! The list of components a configuration can name. Control side only.
//!
//! A crate that brings components has one function, `register(&mut Registry)`, with one line per
//! component. That is all a plugin is.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::detector::Detector;
use crate::encoder::Encoder;
use crate::node::Node;
use crate::param::{Param, Settings};
use crate::problem::Problem;
use crate::sink::Sink;
use crate::source::Source;

/// The kinds of component.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ComponentKind {
    /// Where sound comes from.
    Source,
    /// A processing stage.
    Node,
    /// A judge of speech, inside the `vad` node.
    Detector,
    /// Samples to bytes.
    Encoder,
    /// Where sound goes.
    Sink,
}

impl ComponentKind {
    /// Every kind, in the order of the signal.
    pub const ALL: [ComponentKind; 5] = [
        ComponentKind::Source,
        ComponentKind::Node,
        ComponentKind::Detector,
        ComponentKind::Encoder,
        ComponentKind::Sink,
    ];

    /// What users call it.
    pub const fn name(self) -> &'static str {
        match self {
            ComponentKind::Source => "source",
            ComponentKind::Node => "node",
            ComponentKind::Detector => "detector",
            ComponentKind::Encoder => "encoder",
            ComponentKind::Sink => "sink",
        }
    }
}

/// What a component may know of the run it is built for.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The name it has in the configuration.
    pub name: String,
    /// When the run began, for file names: seconds since the Unix epoch.
    pub started: u64,
    /// Where small things are kept between runs (a generated user id): the user's state directory.
    pub state_dir: Option<PathBuf>,
    /// Files the run reads, the configuration among them: nobody may write them.
    pub reads: Vec<PathBuf>,
}

/// A maker of components of type `T`.
pub type Build<T> = Arc<dyn Fn(&Settings, &Context, &Registry) -> Result<Box<T>, Vec<Problem>> + Send + Sync>;

/// How a component is made.
#[derive(Clone)]
pub enum Make {
    /// A source.
    Source(Build<dyn Source>),
    /// A node.
    Node(Build<dyn Node>),
    /// A detector.
    Detector(Build<dyn Detector>),
    /// An encoder.
    Encoder(Build<dyn Encoder>),
    /// A sink.
    Sink(Build<dyn Sink>),
}

impl Make {
    fn kind(&self) -> ComponentKind {
        match self {
            Make::Source(_) => ComponentKind::Source,
            Make::Node(_) => ComponentKind::Node,
            Make::Detector(_) => ComponentKind::Detector,
            Make::Encoder(_) => ComponentKind::Encoder,
            Make::Sink(_) => ComponentKind::Sink,
        }
    }
}

/// A component a configuration can name.
#[derive(Clone)]
pub struct Component {
    /// Its `type`.
    pub name: &'static str,
    /// One sentence for people.
    pub doc: &'static str,
    /// Its keys.
    pub params: &'static [Param],
    /// Where it comes from: `"built in"`, or the file of the library.
    pub origin: &'static str,
    /// How it is made.
    pub make: Make,
}

impl Component {
    /// What it is.
    pub fn kind(&self) -> ComponentKind {
        self.make.kind()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind().name(), self.name)
    }
}

/// Every component there is.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    components: Vec<Component>,
}

macro_rules! adders {
    ($($adder:ident, $getter:ident, $variant:ident, $trait:ident, $what:literal;)*) => {$(
        #[doc = concat!("Adds ", $what, ". A later one of the same name takes the place of the earlier.")]
        pub fn $adder<T: $trait + 'static>(
            &mut self,
            name: &'static str,
            doc: &'static str,
            params: &'static [Param],
            build: impl Fn(&Settings, &Context, &Registry) -> Result<T, Vec<Problem>> + Send + Sync + 'static,
        ) {
            let make: Build<dyn $trait> =
                Arc::new(move |settings, context, registry| Ok(Box::new(build(settings, context, registry)?)));
            self.add(Component { name, doc, params, origin: "built in", make: Make::$variant(make) });
        }

        #[doc = concat!("Makes ", $what, ".")]
        ///
        /// # Errors
        /// What the component finds wrong with its settings, or that there is no such component.
        pub fn $getter(&self, name: &str, settings: &Settings, context: &Context) -> Result<Box<dyn $trait>, Vec<Problem>> {
            match self.get(ComponentKind::$variant, name).map(|c| &c.make) {
                Some(Make::$variant(make)) => make(settings, context, self),
                _ => Err(vec![settings.problem("type", format!("there is no {} \"{name}\"", ComponentKind::$variant.name()))]),
            }
        }
    )*};
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Registry {
        Registry::default()
    }

    adders! {
        add_source, source, Source, Source, "a source";
        add_node, node, Node, Node, "a node";
        add_detector, detector, Detector, Detector, "a detector";
        add_encoder, encoder, Encoder, Encoder, "an encoder";
        add_sink, sink, Sink, Sink, "a sink";
    }

    /// Adds a component made by hand, as the plugin loader does.
    pub fn add(&mut self, component: Component) {
        self.components.retain(|c| c.kind() != component.kind() || c.name != component.name);
        self.components.push(component);
    }

    /// The component of this kind and name.
    pub fn get(&self, kind: ComponentKind, name: &str) -> Option<&Component> {
        self.components.iter().find(|c| c.kind() == kind && c.name == name)
    }

    /// The names of all components of a kind.
    pub fn names(&self, kind: ComponentKind) -> impl Iterator<Item = &'static str> + '_ {
        self.iter().filter(move |c| c.kind() == kind).map(|c| c.name)
    }

    /// Every component.
    pub fn iter(&self) -> impl Iterator<Item = &Component> {
        self.components.iter()
    }
}
