//! `--set PATH=VALUE`.

use glottis_core::param::{Located, Table, Value, nearest};
use glottis_core::{Place, Problem};

/// Applies one override. Tables on the way that do not exist are made; list entries must exist.
pub(super) fn apply(table: &mut Table, assignment: &str) -> Result<(), Problem> {
    let place = Place::Override(assignment.to_owned());
    let Some((path, text)) = assignment.split_once('=') else {
        return Err(
            Problem::new(place, "", "there is no `=`").help("write --set PATH=VALUE, for example source.pace=fast")
        );
    };
    let value = match super::text::value(text.trim(), &|name| std::env::var(name).ok()) {
        Some(Ok(value)) => value,
        Some(Err(problems)) => {
            let message = problems.first().map(|p| p.message.clone()).unwrap_or_default();
            return Err(Problem::new(place, path, message));
        }
        None => Value::Text(text.to_owned()),
    };
    let located = Located { value, place: place.clone() };
    let keys: Vec<&str> = path.trim().split('.').collect();
    descend(table, &keys, located, &mut String::new())
        .map_err(|(path, message, help)| Problem::new(place, path, message).help(help))
}

type Refused = (String, String, String);

fn descend(table: &mut Table, keys: &[&str], value: Located, walked: &mut String) -> Result<(), Refused> {
    let (Some(&key), rest) = (keys.first(), keys.get(1..).unwrap_or_default()) else {
        return Err((walked.clone(), "the path is empty".into(), "name a key, for example source.pace".into()));
    };
    if rest.is_empty() {
        table.set(key, value);
        return Ok(());
    }
    if !walked.is_empty() {
        walked.push('.');
    }
    walked.push_str(key);
    if table.get(key).is_none() {
        table.set(key, Located { value: Value::Table(Table::default()), place: value.place.clone() });
    }
    let next = table.entries.iter_mut().find(|e| e.key == key).map(|e| &mut e.value.value);
    match next {
        Some(Value::Table(next)) => descend(next, rest, value, walked),
        Some(Value::List(items)) => {
            let index = find(items, rest[0]).map_err(|help| {
                (format!("{walked}.{}", rest[0]), format!("there is no {key} \"{}\"", rest[0]), help)
            })?;
            let Value::Table(next) = &mut items[index].value else {
                return Err((walked.clone(), "the list holds no tables".into(), String::new()));
            };
            walked.push('.');
            walked.push_str(rest[0]);
            descend(next, &rest[1..], value, walked)
        }
        _ => Err((walked.clone(), format!("`{walked}` has no keys below it"), String::new())),
    }
}

/// The entry of that index, name, or (where it has no name) type.
fn find(items: &[Located], wanted: &str) -> Result<usize, String> {
    let names: Vec<String> = items
        .iter()
        .map(|item| match &item.value {
            Value::Table(table) => table.text("name").or(table.text("type")).unwrap_or_default().to_owned(),
            _ => String::new(),
        })
        .collect();
    if let Some(index) = names.iter().position(|name| name == wanted) {
        return Ok(index);
    }
    match wanted.parse::<usize>() {
        Ok(index) if index < items.len() => Ok(index),
        Ok(_) => Err(format!("there are {}, counted from 0", items.len())),
        Err(_) => match nearest(wanted, names.iter().map(String::as_str)) {
            Some(near) => Err(format!("did you mean `{near}`?")),
            None => Err(format!("there are: {}", names.join(", "))),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;

    fn config() -> Config {
        Config::parse(
            "[source]\ntype = \"file\"\n[[sink]]\ntype = \"file\"\n[[sink]]\nname = \"avatar\"\ntype = \"ravatar\"\n",
            "p.toml".as_ref(),
        )
        .unwrap()
    }

    #[test]
    fn lists_go_by_name_type_or_index_and_missing_tables_are_made() {
        let mut config = config();
        config.set("sink.avatar.user_id=kiosk-2").unwrap();
        config.set("sink.0.turn.mode=always").unwrap();
        config.set("sink.file.chunk.frames = 160").unwrap();
        let sinks = config.section("sink");
        assert_eq!(sinks[1].text("user_id"), Some("kiosk-2"));
        let super::Value::Table(chunk) = &sinks[0].get("chunk").unwrap().value else { panic!() };
        assert_eq!(chunk.get("frames").unwrap().value, super::Value::Int(160));
    }

    #[test]
    fn a_path_that_leads_nowhere_names_the_nearest() {
        let message = config().set("sink.avatr.user_id=x").unwrap_err().to_string();
        assert!(message.contains("did you mean `avatar`?"), "{message}");
        assert!(config().set("sink.7.x=1").unwrap_err().to_string().contains("there are 2"));
        assert!(config().set("nonsense").is_err());
        assert!(config().set("source.type.deeper=1").is_err());
    }
}
