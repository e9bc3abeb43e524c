//! `postern user passwd`.

use super::support::Installation;

#[test]
fn a_password_is_read_from_standard_input_and_never_shown() {
    let installation = Installation::with_user();
    let words = ["user", "passwd", "ann@inbox.example", "--password-stdin"];
    let run = installation.run_with_input(&words, "correct horse\n");
    assert_eq!(run.ok(), "the password of ann@inbox.example is set\n");
    let run = installation.run_with_input(&words, "short\n");
    assert_eq!(run.error(), "a password has 8 characters at the least and 1000 octets at the most");
    let words = ["user", "passwd", "eve@inbox.example", "--password-stdin"];
    assert_eq!(installation.run_with_input(&words, "correct horse\n").error(), "there is no user with this address");
    assert_eq!(installation.run(&["user", "passwd", "ann@inbox.example"]).status, 2);
}
