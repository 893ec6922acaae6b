//! Reads a configuration section by section: names, inputs, keys. Collects every problem it finds.

use glottis_core::param::{self, Param, Table, Value};
use glottis_core::{Context, Place, Problem, Registry, Settings, Source};

use super::{Latency, NODE, NodePlan, Plan, SINK, SOURCE, SinkPlan, TOP, again};
use crate::config::Config;

/// The files a run reads: its configuration, and what its source names as `path`.
pub(super) fn reads(config: &Config) -> Vec<std::path::PathBuf> {
    let source = config.section("source").first().and_then(|s| s.text("path")).map(|path| config.base().join(path));
    let own = Some(config.file().to_owned()).filter(|file| !file.as_os_str().is_empty());
    source.into_iter().chain(own).collect()
}

/// A configuration being read.
pub(super) struct Reader<'a> {
    pub(super) config: &'a Config,
    pub(super) registry: &'a Registry,
    pub(super) context: &'a Context,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The plan, unless something is missing from it.
    pub(super) fn plan(&mut self) -> Option<Plan> {
        self.top();
        let latency = self.latency();
        let source = self.source();
        let nodes = self.nodes();
        let names: Vec<String> = nodes.iter().map(|n| n.0.clone()).collect();
        let sinks = self.sinks(&names);
        let nodes: Option<Vec<NodePlan>> = nodes.into_iter().map(|n| n.1).collect();
        let sinks: Option<Vec<SinkPlan>> = sinks.into_iter().collect();
        let (source_type, source) = source?;
        Some(Plan { source, source_type, latency, nodes: nodes?, sinks: sinks? })
    }

    /// The source alone.
    pub(super) fn only_source(&mut self) -> Option<(String, Box<dyn Source>)> {
        self.needs_source();
        self.source()
    }

    fn needs_source(&mut self) {
        if self.config.table.get("source").is_none() {
            let problem = Problem::new(Place::None, "source", "there is no source");
            self.problems.push(problem.help("add `[source]` with a `type`: microphone, file or stdin"));
        }
    }

    /// The keys at the top: the sections are looked at one by one later, so only their shape counts.
    fn top(&mut self) {
        for entry in &self.config.table.entries {
            let place = entry.place.clone();
            match (entry.key.as_str(), &entry.value.value) {
                ("version", Value::Int(1)) | ("source", Value::Table(_)) => {}
                ("version", _) => self.problems.push(
                    Problem::new(entry.value.place.clone(), "version", "this version is not known")
                        .help("write `version = 1`"),
                ),
                // Looked at by itself.
                ("latency", _) => {}
                ("plugins", Value::List(items)) if items.iter().all(|i| matches!(i.value, Value::Text(_))) => {}
                ("plugins", _) => self.wrong(place, "plugins", "a list of file names"),
                ("source", _) => self.wrong(place, "source", "one table: write `[source]`"),
                ("node" | "sink", Value::List(items)) if items.iter().all(|i| matches!(i.value, Value::Table(_))) => {}
                ("node", _) => self.wrong(place, "node", "a list of tables: write `[[node]]`"),
                ("sink", _) => self.wrong(place, "sink", "a list of tables: write `[[sink]]`"),
                (key, _) => {
                    let near = param::nearest(key, TOP.iter().map(|p| p.name));
                    let help = near
                        .map_or("valid keys here: version, plugins, latency, source, node, sink".to_owned(), |near| {
                            format!("did you mean `{near}`?")
                        });
                    self.problems.push(Problem::new(place, key, format!("unknown key \"{key}\"")).help(help));
                }
            }
        }
        self.needs_source();
        if self.config.table.get("sink").is_none() {
            let problem = Problem::new(Place::None, "sink", "there is no sink");
            self.problems.push(problem.help("add at least one `[[sink]]` with a `type`"));
        }
    }

    fn latency(&mut self) -> Latency {
        let profiles = [Latency::Normal, Latency::Lowest];
        let Some(written) = self.config.table.get("latency") else { return Latency::default() };
        let found = profiles.into_iter().find(|p| matches!(&written.value, Value::Text(name) if name == p.name()));
        found.unwrap_or_else(|| {
            self.wrong(written.place.clone(), "latency", "\"normal\" or \"lowest\"");
            Latency::default()
        })
    }

    fn wrong(&mut self, place: Place, key: &str, wanted: &str) {
        self.problems.push(Problem::new(place, key, format!("expected {wanted}")));
    }

    fn settings(&mut self, table: &Table, common: &[Param], path: &str) -> Option<Settings> {
        match param::check(table, common, path, self.config.base(), self.registry) {
            Ok(settings) => Some(settings),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    fn made<T>(&mut self, result: Result<T, Vec<Problem>>) -> Option<T> {
        result.map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn context(&self, name: &str) -> Context {
        Context { name: name.to_owned(), ..self.context.clone() }
    }

    fn source(&mut self) -> Option<(String, Box<dyn Source>)> {
        let table = *self.config.section("source").first()?;
        let settings = self.settings(table, SOURCE, "source")?;
        let kind = settings.text("type").to_owned();
        let source = self.registry.source(&kind, &settings, &self.context("source"));
        Some((kind, self.made(source)?))
    }

    /// Every node's name, and the node if nothing is wrong with it.
    fn nodes(&mut self) -> Vec<(String, Option<NodePlan>)> {
        let tables = self.config.section("node");
        let names = self.names(&tables, "node");
        let mut nodes = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let node = self.node(table, i, &names);
            nodes.push((names[i].clone(), node));
        }
        nodes
    }

    fn node(&mut self, table: &Table, i: usize, names: &[String]) -> Option<NodePlan> {
        let settings = self.settings(table, NODE, &format!("node[{i}]"));
        let input = self.input(table, &format!("node[{i}]"), &names[..i], names);
        let settings = settings?;
        let kind = settings.text("type").to_owned();
        let context = self.context(&names[i]);
        let node = self.registry.node(&kind, &settings, &context);
        Some(NodePlan {
            name: names[i].clone(),
            kind,
            input: input?,
            node: self.made(node)?,
            params: param::with_components(table, NODE, self.registry),
            origins: again::origins(table, self.registry),
            written: table.clone(),
            settings,
            context,
        })
    }

    fn sinks(&mut self, nodes: &[String]) -> Vec<Option<SinkPlan>> {
        let tables = self.config.section("sink");
        let names = self.names(&tables, "sink");
        let mut sinks = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let sink = self.sink(table, i, &names[i], nodes);
            sinks.push(sink);
        }
        sinks
    }

    fn sink(&mut self, table: &Table, i: usize, name: &str, nodes: &[String]) -> Option<SinkPlan> {
        let settings = self.settings(table, SINK, &format!("sink[{i}]"));
        let input = self.input(table, &format!("sink[{i}]"), nodes, nodes);
        let settings = settings?;
        let kind = settings.text("type").to_owned();
        let sink = self.registry.sink(&kind, &settings, &self.context(name));
        Some(SinkPlan { name: name.to_owned(), kind, input: input?, sink: self.made(sink)?, settings })
    }

    /// The names of a section: as written, else the type, numbered from the second on.
    fn names(&mut self, tables: &[&Table], section: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (i, table) in tables.iter().enumerate() {
            let written = table.text("name");
            let mut name = written.or(table.text("type")).unwrap_or(section).to_owned();
            let taken = |names: &[String], name: &str| name == "source" || names.iter().any(|n| n == name);
            if written.is_some() && taken(&names, &name) {
                let place = table.get("name").map(|v| v.place.clone()).unwrap_or_default();
                let path = format!("{section}[{i}].name");
                self.problems
                    .push(Problem::new(place, path, format!("the name \"{name}\" is taken")).help("choose another"));
            }
            let base = name.clone();
            let mut number = 2;
            while taken(&names, &name) {
                name = format!("{base}-{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }

    /// The edge an `input` names: one of `before`, or the source; the last of `before` by default.
    fn input(&mut self, table: &Table, path: &str, before: &[String], all: &[String]) -> Option<usize> {
        let Some(wanted) = table.text("input") else { return Some(before.len()) };
        if wanted == "source" {
            return Some(0);
        }
        if let Some(index) = before.iter().position(|name| name == wanted) {
            return Some(index + 1);
        }
        let place = table.get("input").map(|v| v.place.clone()).unwrap_or_default();
        let problem =
            Problem::new(place, format!("{path}.input"), format!("there is no node \"{wanted}\" before this"));
        let later = all.iter().any(|name| name == wanted);
        let near = param::nearest(wanted, before.iter().map(String::as_str).chain(["source"]));
        self.problems.push(match near {
            _ if later => problem.help("an input must be declared before what it feeds: move it up"),
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem
                .help(format!("there are: source{}", before.iter().map(|n| format!(", {n}")).collect::<String>())),
        });
        None
    }
}
