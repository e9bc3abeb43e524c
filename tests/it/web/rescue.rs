//! What opens an account is told of by mail, and who is locked out is let in again.

use std::time::Duration;

use postern::service::{admin, user as users};

use super::letter::{link, subject};
use super::two_step::{PASSWORD, start};
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{address, each_driver};
use crate::support::totp::turn_on;

async fn sign_in(browser: &mut Browser) -> String {
    let answer = browser.post("/sign-in", &[("email", MAILBOX), ("password", PASSWORD)]).await;
    answer.header("location").unwrap_or_default().to_owned()
}

/// Waits for that many letters; what they are about, in alphabetical order, and whether all went to the one address.
async fn letters(app: &TestApp, count: usize) -> Vec<String> {
    let arrived = app.sink.wait_for(count).await;
    assert!(arrived.iter().all(|letter| letter.recipients() == [MAILBOX]), "{arrived:?}");
    let mut subjects: Vec<String> = arrived.iter().map(subject).collect();
    subjects.sort();
    subjects
}

#[tokio::test]
async fn what_changes_how_one_signs_in_is_told_of() {
    each_driver(async |database| {
        let app = start(&database).await;
        let (_, codes) = turn_on(&app).await;
        let mut browser = Browser::new(&app);
        assert!(sign_in(&mut browser).await.starts_with("sign-in/factor"));
        let page = browser.get("/sign-in/factor").await.body;
        assert!(page.contains("ask whoever runs this Postern"), "{page}");
        let entered = browser.post("/sign-in/factor", &[("code", &codes[0]), ("next", "/aliases")]).await;
        assert_eq!(entered.header("location"), Some("../security?said=recovery"));
        let page = browser.get("/security?said=recovery").await.body;
        assert!(page.contains("9 are left") && page.contains("turn codes off here, with your password"), "{page}");

        let fresh = browser.post("/security/codes", &[]).await.body;
        assert!(fresh.contains("data-copy=") && fresh.contains("Download them as a text file"), "{fresh}");
        let shown: Vec<&str> = fresh.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
        let file = browser.post("/security/codes/text", &[("code", shown[0]), ("code", shown[1]), ("code", "<script>")]).await;
        assert_eq!(file.header("content-disposition"), Some("attachment; filename=postern-recovery-codes.txt"));
        assert!(file.body.contains(&format!("{}\r\n{}\r\n", shown[0], shown[1])) && !file.body.contains('<'), "{}", file.body);

        let off = browser.post("/security/totp/off", &[("proof", PASSWORD)]).await;
        assert_eq!(off.header("location"), Some("../../security?said=totp-off"), "{}", off.body);
        let key = browser.post("/access/tokens", &[("name", "Phone"), ("may", "all"), ("life", "")]).await;
        assert_eq!(key.status, 200, "{}", key.body);
        let told = [
            "A key for a program was made",
            "A recovery code was used",
            "Codes are asked for at sign-in",
            "Codes are not asked for at sign-in any more",
            "You have new recovery codes",
        ];
        assert_eq!(letters(&app, 5).await, told);
        app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_administrator_lets_somebody_in_again_with_a_fresh_proof() {
    each_driver(async |database| {
        let app = start(&database).await;
        turn_on(&app).await;
        assert_eq!(letters(&app, 1).await, ["Codes are asked for at sign-in"]);
        let desk = &app.running.broker.desk;
        let (boss, _) = user(app.storage(), &*app.clock, "boss@inbox.example").await;
        let uuid = users::find_by_email(desk, &address("boss@inbox.example")).await.unwrap().unwrap().uuid;
        admin::set_admin(desk, uuid, true).await.unwrap();
        let locked_out = users::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap().uuid;
        let path = format!("/admin/users/{locked_out}");
        let mut theirs = Browser::of(&app, boss).await;
        app.clock.advance(Duration::from_mins(16));
        for act in ["factors", "link"] {
            let asked = theirs.post(&format!("{path}/{act}"), &[]).await;
            assert!(asked.header("location").is_some_and(|to| to.contains("confirm")), "{act}: {asked:?}");
        }
        let mut theirs = Browser::of(&app, boss).await;
        let mut stranger = Browser::signed_in(&app).await;
        for act in ["factors", "link"] {
            assert_eq!(stranger.post(&format!("{path}/{act}"), &[]).await.status, 404, "{act}");
        }
        let page = theirs.get(&path).await.body;
        assert!(page.contains("Turn the second step off") && page.contains("Send a link for a new password"), "{page}");
        let off = theirs.post(&format!("{path}/factors"), &[]).await;
        assert_eq!(off.header("location"), Some(&*format!("../../../admin/users/{locked_out}?said=no-factors")));
        assert_eq!(sign_in(&mut Browser::new(&app)).await, "aliases", "the password alone signs in");
        assert_eq!(stranger.get("/security").await.status, 303, "all browsers of theirs are signed out");
        let sent = theirs.post(&format!("{path}/link"), &[]).await;
        assert_eq!(sent.header("location"), Some(&*format!("../../../admin/users/{locked_out}?said=link")));
        let told = ["Codes are asked for at sign-in", "Set a new password", "Your second step at sign-in was turned off"];
        assert_eq!(letters(&app, 3).await, told);
        let arrived = app.sink.messages();
        let letter = arrived.iter().find(|letter| subject(letter) == "Set a new password").unwrap();
        assert_eq!(Browser::new(&app).get(&link(letter, "/reset/")).await.status, 200);

        let new = users::NewUser { email: address("ann@inbox.example"), is_admin: false, verified: false };
        let ann = users::add(desk, new).await.unwrap().0;
        let refused = theirs.post(&format!("/admin/users/{}/link", ann.uuid), &[]).await;
        assert!(refused.status == 422 && refused.body.contains("nobody proved to read the address"), "{}", refused.body);
        app.finish().await;
    })
    .await;
}
