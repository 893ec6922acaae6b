//! The id of this installation as a user of the service: generated once and kept, because the
//! service files chat history under it. Not a secret. Called once per sink, on the async runtime.

use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// The file in the state directory.
const FILE: &str = "ravatar-user-id";

/// Whether `id` is 1 to 128 of `[A-Za-z0-9_-]`, as the service asks.
pub(crate) fn is_user_id(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether `id` is 1 to 64 of `[A-Za-z0-9-]`, as the service asks.
pub(crate) fn is_project_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A user id, and why it could not be kept, if it could not.
pub(crate) struct UserId {
    pub(crate) id: String,
    pub(crate) problem: Option<String>,
}

/// The id kept in `dir`, or a new one, kept there from now on.
pub(crate) fn kept(dir: Option<&Path>) -> UserId {
    let Some(dir) = dir else {
        return UserId { id: generate(), problem: Some("there is no state directory".to_owned()) };
    };
    let path = dir.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) if is_user_id(text.trim()) => return UserId { id: text.trim().to_owned(), problem: None },
        Ok(_) => {
            let problem = format!("{} holds no user id", path.display());
            return UserId { id: generate(), problem: Some(problem) };
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            let problem = format!("cannot read {}: {error}", path.display());
            return UserId { id: generate(), problem: Some(problem) };
        }
    }
    keep(dir, &path)
}

fn keep(dir: &Path, path: &Path) -> UserId {
    let id = generate();
    // Written aside and linked into place: a second sink that starts at the same moment finds
    // either no file or a whole one.
    let aside = dir.join(format!("{FILE}.{id}"));
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::File::create_new(&aside))
        .and_then(|mut file| writeln!(file, "{id}"))
        .and_then(|()| std::fs::hard_link(&aside, path));
    // The name aside has served its purpose either way.
    let _ = std::fs::remove_file(&aside);
    match written {
        Ok(()) => UserId { id, problem: None },
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match std::fs::read_to_string(path) {
            Ok(theirs) if is_user_id(theirs.trim()) => UserId { id: theirs.trim().to_owned(), problem: None },
            _ => UserId { id, problem: Some(format!("cannot read {}", path.display())) },
        },
        Err(error) => UserId { id, problem: Some(format!("cannot write {}: {error}", path.display())) },
    }
}

/// 24 hexadecimal digits, as the vendor's own demo makes them.
fn generate() -> String {
    // Seeded by the system's random source; it need not be secret, only its own.
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:08x}", random(), random() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_generated_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("deep/state");
        let first = kept(Some(&state));
        assert!(first.problem.is_none(), "{:?}", first.problem);
        assert_eq!(first.id.len(), 24);
        assert!(first.id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
        assert_eq!(kept(Some(&state)).id, first.id);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1, "nothing is left aside");
        assert_ne!(generate(), generate());
    }

    #[test]
    fn a_spoilt_file_or_no_directory_still_gives_an_id_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "not an id!").unwrap();
        for place in [Some(dir.path()), None] {
            let user = kept(place);
            assert!(is_user_id(&user.id) && user.problem.is_some());
        }
    }

    #[test]
    fn ids_follow_the_rules_of_the_service() {
        assert!(is_user_id("kiosk_1-A") && is_project_id("0a-B"));
        for bad in ["", "a b", "ü", &"x".repeat(129)] {
            assert!(!is_user_id(bad), "{bad}");
        }
        for bad in ["", "a_b", "a/b", &"x".repeat(65)] {
            assert!(!is_project_id(bad), "{bad}");
        }
    }
}
