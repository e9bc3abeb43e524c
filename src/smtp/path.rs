//! The arguments of MAIL and RCPT: path and parameters (RFC 5321 §4.1.1.2, §4.1.1.3, §4.1.1.11; RFC 1870, 6152, 6531).
//!
//! Source routes are dropped (RFC 5321 appendix C). Quoted local parts are compared by value, see `model::Address`.
//! Whether an address beyond ASCII is allowed is known only with the parameters (MAIL) or the transaction (RCPT).

use super::gate::MailFrom;
use super::replies;
use crate::model::{Address, Reply};

/// Longest path, brackets included (RFC 5321 §4.5.3.1.3).
const LONGEST_PATH: usize = 256;

/// The forward-path of RCPT.
#[derive(Debug, Clone)]
pub struct Path {
    /// The address; `None` for the domain-less `<postmaster>`.
    pub address: Option<Address>,
    /// Whether it was written with anything beyond ASCII.
    pub international: bool,
}

/// What follows `MAIL `, and whether AUTH is among its parameters (RFC 4954 §5). What AUTH says is nobody's word but the
/// client's, so it is not kept.
pub fn parse_mail(arguments: &str) -> Result<(MailFrom, bool), Reply> {
    let (path, parameters) = split(arguments, "FROM:")?;
    let (mut mail, auth) = parse_mail_parameters(parameters)?;
    if !path.is_ascii() && !mail.smtputf8 {
        return Err(replies::NEEDS_SMTPUTF8);
    }
    if !path.is_empty() {
        mail.sender = Some(address(path).ok_or(replies::BAD_SENDER)?);
    }
    Ok((mail, auth))
}

/// What follows `RCPT `.
pub fn parse_rcpt(arguments: &str) -> Result<Path, Reply> {
    let (path, parameters) = split(arguments, "TO:")?;
    if !parameters.is_empty() {
        return Err(replies::BAD_PARAMETER);
    }
    let international = !path.is_ascii();
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Path { address: None, international });
    }
    let ours = address(path).filter(|address| address.local().len() <= LONGEST_LOCAL_PART);
    Ok(Path { address: Some(ours.ok_or(replies::BAD_RECIPIENT)?), international })
}

/// Cuts `FROM:<path> parameters` into the path without brackets and the parameters.
fn split<'a>(arguments: &'a str, keyword: &str) -> Result<(&'a str, &'a str), Reply> {
    let (given, rest) = arguments.trim_start().split_at_checked(keyword.len()).ok_or(replies::BAD_ARGUMENTS)?;
    if !given.eq_ignore_ascii_case(keyword) {
        return Err(replies::BAD_ARGUMENTS);
    }
    // A blank after the colon is against the standard and common.
    let rest = rest.trim_start().strip_prefix('<').ok_or(replies::BAD_ARGUMENTS)?;
    let (path, parameters) =
        rest.split_at_checked(closing_bracket(rest).ok_or(replies::BAD_ARGUMENTS)?).ok_or(replies::BAD_ARGUMENTS)?;
    let parameters = parameters.strip_prefix('>').unwrap_or(parameters);
    if !parameters.is_empty() && !parameters.starts_with(' ') {
        return Err(replies::BAD_ARGUMENTS);
    }
    Ok((path, parameters.trim()))
}

/// Where the path ends: the first `>` outside quotes.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// RFC 5321 §4.5.3.1.1. Held to for recipients, which are ours; senders of others are longer in practice.
const LONGEST_LOCAL_PART: usize = 64;

fn address(path: &str) -> Option<Address> {
    if path.len() + 2 > LONGEST_PATH {
        return None;
    }
    Address::parse(without_route(path)?).ok()
}

/// Drops `@one,@two:` in front.
fn without_route(path: &str) -> Option<&str> {
    if !path.starts_with('@') {
        return Some(path);
    }
    let (route, mailbox) = path.split_once(':')?;
    let hop_is_named = |hop: &str| hop.strip_prefix('@').is_some_and(|name| !name.is_empty() && !name.contains('@'));
    route.split(',').all(hop_is_named).then_some(mailbox)
}

fn parse_mail_parameters(parameters: &str) -> Result<(MailFrom, bool), Reply> {
    let mut mail = MailFrom { sender: None, size: None, eight_bit: false, smtputf8: false };
    let (mut body, mut auth) = (false, false);
    for parameter in parameters.split(' ').filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').map_or((parameter, None), |(key, value)| (key, Some(value)));
        let twice = match key.to_ascii_uppercase().as_str() {
            "SIZE" => mail.size.replace(parse_size(value)?).is_some(),
            "BODY" => {
                mail.eight_bit = parse_body(value)?;
                std::mem::replace(&mut body, true)
            }
            "AUTH" if value.is_some_and(|value| !value.is_empty()) => std::mem::replace(&mut auth, true),
            "SMTPUTF8" if value.is_none() => std::mem::replace(&mut mail.smtputf8, true),
            "AUTH" | "SMTPUTF8" => return Err(replies::BAD_ARGUMENTS),
            key if is_keyword(key) => return Err(replies::BAD_PARAMETER),
            _ => return Err(replies::BAD_ARGUMENTS),
        };
        if twice {
            return Err(replies::BAD_ARGUMENTS);
        }
    }
    Ok((mail, auth))
}

/// Up to twenty digits (RFC 1870 §3); what does not fit 64 bits is more than anybody takes.
fn parse_size(value: Option<&str>) -> Result<u64, Reply> {
    let digits = value.ok_or(replies::BAD_ARGUMENTS)?;
    if digits.is_empty() || digits.len() > 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(replies::BAD_ARGUMENTS);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn parse_body(value: Option<&str>) -> Result<bool, Reply> {
    match value.unwrap_or_default().to_ascii_uppercase().as_str() {
        "7BIT" => Ok(false),
        "8BITMIME" => Ok(true),
        // BINARYMIME needs CHUNKING, which is not announced.
        "BINARYMIME" => Err(replies::BAD_PARAMETER),
        _ => Err(replies::BAD_ARGUMENTS),
    }
}

/// esmtp-keyword (RFC 5321 §4.1.2).
fn is_keyword(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('-') && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(arguments: &str) -> Result<MailFrom, u16> {
        parse_mail(arguments).map(|(mail, _)| mail).map_err(|reply| reply.code())
    }

    fn rcpt(arguments: &str) -> Result<String, u16> {
        parse_rcpt(arguments)
            .map(|path| path.address.map_or("postmaster".into(), |address| address.to_string()))
            .map_err(|reply| reply.code())
    }

    #[test]
    fn paths_are_read_as_the_standard_says() {
        assert_eq!(mail("FROM:<>").unwrap().sender, None);
        assert_eq!(mail("from: <a@b.org>").unwrap().sender.unwrap().to_string(), "a@b.org");
        assert_eq!(mail("FROM:<@x.org,@y.org:a@b.org>").unwrap().sender.unwrap().to_string(), "a@b.org");
        for (path, result) in [
            ("<alias@d.org>", Ok("alias@d.org")),
            ("<\"alias\"@D.org>", Ok("alias@d.org")),
            ("<\"a b\"@d.org>", Ok("\"a b\"@d.org")),
            ("<\"a>b\"@d.org>", Ok("\"a>b\"@d.org")),
            (r#"<"a\"b"@d.org>"#, Ok(r#""a\"b"@d.org"#)),
            ("<\"a@b\"@d.org>", Ok("\"a@b\"@d.org")),
            ("<@x.org,@y.org:alias@d.org>", Ok("alias@d.org")),
            ("<user%victim.org@d.org>", Ok("user%victim.org@d.org")),
            ("<victim.org!user@d.org>", Ok("victim.org!user@d.org")),
            ("<PostMaster>", Ok("postmaster")),
            ("<postmaster@D.ORG>", Ok("postmaster@d.org")),
            ("<alias+tag@d.org>", Ok("alias+tag@d.org")),
            ("<\"\"@d.org>", Err(501)),
            ("<\"a\"b@d.org>", Err(501)),
            ("<user@victim@d.org>", Err(501)),
            ("<.alias@d.org>", Err(501)),
            ("<a..b@d.org>", Err(501)),
            ("<alias@d.org.>", Err(501)),
            ("<alias@[127.0.0.1]>", Err(501)),
            ("<alias>", Err(501)),
            ("<>", Err(501)),
            ("< a@d.org>", Err(501)),
            ("<@x.org:>", Err(501)),
            ("<@x.org>", Err(501)),
            ("<:a@d.org>", Err(501)),
            ("alias@d.org", Err(501)),
            ("<alias@d.org", Err(501)),
            ("<alias@d.org>x", Err(501)),
            ("<a@d.org> NOTIFY=NEVER", Err(555)),
            ("<a@d.org> ORCPT=rfc822;a@d.org", Err(555)),
        ] {
            assert_eq!(rcpt(&format!("TO:{path}")), result.map(str::to_owned), "{path}");
        }
        let long = "d".repeat(60);
        assert_eq!(rcpt(&format!("TO:<{}@d.org>", "a".repeat(65))), Err(501));
        assert_eq!(rcpt(&format!("TO:<{}@{long}.{long}.{long}.{long}.org>", "a".repeat(64))), Err(501));
        assert_eq!(rcpt("FROM:<a@d.org>"), Err(501));
        assert_eq!(rcpt(""), Err(501));
    }

    #[test]
    fn parameters_are_known_announced_or_refused() {
        let all = mail("FROM:<ä@b.org> SIZE=1000 BODY=8bitmime  smtputf8").unwrap();
        assert!(all.size == Some(1000) && all.eight_bit && all.smtputf8);
        assert_eq!(mail("FROM:<> SIZE=99999999999999999999").unwrap().size, Some(u64::MAX));
        for (parameters, code) in [
            ("SIZE=", 501),
            ("SIZE", 501),
            ("SIZE=-1", 501),
            ("SIZE=1x", 501),
            ("SIZE=999999999999999999999", 501),
            ("SIZE=1 SIZE=1", 501),
            ("BODY=X", 501),
            ("BODY", 501),
            ("BODY=7BIT BODY=8BITMIME", 501),
            ("BODY=BINARYMIME", 555),
            ("SMTPUTF8=1", 501),
            ("SMTPUTF8 SMTPUTF8", 501),
            ("=", 501),
            ("=x", 501),
            (">", 501),
            ("RET=FULL", 555),
            ("ENVID=a+00b", 555),
            ("AUTH", 501),
            ("AUTH=", 501),
            ("AUTH=<> AUTH=<>", 501),
            ("REQUIRETLS", 555),
            ("FOO", 555),
        ] {
            assert_eq!(mail(&format!("FROM:<a@b.org> {parameters}")).err(), Some(code), "{parameters}");
        }
        assert_eq!(parse_mail("FROM:<a@b.org> AUTH=a+3Db SIZE=1").map(|(_, auth)| auth), Ok(true));
        assert_eq!(mail("FROM:<ä@b.org>").err(), Some(553));
        assert_eq!(mail("FROM:<a@bücher.example>").err(), Some(553));
    }
}
