//! Reads an OpenAPI document into what the page shows. What is missing or odd is shown as little, never an error: the
//! document is our own, and a test walks all of it.

use serde_json::Value;

/// A noun and what can be done with it.
#[derive(Debug, Clone)]
pub struct Noun {
    pub name: String,
    pub anchor: String,
    pub about: String,
    pub operations: Vec<Operation>,
}

/// One thing that can be done.
#[derive(Debug, Clone)]
pub struct Operation {
    pub anchor: String,
    pub method: String,
    pub path: String,
    pub summary: String,
    pub about: String,
    /// What the token's scopes must allow; empty for any token.
    pub scope: String,
    pub parameters: Vec<Field>,
    pub fields: Vec<Field>,
    pub answers: Vec<Answer>,
    pub curl: String,
}

/// A parameter, or a field of a body.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    /// Where it stands: `path`, `query`, `header`; empty for a field of a body.
    pub place: String,
    pub kind: Kind,
    pub required: bool,
    pub about: String,
}

/// What a value is: words, and the shape they name.
#[derive(Debug, Clone, Default)]
pub struct Kind {
    pub words: String,
    /// The anchor of the shape, if it is one.
    pub shape: Option<String>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: String,
    pub about: String,
    pub kind: Kind,
}

/// A shape of JSON that answers and bodies name.
#[derive(Debug, Clone)]
pub struct Shape {
    pub name: String,
    pub anchor: String,
    pub about: String,
    pub fields: Vec<Field>,
    /// What it may be, if it is a word.
    pub words: Vec<String>,
}

static NOTHING: Value = Value::Null;

/// A body that is a file, as it is.
const FILE: &str = "application/octet-stream";

/// What stands there (a JSON pointer, RFC 6901); null where there is nothing.
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NOTHING)
}

/// A text, or an empty one.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The nouns, in the document's order.
pub fn nouns(document: &Value) -> Vec<Noun> {
    let all = operations(document);
    let noun = |tag: &Value| {
        let name = text(at(tag, "/name"));
        let operations = all.iter().filter(|(noun, _)| *noun == name).map(|(_, operation)| operation.clone()).collect();
        Noun { anchor: anchor(&name), about: text(at(tag, "/description")), operations, name }
    };
    items(at(document, "/tags")).map(noun).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn anchor(name: &str) -> String {
    name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}

fn operations(document: &Value) -> Vec<(String, Operation)> {
    let server = text(at(document, "/servers/0/url"));
    let mut all = Vec::new();
    for (path, item) in entries(at(document, "/paths")) {
        for (method, value) in entries(item) {
            all.push((text(at(value, "/tags/0")), operation(document, &server, path, method, value)));
        }
    }
    all
}

fn operation(document: &Value, server: &str, path: &str, method: &str, value: &Value) -> Operation {
    let body = at(value, "/requestBody/content/application~1json");
    let parameter = |one: &Value| Field {
        name: text(at(one, "/name")),
        place: text(at(one, "/in")),
        kind: kind(at(one, "/schema")),
        required: at(one, "/required") == true,
        about: text(at(one, "/description")),
    };
    let answer = |(status, one): (&String, &Value)| Answer {
        status: status.clone(),
        about: text(at(one, "/description")),
        kind: entries(at(one, "/content")).next().map(|(_, content)| kind(at(content, "/schema"))).unwrap_or_default(),
    };
    Operation {
        anchor: text(at(value, "/operationId")),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(at(value, "/summary")),
        about: text(at(value, "/description")),
        scope: text(at(value, "/security/0/token/0")),
        parameters: items(at(value, "/parameters")).map(parameter).collect(),
        fields: fields(resolve(document, at(body, "/schema"))),
        answers: entries(at(value, "/responses")).map(answer).collect(),
        curl: curl(server, path, method, value),
    }
}

/// The schema itself, or the one it refers to.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match reference(schema) {
        Some(name) => at(document, "/components/schemas").get(name).unwrap_or(&NOTHING),
        None => schema,
    }
}

fn reference(schema: &Value) -> Option<&str> {
    at(schema, "/$ref").as_str()?.rsplit('/').next()
}

fn fields(schema: &Value) -> Vec<Field> {
    let is_required = |name: &str| items(at(schema, "/required")).any(|required| required == name);
    let field = |(name, value): (&String, &Value)| Field {
        name: name.clone(),
        place: String::new(),
        kind: kind(value),
        required: is_required(name),
        about: text(at(value, "/description")),
    };
    entries(at(schema, "/properties")).map(field).collect()
}

/// What a value is, in words.
fn kind(schema: &Value) -> Kind {
    if let Some(name) = reference(schema) {
        return Kind { words: name.to_owned(), shape: Some(shape_anchor(name)) };
    }
    let choices: Vec<&Value> = items(at(schema, "/oneOf")).chain(items(at(schema, "/anyOf"))).collect();
    if !choices.is_empty() {
        let kinds: Vec<Kind> = choices.into_iter().map(kind).collect();
        let words: Vec<&str> = kinds.iter().map(|kind| kind.words.as_str()).collect();
        // Null comes last when it is said.
        let mut words = words;
        words.sort_by_key(|word| *word == "null");
        return Kind { words: words.join(" or "), shape: kinds.iter().find_map(|kind| kind.shape.clone()) };
    }
    if let Some(words) = at(schema, "/enum").as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return Kind { words: words.join(" or "), shape: None };
    }
    if at(schema, "/type") == "array" || items(at(schema, "/type")).any(|word| word == "array") {
        let inner = kind(at(schema, "/items"));
        return Kind { words: format!("list of {}", inner.words), shape: inner.shape };
    }
    let named = |word: &str| match (word, at(schema, "/format").as_str()) {
        ("string", Some("date-time")) => "date and time".to_owned(),
        ("string", Some(format)) => format.to_owned(),
        ("string", None) => "text".to_owned(),
        ("boolean", _) => "true or false".to_owned(),
        ("integer", _) => "number".to_owned(),
        (word, _) => word.to_owned(),
    };
    let words: Vec<String> = match at(schema, "/type") {
        Value::String(word) => vec![named(word)],
        Value::Array(words) => words.iter().filter_map(Value::as_str).map(named).collect(),
        _ => Vec::new(),
    };
    Kind { words: words.join(" or "), shape: None }
}

fn shape_anchor(name: &str) -> String {
    format!("shape-{}", anchor(name))
}

/// The shapes that answers and bodies name.
pub fn shapes(document: &Value) -> Vec<Shape> {
    let shape = |(name, schema): (&String, &Value)| Shape {
        name: name.clone(),
        anchor: shape_anchor(name),
        about: text(at(schema, "/description")),
        fields: fields(schema),
        words: items(at(schema, "/enum")).map(text).collect(),
    };
    entries(at(document, "/components/schemas")).map(shape).collect()
}

/// A call that can be pasted into a shell once the token stands in it.
fn curl(server: &str, path: &str, method: &str, value: &Value) -> String {
    let method = method.to_uppercase();
    let mut lines = Vec::new();
    let verb = if method == "GET" { String::new() } else { format!("-X {method} ") };
    let needed = items(at(value, "/parameters")).filter(|one| at(one, "/in") == "query" && at(one, "/required") == true);
    let query: Vec<String> = needed.map(|one| format!("{}={}", text(at(one, "/name")), text(at(one, "/example")))).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    lines.push(format!("curl {verb}{}", quoted(&format!("{server}{path}{query}"))));
    lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    let (body, answer) = (at(value, "/requestBody/content"), at(value, "/responses/200/content"));
    let example = at(body, "/application~1json/example");
    if !example.is_null() {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d {}", quoted(&example.to_string())));
    }
    if body.get(FILE).is_some() {
        lines.push(format!("-H 'Content-Type: {FILE}'"));
        lines.push("--data-binary @FILE".to_owned());
    }
    if answer.get("application/zip").is_some() {
        lines.push("--output FILE.zip".to_owned());
    }
    lines.join(" \\\n  ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_said_in_words() {
        let words = |schema: Value| kind(&schema).words;
        assert_eq!(words(json!({ "type": ["string", "null"], "format": "date-time" })), "date and time or null");
        assert_eq!(words(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Alias" } })), "list of Alias");
        assert_eq!(words(json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Pause" }] })), "Pause or null");
        assert_eq!(words(json!({ "type": "string", "enum": ["tag", "hold"] })), "tag or hold");
        assert_eq!(words(json!(null)), "");
    }

    #[test]
    fn a_call_can_be_pasted() {
        let body = json!({ "requestBody": { "content": { "application/json": { "example": { "note": "it's" } } } } });
        let call = curl("https://x.example", "/v1/aliases", "post", &body);
        assert!(call.starts_with("curl -X POST 'https://x.example/v1/aliases' \\\n"), "{call}");
        assert!(call.ends_with("-d '{\"note\":\"it'\\''s\"}'"), "{call}");
        let needed = json!([{ "name": "format", "in": "query", "required": true, "example": "csv" }]);
        let file = json!({ "parameters": needed, "requestBody": { "content": { "application/octet-stream": {} } } });
        let call = curl("https://x.example", "/v1/imports", "post", &file);
        assert!(call.contains("/v1/imports?format=csv'") && call.ends_with("--data-binary @FILE"), "{call}");
    }
}
