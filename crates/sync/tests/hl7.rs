//! Reports by HL7 v2 to a receiver that forgets to answer, refuses, and takes. No peer for it is at hand: the receiver is
//! our own, and reads messages by itself, without our code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod peers;

use medsight_record::destination::Destination;
use medsight_record::report::ReportId;
use medsight_record::report::rules::SignAct;
use peers::bed::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A receiver that answers each message by the next of `answers`: `AA`, `AE`, or nothing and it hangs up.
fn receiver(answers: &'static [&'static str]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let messages: Arc<Mutex<Vec<String>>> = Arc::default();
    let (seen, mut answers) = (Arc::clone(&messages), answers.iter().copied());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut bytes = Vec::new();
            let mut piece = [0; 1024];
            while let Ok(read @ 1..) = client.read(&mut piece) {
                bytes.extend_from_slice(&piece[..read]);
                if !bytes.ends_with(&[0x1C, 0x0D]) {
                    continue;
                }
                assert_eq!(bytes[0], 0x0B);
                let message = String::from_utf8(bytes[1..bytes.len() - 2].to_vec()).unwrap();
                let id = field(&message, "MSH", 9);
                seen.lock().unwrap().push(message);
                bytes.clear();
                let code = answers.next().unwrap_or("AA");
                if code.is_empty() {
                    break;
                }
                let ack = format!("MSH|^~\\&|RIS||MEDSIGHT||20261122||ACK|1|P|2.5.1\rMSA|{code}|{id}\r");
                let framed = [&[0x0B], ack.as_bytes(), &[0x1C, 0x0D]].concat();
                let _gone = client.write_all(&framed);
            }
        }
    });
    (port, messages)
}

/// A field of the first segment of a name; MSH counts its divider as the first.
fn field(message: &str, segment: &str, number: usize) -> String {
    let line = message.split('\r').find(|line| line.starts_with(segment)).unwrap();
    line.split('|').nth(number).unwrap_or_default().to_owned()
}

fn ris(port: u16) -> Destination {
    let text = format!(
        "name = \"ris\"\ntakes = [\"report\"]\n[to]\nsystem = \"hl7\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         application = \"RIS\"\nauthority = \"HOSP\""
    );
    toml::from_str(&text).unwrap()
}

#[test]
fn a_report_whose_acknowledgement_was_lost_is_sent_again_to_the_last_byte() {
    let (port, messages) = receiver(&["", "AA", "AA"]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 100);
    let (id, of) = (ReportId(Uuid::from_u128(5)), study(100, 0));
    sign(&cache, &of, id, 0, "Nodule | 12 mm\nStable", &SignAct::Final);
    let engine = engine(&cache, vec![ris(port)], nothing());
    assert_eq!(sweep(&engine)[0].trouble.as_ref().unwrap().code(), "sync.lost");
    assert_eq!(sweep(&engine)[0].sent, 1);
    {
        let seen = messages.lock().unwrap();
        assert_eq!(seen[0], seen[1], "the same control ID and the same words");
        let kept = cache.study(&of).unwrap().unwrap();
        assert_eq!(field(&seen[0], "MSH", 8), "ORU^R01^ORU_R01");
        assert_eq!(field(&seen[0], "PID", 3), format!("{}^^^HOSP", kept.patient.id));
        assert_eq!(field(&seen[0], "OBR", 18), kept.accession);
        assert_eq!(field(&seen[0], "OBR", 25), "F");
        assert_eq!(field(&seen[0], "OBX", 5), of.to_string());
        assert!(seen[0].contains("Nodule \\F\\ 12 mm"), "{}", seen[0]);
    }
    sign(&cache, &of, id, 1, "", &SignAct::Addendum { text: "Compared.".into() });
    assert_eq!(sweep(&engine)[0].sent, 1);
    let seen = messages.lock().unwrap();
    assert_eq!(field(&seen[2], "OBR", 25), "C");
    assert_eq!(field(&seen[2], "OBR", 3), field(&seen[0], "OBR", 3), "the same filler number");
    assert_ne!(field(&seen[2], "MSH", 9), field(&seen[0], "MSH", 9));
}

#[test]
fn a_report_that_the_receiver_finds_an_error_in_waits_for_a_person() {
    let (port, _messages) = receiver(&["AE", "AA"]);
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path(), 1, 200);
    sign(&cache, &study(200, 0), ReportId(Uuid::from_u128(6)), 0, "Seen.", &SignAct::Final);
    let engine = engine(&cache, vec![ris(port)], nothing());
    assert_eq!(sweep(&engine)[0].refused, 1);
    let stuck = engine.status().unwrap().remove(0).stuck.remove(0);
    assert_eq!((stuck.state.as_str(), stuck.code.as_str()), ("refused", "sync.refused"));
    assert_eq!(sweep(&engine)[0].sent, 0, "it is not sent again by itself");
    cache.outbox_retry(stuck.id, "ris").unwrap();
    assert_eq!(sweep(&engine)[0].sent, 1);
    assert_eq!(cache.outbox_status(engine.rules()).unwrap()[0].waiting, 0);
}
