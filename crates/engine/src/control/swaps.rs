//! New versions of nodes: loaded and prepared on a thread beside this one, handed to the pipeline thread,
//! and the old ones freed here when they come back.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use glottis_core::{Node, Registry};
use glottis_graph::plan::NodeInfo;

use super::{Control, Inbox};
use crate::event::EventKind;
use crate::pipeline::Loader;
use crate::runner::{Action, Order};

/// Where new versions come from. One request at a time: a later one may be for the same node.
pub(crate) struct Shop {
    loader: Option<Loader>,
    /// The components as they are now.
    registry: Registry,
    /// The folder relative paths start from.
    base: PathBuf,
    waiting: VecDeque<Request>,
    /// The request that is being prepared.
    busy: Option<Request>,
}

/// A swap that was asked for.
#[derive(Clone)]
struct Request {
    nodes: Vec<usize>,
    /// The library's file, as the user named it.
    plugin: PathBuf,
}

/// What came of a request: the nodes that are ready, and the components as they are with them.
pub(crate) struct Prepared {
    nodes: Vec<(usize, Box<dyn Node>)>,
    registry: Registry,
}

impl Shop {
    pub fn new(loader: Option<Loader>, registry: Registry, base: &Path) -> Shop {
        let base = base.to_owned();
        Shop { loader, registry, base, waiting: VecDeque::new(), busy: None }
    }
}

impl Control {
    /// Asks for new versions of a node, or of every node from a library.
    pub(super) fn swap(&mut self, node: Option<&str>, plugin: Option<&Path>) -> Result<(), String> {
        if self.shop.loader.is_none() {
            return Err("this program loads no libraries".to_owned());
        }
        let node = node.map(|name| self.find_node(name)).transpose()?;
        let plugin = match (plugin, node) {
            (Some(plugin), _) => self.shop.base.join(plugin),
            (None, Some(node)) => self.library_of(node)?,
            (None, None) => return Err("it needs a node or a library".to_owned()),
        };
        let nodes = match node {
            Some(node) => vec![node],
            None => self.nodes_of(&plugin)?,
        };
        self.shop.waiting.push_back(Request { nodes, plugin });
        self.prepare_next();
        Ok(())
    }

    /// The library a node came from.
    fn library_of(&self, node: usize) -> Result<PathBuf, String> {
        let info = &self.nodes[node].info;
        let built_in = || format!("node \"{}\" is built in: name a library with \"plugin\"", info.name);
        info.libraries().next().map(PathBuf::from).ok_or_else(built_in)
    }

    /// The nodes that came from a library, however its path is written.
    fn nodes_of(&self, plugin: &Path) -> Result<Vec<usize>, String> {
        let whole = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let wanted = whole(plugin);
        let from = |info: &NodeInfo| info.libraries().any(|file| whole(Path::new(file)) == wanted);
        let nodes: Vec<usize> = (0..self.nodes.len()).filter(|&i| from(&self.nodes[i].info)).collect();
        if nodes.is_empty() {
            return Err(format!("no node came from {}: name one with \"node\"", plugin.display()));
        }
        Ok(nodes)
    }

    /// Starts on the next request, unless one is being prepared.
    fn prepare_next(&mut self) {
        if self.shop.busy.is_some() {
            return;
        }
        let (Some(request), Some(loader)) = (self.shop.waiting.pop_front(), self.shop.loader.clone()) else { return };
        self.shop.busy = Some(request.clone());
        let infos = request.nodes.iter().map(|&i| (i, self.nodes[i].info.clone())).collect();
        let (registry, inbox) = (self.shop.registry.clone(), self.inbox.clone());
        let work = move || {
            let prepare = std::panic::AssertUnwindSafe(|| prepare(&loader, &request.plugin, registry, infos));
            let prepared = std::panic::catch_unwind(prepare);
            // Fails only once the run is over: then all of it is freed here.
            inbox.send(Inbox::Prepared(prepared.unwrap_or_else(|_| Err("the new version panicked".to_owned()))));
        };
        if let Err(error) = std::thread::Builder::new().name("glottis-loader".to_owned()).spawn(work) {
            self.prepared(Err(format!("cannot start a thread: {error}")));
        }
    }

    /// Hands new versions to the pipeline thread.
    pub(super) fn prepared(&mut self, prepared: Result<Prepared, String>) {
        self.shop.busy = None;
        match prepared {
            Err(message) => self.refuse("swap", None, message),
            Ok(Prepared { nodes, .. }) if !self.retired.has_room_for(nodes.len()) => {
                self.refuse("swap", None, "too many swaps at once: wait for those that are under way".to_owned());
            }
            Ok(Prepared { nodes, registry }) => {
                self.shop.registry = registry;
                let id = self.open("swap", None, nodes.len(), None);
                for (index, new) in nodes {
                    self.nodes[index].info.remade(&self.shop.registry);
                    let order = Order { id, sink: None, action: Action::Swap { node: index as u16, new } };
                    if self.send(order) {
                        self.retired.expect();
                    }
                }
            }
        }
        self.prepare_next();
    }

    pub(super) fn swapped(&self, node: u16, at: u64) -> EventKind {
        let info = &self.nodes[usize::from(node)].info;
        let plugin = info.libraries().next().unwrap_or_default().to_owned();
        EventKind::Swapped { node: info.name.clone(), plugin, at }
    }
}

/// Loads a library and makes the nodes again with what it brings.
fn prepare(
    loader: &Loader,
    plugin: &Path,
    mut registry: Registry,
    infos: Vec<(usize, NodeInfo)>,
) -> Result<Prepared, String> {
    let components = loader(plugin)?;
    for (_, info) in &infos {
        let wanted = info.components();
        if !components.iter().any(|c| wanted.contains(&(c.kind(), c.name))) {
            let has: Vec<String> = components.iter().map(|c| format!("{:?}", c)).collect();
            let (file, name, kind) = (plugin.display(), &info.name, &info.kind);
            let has = has.join(", ");
            return Err(format!(
                "{file} has nothing that node \"{name}\", of type \"{kind}\", is made of: it has {has}"
            ));
        }
    }
    for component in components {
        registry.add(component);
    }
    let again = |(index, info): (usize, NodeInfo)| match info.again(&registry) {
        Ok(node) => Ok((index, node)),
        Err(problems) => {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Err(format!("node \"{}\" cannot be made from {}: {}", info.name, plugin.display(), all.join("; ")))
        }
    };
    let nodes = infos.into_iter().map(again).collect::<Result<Vec<_>, String>>()?;
    Ok(Prepared { nodes, registry })
}
