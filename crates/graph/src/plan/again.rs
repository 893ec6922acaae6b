//! A node made again from what was written for it, by another version of its component. Control side.

use std::path::PathBuf;

use glottis_core::param::{self, Kind, Param, Table, Value};
use glottis_core::registry::ComponentKind;
use glottis_core::{Context, Node, Problem, Rate, Registry};

use super::{NODE, NodeInfo};

/// The origin of a component that is built in.
pub const BUILT_IN: &str = "built in";

/// How a node was made.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub(super) written: Table,
    pub(super) path: String,
    pub(super) base: PathBuf,
    pub(super) context: Context,
    pub(super) input: Rate,
    pub(super) hears_voice: bool,
}

impl NodeInfo {
    /// Makes the node again, with the components `registry` has now, and prepares it for the place of the
    /// old one. May take as long as the component likes.
    ///
    /// # Errors
    /// The keys as written do not fit any more, the component refuses them, or the new node would change
    /// what others rely on: the rate of its output, its delay, or whether it listens for voice.
    pub fn again(&self, registry: &Registry) -> Result<Box<dyn Node>, Vec<Problem>> {
        let Recipe { written, path, base, context, input, hears_voice } = &self.recipe;
        let settings = param::check(written, NODE, path, base, registry)?;
        let mut node = registry.node(&self.kind, &settings, context)?;
        let at_home = |problem: Problem| vec![Problem { path: path.clone(), ..problem }];
        let rate = node.prepare(*input).map_err(at_home)?;
        let differs = |what: String| {
            let help = "the rest of the tree relies on it: stop the run and start it with the new version";
            vec![settings.problem("type", format!("the new node {what}")).help(help)]
        };
        if rate != self.rate {
            return Err(differs(format!("has an output of {rate}, the old one of {}", self.rate)));
        }
        if node.latency() != self.latency {
            let (new, old) = (node.latency(), self.latency);
            return Err(differs(format!("delays by {new} frames, the old one by {old}")));
        }
        if node.hears_voice() != *hears_voice {
            let what = if *hears_voice { "does not listen for voice" } else { "listens for voice" };
            return Err(differs(format!("{what}, unlike the old one")));
        }
        Ok(node)
    }

    /// Takes note of a live key that was set, so that the node made again has it too.
    pub fn keep(&mut self, param: &'static str, value: f64) {
        let kind = self.params.iter().find(|p| p.name == param).map(|p| p.kind);
        let value = match kind {
            Some(Kind::Bool) => Value::Bool(value != 0.0),
            Some(Kind::Int(..)) => Value::Int(value as i64),
            _ => Value::Float(value),
        };
        self.recipe.written = std::mem::take(&mut self.recipe.written).with(param, value);
    }

    /// Takes note of the components the node is made of now.
    pub fn remade(&mut self, registry: &Registry) {
        self.params = param::with_components(&self.recipe.written, NODE, registry);
        self.origins = origins(&self.recipe.written, registry);
    }

    /// The libraries its components come from.
    pub fn libraries(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.origins.iter().copied().filter(|origin| *origin != BUILT_IN)
    }

    /// The kinds and names of the components the node is made of, itself first.
    pub fn components(&self) -> Vec<(ComponentKind, &str)> {
        named(&self.recipe.written, &self.params)
    }
}

fn named<'a>(table: &'a Table, params: &[Param]) -> Vec<(ComponentKind, &'a str)> {
    let name = |param: &Param| table.text(param.name).or(param.default.map(|text| text.trim_matches('"')));
    params
        .iter()
        .filter_map(|param| match param.kind {
            Kind::Component(kind) => name(param).map(|name| (kind, name)),
            _ => None,
        })
        .collect()
}

/// Where the components a node is made of come from.
pub(super) fn origins(table: &Table, registry: &Registry) -> Vec<&'static str> {
    let params = param::with_components(table, NODE, registry);
    named(table, &params).into_iter().filter_map(|(kind, name)| registry.get(kind, name)).map(|c| c.origin).collect()
}
