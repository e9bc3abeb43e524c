//! Request bodies, read leniently: the clients of the compatible APIs send JSON without its content type, empty bodies
//! where JSON is announced, and fields nobody asked for.

use serde::de::DeserializeOwned;

/// The JSON in a body, whatever its content type; an empty body is an empty object. `None` when it is no such JSON.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let text = body.trim_ascii();
    serde_json::from_slice(if text.is_empty() { b"{}" } else { text }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Note {
        #[serde(default)]
        note: String,
    }

    #[test]
    fn an_empty_body_is_an_empty_object_and_nonsense_is_nothing() {
        assert_eq!(json(b" "), Some(Note { note: String::new() }));
        assert_eq!(json(b"{\"note\":\"x\",\"other\":1}"), Some(Note { note: "x".into() }));
        assert_eq!(json::<Note>(b"note=x"), None);
    }
}
