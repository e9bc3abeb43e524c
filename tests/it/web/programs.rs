//! What can be done on pages can be done by programs: for every form, taken from the source so that none is left out, the
//! operation of `/v1` that does the same, or the reason why there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What does the same as a form.
enum By {
    /// These operations; each does a part of what the form can.
    Api(&'static [&'static str]),
    /// None, and why.
    Nothing(&'static str),
}

use By::{Api, Nothing};

const COOKIE: &str = "a program has a token and no cookie: there is nothing to sign in to, and a token is ended below /v1/tokens";
const CEREMONY: &str = "a passkey answers to the page it was made for and to nothing else";
const STRANGER: &str = "who does this has no account yet, so no token";
const LETTER: &str = "the link in a letter proves who reads it: that is its point, and it takes no token either";
const PROOF: &str = "a program proves who is there with the request itself";
const RESCUE: &str = "administration by token sets no passwords and no second factors of others: it takes a fresh proof";

/// Every route of the pages that takes a form.
const TABLE: &[(&str, By)] = &[
    ("/sign-in", Nothing(COOKIE)),
    ("/sign-out", Nothing(COOKIE)),
    ("/sign-in/factor", Nothing(COOKIE)),
    ("/sign-in/factor/options", Nothing(CEREMONY)),
    ("/sign-in/factor/passkey", Nothing(CEREMONY)),
    ("/sign-in/passkey", Nothing(CEREMONY)),
    ("/sign-in/passkey/options", Nothing(CEREMONY)),
    ("/confirm", Nothing(PROOF)),
    ("/confirm/options", Nothing(CEREMONY)),
    ("/confirm/passkey", Nothing(CEREMONY)),
    ("/sign-up", Nothing(STRANGER)),
    ("/sign-up/{secret}", Nothing(STRANGER)),
    ("/setup/{secret}", Nothing(STRANGER)),
    ("/setup/mail", Api(&["POST /v1/mailboxes/{mailbox}/test"])),
    ("/reset", Nothing("who forgot the password is somebody without a token, or can be")),
    ("/reset/{secret}", Nothing(LETTER)),
    ("/verify/{secret}", Nothing(LETTER)),
    ("/u/{token}", Nothing(LETTER)),
    ("/aliases/new", Api(&["POST /v1/aliases"])),
    ("/aliases/unmake", Api(&["POST /v1/aliases/{alias}/unmake"])),
    ("/aliases/bulk", Api(&["POST /v1/aliases/{alias}/state", "PATCH /v1/aliases/{alias}"])),
    ("/aliases/undo", Nothing("it takes back what was done to many at once: a program knows what it did and does the contrary")),
    ("/aliases/{id}/state", Api(&["POST /v1/aliases/{alias}/state"])),
    ("/aliases/{id}/settings", Api(&["PATCH /v1/aliases/{alias}"])),
    ("/aliases/{id}/forget", Api(&["DELETE /v1/aliases/{alias}"])),
    ("/aliases/{id}/contacts", Api(&["POST /v1/aliases/{alias}/contacts"])),
    ("/aliases/{id}/contacts/{contact}/block", Api(&["PATCH /v1/contacts/{contact}"])),
    ("/aliases/{id}/contacts/{contact}/unblock", Api(&["PATCH /v1/contacts/{contact}"])),
    ("/aliases/{id}/contacts/{contact}/hide", Api(&["DELETE /v1/contacts/{contact}"])),
    ("/blocks", Api(&["POST /v1/blocks"])),
    ("/blocks/remove", Api(&["DELETE /v1/blocks/{block}", "PATCH /v1/contacts/{contact}"])),
    ("/mailboxes", Api(&["POST /v1/mailboxes"])),
    ("/mailboxes/{id}/resend", Api(&["POST /v1/mailboxes/{mailbox}/verify"])),
    ("/mailboxes/{id}/default", Api(&["POST /v1/mailboxes/{mailbox}/default"])),
    ("/mailboxes/{id}/test", Api(&["POST /v1/mailboxes/{mailbox}/test"])),
    ("/mailboxes/{id}/remove", Api(&["DELETE /v1/mailboxes/{mailbox}"])),
    ("/mailboxes/{id}/key", Api(&["POST /v1/mailboxes/{mailbox}/key"])),
    ("/mailboxes/{id}/key/remove", Api(&["POST /v1/mailboxes/{mailbox}/key/remove"])),
    ("/mailboxes/{id}/move", Api(&["POST /v1/mailboxes/{mailbox}/move"])),
    ("/mailboxes/{id}/finish-move", Api(&["POST /v1/mailboxes/{mailbox}/move/finish"])),
    ("/mailboxes/{id}/cancel-move", Api(&["DELETE /v1/mailboxes/{mailbox}/move"])),
    ("/domains", Api(&["POST /v1/domain-claims"])),
    ("/domains/{uuid}/check", Api(&["POST /v1/domain-claims/{claim}/check", "GET /v1/domains/{domain}/check"])),
    ("/domains/{uuid}/catch-all", Api(&["PATCH /v1/domains/{domain}"])),
    ("/domains/{uuid}/sending", Api(&["PATCH /v1/domains/{domain}"])),
    ("/domains/{uuid}/remove", Api(&["DELETE /v1/domains/{domain}", "DELETE /v1/domain-claims/{claim}"])),
    ("/domains/names", Api(&["POST /v1/name-key", "DELETE /v1/name-key"])),
    ("/activity/replies", Api(&["PATCH /v1/account"])),
    ("/failures/retry", Api(&["POST /v1/deliveries/{delivery}/retry"])),
    ("/failures/dismiss", Api(&["DELETE /v1/deliveries/{delivery}"])),
    ("/failures/{id}/retry", Api(&["POST /v1/deliveries/{delivery}/retry"])),
    ("/failures/{id}/dismiss", Api(&["DELETE /v1/deliveries/{delivery}"])),
    ("/holds/release", Api(&["POST /v1/holds/{hold}/release"])),
    ("/holds/discard", Api(&["DELETE /v1/holds/{hold}"])),
    ("/holds/choice", Api(&["PATCH /v1/account"])),
    ("/holds/{id}/release", Api(&["POST /v1/holds/{hold}/release"])),
    ("/holds/{id}/discard", Api(&["DELETE /v1/holds/{hold}"])),
    ("/access/tokens", Api(&["POST /v1/tokens"])),
    ("/access/tokens/{id}/revoke", Api(&["DELETE /v1/tokens/{token}"])),
    ("/access/passwords", Api(&["POST /v1/app-passwords"])),
    ("/access/passwords/{id}/revoke", Api(&["DELETE /v1/app-passwords/{app_password}"])),
    ("/webhooks", Api(&["POST /v1/webhooks"])),
    ("/webhooks/{uuid}/test", Api(&["POST /v1/webhooks/{webhook}/test"])),
    ("/webhooks/{uuid}/resume", Api(&["POST /v1/webhooks/{webhook}/resume"])),
    ("/webhooks/{uuid}/remove", Api(&["DELETE /v1/webhooks/{webhook}"])),
    ("/transfer", Api(&["POST /v1/imports"])),
    ("/transfer/import", Api(&["POST /v1/imports"])),
    ("/transfer/drop", Nothing("it forgets the file that waits between two pages; a program sends it with the request")),
    ("/security/password", Api(&["POST /v1/sign-in/password"])),
    ("/security/address", Api(&["POST /v1/sign-in/address"])),
    ("/security/totp", Api(&["POST /v1/sign-in/totp", "POST /v1/sign-in/totp/confirm"])),
    ("/security/totp/off", Api(&["POST /v1/sign-in/totp/off"])),
    ("/security/codes", Api(&["POST /v1/sign-in/recovery-codes"])),
    ("/security/codes/text", Nothing("it hands the codes of the page before as a file: a program has them in the answer")),
    ("/security/passkeys", Nothing(CEREMONY)),
    ("/security/passkeys/options", Nothing(CEREMONY)),
    ("/security/passkeys/{id}/remove", Api(&["POST /v1/passkeys/{passkey}/remove"])),
    ("/security/sessions/end-others", Api(&["POST /v1/sessions/end-all"])),
    ("/security/sessions/{id}/end", Api(&["DELETE /v1/sessions/{session}"])),
    ("/security/delete", Api(&["POST /v1/account/remove"])),
    ("/admin/users/{uuid}/admin", Api(&["PATCH /v1/admin/users/{user}"])),
    ("/admin/users/{uuid}/factors", Nothing(RESCUE)),
    ("/admin/users/{uuid}/link", Nothing(RESCUE)),
    ("/admin/users/{uuid}/remove", Api(&["POST /v1/admin/users/{user}/remove"])),
    ("/admin/invites", Api(&["POST /v1/admin/invites"])),
    ("/admin/invites/{uuid}/revoke", Api(&["DELETE /v1/admin/invites/{invite}"])),
    ("/admin/queue/retry", Api(&["POST /v1/admin/queue/retry"])),
    ("/admin/queue/{id}/retry", Api(&["POST /v1/admin/queue/deliveries/{delivery}/retry"])),
    ("/admin/queue/{id}/drop", Api(&["POST /v1/admin/queue/deliveries/{delivery}/drop"])),
];

/// The arguments of a call that begins behind its bracket.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    for (at, letter) in text.char_indices() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth == 0 {
            return &text[..at];
        }
    }
    unreachable!("a call does not end: {text}");
}

/// The routes that take a form, as the source has them.
fn forms(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            forms(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for call in text.split(".route(").skip(1).map(arguments) {
                let Some((route, handlers)) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                    assert!(!call.contains("post("), "a form without a path that can be read: {call}");
                    continue;
                };
                for method in ["put(", "patch(", "delete(", "any(", "on("] {
                    assert!(!handlers.contains(&format!("{method})")) && !handlers.contains(&format!(" {method}")), "{route}");
                }
                if handlers.contains("post(") {
                    assert!(found.insert(route.to_owned()), "{route} is there twice");
                }
            }
        }
    }
}

fn operations() -> BTreeSet<String> {
    let document = postern::api::native::document("http://127.0.0.1:8080");
    let paths = document["paths"].as_object().unwrap();
    let each = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())));
    each.collect()
}

#[test]
fn what_every_form_does_a_program_can_do_or_it_is_said_why_not() {
    let mut routes = BTreeSet::new();
    forms(Path::new("src/web"), &mut routes);
    assert!(routes.len() >= 70, "{routes:?}");
    let table: BTreeMap<&str, &By> = TABLE.iter().map(|(route, by)| (*route, by)).collect();
    assert_eq!(table.len(), TABLE.len(), "a form is in the table twice");
    let known: BTreeSet<String> = table.keys().map(|route| (*route).to_owned()).collect();
    assert_eq!(routes.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "say what does the same as these");
    assert_eq!(known.difference(&routes).collect::<Vec<_>>(), Vec::<&String>::new(), "these forms are gone");
    let operations = operations();
    let mut missing = Vec::new();
    for (route, by) in table {
        match by {
            Api(named) => {
                assert!(!named.is_empty(), "{route}");
                missing.extend(named.iter().filter(|name| !operations.contains(**name)).map(|name| format!("{route}: {name}")));
            }
            Nothing(why) => assert!(why.split(' ').count() > 5, "{route}: {why}"),
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "the document has no such operations");
}
