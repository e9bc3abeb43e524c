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

#[test]
fn whoever_is_locked_out_is_let_in_with_the_password_alone() {
    let installation = Installation::with_user();
    let listed = installation.run(&["user", "list", "--json"]).json();
    assert_eq!(listed[0]["second_factor"], false);
    installation.execute("UPDATE users SET totp_secret = X'00', totp_confirmed_at = 1");
    installation.execute("INSERT INTO recovery_codes (user_id, hash, created_at) SELECT id, X'00', 1 FROM users");
    assert_eq!(installation.run(&["user", "list", "--json"]).json()[0]["second_factor"], true);
    let table = installation.run(&["user", "list"]).ok();
    assert!(table.starts_with("EMAIL ") && table.contains("SECOND FACTOR"), "{table}");
    let said = installation.run(&["user", "passwd", "ann@inbox.example", "--reset-second-factors"]).ok();
    assert_eq!(said, "ann@inbox.example has no second factor any more\n");
    assert_eq!(installation.run(&["user", "list", "--json"]).json()[0]["second_factor"], false);
    let words = ["user", "passwd", "ann@inbox.example", "--password-stdin", "--reset-second-factors", "--json"];
    let done = installation.run_with_input(&words, "correct horse\n").json();
    let expected = serde_json::json!({ "email": "ann@inbox.example", "password_set": true, "second_factors_reset": true });
    assert_eq!(done, expected);
}
