//! The two books compared: everything promised arrived, unchanged, and not more often than a kill can explain.

use std::collections::HashMap;

use super::load::{Book, Promise};
use super::sink::Arrival;

/// What was found, when nothing was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Promises: one for each message and inbox.
    pub accepted: usize,
    /// Messages the next hop took.
    pub delivered: usize,
    /// Of these, copies too many.
    pub duplicates: usize,
    /// Of these, messages whose sender never saw the 250.
    pub unconfirmed: usize,
    /// The most copies too many after one kill.
    pub worst_round: usize,
}

/// Compares. `per_round` is how many hand-offs can have been under way at one kill: each may be made twice.
pub fn check(book: &Book, arrivals: &[Arrival], per_round: usize) -> Result<Summary, Vec<String>> {
    let mut wrong = Vec::new();
    for text in book.refused.iter().take(10) {
        wrong.push(format!("refused for good: {text}"));
    }
    let mut copies: HashMap<(u64, &str), Vec<&Arrival>> = HashMap::new();
    for arrival in arrivals {
        match arrival.number {
            Some(number) => copies.entry((number, arrival.recipient.as_str())).or_default().push(arrival),
            None => wrong.push(format!("a message without its Message-ID arrived for {}", arrival.recipient)),
        }
    }
    let mut accepted = 0;
    let mut confirmed = 0;
    for promise in &book.ledger {
        for recipient in &promise.recipients {
            accepted += 1;
            match copies.get(&(promise.number, recipient.as_str())) {
                Some(found) => {
                    confirmed += 1;
                    compare(promise, found, &mut wrong);
                }
                None => wrong.push(format!("LOST: message {} for {recipient} got 250 and never arrived", promise.number)),
            }
        }
    }
    let (duplicates, worst_round) = duplicates(&copies, per_round, &mut wrong);
    if wrong.is_empty() {
        let unconfirmed = copies.len() - confirmed;
        Ok(Summary { accepted, delivered: arrivals.len(), duplicates, unconfirmed, worst_round })
    } else {
        Err(wrong)
    }
}

/// Compares, and ends the test with what is wrong.
#[expect(clippy::panic, reason = "the list is the message")]
pub fn check_or_fail(seed: u64, book: &Book, arrivals: &[Arrival], per_round: usize) -> Summary {
    check(book, arrivals, per_round).unwrap_or_else(|wrong| {
        let first = wrong.get(..wrong.len().min(12)).unwrap_or_default().join("\n  ");
        panic!("POSTERN_CRASH_SEED={seed}: {} things are wrong:\n  {first}", wrong.len())
    })
}

fn compare(promise: &Promise, found: &[&Arrival], wrong: &mut Vec<String>) {
    for arrival in found {
        let (sent, got) = (&promise.fingerprint, &arrival.fingerprint);
        if sent.body_length != got.body_length || sent.body_digest != got.body_digest {
            wrong.push(format!(
                "CHANGED: the body of message {} had {} bytes and arrived with {}",
                promise.number, sent.body_length, got.body_length
            ));
        }
        if sent.fields != got.fields {
            wrong.push(format!(
                "CHANGED: the header of message {}: sent {:?}, arrived {:?}",
                promise.number,
                String::from_utf8_lossy(&sent.fields),
                String::from_utf8_lossy(&got.fields)
            ));
        }
    }
}

/// A copy too many is laid at the door of the kill that followed the copy before it.
fn duplicates(copies: &HashMap<(u64, &str), Vec<&Arrival>>, per_round: usize, wrong: &mut Vec<String>) -> (usize, usize) {
    let mut rounds: HashMap<u64, usize> = HashMap::new();
    for found in copies.values() {
        let mut times: Vec<_> = found.iter().map(|arrival| (arrival.at, arrival.round)).collect();
        times.sort_unstable();
        // The last copy is not followed by another.
        times.pop();
        for (_, round) in times {
            *rounds.entry(round).or_default() += 1;
        }
    }
    for (round, count) in &rounds {
        if *count > per_round {
            wrong.push(format!("TOO MANY: {count} copies too many after kill {round}, at most {per_round} were under way"));
        }
    }
    (rounds.values().sum(), rounds.values().copied().max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::crash::message::Message;

    fn promise(number: u64) -> Promise {
        let fingerprint = Message::make(1, number, "a@b.example").fingerprint();
        Promise { number, recipients: vec!["in@box.example".to_owned()], fingerprint }
    }

    fn arrival(number: u64, round: u64) -> Arrival {
        let promise = promise(number);
        let recipient = "in@box.example".to_owned();
        Arrival { number: Some(number), recipient, round, at: Instant::now(), fingerprint: promise.fingerprint }
    }

    fn book(numbers: &[u64]) -> Book {
        Book { ledger: numbers.iter().map(|number| promise(*number)).collect(), ..Book::default() }
    }

    #[test]
    fn everything_there_is_fine_and_counted() {
        let arrivals = [arrival(1, 0), arrival(2, 0), arrival(2, 1), arrival(3, 1)];
        let summary = check(&book(&[1, 2]), &arrivals, 1).unwrap();
        assert_eq!(summary, Summary { accepted: 2, delivered: 4, duplicates: 1, unconfirmed: 1, worst_round: 1 });
    }

    #[test]
    fn a_loss_is_found() {
        let wrong = check(&book(&[1, 2]), &[arrival(1, 0)], 9).unwrap_err();
        assert_eq!(wrong, ["LOST: message 2 for in@box.example got 250 and never arrived"]);
    }

    #[test]
    fn a_loss_for_one_of_two_inboxes_is_found() {
        let mut book = book(&[1]);
        book.ledger[0].recipients.push("other@box.example".to_owned());
        assert!(check(&book, &[arrival(1, 0)], 9).unwrap_err()[0].starts_with("LOST: message 1 for other@box.example"));
    }

    #[test]
    fn a_changed_byte_is_found() {
        let mut message = Message::make(1, 5, "a@b.example");
        let last = message.body.len() / 2;
        message.body[last] ^= 1;
        let mut changed = arrival(5, 0);
        changed.fingerprint = message.fingerprint();
        let wrong = check(&book(&[5]), &[changed], 9).unwrap_err();
        assert!(wrong.len() == 1 && wrong[0].starts_with("CHANGED: the body of message 5"), "{wrong:?}");
    }

    #[test]
    fn a_changed_field_and_a_missing_message_id_are_found() {
        let mut changed = arrival(5, 0);
        changed.fingerprint.fields.pop();
        assert!(check(&book(&[5]), &[changed], 9).unwrap_err()[0].starts_with("CHANGED: the header of message 5"));
        let mut nameless = arrival(5, 0);
        nameless.number = None;
        assert_eq!(check(&book(&[]), &[nameless], 9).unwrap_err().len(), 1);
    }

    #[test]
    fn too_many_copies_after_one_kill_are_found_and_as_many_over_several_are_not() {
        let numbers = [1, 2, 3];
        let first = numbers.map(|number| arrival(number, 0));
        let again = numbers.map(|number| arrival(number, 1));
        let at_once = [first.clone(), again].concat();
        let wrong = check(&book(&numbers), &at_once, 2).unwrap_err();
        assert_eq!(wrong, ["TOO MANY: 3 copies too many after kill 0, at most 2 were under way"]);
        let spread = [arrival(1, 0), arrival(1, 1), arrival(2, 1), arrival(2, 2), arrival(3, 2), arrival(3, 3)];
        assert_eq!(check(&book(&numbers), &spread, 1).unwrap().duplicates, 3);
    }

    #[test]
    fn a_refusal_for_good_is_found() {
        let book = Book { refused: vec!["550 5.1.1 no".to_owned()], ..Book::default() };
        assert_eq!(check(&book, &[], 9).unwrap_err(), ["refused for good: 550 5.1.1 no"]);
    }
}
