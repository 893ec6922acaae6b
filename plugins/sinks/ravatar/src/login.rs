//! From nothing to an open socket and a live session: token, configuration, socket, start. In this
//! order, so that a socket that cannot be opened takes up no avatar. A chat has no session to start.
//! Owned by the sink's task.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use glottis_core::inlet::{Inlet, Item};
use glottis_core::{SinkError, SinkEvent, TurnMode};
use glottis_net::attend;
use glottis_net::socket::{Heard, Lost, Socket, Utf8Bytes};
use glottis_net::tls;

use crate::config::Config;
use crate::journal::Journal;
use crate::outbox::Outbox;
use crate::reconnect::Profile;
use crate::rest::{Rest, Start, Token};
use crate::sink::{End, Live, Ravatar, Service};
use crate::socket::{self, Refused};
use crate::{server, trouble, user};

/// How long a start that is on its way is waited for once a halt was asked for: without its licence
/// the session could not be ended.
const UNDER_WAY: Duration = Duration::from_millis(600);

/// Messages kept while the session is being started.
const EARLY: usize = 64;

impl Ravatar {
    /// An open socket. Also settles who speaks when, if the service decides that.
    pub(crate) async fn connect(&mut self, inlet: &mut Inlet) -> Result<Socket, End> {
        if self.runs <= 1 {
            inlet.emit(SinkEvent::State("connecting"));
        }
        self.reach(inlet)?;
        let renews = self.renews();
        let mut refreshed = false;
        let mut looked = self.live.is_some();
        loop {
            let token = self.configure(inlet).await?;
            if !std::mem::replace(&mut looked, true) {
                self.end_leftovers(inlet).await?;
                // Which may have replaced the token.
                continue;
            }
            let Ravatar { config, service, veil, outbox, .. } = self;
            let Some(Service { tls, rest, .. }) = service else { return Err(End::Finished) };
            let refused = match attend(inlet, outbox, socket::connect(config, tls, &token, veil)).await? {
                Ok(socket) => {
                    let capabilities = self.facts.as_ref().map(|(_, facts)| facts.chat_types.clone());
                    let capabilities = capabilities.unwrap_or_default();
                    inlet.emit(SinkEvent::Connected { connection_id: None, capabilities });
                    inlet.emit(SinkEvent::State("connected"));
                    return Ok(socket);
                }
                Err(refused) => refused,
            };
            let what = format!("the socket at {}", config.server.socket_host);
            match refused {
                Refused::Token(_) if !refreshed && renews => {
                    refreshed = true;
                    let fresh = attend(inlet, outbox, rest.refresh(&token)).await?;
                    fresh.map_err(|error| self.after(error))?;
                }
                Refused::Token(said) => {
                    let error = trouble::auth("connect", &what, &said);
                    return Err(End::Lost(Box::new(trouble::retryable(error)), None));
                }
                Refused::Payment(said) => return Err(End::failed(trouble::payment("connect", &what, &said))),
                Refused::Failed(error) => return Err(End::Lost(error, None)),
            }
        }
    }

    /// Makes the way to the service, once.
    fn reach(&mut self, inlet: &Inlet) -> Result<(), End> {
        if self.service.is_some() {
            return Ok(());
        }
        let user_id = match &self.config.user_id {
            Some(user_id) => user_id.clone(),
            None => {
                let user = user::kept(self.config.state_dir.as_deref());
                if let Some(problem) = user.problem {
                    let message = format!("the generated user id is for this run only: {problem}");
                    inlet.warn(trouble::misfit("login", message, "set user_id, or make the state directory writable"));
                }
                user.id
            }
        };
        let Config { state_dir, server, project_id, name, .. } = &self.config;
        let journal = Journal::new(state_dir.as_deref(), &server.rest, &user_id, project_id, name);
        let tls = tls::client(None).map_err(|why| End::failed(trouble::protocol("login", format!("TLS: {why}"))))?;
        let mut rest = Rest::new(&self.config, user_id, &tls, self.veil.clone()).map_err(End::failed)?;
        rest.tell(inlet.emitter());
        self.service = Some(Service { tls, rest, journal });
        Ok(())
    }

    /// A token good for hours, and what the service tells with it. A running live session keeps what
    /// it was started with.
    async fn configure(&mut self, inlet: &mut Inlet) -> Result<Token, End> {
        let Some(Service { rest, .. }) = &self.service else { return Err(End::Finished) };
        let renews = self.renews();
        let token = async { if renews { rest.fresh_token().await } else { rest.token().await } };
        let mut token = attend(inlet, &mut self.outbox, token).await?.map_err(|error| self.after(error))?;
        let known = self.facts.as_ref().is_some_and(|(generation, _)| *generation == token.generation);
        if self.live.is_none() && !known {
            let facts = attend(inlet, &mut self.outbox, rest.connection()).await?.map_err(|error| self.after(error))?;
            // The call may have replaced the token.
            token = attend(inlet, &mut self.outbox, rest.token()).await?.map_err(|error| self.after(error))?;
            self.choose_turn(inlet, facts.vad);
            self.facts = Some((token.generation, facts));
        }
        Ok(token)
    }

    fn choose_turn(&mut self, inlet: &mut Inlet, vad: bool) {
        let Some(edge) = self.edge else { return };
        if self.turn == TurnMode::Auto {
            self.turn = if vad && edge.voice { TurnMode::Speech } else { TurnMode::PushToTalk };
            inlet.choose_turn(self.turn);
        }
    }

    /// Starts the live session, unless one is running. The socket is served meanwhile.
    pub(crate) async fn start(
        &mut self,
        inlet: &mut Inlet,
        socket: &mut Socket,
        early: &mut VecDeque<Utf8Bytes>,
    ) -> Result<(), End> {
        if self.live.is_some() {
            return Ok(());
        }
        let (Some(Service { rest, journal, .. }), Some((_, facts))) = (&self.service, &self.facts) else {
            return Err(End::Finished);
        };
        let choice = facts.choose(&self.config).map_err(End::failed)?;
        let asked = rest.start_live(&choice.avatar, self.config.width, self.config.height);
        let (start, lost) = while_served(inlet, &mut self.outbox, socket, early, asked).await;
        let Some(Start { result, doubtful }) = start else {
            inlet.warn(trouble::leak("the run was stopped while a live session was being started"));
            return Err(End::Halted);
        };
        if doubtful > 0 {
            inlet.warn(trouble::leak(format!(
                "{doubtful} failed attempts to start a live session may have started one"
            )));
        }
        let started = result.map_err(|error| self.after(error))?;
        let page = journal.write(&started.license).unwrap_or_else(|error| {
            inlet.warn(trouble::unjournalled(&error));
            None
        });
        let live = Live { license: started.license, streaming_url: started.streaming_url, choice, page };
        inlet.emit(SinkEvent::Session(live.public()));
        if live.streaming_url.as_ref().is_some_and(|url| server::is_exposed(url.reveal())) {
            let words = "the streaming page is plain http: a page that is https cannot show it";
            inlet.emit(SinkEvent::Notice(words.to_owned()));
        }
        self.live = Some(live);
        match lost {
            _ if inlet.is_halted() => Err(End::Halted),
            Some(lost) if socket::is_token_refusal(&lost) && socket.messages() == 0 => Err(End::Rejected(lost)),
            Some(lost) => {
                let error = trouble::disconnected(&self.config.server.socket_host, &lost.why);
                Err(End::Lost(Box::new(error), Some(lost)))
            }
            None => Ok(()),
        }
    }

    /// Settles with whom a chat is.
    pub(crate) fn choose(&mut self) -> Result<(), End> {
        let Some((_, facts)) = &self.facts else { return Err(End::Finished) };
        self.chat = Some(facts.choose(&self.config).map_err(End::failed)?);
        Ok(())
    }

    /// Whether an old or a refused token is replaced. The vendor's demo reconnects with the one it has;
    /// where nobody would start again, that would be the end.
    pub(crate) fn renews(&self) -> bool {
        self.config.profile == Profile::Default || self.config.unattended || !self.opened
    }

    /// A new token in place of the one the socket refused.
    pub(crate) async fn renew(&mut self, inlet: &mut Inlet) -> Result<(), End> {
        let Some(Service { rest, .. }) = &self.service else { return Ok(()) };
        let Some(refused) = rest.present_token() else { return Ok(()) };
        attend(inlet, &mut self.outbox, rest.refresh(&refused)).await?.map_err(|error| self.after(error))?;
        Ok(())
    }

    /// What a failed call means. Once there has been a session, a service that cannot be reached may be
    /// reached later; a refused user can no longer end it.
    fn after(&self, error: SinkError) -> End {
        let passing = ["Network", "GatewayTimeout", "ServiceUnavailable", "ServerError"];
        match error.code {
            code if (self.live.is_some() || self.opened) && passing.contains(&code) => {
                End::Lost(Box::new(trouble::retryable(error)), None)
            }
            "AuthFailed" => End::over(error),
            _ => End::failed(error),
        }
    }
}

/// Waits for `work`; keeps or refuses commands meanwhile, and stops at a halt.
pub(crate) async fn attend<T>(inlet: &mut Inlet, outbox: &mut Outbox, work: impl Future<Output = T>) -> Result<T, End> {
    let put_off = |inlet: &mut Inlet, command| outbox.put_off(inlet, command);
    attend::attend(inlet, put_off, work).await.ok_or(End::Halted)
}

/// Waits for the start of a session, for a while even after a halt, and serves the socket meanwhile.
/// `None` if it took too long; also says if the socket was lost.
async fn while_served(
    inlet: &mut Inlet,
    outbox: &mut Outbox,
    socket: &mut Socket,
    early: &mut VecDeque<Utf8Bytes>,
    start: impl Future<Output = Start>,
) -> (Option<Start>, Option<Lost>) {
    let mut start = pin!(start);
    let mut lost = None;
    let halted = inlet.halted();
    let mut too_late = pin!(async {
        halted.await;
        tokio::time::sleep(UNDER_WAY).await;
    });
    loop {
        tokio::select! {
            biased;
            start = &mut start => return (Some(start), lost),
            () = &mut too_late => return (None, lost),
            heard = socket.hear(), if lost.is_none() => match heard {
                Heard::Text(text) if early.len() < EARLY => early.push_back(text),
                Heard::Lost(gone) => lost = Some(gone),
                Heard::Text(_) | Heard::Binary(_) | Heard::Flushed | Heard::Arrived => {}
            },
            // Both wait on the inlet, in one task: whichever registers last is woken, and both are
            // looked at then.
            item = inlet.recv_command(), if !inlet.is_halted() => {
                if let Item::Command(command) = item {
                    outbox.put_off(inlet, command);
                }
            }
        }
    }
}
