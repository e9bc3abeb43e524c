//! Reading what comes back to a bounce address just far enough: does it tell of a failure, and which (RFC 3464)?
//!
//! Many systems answer in words of their own. What is neither a delay notice nor an automatic answer counts as a failure,
//! because a lost message that nobody hears of is worse than a failure shown once too often.

/// What a message to a bounce address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The message could not be delivered, with this status (`5.0.0` when the report does not say).
    Failed(String),
    /// A delay notice, a success report, an automatic answer.
    Automatic,
}

const DELIVERY_STATUS: &[u8] = b"message/delivery-status";

/// Reads the beginning of a message.
pub fn read(start: &[u8]) -> Report {
    let mut seen = Seen::default();
    for line in start.split(|byte| *byte == b'\n') {
        seen.line(&line.trim_ascii().to_ascii_lowercase());
    }
    match seen {
        Seen { failed: true, status, .. } => Report::Failed(status.unwrap_or_else(|| "5.0.0".to_owned())),
        Seen { is_report: true, other_action: true, .. } | Seen { auto_replied: true, .. } => Report::Automatic,
        Seen { .. } => Report::Failed("5.0.0".to_owned()),
    }
}

#[derive(Default)]
struct Seen {
    past_header: bool,
    is_report: bool,
    auto_replied: bool,
    failed: bool,
    other_action: bool,
    status: Option<String>,
}

impl Seen {
    /// `line` in lower case, without its line end.
    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            self.past_header = true;
            if !self.failed {
                // Fields of another recipient's group.
                self.status = None;
            }
        }
        if !self.past_header
            && let Some(value) = value_of(line, b"auto-submitted:")
        {
            self.auto_replied = value.starts_with(b"auto-replied");
        }
        self.is_report |= line.windows(DELIVERY_STATUS.len()).any(|window| window == DELIVERY_STATUS);
        if !self.is_report {
            return;
        }
        if let Some(value) = value_of(line, b"action:") {
            self.failed |= value == b"failed";
            self.other_action |= value != b"failed";
        }
        if let (None, Some(value)) = (&self.status, value_of(line, b"status:")) {
            self.status = parse_status(value);
        }
    }
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(name).map(<[u8]>::trim_ascii)
}

fn parse_status(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.split([' ', '(', ';']).next()?;
    let parts: Vec<_> = text.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_number) && text.starts_with('5')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn report(action: &str, status: &str) -> Report {
        read(
            format!(
                "Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
                 Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
                 Final-Recipient: rfc822; x@y.example\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
            )
            .as_bytes(),
        )
    }

    #[test]
    fn a_failure_is_told_from_a_delay() {
        assert_eq!(report("failed", "5.1.1"), Report::Failed("5.1.1".into()));
        assert_eq!(report("Failed", "5.2.2 (full)"), Report::Failed("5.2.2".into()));
        assert_eq!(report("failed", "nonsense"), Report::Failed("5.0.0".into()));
        assert_eq!(report("delayed", "4.4.1"), Report::Automatic);
    }

    #[test]
    fn words_of_an_unknown_system_are_a_failure_and_a_holiday_is_not() {
        let unknown = b"Subject: Undeliverable\r\n\r\nYour message did not reach its recipient.\r\n";
        assert_eq!(read(unknown), Report::Failed("5.0.0".into()));
        assert_eq!(read(b"Auto-Submitted: auto-replied (vacation)\r\n\r\nI am away.\r\n"), Report::Automatic);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _answer = read(&bytes);
        }
    }
}
