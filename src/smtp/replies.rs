//! What the session itself answers. The gate's answers come from the gate. No text holds a byte the client sent.

use crate::model::Reply;

macro_rules! replies {
    ($($name:ident = $code:literal ($subject:literal, $detail:literal) $text:literal;)+) => {$(
        pub(super) const $name: Reply = Reply::new($code, $subject, $detail, $text);
    )+};
}

replies! {
    OK = 250 (0, 0) "Ok";
    SENDER_OK = 250 (1, 0) "Sender ok";
    RECIPIENT_OK = 250 (1, 5) "Recipient ok";
    BYE = 221 (0, 0) "Bye";
    READY_FOR_TLS = 220 (0, 0) "Ready to start TLS";
    CANNOT_VERIFY = 252 (1, 5) "Cannot verify, but will try to deliver";
    HELP = 214 (0, 0) "See RFC 5321";

    LOGGED_IN = 235 (7, 0) "Authentication succeeded";

    SHUTTING_DOWN = 421 (3, 2) "Shutting down, please try again soon";
    TIMED_OUT = 421 (4, 2) "Timeout, closing connection";
    TOO_MANY_CONNECTIONS = 421 (7, 0) "Too many connections, please try again later";
    TOO_MANY_MESSAGES = 421 (7, 0) "Too many messages over one connection, please open another";
    TOO_MANY_ERRORS = 421 (7, 0) "Too many errors, closing connection";
    TOO_MANY_LOGINS = 421 (7, 0) "Too many failed logins, closing connection";
    TOO_MANY_LOOKUPS = 450 (7, 1) "Too many recipients, please slow down";
    TOO_MANY_UNKNOWN = 450 (7, 1) "Too many unknown recipients, please try again later";
    TOO_MANY_RECIPIENTS = 452 (5, 3) "Too many recipients of one message";
    NO_ROOM = 452 (3, 1) "No room for the message now, please try again later";

    RESPONSE_TOO_LONG = 500 (5, 6) "Line too long, authentication given up";
    LINE_TOO_LONG = 500 (5, 2) "Line too long";
    BAD_LINE = 500 (5, 2) "Lines end in CR LF and hold no control characters";
    UNKNOWN_COMMAND = 500 (5, 2) "Command unrecognized";
    NOT_SMTP = 521 (5, 1) "This is a mail server, closing connection";
    BAD_ARGUMENTS = 501 (5, 4) "Syntax error in the arguments";
    BAD_NAME = 501 (5, 4) "A host name or an address literal must follow";
    BAD_SENDER = 501 (1, 7) "Bad sender address";
    BAD_RECIPIENT = 501 (1, 3) "Bad recipient address";
    NOT_BASE64 = 501 (5, 2) "Not base64, or not what the mechanism asks for";
    CANCELLED = 501 (7, 0) "Authentication cancelled";
    NOT_IMPLEMENTED = 502 (5, 1) "Command not implemented";
    HELLO_FIRST = 503 (5, 1) "Say EHLO first";
    MAIL_FIRST = 503 (5, 1) "MAIL must come first";
    RCPT_FIRST = 503 (5, 1) "RCPT must come first";
    MAIL_ALREADY = 503 (5, 1) "A sender was given already";
    LOGGED_IN_ALREADY = 503 (5, 1) "You are logged in already";
    NOT_NOW = 503 (5, 1) "Not while a message is under way";
    UNKNOWN_MECHANISM = 504 (5, 4) "Mechanism not known: use PLAIN or LOGIN";
    TLS_FIRST = 530 (7, 0) "Must issue a STARTTLS command first";
    LOGIN_FIRST = 530 (7, 0) "Authentication required";
    TLS_FOR_AUTH = 538 (7, 11) "Encryption required: issue STARTTLS first";
    TLS_ALREADY = 503 (5, 1) "TLS is on already";
    TOO_LARGE = 552 (3, 4) "Message too large";
    HEADER_TOO_LARGE = 552 (3, 4) "Header too large";
    NEEDS_SMTPUTF8 = 553 (6, 7) "Addresses beyond ASCII need SMTPUTF8";
    NO_VALID_RECIPIENTS = 554 (5, 1) "No valid recipients";
    MALFORMED = 554 (6, 0) "Message holds a bare CR, a bare LF or a NUL";
    OUT_OF_TURN = 554 (5, 0) "Input before it was asked for, closing connection";
    BAD_PARAMETER = 555 (5, 4) "Parameter not recognized or not implemented";
}

/// The answer to DATA has no enhanced code (RFC 2034 §4).
pub(super) fn go_ahead() -> Reply {
    Reply::bare(354, "End with CR LF . CR LF")
}
