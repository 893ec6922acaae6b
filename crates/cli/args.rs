//! What can be typed.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};
use glottis::sim::avatarkit::Dialect;

/// A real-time audio pipeline engine for voice front ends
///
/// Sound goes from a source through a tree of nodes to sinks; a segmenter in front of each sink
/// decides which of it is sent. `glottis demo` shows it with recorded speech.
#[derive(Parser, Debug)]
#[command(name = "glottis", version, after_help = EXIT_CODES)]
pub struct Args {
    #[command(subcommand)]
    pub task: Task,
    #[command(flatten)]
    pub common: Common,
}

const EXIT_CODES: &str = "Exit codes:
  0    finished
  1    doctor: something is wrong with the signal
  2    configuration or usage
  3    source or device
  4    a sink gave up; its error code is printed
  5    internal error, an unbalanced ledger included
  130  interrupted, after a clean stop

Machine-readable output goes to stdout, everything else to stderr.";

#[derive(clap::Args, Debug)]
pub struct Common {
    /// Override a key of the configuration; lists go by name or index (sink.avatar.user_id=kiosk-2)
    #[arg(long = "set", value_name = "PATH=VALUE", global = true)]
    pub set: Vec<String>,
    /// Load a plugin library (repeatable); native code is trusted code
    #[arg(long = "plugin", value_name = "PATH", global = true)]
    pub plugin: Vec<PathBuf>,
    /// How much to log to stderr
    #[arg(long, value_name = "LEVEL", default_value = "warn", global = true)]
    pub log: Level,
    /// Print the result as JSON to stdout
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

#[derive(Subcommand, Debug)]
pub enum Task {
    /// Bundled speech to the embedded RAVATAR simulator, live mode; no microphone, account or network
    Demo(Demo),
    /// Run a pipeline until its source ends, Ctrl-C, or --for
    Run(Run),
    /// Check a pipeline; print the tree, the format of every edge and the latency budget; opens nothing
    Check {
        /// The configuration
        pipeline: PathBuf,
    },
    /// Listen for a moment, and name what is wrong with the signal and how to mend it
    ///
    /// Speak while it listens. Exit codes: 0 nothing is wrong, 1 something is, 2 configuration or usage,
    /// 3 source or device.
    Doctor(Doctor),
    /// List capture devices with ids, rates and channels
    Devices,
    /// List every source, node, detector, encoder and sink with its parameters
    Components {
        /// Only the components of this type
        #[arg(value_name = "TYPE")]
        name: Option<String>,
    },
    /// Print the JSON Schema of the configuration
    Schema,
    /// Run a simulator as a server; prints its URLs as one line of JSON
    Sim {
        #[command(subcommand)]
        service: Service,
    },
    /// Measure a pipeline on this machine
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// What the RAVATAR service offers beside a run
    Ravatar {
        #[command(subcommand)]
        what: Ravatar,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args, Debug)]
pub struct Demo {
    /// As fast as the service takes it, instead of in real time
    #[arg(long)]
    pub fast: bool,
    /// Keep the recording of what was sent, and the configuration, in this folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

#[derive(clap::Args, Debug)]
pub struct Run {
    /// The configuration
    pub pipeline: PathBuf,
    /// Write events as JSON lines to a file, or to stdout with `-`
    #[arg(long, value_name = "-|FILE")]
    pub events: Option<String>,
    /// Read commands as JSON lines from stdin (`-`), whose end means stop
    #[arg(long, value_name = "-")]
    pub control: Option<String>,
    /// Stop after this time, for example 30s
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub time: Option<Duration>,
    /// Look at the files of plugins, and swap in new versions without a gap
    #[arg(long)]
    pub watch: bool,
    /// Write the report as JSON to a file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(clap::Args, Debug)]
pub struct Doctor {
    /// The configuration whose source to listen to; without one, the default microphone
    pub pipeline: Option<PathBuf>,
    /// How long to listen
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "2s")]
    pub time: Duration,
}

#[derive(Subcommand, Debug)]
pub enum Service {
    /// The RAVATAR service
    Ravatar(Served),
    /// The AvatarKit service of Spatius or SpatialReal
    Avatarkit {
        #[command(flatten)]
        served: Served,
        /// Which of the two lines the server belongs to
        #[arg(long, value_name = "LINE", value_parser = dialect())]
        dialect: Option<Dialect>,
    },
}

#[derive(Subcommand, Debug)]
pub enum Bench {
    /// What a block costs, by stage, when nothing waits for real time
    Throughput {
        /// The configuration; its source is a recording or stdin
        pipeline: PathBuf,
    },
    /// How long sound takes, by stage: bursts of noise at the source, found in what the sinks wrote
    ///
    /// Runs the pipeline once, in real time. A file source plays the bursts instead of its recording, at
    /// its rate; stdin is fed by the bench; any other source hears what --play or --play-command plays.
    /// Network sinks speak to a simulator in this process, never to the service the file names; file
    /// sinks write to a temporary folder. Where a sink sends only speech, each burst follows a spoken
    /// sentence. The shares of the stages add up to the total.
    Latency(Latency),
    /// How many live sessions with voice detection one core carries, against the RAVATAR simulator in a
    /// process of its own. Needs Linux
    Sessions {
        /// So many at once; without, ever more until the limit is exceeded
        sessions: Option<NonZeroU16>,
        /// How long each number of sessions hears silence, and then speech
        #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "10s")]
        time: Duration,
        /// The latency, capture to socket, that 99 of 100 chunks must stay below
        #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "20ms")]
        limit: Duration,
    },
}

#[derive(clap::Args, Debug)]
pub struct Latency {
    /// The configuration
    pub pipeline: PathBuf,
    /// How many bursts
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub bursts: u32,
    /// From one burst to the next, 100ms or more; longer where a sink sends only speech
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "500ms")]
    pub period: Duration,
    /// RMS of a burst in dB below full scale
    #[arg(long, value_name = "DBFS", default_value_t = -20.0, allow_negative_numbers = true)]
    pub level: f64,
    /// Measure this sink alone; the others are left out
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
    /// Play the bursts to a microphone: an output device it hears, through a cable or the air, by name or
    /// part of it, or `default`
    #[arg(long, value_name = "DEVICE", conflicts_with = "play_command")]
    pub play: Option<String>,
    /// The same by a shell command; `{file}` is a WAV file to play
    #[arg(long, value_name = "COMMAND")]
    pub play_command: Option<String>,
    /// Have the simulators look for messages all the time, on a core of their own, instead of sleeping until one
    /// comes: measures up to the arrival, and not how soon the system wakes who reads
    #[arg(long)]
    pub busy_poll: bool,
    /// Print each burst too
    #[arg(long)]
    pub each: bool,
}

#[derive(Subcommand, Debug)]
pub enum Ravatar {
    /// Print what was said, one JSON message per line, oldest first
    History(Account),
    /// End the live sessions that runs of this user left open, and say which
    Release(Account),
}

/// A user of a service, as a sink names it.
#[derive(clap::Args, Debug)]
pub struct Account {
    /// The configuration
    pub pipeline: PathBuf,
    /// The sink whose user it is; may be left out where there is only one of its type
    #[arg(long, value_name = "NAME")]
    pub sink: Option<String>,
}

/// What every simulator is told.
#[derive(clap::Args, Debug)]
pub struct Served {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Refuse what does not conform instead of recording it
    #[arg(long)]
    pub strict: bool,
    /// Faults to play, a file of rules in TOML or JSON
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Settings of the simulator, a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

fn dialect() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(["spatius", "spatialreal"]).map(|text| match text.as_str() {
        "spatialreal" => Dialect::SpatialReal,
        _ => Dialect::Spatius,
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    glottis::param::parse_duration(text)
}
