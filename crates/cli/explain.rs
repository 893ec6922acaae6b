//! Problems of a configuration as a person reads them: each under the line it stands in.

use std::process::ExitCode;
use std::sync::Arc;

use crate::plugins::NotLoaded;
use glottis::{Place, Problem, Problems};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// Configuration or usage.
pub const CONFIG: u8 = 2;
/// Source or device.
pub const SOURCE: u8 = 3;
/// A service.
pub const SERVICE: u8 = 4;
/// Internal.
pub const INTERNAL: u8 = 5;

#[derive(Debug)]
struct Shown {
    message: String,
    help: Option<String>,
    span: Option<std::ops::Range<usize>>,
    text: Arc<NamedSource<String>>,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.is_some().then_some(&*self.text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::new(Some("here".to_owned()), span.start, span.len()))))
    }
}

/// Prints every problem to stderr, and how many there are. The exit code is that of a bad
/// configuration.
pub fn problems(problems: &Problems) -> ExitCode {
    let text = Arc::new(NamedSource::new(problems.file.display().to_string(), problems.text.clone()));
    // Colours only where a person looks.
    let theme = if std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none() {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme);
    for problem in &problems.list {
        let mut out = String::new();
        let shown = shown(problem, problems, &text);
        if handler.render_report(&mut out, &shown).is_err() {
            out = shown.message;
        }
        eprintln!("{}", out.trim_matches('\n'));
    }
    let n = problems.list.len();
    eprintln!("{n} problem{} in the configuration", if n == 1 { "" } else { "s" });
    ExitCode::from(CONFIG)
}

fn shown(problem: &Problem, all: &Problems, text: &Arc<NamedSource<String>>) -> Shown {
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let (place, span) = match &problem.place {
        Place::Span { start, end } => {
            let (line, column) = glottis::line_and_column(&all.text, *start);
            (format!("{}:{line}:{column}: ", all.file.display()), Some(*start..(*end).min(all.text.len()).max(*start)))
        }
        Place::Override(typed) => (format!("--set {typed}: "), None),
        Place::None | Place::Default if all.file.as_os_str().is_empty() => (String::new(), None),
        Place::None | Place::Default => (format!("{}: ", all.file.display()), None),
    };
    Shown {
        message: format!("{place}{path}{}", problem.message),
        help: (!problem.help.is_empty()).then(|| problem.help.clone()),
        span,
        text: text.clone(),
    }
}

/// Prints why a plugin was not loaded. The exit code is that of a bad configuration.
pub fn not_loaded(error: &NotLoaded) -> ExitCode {
    match error {
        NotLoaded::Named(error) => failure(&error.to_string(), CONFIG),
        NotLoaded::Configured(error) => problems(error),
    }
}

/// Prints a failure that stands in no configuration.
pub fn failure(message: &str, code: u8) -> ExitCode {
    eprintln!("glottis: {message}");
    ExitCode::from(code)
}
