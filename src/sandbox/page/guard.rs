//! What keeps other web pages out: only our own host name is answered (DNS rebinding), forms come from our own page
//! only (Fetch Metadata, Origin), and the browser is told to load nothing from elsewhere (CSP Level 3).

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Lets a request through if it is ours, and adds the headers to every answer; one that an answer has already stays.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let host = text(request.headers(), HOST);
    let mut response = if !is_this_machine(host) {
        (StatusCode::MISDIRECTED_REQUEST, "This page answers to this machine's own name only.").into_response()
    } else if request.method() == Method::POST && !is_our_form(request.headers(), host) {
        (StatusCode::FORBIDDEN, "Only this page's own buttons work here.").into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `localhost` or a loopback address, with any port.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a form was sent by our own page, or by a program that is no browser.
fn is_our_form(headers: &HeaderMap, host: &str) -> bool {
    let site = text(headers, HeaderName::from_static("sec-fetch-site"));
    let origin = text(headers, ORIGIN);
    // With `Referrer-Policy: no-referrer` a browser sends `Origin: null` with its own forms, and vouches in Sec-Fetch-Site.
    let is_our_origin = origin.strip_prefix("http://") == Some(host);
    match site {
        "same-origin" | "none" => true,
        "" => origin.is_empty() || is_our_origin,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["127.0.0.1:8080", "localhost", "LocalHost:1", "[::1]:9", "127.0.0.9"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example:1", "10.0.0.1"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn forms_of_other_pages_are_refused() {
        let with = |site: Option<&'static str>, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            site.map(|site| headers.insert("sec-fetch-site", HeaderValue::from_static(site)));
            origin.map(|origin| headers.insert(ORIGIN, HeaderValue::from_static(origin)));
            is_our_form(&headers, "127.0.0.1:1")
        };
        assert!(with(Some("same-origin"), Some("null")) && with(None, Some("http://127.0.0.1:1")) && with(None, None));
        assert!(!with(Some("cross-site"), None) && !with(Some("same-site"), Some("http://127.0.0.1:1")));
        assert!(!with(None, Some("http://evil.example")) && !with(None, Some("null")));
    }
}
