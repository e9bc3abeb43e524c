//! `deploy/example.toml` holds every setting with its default and a comment, and nothing else.

use std::collections::BTreeMap;

use postern::config::Config;
use serde_json::Value;

/// What one line of the example says: `section.key`, its value as TOML, whether it is commented out, whether a comment
/// stands above it.
struct Setting {
    value: String,
    commented: bool,
    documented: bool,
}

fn example() -> String {
    std::fs::read_to_string("deploy/example.toml").unwrap()
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn settings() -> BTreeMap<String, Setting> {
    let mut found = BTreeMap::new();
    let mut section = String::new();
    let mut documented = false;
    for line in example().lines() {
        let (text, commented) = line.strip_prefix("# ").map_or((line, false), |text| (text, true));
        if let Some((key, value)) = text.split_once(" = ").filter(|(key, _)| is_key(key)) {
            found.insert(format!("{section}.{key}"), Setting { value: value.to_owned(), commented, documented });
            documented = false;
        } else if commented {
            documented = true;
        } else if let Some(name) = text.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
            documented = false;
        }
    }
    found
}

/// Every leaf of the default settings, `null` where there is none.
fn defaults(prefix: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                defaults(&path, value, found);
            }
        }
        leaf => {
            found.insert(prefix.to_owned(), leaf.clone());
        }
    }
}

fn default_settings() -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    defaults("", &serde_json::to_value(Config::default()).unwrap(), &mut found);
    found
}

#[test]
fn every_setting_stands_in_the_example_with_its_default_and_a_comment() {
    let example = settings();
    for (name, default) in default_settings() {
        let setting = example.get(&name).unwrap_or_else(|| panic!("deploy/example.toml has no {name}"));
        assert!(setting.documented, "{name} has no comment in deploy/example.toml");
        let empty = default.is_null() || default == "";
        let must_be_set = ["instance.hostname", "instance.domains"].contains(&name.as_str());
        assert_eq!(setting.commented, empty || must_be_set, "{name} is commented out only if it has no default");
    }
}

#[test]
fn the_example_as_it_stands_is_the_default() {
    let read: Config = toml::from_str(&example()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(Config::default()).unwrap());
}

#[test]
fn the_commented_examples_are_settings_that_can_be_used() {
    let known = default_settings();
    let mut config = toml::Table::new();
    for (name, setting) in settings() {
        assert!(known.contains_key(&name), "deploy/example.toml has {name}, which is no setting");
        if setting.commented && !name.ends_with("_file") {
            let (section, key) = name.rsplit_once('.').unwrap();
            let value: toml::Table = toml::from_str(&format!("value = {}", setting.value)).unwrap();
            let table = config.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            table.as_table_mut().unwrap().insert(key.to_owned(), value["value"].clone());
        }
    }
    let mut config: Config = config.try_into().unwrap();
    config.outbound.mode = postern::config::outbound::Mode::Smarthost;
    config.check().unwrap();
}
