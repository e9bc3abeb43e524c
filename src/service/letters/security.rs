//! Letters about how somebody signs in, and what else opens their account: each says what to do if it was somebody else.

use crate::transform::notice::Letter;

/// What to do when it was not the owner.
const NOT_YOU: &str = "If that was not you, somebody else is in your account: sign in, look at the page Security, and change your \
                       password. If you can't sign in any more, ask whoever runs this Postern.";

fn letter(subject: &str, happened: String) -> Letter {
    Letter { subject: subject.into(), paragraphs: vec![happened, NOT_YOU.into()], action: None }
}

/// Codes of an authenticator program are asked for from now on.
pub(in crate::service) fn codes_on() -> Letter {
    let happened = "From now on a code of your authenticator program is asked for when you sign in to Postern. New recovery codes \
                    were made; older ones do not work any more.";
    letter("Codes are asked for at sign-in", happened.into())
}

/// They are not any more.
pub(in crate::service) fn codes_off() -> Letter {
    let happened = "Codes of an authenticator program are not asked for any more when you sign in to Postern.";
    letter("Codes are not asked for at sign-in any more", happened.into())
}

/// Whoever runs the instance took all second factors away.
pub(in crate::service) fn factors_taken() -> Letter {
    let happened = "Whoever runs this Postern turned your second step at sign-in off: codes, passkeys and recovery codes. \
                    Nothing but your password signs you in now, and all browsers were signed out.";
    let then = "If you asked for that, sign in and set up codes or a passkey again. If you have no password, because a passkey \
                signed you in, choose one first: follow “I forgot my password” on the sign-in page. If you did not ask for it, \
                ask them why.";
    Letter {
        subject: "Your second step at sign-in was turned off".into(),
        paragraphs: vec![happened.into(), then.into()],
        action: None,
    }
}

/// A recovery code let somebody in.
pub(in crate::service) fn recovery_code_used(left: i64) -> Letter {
    let left = match left {
        0 => "None is left: make new ones on the page Security.".to_owned(),
        1 => "One is left.".to_owned(),
        left => format!("{left} are left."),
    };
    letter("A recovery code was used", format!("One of your recovery codes was used to get into your Postern account. {left}"))
}

/// There are other recovery codes.
pub(in crate::service) fn recovery_codes_renewed() -> Letter {
    let happened = "New recovery codes were made for your Postern account. The ones you had do not work any more.";
    letter("You have new recovery codes", happened.into())
}

/// A passkey signs in from now on.
pub(in crate::service) fn passkey_added(name: &str) -> Letter {
    let happened =
        format!("The passkey \u{201c}{name}\u{201d} was added to your Postern account: whoever has it can sign in with it.");
    letter("A passkey was added", happened)
}

/// It does not any more.
pub(in crate::service) fn passkey_removed(name: &str) -> Letter {
    let happened =
        format!("The passkey \u{201c}{name}\u{201d} was removed from your Postern account: it does not sign you in any more.");
    letter("A passkey was removed", happened)
}

/// A program may act for them.
pub(in crate::service) fn key_made(name: &str) -> Letter {
    let happened = format!(
        "The key \u{201c}{name}\u{201d} was made for your Postern account: a program that has it can act for you. You can revoke it \
         on the page Apps."
    );
    letter("A key for a program was made", happened)
}

/// A mail program may send for them.
pub(in crate::service) fn app_password_made(name: &str) -> Letter {
    let happened = format!(
        "The password \u{201c}{name}\u{201d} was made for a mail program: whoever has it can send mail from your aliases. You can \
         revoke it on the page Apps."
    );
    letter("A password for a mail program was made", happened)
}
