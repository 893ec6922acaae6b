//! The rest of the service's API: what a program wants of it without a run. On the caller's async
//! runtime, or on the caller's thread with [`block_on`].

use std::io;
use std::sync::OnceLock;

use glottis_core::param::Settings;
use glottis_core::{Context, Problem, SinkError};
use glottis_net::secret::Veil;
use glottis_net::tls;

use crate::config::Config;
use crate::history::{Message, Pages};
use crate::journal::Journal;
use crate::rest::Rest;
use crate::{trouble, user};

/// Messages asked for at once.
const PER_PAGE: u32 = 50;

/// A user of the service, as the keys of a `ravatar` sink name it.
///
/// ```no_run
/// use glottis_core::param::{Table, check};
/// use glottis_core::registry::ComponentKind;
/// use glottis_core::{Context, Registry};
/// use glottis_sink_ravatar::{Account, block_on};
///
/// let mut registry = Registry::new();
/// glottis_sink_ravatar::register(&mut registry);
/// let keys = Table::default().with("project_id", "my-project").with("user_id", "kiosk-1");
/// let params = registry.get(ComponentKind::Sink, "ravatar").unwrap().params;
/// let settings = check(&keys, params, "", "".as_ref(), &registry).unwrap();
/// let account = Account::new(&settings, &Context::default()).unwrap();
/// for message in block_on(account.history())?? {
///     println!("{:?} {:?}", message.request, message.answer);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Account {
    config: Config,
    user_id: String,
    sink: String,
    veil: Veil,
    /// Made at the first call of its project; all calls share its token.
    rest: OnceLock<Rest>,
}

/// What became of a live session that an earlier run left open.
#[derive(Debug)]
pub struct Released {
    /// The session's licence.
    pub license_id: String,
    /// The sink that had started it.
    pub sink: String,
    /// When that was, in seconds since the Unix epoch.
    pub started: u64,
    /// Whether it has ended now. If not it stays in the journal.
    pub result: Result<(), SinkError>,
}

impl Account {
    /// The account that the keys of a `ravatar` sink name. Sends nothing. Without a `user_id` it is
    /// the one kept in the state directory, generated where there is none.
    ///
    /// # Errors
    /// What is wrong with the keys.
    pub fn new(settings: &Settings, context: &Context) -> Result<Account, Vec<Problem>> {
        let config = Config::new(settings, context)?;
        let user_id = match &config.user_id {
            Some(user_id) => user_id.clone(),
            None => {
                let kept = user::kept(config.state_dir.as_deref());
                if let Some(problem) = kept.problem {
                    let message = format!("the user id of earlier runs is not known: {problem}");
                    return Err(vec![settings.problem("user_id", message).help("set user_id")]);
                }
                kept.id
            }
        };
        Ok(Account { config, user_id, sink: context.name.clone(), veil: Veil::default(), rest: OnceLock::new() })
    }

    /// The user's id.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    fn rest(&self) -> Result<&Rest, SinkError> {
        if let Some(rest) = self.rest.get() {
            return Ok(rest);
        }
        let rest = self.rest_of(&self.config.project_id)?;
        Ok(self.rest.get_or_init(|| rest))
    }

    fn rest_of(&self, project_id: &str) -> Result<Rest, SinkError> {
        let tls = tls::client(None).map_err(|why| trouble::protocol("login", format!("TLS: {why}")))?;
        let config = Config { project_id: project_id.to_owned(), ..self.config.clone() };
        Rest::new(&config, self.user_id.clone(), &tls, self.veil.clone())
    }

    /// Everything the user and the avatars of the project have said to each other, oldest first.
    ///
    /// # Errors
    /// The service refuses or does not answer, retries included: an error of the sink's table.
    pub async fn history(&self) -> Result<Vec<Message>, SinkError> {
        let rest = self.rest()?;
        let mut pages = Pages::default();
        let mut number = 1;
        while pages.add(&rest.chat(PER_PAGE, number).await?) {
            number += 1;
        }
        Ok(pages.in_order())
    }

    /// Ends every live session that an earlier run of this user left open, in any project; those
    /// that a living process owns are left alone. Says what became of each; empty if there was none.
    pub async fn release(&self) -> Vec<Released> {
        let config = &self.config;
        let state_dir = config.state_dir.as_deref();
        let journal = Journal::new(state_dir, &config.server.rest, &self.user_id, &config.project_id, &self.sink);
        let mut released = Vec::new();
        for (entry, page) in journal.leftovers(true) {
            let result = match self.rest_of(&entry.project_id) {
                Ok(rest) => rest.end_live(&entry.license_id).await,
                Err(error) => Err(error),
            };
            if result.is_ok() {
                page.strike();
            }
            let (license_id, sink, started) = (entry.license_id, entry.sink, entry.started);
            released.push(Released { license_id, sink, started, result });
        }
        released
    }
}

/// Waits for `work` on the calling thread: for programs without an async runtime of their own. Panics
/// inside one, as it would stop it.
///
/// # Errors
/// The system refuses what a runtime needs.
pub fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}
