//! The endpoints for identity, configuration and history (RAVATAR dossier 4.1 to 4.3). Runs on the
//! simulator's thread under the `State`'s lock.

use super::config::Config;
use super::findings::Code;
use super::history::Page;
use super::log;
use super::options::{Naming, VadFlag};
use super::tokens::Claims;
use super::visit::{Answered, Visit};
use super::web::Reply;
use serde_json::{Map, Value, json};

/// `POST /jwt` (RAVATAR dossier 4.1).
pub(crate) fn jwt(visit: &mut Visit<'_>) -> Answered {
    let refuse = |status: u16, error: &str| {
        Reply::json(status, json!({ "status": status, "result": "failure", "error": error }))
    };
    if visit.call.authorization() {
        visit.findings.violation(Code::UnwantedAuthorization, "`POST /jwt` takes no token");
    }
    let fields = visit.body().map_err(|()| refuse(400, "invalid_json"))?;
    visit.only(&fields, &["user_id", "project_id"]);
    let user = jwt_user(visit, &fields).ok_or_else(|| refuse(400, "invalid_user_id"))?;
    let project = jwt_project(visit, &fields).ok_or_else(|| refuse(400, "invalid_project_id"))?;
    let known = |known: &String| known == "*" || *known == project;
    if !project.is_empty() && !visit.config.projects.iter().any(known) {
        visit.findings.note(Code::UnknownProject, format!("project `{project}`"));
        return Err(refuse(401, "project_not_found"));
    }
    if visit.config.users.as_ref().is_some_and(|users| !users.contains(&user)) {
        return Err(refuse(403, "Forbidden"));
    }
    if visit.tolerate().is_err() {
        let worst = visit.findings.worst().map(|worst| worst.code.name());
        return Err(refuse(400, &worst.unwrap_or_default()));
    }
    Ok(Reply::json(200, json!({ "result": "success", "jwt": issue(visit, &user, &project) })))
}

fn issue(visit: &mut Visit<'_>, user: &str, project: &str) -> String {
    let now = visit.state.clock.now();
    let unix_ms = visit.state.clock.unix_ms();
    let claims = Claims { user, project, unix_ms, now, ttl: visit.config.jwt_ttl };
    visit.state.tokens.issue(&mut visit.state.ids, visit.config.token_form, &claims)
}

fn jwt_user(visit: &mut Visit<'_>, fields: &Map<String, Value>) -> Option<String> {
    let user = fields.get("user_id").and_then(Value::as_str);
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let user = user.filter(|user| (1..=128).contains(&user.len()) && user.bytes().all(allowed));
    if user.is_none() {
        let detail = "`user_id` must be 1 to 128 of A-Z a-z 0-9 _ -";
        visit.findings.violation(Code::InvalidUserId, detail);
    }
    user.map(str::to_string)
}

/// The project, empty if it may be and is absent.
fn jwt_project(visit: &mut Visit<'_>, fields: &Map<String, Value>) -> Option<String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let project = match fields.get("project_id") {
        None if !visit.config.require_project_id => return Some(String::new()),
        None => None,
        Some(project) => project.as_str(),
    };
    let project = project.filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(allowed));
    if project.is_none() {
        let detail = "`project_id` must be 1 to 64 of A-Z a-z 0-9 -";
        visit.findings.violation(Code::InvalidProjectId, detail);
    }
    project.map(str::to_string)
}

/// `GET /connection` (RAVATAR dossier 4.2).
pub(crate) fn connection(visit: &mut Visit<'_>) -> Answered {
    let user = visit.user()?;
    visit.tolerate()?;
    let mut body = json!({
        "status": 200, "avatars_info": avatars(&visit.config),
        "languages": languages(&visit.config), "chat_types": visit.config.chat_types,
    });
    match visit.config.vad_enabled {
        VadFlag::On => body["vadEnabled"] = true.into(),
        VadFlag::Off => body["vadEnabled"] = false.into(),
        VadFlag::Absent => {}
    }
    if let Some(session) = visit.state.session_of(&user) {
        body["session"] = session.into();
    }
    Ok(Reply::json(200, body))
}

/// `GET /chat` (RAVATAR dossier 4.3).
pub(crate) fn chat(visit: &mut Visit<'_>) -> Answered {
    let user = visit.user()?;
    match visit.call.param("user_id") {
        Some(asked) if asked == user => {}
        Some(asked) => {
            let detail = format!("`{}`, but the token belongs to `{user}`", log::shorten(asked));
            visit.findings.violation(Code::ForeignUser, detail);
            return Err(Reply::forbidden());
        }
        None => visit.findings.violation(Code::MissingField, "`user_id` is missing"),
    }
    let mut size = whole_number(visit, "per_page", 50);
    if size > 100 {
        visit.findings.violation(Code::PageTooLarge, format!("`per_page` is {size}, limit 100"));
        size = 100;
    }
    let page = Page { number: whole_number(visit, "page", 1), size, sorted: visit.config.history_sorted };
    visit.tolerate()?;
    let now_ms = visit.state.clock.unix_ms();
    let avatar = visit.config.avatars.first().map_or("", |avatar| &avatar.id);
    visit.state.history.seed(&user, visit.config.past_turns, avatar, now_ms);
    let (payload, more) = visit.state.history.page(&user, page, now_ms);
    Ok(Reply::json(200, json!({ "payload": payload, "has_more_messages": more })))
}

fn whole_number(visit: &mut Visit<'_>, name: &str, default: usize) -> usize {
    let Some(text) = visit.call.param(name) else { return default };
    let number = text.parse().ok().filter(|number| *number >= 1);
    if number.is_none() {
        let detail = format!("`{name}` is `{}`", log::shorten(text));
        visit.findings.violation(Code::InvalidPage, detail);
    }
    number.unwrap_or(default)
}

fn avatars(config: &Config) -> Vec<Value> {
    let image = |name: &str| format!("https://media.invalid/{name}.png");
    let list = config.avatars.iter().map(|avatar| {
        let mut value = json!({
            "name": avatar.name, "greetingText": avatar.greeting,
            "previewIcons": { "small": image("s"), "medium": image("m"), "large": image("l") },
            "startButtonIcon": image("b"),
        });
        if let Some(live) = avatar.has_live_mode {
            value["hasLiveMode"] = live.into();
        }
        name_id(&mut value, config.naming, ["_id", "id"], &avatar.id);
        value
    });
    list.collect()
}

fn languages(config: &Config) -> Vec<Value> {
    let list = config.languages.iter().map(|language| {
        let mut value = json!({ "name": language.name });
        name_id(&mut value, config.naming, ["language_code", "code"], &language.code);
        value
    });
    list.collect()
}

fn name_id(value: &mut Value, naming: Naming, [docs, demo]: [&str; 2], id: &str) {
    if naming != Naming::Demo {
        value[docs] = id.into();
    }
    if naming != Naming::Docs {
        value[demo] = id.into();
    }
}
