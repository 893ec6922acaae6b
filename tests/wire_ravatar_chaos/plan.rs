//! What happens in a round: made from its seed before it begins.

use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::{Reason, TurnMode};
use glottis_sim::ravatar::{Config, Ending, Expiry, InlineAudio, Naming, Refusal, SessionForm, Shape};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::rig::faults;

/// A round.
#[derive(Debug)]
pub struct Plan {
    pub seed: u64,
    pub service: Config,
    /// Keys of the sink, without the addresses.
    pub keys: Table,
    pub turn: TurnMode,
    /// Whether the source can wait.
    pub waits: bool,
    pub steps: Vec<Step>,
    /// Whether the run is stopped, or comes to its end.
    pub halt: bool,
}

/// What the user, the network or the service does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Until the sink is open, or given up, but no longer than this.
    Await(Duration),
    /// Somebody speaks for so many chunks, and then the segment ends so.
    Speak(u64, Turn),
    /// Somebody types.
    Type,
    /// Somebody wants to see the avatar.
    AskUrl,
    /// Nothing, for a while.
    Pass(Duration),
    /// The service says something of its own accord.
    Push(Value),
    /// Something changes for the worse.
    Fault(Value),
    /// All connections break.
    Cut,
    /// Nobody reads what is sent, for a while.
    Clog(Duration),
}

/// How a segment ends.
#[derive(Clone, Copy, Debug)]
pub enum Turn {
    End(Reason),
    Abort(Reason),
    /// It is still going on when the next begins to matter: the round ends, or it goes on speaking.
    Open,
}

const JWT: &str = "POST /jwt";
const CONNECTION: &str = "GET /connection";
const START: &str = "POST /startLiveSession";
const END: &str = "POST /endLiveSession";

impl Plan {
    pub fn new(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let rules = (0..dice.number(0, 4)).map(|_| rule(&mut dice)).collect::<Vec<_>>();
        let service = service(&mut dice, rules);
        let chat = dice.chance(20);
        let turn = dice.pick(&[TurnMode::Always, TurnMode::Speech, TurnMode::PushToTalk]);
        let mut keys = Table::default().with("http_timeout", "3s").with("mode", if chat { "chat" } else { "live" });
        let blob = chat || dice.chance(25);
        keys = keys.with("audio", if blob { "blob" } else { "pcm" });
        keys = keys.with("busy_retry", dice.chance(50)).with("unattended", dice.chance(20));
        keys = keys.with("reconnect", dice.pick(&["default", "demo"]));
        keys = keys.with("ping", dice.pick(&["off", "2s", "30s"])).with("linger", dice.pick(&["0s", "2s"]));
        keys = keys.with("pace_limit", dice.pick(&["4x", "off"])).with("trailing", dice.pick(&["0s", "1024ms"]));
        let waits = dice.chance(40);
        let patience = Duration::from_secs(dice.pick(&[0, 5, 20, 20]));
        let mut steps = vec![Step::Await(patience)];
        steps.extend((0..dice.number(3, 14)).map(|_| step(&mut dice, turn)));
        if dice.chance(50) {
            // On its way when the end comes.
            steps.extend([Step::Speak(1, Turn::Open), Step::Type]);
        }
        Plan { seed, service, keys, turn, waits, steps, halt: dice.chance(30) }
    }
}

impl Plan {
    /// Whether the network holds back what was sent: then another connection can be faster.
    pub fn holds_back(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Clog(_)))
    }
}

fn service(dice: &mut Dice, rules: Vec<Value>) -> Config {
    Config {
        seed: dice.number(1, 1 << 40),
        faults: faults(rules.into()),
        session: dice.pick(&[SessionForm::Jwt, SessionForm::Jwt, SessionForm::Absent]),
        naming: dice.pick(&[Naming::Docs, Naming::Demo, Naming::Both]),
        shape: dice.pick(&[Shape::A, Shape::B]),
        inline_audio: dice.pick(&[InlineAudio::None, InlineAudio::AudioBase64]),
        expiry: dice.pick(&[Expiry::Lazy, Expiry::Eager, Expiry::Close]),
        ending: dice.pick(&[Ending::Once, Ending::Idempotent]),
        refusal: dice.pick(&[Refusal::Http403, Refusal::Http401, Refusal::Close1008, Refusal::Close4401]),
        license_ttl: dice.pick(&[None, None, None, Some(Duration::from_secs(5))]),
        reply_delay: Duration::from_millis(dice.number(0, 1500)),
        busy_as_ok: dice.chance(20),
        slots: if dice.chance(3) { 0 } else { 4 },
        // A source that waits is as fast as it may be, and what was clogged comes at once.
        pace_limit: 0.0,
        ..Config::default()
    }
}

/// A fault of the service that waits for its occasion.
fn rule(dice: &mut Dice) -> Value {
    let call = dice.pick(&[JWT, CONNECTION, START, END]);
    let (nth, count) = (dice.number(1, 3), dice.number(1, 5));
    let message = json!({"nth":dice.number(1, 12)});
    let kind = dice.number(1, 19);
    let rule = match kind {
        1 => json!({"fault":"F4","how":dice.pick(&["token_generation_failed","503","504"]),"count":count}),
        2 | 3 => json!({"fault":"F7","http":dice.pick(&[503, 504]),"on":call,"nth":nth,"count":count}),
        4 => json!({"fault":"F7","on":call,"retry_after":dice.number(1, 3),"count":count}),
        5 => json!({"on":call,"nth":nth,"count":dice.number(1, 2),"do":{"http":403}}),
        6 => json!({"fault":"F5","on":dice.pick(&[CONNECTION, START, END]),"nth":nth}),
        7 => json!({"fault":"F6","how":dice.pick(&["http", "ok"]),"count":count}),
        8 => json!({"fault":"F8"}),
        9 => json!({"fault":"F9","how":dice.pick(&["reset","mid-body","trickle","late"]),"on":call,"nth":nth}),
        10 => {
            let how = dice.pick(&["empty", "html", "truncated", "content-type", "not-json"]);
            json!({"fault":"F10","how":how,"on":call,"nth":nth,"http":dice.pick(&[500, 503, 418])})
        }
        11 => json!({"fault":"F12","how":dice.pick(&["close", "reset"])}),
        12 => json!({"fault":"F12","bytes":dice.number(100, 60_000),"count":dice.number(1, 2)}),
        13 => {
            let code = dice.pick(&[1000, 1001, 1006, 1008, 1009, 1011, 1012, 4401]);
            json!({"fault":"F13","code":code})
        }
        14 => json!({"fault":"F14","how":dice.pick(&["503","403","reset","hang"]),"nth":nth,"count":count}),
        15 => json!({"fault":"F15","stall":format!("{}s", dice.number(1, 14))}),
        16 => {
            let hows = ["text", "scalar", "array", "null", "binary", "utf8", "unknown-type", "wrong-types", "nesting"];
            json!({"fault":"F16","how":dice.pick(&hows)})
        }
        17 => json!({"fault":"F18","text":dice.pick(&["expired","wrong","timeout","busy"])}),
        18 => json!({"fault":"F20","how":dice.pick(&["none","after-reconnect","twice","swapped","audio-only"])}),
        _ => {
            json!({"on":"connect","nth":nth,"count":count,"do":dice.pick(&[json!({"drop":true}), json!({"hang":true})])})
        }
    };
    let mut rule = rule;
    if matches!(kind, 11 | 13 | 15..=18) {
        rule["nth"] = message["nth"].clone();
    }
    rule
}

/// A fault of the moment.
fn trouble(dice: &mut Dice) -> Value {
    match dice.number(1, 8) {
        1 => json!({"fault":"F1"}),
        2 => json!({"fault":"F2"}),
        3 => json!({"fault":"F25"}),
        4 => json!({"fault":"F19","how":dice.pick(&["expire", "end"])}),
        5 => json!({"fault":"F19","how":"forget"}),
        6 => json!({"fault":"F9","how":"refused","for":format!("{}s", dice.number(1, 6))}),
        7 => json!({"fault":"F21","how":dice.pick(&["no-pongs", "pings"]),"on":"now"}),
        _ => json!({"fault":"F3"}),
    }
}

fn step(dice: &mut Dice, turn: TurnMode) -> Step {
    match dice.number(1, 20) {
        1..=8 => Step::Speak(dice.number(1, 8), ending(dice, turn)),
        9 | 10 => Step::Type,
        11 => Step::AskUrl,
        12 | 13 => Step::Pass(Duration::from_millis(dice.number(10, 4000))),
        14 | 15 => Step::Cut,
        16 => Step::Clog(Duration::from_millis(dice.number(100, 13_000))),
        17 | 18 => Step::Fault(trouble(dice)),
        _ => {
            let text = dice.pick(&["Session expired", "Something went wrong", "Connection timeout", "All is well."]);
            let form = dice.pick(&["content", "message", "error"]);
            Step::Push(dice.pick(&[json!({"type":"system",form:text}), json!({"type":"event","status":500})]))
        }
    }
}

fn ending(dice: &mut Dice, turn: TurnMode) -> Turn {
    if dice.chance(20) {
        return Turn::Open;
    }
    match turn {
        TurnMode::Always => Turn::End(Reason::Commit),
        TurnMode::PushToTalk if dice.chance(20) => Turn::Abort(Reason::Cancel),
        TurnMode::PushToTalk => Turn::End(Reason::Release),
        _ if dice.chance(20) => Turn::Abort(Reason::Cancel),
        _ => Turn::End(dice.pick(&[Reason::SpeechEnd, Reason::SpeechEnd, Reason::Max])),
    }
}
