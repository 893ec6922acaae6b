//! The REST endpoints of live sessions and the page behind `streamingUrl` (RAVATAR dossier 4.4 to
//! 4.6, 9, 15.1, 16.2). Runs on the simulator's thread under the `State`'s lock.

use super::faults::{BUSY, Point};
use super::findings::Code;
use super::licenses::{License, LicenseChange, LicenseStatus};
use super::log::Event;
use super::options::{Ending, StreamUrl};
use super::tokens::Bearer;
use super::visit::{Answered, Visit};
use super::web::Reply;
use serde_json::{Map, Value, json};

/// `POST /startLiveSession`.
pub(crate) fn start(visit: &mut Visit<'_>) -> Answered {
    let user_id = visit.user()?;
    let fields = visit.body().map_err(|()| Reply::error(400, "invalid_json"))?;
    visit.only(&fields, &["avatar_id", "width", "height"]);
    let avatar_id = live_avatar(visit, &fields).ok_or_else(|| Reply::error(400, "invalid_avatar_id"))?;
    let wrong_size = |()| Reply::error(400, "invalid_resolution");
    let width = size(visit, &fields, "width", 1280, 1920).map_err(wrong_size)?;
    let height = size(visit, &fields, "height", 720, 1080).map_err(wrong_size)?;
    visit.tolerate()?;
    if visit.state.active_sessions() >= visit.config.slots {
        let status = if visit.config.busy_as_ok { 200 } else { 503 };
        return Err(Reply::json(status, json!({ "status": 503, "error": BUSY })));
    }
    let id = visit.state.ids.tagged("lic");
    let license = License {
        id: id.clone(),
        user_id,
        avatar_id,
        width,
        height,
        started: visit.state.clock.now(),
        status: LicenseStatus::Active,
        samples: 0,
        samples_cut: 0,
        turns: Vec::new(),
        page_views: 0,
    };
    visit.state.licenses.start(&visit.config, license);
    let change = LicenseChange::Started;
    visit.state.note(Event::License { license_id: id.clone(), change });
    visit.state.strike(Point::License, Some(&id));
    let mut body = json!({ "status": 200, "LicenseId": id });
    if let Some(url) = streaming_url(visit, &id) {
        body["streamingUrl"] = url.into();
    }
    Ok(Reply::json(200, body))
}

/// The avatar asked for, if it is known and can be live.
fn live_avatar(visit: &mut Visit<'_>, fields: &Map<String, Value>) -> Option<String> {
    let Some(id) = fields.get("avatar_id").and_then(Value::as_str) else {
        visit.findings.violation(Code::MissingField, "`avatar_id` is missing or no string");
        return None;
    };
    match visit.config.avatar(id).map(|avatar| avatar.has_live_mode) {
        None => visit.findings.violation(Code::UnknownAvatar, format!("avatar `{id}`")),
        Some(Some(false)) => visit.findings.violation(Code::NoLiveMode, format!("avatar `{id}`")),
        Some(_) => return Some(id.into()),
    }
    None
}

/// A width or height: text of an integer from 1 to `most`. A number is a violation but usable.
fn size(visit: &mut Visit<'_>, fields: &Map<String, Value>, name: &str, default: u32, most: u32) -> Result<u32, ()> {
    let size = match fields.get(name) {
        None => return Ok(default),
        Some(Value::String(text)) if text.bytes().all(|c| c.is_ascii_digit()) => text.parse().ok(),
        Some(Value::Number(number)) => {
            visit.findings.violation(Code::SizeNotText, format!("`{name}` is a number"));
            if visit.config.strict() {
                return Err(());
            }
            number.as_u64().and_then(|number| u32::try_from(number).ok())
        }
        Some(_) => None,
    };
    let size = size.filter(|size| (1..=most).contains(size));
    if size.is_none() {
        let detail = format!("`{name}` must be the text of an integer from 1 to {most}");
        visit.findings.violation(Code::InvalidResolution, detail);
    }
    size.ok_or(())
}

fn streaming_url(visit: &Visit<'_>, id: &str) -> Option<String> {
    let address = visit.address;
    let plain = format!("http://{address}/stream/{id}");
    match visit.config.stream_url {
        StreamUrl::Plain => Some(plain),
        StreamUrl::WithQuery => Some(format!("{plain}?quality=high&hover=false#view")),
        StreamUrl::WithToken => Some(format!("{plain}?quality=high&token=old#view")),
        StreamUrl::Https => Some(format!("https://{address}/stream/{id}")),
        StreamUrl::Absent => None,
    }
}

/// `POST /endLiveSession`.
pub(crate) fn end(visit: &mut Visit<'_>) -> Answered {
    let user = visit.user()?;
    let fields = visit.body().map_err(|()| Reply::error(400, "invalid_json"))?;
    visit.only(&fields, &["LicenseId", "licenseId"]);
    let name = if fields.contains_key("LicenseId") { "LicenseId" } else { "licenseId" };
    let Some(id) = fields.get(name).and_then(Value::as_str) else {
        visit.findings.violation(Code::MissingField, "`LicenseId` is missing or no string");
        return Err(Reply::error(400, "missing_license_id"));
    };
    if name != "LicenseId" {
        let detail = "`licenseId` instead of `LicenseId`";
        visit.findings.violation(Code::WrongFieldName, detail);
    }
    let found = visit.state.licenses.get(id).map(|session| (session.facts.user_id == user, session.facts.status));
    let status = match found {
        Some((true, status)) => Some(status),
        Some((false, _)) => {
            visit.findings.violation(Code::ForeignLicense, format!("licence `{id}`"));
            None
        }
        None => {
            visit.findings.violation(Code::UnknownLicense, "the licence was never given out");
            None
        }
    };
    visit.tolerate()?;
    let gone = Err(Reply::error(404, "license_not_found"));
    match status {
        None | Some(LicenseStatus::Expired | LicenseStatus::Forgotten) => return gone,
        Some(LicenseStatus::Ended | LicenseStatus::Revoked) if visit.config.ending == Ending::Once => return gone,
        Some(LicenseStatus::Ended | LicenseStatus::Revoked) => {}
        Some(LicenseStatus::Active) => {
            let now = visit.state.clock.now();
            visit.state.licenses.end(id, now);
            let change = LicenseChange::Ended;
            visit.state.note(Event::License { license_id: id.into(), change });
        }
    }
    Ok(Reply::json(200, json!({ "status": 200 })))
}

/// `POST /checkActiveInstance`, which the streaming host calls; note its `licenseId`.
pub(crate) fn check_active(visit: &mut Visit<'_>) -> Answered {
    let user = visit.user()?;
    // Further fields are allowed here, their names are the host's business.
    let fields = visit.body().map_err(|()| Reply::error(400, "invalid_json"))?;
    visit.tolerate()?;
    let id = fields.get("licenseId").and_then(Value::as_str).unwrap_or_default();
    if !usable(visit, id, &user) {
        return Err(Reply::forbidden());
    }
    Ok(Reply::json(200, json!({ "status": 200 })))
}

/// Whether a licence is active and belongs to `user`.
fn usable(visit: &Visit<'_>, id: &str, user: &str) -> bool {
    visit
        .state
        .licenses
        .get(id)
        .is_some_and(|session| session.facts.status == LicenseStatus::Active && session.facts.user_id == user)
}

/// `GET /stream/{id}?token=…`: the page a host application shows. A bearer header wins over the
/// query, as at the real streaming host.
pub(crate) fn stream_page(visit: &mut Visit<'_>) -> Answered {
    let tokens: Vec<_> = visit.call.params("token").collect();
    match tokens.as_slice() {
        [] => visit.findings.violation(Code::MissingToken, "the URL has no `token`"),
        [token] if !token.encoded => {
            let detail = "`token` is not percent-encoded";
            visit.findings.violation(Code::UnencodedToken, detail);
        }
        [_] => {}
        several => {
            let detail = format!("`token` occurs {} times", several.len());
            visit.findings.violation(Code::RepeatedToken, detail);
        }
    }
    let header = visit.call.bearer();
    let query = tokens.first().map(|token| token.value.as_str());
    let Bearer { worth, user } = visit.state.bearer(header.as_deref().or(query));
    visit.token = worth;
    let id = visit.call.path.strip_prefix("/stream/").unwrap_or_default();
    let allowed = user.is_some_and(|user| usable(visit, id, &user));
    if !allowed || visit.tolerate().is_err() {
        return Err(Reply::redirect("/forbidden"));
    }
    if let Some(session) = visit.state.licenses.get_mut(id) {
        session.facts.page_views += 1;
    }
    Ok(page("Simulated avatar", "ravatar-session-start"))
}

/// `GET /forbidden`, where a bad token ends.
pub(crate) fn forbidden_page(_: &mut Visit<'_>) -> Answered {
    Ok(page("Forbidden", "ravatar-session-close"))
}

/// A page that only tells its parent frame one thing (RAVATAR dossier 15.2).
fn page(title: &str, event: &str) -> Reply {
    Reply::html(format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{title}</title><p>{title}</p>\
         <script>parent.postMessage(\"{event}\", \"*\")</script>\n"
    ))
}
