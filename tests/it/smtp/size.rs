//! The size limit (RFC 1870): exact to the byte, transport dots not counted, the session in step afterwards.

use super::TestDoor;
use crate::support::client::Client;

#[tokio::test]
async fn the_limit_is_exact_for_memory_and_disk() {
    const MAX: usize = 20_000;
    for spill_above in [1000, 1 << 20] {
        let door = TestDoor::with(|settings| {
            settings.max_message_size = MAX as u64;
            settings.spill_above = spill_above;
        })
        .await;
        let mut client = Client::greeted(door.address).await;
        for (size, reply) in [(MAX - 1, "250"), (MAX, "250"), (MAX + 1, "552 5.3.4"), (10 * MAX, "552 5.3.4")] {
            // Every line begins with a dot, which goes over the wire doubled.
            let body = format!("\r\n..{}\r\n", "x".repeat(size - 5));
            let answer = client.deliver("a@x.example", "b@y.example", &(body + ".\r\n")).await;
            assert!(answer.starts_with(reply), "{size}: {answer}");
            client.ask("RCPT TO:<b@y.example>", "503").await;
        }
        let sizes: Vec<_> = door.arrived().iter().map(|message| message.content.len()).collect();
        assert_eq!(sizes, [MAX - 1, MAX]);
    }
}

#[tokio::test]
async fn too_large_a_message_with_any_ending_runs_nothing_as_commands() {
    let door = TestDoor::with(|settings| {
        settings.max_message_size = 1000;
        settings.max_errors = 1000;
    })
    .await;
    let mut client = Client::greeted(door.address).await;
    for fake in ["\r\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r\r\n"] {
        let data = format!("\r\n{}{fake}QUIT\r\n.\r\n", "x".repeat(1000));
        let answer = client.deliver("a@x.example", "b@y.example", &data).await;
        assert!(answer.starts_with("552 5.3.4"), "{answer}");
    }
    assert!(client.deliver("a@x.example", "b@y.example", "\r\n.\r\n").await.starts_with("250"));
}

#[tokio::test]
async fn a_body_of_nothing_but_dots_arrives_whole_through_the_disk() {
    let door = TestDoor::with(|settings| settings.spill_above = 1000).await;
    let mut client = Client::greeted(door.address).await;
    let data = format!("\r\n{}.\r\n", "..\r\n".repeat(100_000));
    assert!(client.deliver("a@x.example", "b@y.example", &data).await.starts_with("250"));
    assert_eq!(door.the_message().content, format!("\r\n{}", ".\r\n".repeat(100_000)).into_bytes());
}
