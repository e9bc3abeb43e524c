//! What is handed to operators: the unit, the image, the pages about deployment.

use std::fs;
use std::path::Path;

/// Logical lines of a Dockerfile: comments out, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string("deploy/Dockerfile").unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
    let joined = kept.join("\n").replace("\\\n", " ");
    let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned())).unwrap();
    joined.lines().map(split).collect()
}

#[test]
fn the_image_is_built_from_files_that_exist_and_does_not_run_as_root() {
    let instructions = instructions();
    let known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"];
    for (word, rest) in &instructions {
        assert!(known.contains(&word.as_str()), "{word} is no instruction we use");
        if word == "COPY" && !rest.starts_with("--from=") {
            let mut files: Vec<&str> = rest.split_whitespace().collect();
            files.pop().unwrap();
            let ignored = fs::read_to_string(".dockerignore").unwrap();
            for file in files {
                assert!(Path::new(file).exists(), "{file} is copied and does not exist");
                assert!(ignored.lines().any(|line| line == format!("!{file}")), ".dockerignore keeps {file} out");
            }
        }
    }
    let last = |word: &str| &instructions.iter().rfind(|(found, _)| found == word).unwrap().1;
    assert!(!last("USER").starts_with("root") && !last("USER").starts_with('0'));
    assert_eq!(last("VOLUME"), "/var/lib/postern");
    let entry: Vec<String> = serde_json::from_str(last("ENTRYPOINT")).unwrap();
    let command: Vec<String> = serde_json::from_str(last("CMD")).unwrap();
    assert_eq!((entry, command), (vec!["/usr/local/bin/postern".to_owned()], vec!["serve".to_owned()]));
}

#[test]
fn the_image_is_built_with_the_compiler_the_crate_asks_for() {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string("Cargo.toml").unwrap()).unwrap();
    let version = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(instructions()[0].1.starts_with(&format!("rust:{version}-")), "{:?}", instructions()[0]);
}

#[test]
fn the_unit_is_hardened_and_restarts_what_failed() {
    let unit = fs::read_to_string("deploy/postern.service").unwrap();
    let lines: Vec<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    for line in [
        "ExecStart=/usr/local/bin/postern serve --config /etc/postern/postern.toml",
        "User=postern",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "StateDirectory=postern",
        "Restart=on-failure",
        "LimitNOFILE=65536",
    ] {
        assert!(lines.contains(&line), "{line} is missing in deploy/postern.service");
    }
    for line in lines {
        let section = line.starts_with('[') && line.ends_with(']');
        let setting =
            line.split_once('=').is_some_and(|(key, value)| !value.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic()));
        assert!(line.is_empty() || section || setting, "{line:?} is neither section nor setting");
    }
}

#[test]
fn files_that_pages_point_to_exist() {
    for page in ["README.md", "docs/dns.md", "docs/behind-postfix.md", "docs/promises.md", "docs/deliverability.md"] {
        let text = fs::read_to_string(page).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if !target.contains("://") {
                assert!(Path::new(page).parent().unwrap().join(target).exists(), "{page} points to {target}");
            }
        }
    }
}

#[test]
fn settings_shown_in_pages_can_be_used() {
    let page = fs::read_to_string("docs/behind-postfix.md").unwrap();
    let block = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let config: postern::config::Config = toml::from_str(block).unwrap();
    config.check().unwrap();
}

#[test]
fn every_place_the_promises_name_exists() {
    let text = fs::read_to_string("docs/promises.md").unwrap();
    for name in text.split('`').skip(1).step_by(2).filter(|name| name.starts_with("src/") || name.starts_with("tests/")) {
        assert!(Path::new(name).exists(), "docs/promises.md names {name}");
    }
}
