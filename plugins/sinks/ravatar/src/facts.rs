//! What `GET /connection` tells: avatars, languages, the conversation, the style of turns. Plain
//! values.

use glottis_core::SinkError;
use serde_json::Value;

use crate::config::Config;
use crate::trouble;
use crate::voice::Mode;
use glottis_net::secret::Secret;

const PHASE: &str = "configuration";

/// The service's configuration for this user and project.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The conversation messages belong to; opaque, may be kilobytes.
    pub(crate) session: Option<Secret>,
    pub(crate) avatars: Vec<Avatar>,
    /// Language codes.
    pub(crate) languages: Vec<String>,
    pub(crate) chat_types: Vec<String>,
    /// Whether the service expects an open microphone.
    pub(crate) vad: bool,
}

/// An avatar of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Avatar {
    pub(crate) id: String,
    /// Whether it can be live; `None` if the service does not say.
    pub(crate) live: Option<bool>,
}

/// What the configuration chooses of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) avatar: String,
    pub(crate) language: String,
    pub(crate) session: Option<Secret>,
}

impl Facts {
    /// Reads the answer. Deployments differ in the names of id and code; the first of both counts.
    pub(crate) fn parse(value: &Value) -> Result<Facts, SinkError> {
        if !value.is_object() {
            return Err(trouble::protocol(PHASE, "GET /connection was answered with something else than JSON"));
        }
        let avatars = items(&value["avatars_info"]).filter_map(|avatar| {
            let id = text(&avatar["id"]).or_else(|| text(&avatar["_id"]))?;
            Some(Avatar { id: id.to_owned(), live: avatar["hasLiveMode"].as_bool() })
        });
        let languages = items(&value["languages"])
            .filter_map(|language| text(&language["code"]).or_else(|| text(&language["language_code"])));
        let facts = Facts {
            session: text(&value["session"]).map(Secret::new),
            avatars: avatars.collect(),
            languages: languages.map(str::to_owned).collect(),
            chat_types: items(&value["chat_types"]).filter_map(Value::as_str).map(str::to_owned).collect(),
            vad: value["vadEnabled"].as_bool().unwrap_or(false),
        };
        if facts.avatars.is_empty() {
            let advice = "add an avatar to the project with the vendor";
            return Err(trouble::misfit(PHASE, "the project has no avatar", advice));
        }
        Ok(facts)
    }

    /// The avatar, language and conversation of `config`.
    pub(crate) fn choose(&self, config: &Config) -> Result<Choice, SinkError> {
        let ids = || self.avatars.iter().map(|avatar| avatar.id.as_str()).collect::<Vec<_>>().join(", ");
        let avatar = match &config.avatar {
            None => self.avatars.first(),
            Some(id) => self.avatars.iter().find(|avatar| avatar.id == *id),
        };
        let Some(avatar) = avatar else {
            let id = config.avatar.as_deref().unwrap_or_default();
            let advice = format!("avatars of this project: {}; or avatar = \"first\"", ids());
            return Err(trouble::misfit(PHASE, format!("the project has no avatar \"{id}\""), advice));
        };
        if config.mode == Mode::Live && avatar.live == Some(false) {
            let message = format!("avatar \"{}\" has no live mode", avatar.id);
            return Err(trouble::misfit(PHASE, message, format!("choose another of {}", ids())));
        }
        Ok(Choice { avatar: avatar.id.clone(), language: self.language(config)?, session: self.session.clone() })
    }

    fn language(&self, config: &Config) -> Result<String, SinkError> {
        let found = match &config.language {
            None => self.languages.first(),
            // A service that lists none may still know the one we are told.
            Some(code) if self.languages.is_empty() => Some(code),
            Some(code) => self.languages.iter().find(|language| *language == code),
        };
        found.cloned().ok_or_else(|| match &config.language {
            None => trouble::misfit(PHASE, "the project lists no language", "name one with the language key"),
            Some(code) => {
                let advice = format!("languages of this project: {}", self.languages.join(", "));
                trouble::misfit(PHASE, format!("the project has no language \"{code}\""), advice)
            }
        })
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config_for;
    use serde_json::json;

    fn facts(value: Value) -> Facts {
        Facts::parse(&value).unwrap()
    }

    fn config(avatar: Option<&str>, language: Option<&str>) -> Config {
        let mut config = config_for("http://127.0.0.1:1");
        config.avatar = avatar.map(str::to_owned);
        config.language = language.map(str::to_owned);
        config
    }

    fn sample() -> Facts {
        facts(json!({"avatars_info":[{"_id":"a"},{"_id":"b","hasLiveMode":false}],
            "languages":[{"language_code":"en"},{"language_code":"uk"}]}))
    }

    /// C13.
    #[test]
    fn both_namings_give_the_same_configuration() {
        let docs = sample();
        let demo = facts(json!({"avatars_info":[{"id":"a"},{"id":"b","hasLiveMode":false}],
            "languages":[{"code":"en"},{"code":"uk"}],"unknown":1}));
        assert_eq!((docs.avatars, docs.languages), (demo.avatars, demo.languages));
    }

    /// C14, C15.
    #[test]
    fn what_is_absent_has_its_meaning() {
        let bare = sample();
        assert!(!bare.vad && bare.session.is_none() && bare.chat_types.is_empty());
        let full = facts(json!({"session":"s","vadEnabled":true,"chat_types":["text",3],"avatars_info":[{"_id":"a"}]}));
        assert!(full.vad);
        assert_eq!((full.session, full.chat_types), (Some(Secret::new("s")), vec!["text".to_owned()]));
        let empty = facts(json!({"session":"","vadEnabled":"yes","avatars_info":[{"_id":"a"}]}));
        assert!(!empty.vad && empty.session.is_none());
    }

    #[test]
    fn the_first_or_the_named_are_chosen() {
        let first = sample().choose(&config(None, None)).unwrap();
        assert_eq!((first.avatar.as_str(), first.language.as_str()), ("a", "en"));
        assert_eq!(sample().choose(&config(Some("a"), Some("uk"))).unwrap().language, "uk");
    }

    /// C16, and what else cannot be had.
    #[test]
    fn what_the_project_does_not_have_is_refused_by_name() {
        for (avatar, language, named) in
            [(Some("b"), None, "live mode"), (Some("c"), None, "\"c\""), (None, Some("fr"), "\"fr\"")]
        {
            let error = sample().choose(&config(avatar, language)).unwrap_err();
            assert_eq!(error.code, "Config");
            assert!(error.message.contains(named) && !error.advice.is_empty(), "{error}");
        }
        for bad in [json!({"avatars_info":[]}), json!({}), json!(null), json!([1])] {
            assert!(Facts::parse(&bad).is_err(), "{bad}");
        }
    }
}
