//! A folder with settings, and the binary run in it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sqlx::Connection;

/// What a run of the binary gave.
#[derive(Debug)]
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Standard output of a run that succeeded and complained of nothing.
    pub fn ok(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Its one JSON document.
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// The error line of a run that failed; that there is exactly one, and one hint, is checked.
    pub fn error(self) -> String {
        assert_eq!((self.status, self.out.as_str()), (1, ""), "{}", self.err);
        let (error, hint) = self.err.split_once('\n').unwrap();
        assert!(hint.starts_with("hint: ") && hint.lines().count() == 1, "{}", self.err);
        error.strip_prefix("error: ").unwrap().to_owned()
    }
}

/// An installation: a temporary folder with `postern.toml`.
pub struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    /// With the least settings there can be.
    pub fn new() -> Self {
        Self::with("[instance]\nhostname = \"mail.you.example\"\ndomains = [\"you.example\", \"more.example\"]\n")
    }

    /// With one user, whose inbox is verified.
    pub fn with_user() -> Self {
        let installation = Self::new();
        installation.run(&["user", "add", "ann@inbox.example", "--verified"]).ok();
        installation
    }

    /// A new alias's address.
    pub fn alias(&self, words: &[&str]) -> String {
        self.run(&[&["alias", "new"], words].concat()).ok().trim().to_owned()
    }

    /// With these settings.
    pub fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("postern.toml"), settings).unwrap();
        Self { folder }
    }

    /// Runs a statement on its database that no command runs.
    pub fn execute(&self, sql: &'static str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let url = format!("sqlite:{}", self.path().join("postern.db").display());
            let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs `postern` with these words.
    pub fn run(&self, words: &[&str]) -> Run {
        self.run_in(&[], words)
    }

    /// Runs `postern` with these words and this on standard input.
    pub fn run_with_input(&self, words: &[&str], input: &str) -> Run {
        let path = self.path().join("input");
        std::fs::write(&path, input).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        let done =
            command.args(words).current_dir(self.path()).env_clear().stdin(std::fs::File::open(path).unwrap()).output().unwrap();
        Run {
            status: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Runs `postern` with these words and variables in an otherwise empty environment.
    pub fn run_in(&self, variables: &[(&str, &str)], words: &[&str]) -> Run {
        let done = Command::new(env!("CARGO_BIN_EXE_postern"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Run {
            status: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }
}
