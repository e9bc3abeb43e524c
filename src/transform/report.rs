//! Reading a delivery report (RFC 3464) just far enough to know that it tells of a failure, and which.

/// The status (`5.1.1`) of the first recipient that a report says has failed; `None` for anything that is no report of
/// a failure (delay notices, auto-replies, other mail).
pub fn failed_status(start: &[u8]) -> Option<String> {
    let mut is_report = false;
    let mut status = None;
    let mut failed = false;
    for line in start.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        let lower = line.to_ascii_lowercase();
        if lower.windows(DELIVERY_STATUS.len()).any(|window| window == DELIVERY_STATUS) {
            is_report = true;
        }
        if let Some(value) = value_of(&lower, b"action:") {
            failed |= value == b"failed";
        }
        if let (None, Some(value)) = (&status, value_of(&lower, b"status:")) {
            status = parse_status(value);
        }
        if is_report
            && failed
            && let Some(status) = status.take()
        {
            return Some(status);
        }
        if line.is_empty() && !failed {
            // Fields of another recipient's group.
            status = None;
        }
    }
    (is_report && failed).then(|| "5.0.0".to_owned())
}

const DELIVERY_STATUS: &[u8] = b"message/delivery-status";

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(name).map(<[u8]>::trim_ascii)
}

fn parse_status(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.split([' ', '(', ';']).next()?;
    let parts: Vec<_> = text.split('.').collect();
    let shape =
        parts.len() == 3 && parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
    (shape && text.starts_with('5')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_failure_is_told_from_a_delay() {
        let report = |action: &str, status: &str| {
            format!(
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
                 Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
            )
        };
        assert_eq!(failed_status(report("failed", "5.1.1").as_bytes()).as_deref(), Some("5.1.1"));
        assert_eq!(failed_status(report("Failed", "5.2.2 (full)").as_bytes()).as_deref(), Some("5.2.2"));
        assert_eq!(failed_status(report("delayed", "4.4.1").as_bytes()), None);
        assert_eq!(failed_status(report("failed", "nonsense").as_bytes()).as_deref(), Some("5.0.0"));
        assert_eq!(failed_status(b"Subject: I am away\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _answer = failed_status(&bytes);
        }
    }
}
