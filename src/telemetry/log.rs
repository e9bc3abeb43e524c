//! Log lines on standard error, as text for people or JSON for machines.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::ConfigError;
use crate::config::log::{Format, Log};

/// Libraries that call an error what is only somebody's wrong answer, and say more of it than a log may have. A setting
/// that names them gets them all the same.
const QUIET: &str = "webauthn_rs=off,webauthn_rs_core=off,";

/// Sends the process's log to standard error from now on.
pub fn init(log: &Log) -> Result<(), ConfigError> {
    let subscriber = subscriber(log, std::io::stderr().is_terminal(), std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|error| ConfigError::new(format!("the log can't be set up ({error})"), "set it up once a process"))
}

/// What [`init`] installs, on any writer.
pub fn subscriber<W>(log: &Log, colours: bool, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, ConfigError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(format!("{QUIET}{}", log.level)).map_err(|error| {
        ConfigError::new(
            format!("log.level = {:?} is no filter ({error})", log.level),
            "write for example level = \"info\" or \"info,postern::smtp=debug\"",
        )
    })?;
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match log.format {
        Format::Text => Box::new(base.with_ansi(colours).finish()),
        Format::Json => Box::new(base.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &Log, work: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(log, false, move || writer.clone()).unwrap(), work);
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_its_fields() {
        let log = Log { format: Format::Json, ..Log::default() };
        let text = logged(&log, || tracing::info!(delivery.attempt = 3, "handed off"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((line["message"].as_str(), line["delivery.attempt"].as_i64()), (Some("handed off"), Some(3)));
    }

    #[test]
    fn the_level_filters_by_folder() {
        let log = Log { level: "warn,postern::smtp=debug".into(), ..Log::default() };
        let text = logged(&log, || {
            tracing::debug!(target: "postern::smtp::session", "seen");
            tracing::info!(target: "postern::delivery", "unseen");
        });
        assert!(text.contains("seen") && !text.contains("unseen"), "{text}");
    }

    #[test]
    fn a_level_that_is_no_filter_is_refused() {
        let log = Log { level: "postern=loud".into(), ..Log::default() };
        let error = subscriber(&log, false, io::stderr).err().unwrap();
        assert!(error.problem().starts_with("log.level"), "{error}");
    }
}
