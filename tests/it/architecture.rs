//! The import chart of `src/lib.rs` as a test: who may use whom, which outside crates may appear where, file sizes,
//! paired migrations, the map.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder → folders it may import (besides itself). `config` and `telemetry` may be used by all.
const CHART: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("config", &["model"]),
    ("telemetry", &["model", "config"]),
    ("spool", &["model"]),
    ("policy", &["model"]),
    ("auth", &["model"]),
    ("transform", &["model"]),
    ("dns", &["model"]),
    ("storage", &["model", "spool"]),
    ("sender_auth", &["model", "dns", "spool"]),
    ("outbound", &["model", "dns", "spool"]),
    ("service", &["model", "spool", "policy", "transform", "dns", "storage", "sender_auth", "outbound", "auth"]),
    ("smtp", &["model", "spool", "service"]),
    ("web", &["model", "service"]),
    ("api", &["model", "service"]),
    ("delivery", &["model", "spool", "storage", "outbound", "service"]),
    (
        "app",
        &[
            "model",
            "spool",
            "dns",
            "storage",
            "outbound",
            "service",
            "smtp",
            "web",
            "api",
            "delivery",
            "transform",
            "sender_auth",
        ],
    ),
    ("sandbox", &["model", "app", "service"]),
    ("cli", &["model", "app", "service", "sandbox", "storage"]),
];

/// Outside crates (or paths) that may appear only in the named folders.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("sqlx", &["storage"]),
    ("axum", &["web", "api", "app", "sandbox"]),
    ("tower_http", &["web", "api"]),
    ("askama", &["web", "sandbox"]),
    ("lettre", &["outbound", "transform", "sandbox"]),
    ("mailin_embedded", &["sandbox"]),
    ("clap", &["cli"]),
    ("figment", &["config"]),
    ("hickory_resolver", &["dns"]),
    ("hickory_proto", &["dns"]),
    ("mail_auth", &["sender_auth"]),
    // Signing is bytes in, bytes out and stays in transform; making keys takes chance, so it is a use case.
    ("aws_lc_rs", &["transform", "service"]),
    ("smtp_proto", &["smtp"]),
    ("argon2", &["auth"]),
    ("utoipa", &["api"]),
    ("pgp", &["transform"]),
    ("totp_rs", &["auth"]),
    ("webauthn_rs", &["auth"]),
    ("qrcode", &["web"]),
    ("utoipa", &["api"]),
    ("csv", &["service"]),
    ("zip", &["service"]),
    ("reqwest", &["outbound", "cli"]),
];

/// Files that may pass 500 production lines, each with a reason.
const LARGE: &[(&str, &str)] = &[];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    found
}

/// The production part of a file: everything before its test module; nothing of a `tests.rs`.
fn production<'a>(path: &Path, text: &'a str) -> &'a str {
    if path.file_name().is_some_and(|name| name == "tests.rs") {
        return "";
    }
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

fn folder(path: &Path) -> Option<String> {
    let inside = path.strip_prefix("src").unwrap();
    (inside.components().count() > 1).then(|| inside.components().next().unwrap().as_os_str().to_str().unwrap().to_owned())
}

/// Code without comments, white space collapsed, so that grouped and multi-line imports read alike.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join(" ")
}

/// First path segments after `crate::`, also inside `use crate::{a::b, c}`.
fn crate_uses(code: &str) -> Vec<String> {
    let mut uses = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        uses.push(std::mem::take(&mut name));
                        start = true;
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 && start {
                    if c.is_alphanumeric() || c == '_' {
                        name.push(c);
                    } else if !name.is_empty() {
                        start = false;
                    }
                }
            }
            uses.push(name);
        } else {
            uses.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    uses.retain(|name| !name.is_empty());
    uses
}

#[test]
fn imports_follow_the_chart() {
    let chart: BTreeMap<_, _> = CHART.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(folder) = folder(&path) else { continue };
        let allowed = chart.get(folder.as_str()).unwrap_or_else(|| panic!("{folder}/ is not in the chart"));
        for used in crate_uses(&code(production(&path, &text))) {
            let fine = used == folder
                || ["config", "telemetry"].contains(&used.as_str()) && folder != "model"
                || allowed.contains(&used.as_str());
            if !fine && chart.contains_key(used.as_str()) {
                wrong.push(format!("{} may not use crate::{used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    assert_eq!(crate_uses("use crate::{storage::{self, Tx}, model::Reply}; crate::dns::x()"), ["storage", "model", "dns"]);
}

#[test]
fn outside_crates_stay_where_they_belong() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(folder) = folder(&path) else { continue };
        let code = code(production(&path, &text));
        for (name, allowed) in OUTSIDE {
            let used = code
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if used && !allowed.contains(&folder.as_str()) {
                wrong.push(format!("{} may not use {name}", path.display()));
            }
        }
        if folder != "config" && code.contains("env::var") {
            wrong.push(format!("{} may not read the environment", path.display()));
        }
        if folder != "storage" && code.contains("AssertSqlSafe") {
            wrong.push(format!("{} may not build SQL", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_small() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = production(&path, &text).lines().count();
        let listed = LARGE.iter().any(|(name, _)| path.ends_with(name));
        if lines > 500 && !listed {
            wrong.push(format!("{} has {lines} production lines; split it", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_in_the_map_and_opens_with_its_reason() {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    for (name, _) in CHART {
        assert!(map.contains(&format!("| [`{name}`] |")), "src/lib.rs has no line for {name}/");
        let head = fs::read_to_string(format!("src/{name}/mod.rs")).unwrap();
        assert!(head.starts_with("//! "), "src/{name}/mod.rs does not say why it exists");
    }
    for (path, text) in sources() {
        assert!(text.starts_with("//! ") || text.starts_with("#!["), "{} does not say why it exists", path.display());
    }
}

#[test]
fn migrations_come_in_pairs() {
    let names = |driver: &str| {
        let mut names: Vec<_> =
            fs::read_dir(format!("migrations/{driver}")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn there_is_one_crypto_provider_and_no_openssl() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let built = String::from_utf8(tree.stdout).unwrap();
    for banned in ["ring v", "openssl v", "openssl-sys v", "native-tls v"] {
        assert!(!built.lines().any(|line| line.starts_with(banned)), "{banned} is built");
    }
    assert!(built.lines().any(|line| line.starts_with("aws-lc-rs v")));
}
