//! What arrives at the next hop, read like a mail program reads it.

use mail_parser::MessageParser;

use crate::support::app::TestApp;
use crate::support::sink::Message;

/// The plain text of a letter.
pub fn text(message: &Message) -> String {
    MessageParser::default().parse(&message.content).unwrap().body_text(0).unwrap().into_owned()
}

/// The subject of a letter.
pub fn subject(message: &Message) -> String {
    MessageParser::default().parse(&message.content).unwrap().subject().unwrap().to_owned()
}

/// The first letter with that subject that arrived.
pub fn find(app: &TestApp, wanted: &str) -> Message {
    let mut letters = app.sink.messages().into_iter().filter(|message| message.accepted && subject(message) == wanted);
    let found = letters.next();
    assert!(found.is_some(), "no letter about {wanted}");
    found.unwrap()
}

/// The path of the first link in a letter that begins so.
pub fn link(message: &Message, path: &str) -> String {
    let text = text(message);
    let start = format!("http://127.0.0.1:8080{path}");
    let found = text.split_whitespace().find(|word| word.starts_with(&start));
    assert!(found.is_some(), "no link to {path} in {text}");
    found.and_then(|word| word.strip_prefix("http://127.0.0.1:8080")).unwrap().to_owned()
}
