//! The service's WebSocket: opened with the token in the query; and what its closes mean. Used by the
//! sink's task.

use std::sync::Arc;

use glottis_core::SinkError;
use glottis_net::address::{Url, percent_encode};
use glottis_net::http::Answer;
use glottis_net::secret::Veil;
use glottis_net::socket::{self, Keepalive, Lost, Opening, Socket};
use glottis_net::tls::ClientConfig;
use http::HeaderMap;
use http::header::ORIGIN;

use crate::config::Config;
use crate::rest::{Token, words_of};
use crate::trouble::{self, Said};

/// Pings without any sign of life before the connection counts as dead.
const PINGS: u32 = 2;

/// Longest incoming message: inline sound of a long answer, and some.
const LONGEST: usize = 32 << 20;

/// Why no socket could be opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The service refused the token.
    Token(Said),
    /// The service wants to be paid.
    Payment(Said),
    /// Anything else: worth another try.
    Failed(Box<SinkError>),
}

/// Opens the socket of `config` with `token`.
pub(crate) async fn connect(
    config: &Config,
    tls: &Arc<ClientConfig>,
    token: &Token,
    veil: &Veil,
) -> Result<Socket, Refused> {
    let base = &config.server.socket;
    let failed = |why: &str| Refused::Failed(Box::new(trouble::network("connect", base, why)));
    let url = format!("{base}?token={}", percent_encode(token.secret.reveal()));
    // The error would print the URL.
    let url = Url::parse(&url).map_err(|_| failed("its URL makes no request"))?;
    let headers: HeaderMap = config.origin.iter().map(|origin| (ORIGIN, origin.clone())).collect();
    let opening = Opening {
        url: &url,
        headers: &headers,
        limit: config.http_timeout,
        longest_out: config.max_message,
        longest_in: LONGEST,
        keepalive: config.ping.map(|every| Keepalive { every, pings: PINGS, answer: every, only_pongs: false }),
    };
    Socket::connect(tls, &opening, veil).await.map_err(|refused| match refused {
        socket::Refused::Answered(answer) => judge(&answer, base, veil),
        socket::Refused::Failed(why) => failed(&why),
    })
}

/// What an answer other than an upgrade means. `url` is without its query.
fn judge(answer: &Answer, url: &str, veil: &Veil) -> Refused {
    let status = answer.status;
    let said = veil.scrub(&words_of(&answer.body, serde_json::from_slice(&answer.body).ok().as_ref()));
    let said = Said { status: Some(status), words: said };
    match status {
        401 | 403 => Refused::Token(said),
        402 => Refused::Payment(said),
        _ => {
            let mut error = trouble::network("connect", url, &format!("it answered {status}{}", said.tail()));
            error.http_status = Some(status);
            Refused::Failed(Box::new(error))
        }
    }
}

/// Whether the next connection will meet the same end: the service objects to what we are or say.
pub(crate) fn is_poison(lost: &Lost) -> bool {
    is_token_refusal(lost) || matches!(lost.code, Some(1002 | 1003 | 1007 | 1009 | 1010))
}

/// Whether this is how services refuse a token once the socket is open.
pub(crate) fn is_token_refusal(lost: &Lost) -> bool {
    matches!(lost.code, Some(1008 | 4001 | 4401 | 4403))
}
