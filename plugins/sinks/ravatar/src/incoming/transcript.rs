//! Voice answers that begin with what the service understood, as a block quote. Pure.
//!
//! The only transcript of the user's speech a client ever sees. The official demo client splits it
//! off by these rules.

/// Splits `text` into the quoted transcript and the rest; `None` if it does not begin with a quote.
///
/// ```
/// use glottis_sink_ravatar::incoming::split_transcript;
///
/// let split = split_transcript(">Hi there\n\nHello!");
/// assert_eq!(split, Some(("Hi there".to_owned(), "Hello!".to_owned())));
/// assert_eq!(split_transcript("Hello!"), None);
/// ```
pub fn split(text: &str) -> Option<(String, String)> {
    let text = text.trim_start();
    let is_quote = |line: &&str| line.trim_start().starts_with('>');
    let quoted: Vec<&str> = text.lines().take_while(is_quote).map(unquote).collect();
    if quoted.is_empty() {
        return None;
    }
    let rest = text.lines().skip(quoted.len()).collect::<Vec<_>>().join("\n");
    let rest = rest.trim_start();
    if rest.is_empty() && quoted.len() == 1 {
        return Some(split_question(quoted[0]));
    }
    Some((quoted.join("\n").trim().to_owned(), rest.to_owned()))
}

fn unquote(line: &str) -> &str {
    let line = line.trim_start();
    let line = line.strip_prefix('>').unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line)
}

/// One quoted line and nothing else: a question in it may be followed by its answer.
fn split_question(line: &str) -> (String, String) {
    match line.find('?') {
        Some(mark) => (line[..=mark].trim().to_owned(), line[mark + 1..].trim().to_owned()),
        None => (line.trim().to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C63.
    #[test]
    fn quotes_are_split_as_the_demo_splits_them() {
        for (text, transcript, answer) in [
            (">Hi there\n\nHello!", "Hi there", "Hello!"),
            (">A\n> B\n\nC", "A\nB", "C"),
            (">What day? Friday.", "What day?", "Friday."),
            (">Hm", "Hm", ""),
            ("  \n > spaced \r\n\r\n  C\nD", "spaced", "C\nD"),
            (">A\n>B", "A\nB", ""),
            (">A\nB\n>C", "A", "B\n>C"),
            (">", "", ""),
            (">Wie spät? Zwölf?", "Wie spät?", "Zwölf?"),
        ] {
            assert_eq!(split(text), Some((transcript.to_owned(), answer.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn text_without_a_leading_quote_stays_whole() {
        for text in ["", "Hello", "Hello\n>quote", "  "] {
            assert_eq!(split(text), None);
        }
    }
}
