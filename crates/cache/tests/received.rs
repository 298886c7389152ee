//! What comes over the network: taken once, whole, under its own name.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its files has failed")]

mod common;

use common::{AT, Invented, file_of, filled, key, record, study_uid};
use medsight_base::StudyUid;
use medsight_cache::{Cache, RetrievalJob, Took};
use medsight_record::{HeaderReader, InstanceRecord, Refusal};

/// As [`Invented`], but like DICOM: what stands behind the last `|` is how an archive writes, not what it holds.
struct Rewritten;

impl HeaderReader for Rewritten {
    fn read_header(&self, bytes: &[u8]) -> Result<InstanceRecord, Refusal> {
        Invented.read_header(bytes)
    }

    fn same_object(&self, one: &[u8], other: &[u8]) -> bool {
        let content = |bytes: &[u8]| bytes.split(|b| *b == b'|').next().map(<[u8]>::to_vec);
        content(one) == content(other)
    }

    fn directory_entries(&self, bytes: &[u8]) -> Option<Result<Vec<Vec<String>>, Refusal>> {
        Invented.directory_entries(bytes)
    }
}

fn written(instance: u32, manner: &str) -> Vec<u8> {
    let mut file = file_of(&record(1, 1, instance), 0);
    file.extend_from_slice(format!("pixels|{manner}").as_bytes());
    file
}

#[test]
fn an_object_that_comes_twice_is_here_once_even_when_an_archive_wrote_it_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    let (first, second, anew) = (written(1, "ours"), written(2, "ours"), written(1, "theirs"));
    let took = cache.take_in(&Rewritten, "tester", &[&first, &second, &first]).unwrap().answers;
    assert_eq!(took, [Ok(Took::New), Ok(Took::New), Ok(Took::AlreadyHere)]);
    assert_eq!(cache.take_in(&Rewritten, "tester", &[&anew]).unwrap().answers, [Ok(Took::AlreadyHere)]);
    assert_eq!(cache.instances_here(&study_uid(1)).unwrap().len(), 2);
    assert_eq!(cache.usage().unwrap().instances, 2);
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn another_object_under_the_same_uid_is_refused_and_the_one_here_stays() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    let one = written(1, "ours");
    let mut other = file_of(&record(1, 1, 1), 0);
    other.extend_from_slice(b"others|ours");
    assert_eq!(cache.take_in(&Rewritten, "tester", &[&one]).unwrap().answers, [Ok(Took::New)]);
    let answers =
        cache.take_in(&Rewritten, "tester", &[&other, b"no DICOM", &written(3, "x")]).unwrap().answers;
    assert_eq!(answers[0].as_ref().unwrap_err().code, "conflict");
    assert_eq!(answers[1].as_ref().unwrap_err().code, "not_dicom");
    assert_eq!(answers[2], Ok(Took::New));
}

#[test]
fn an_evicted_study_comes_back_from_the_archive_in_the_archives_manner() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path(), &key()).unwrap();
    cache.take_in(&Rewritten, "tester", &[&written(1, "ours")]).unwrap().answers[0].clone().unwrap();
    cache.archived(&study_uid(1), AT).unwrap();
    assert_eq!(cache.evict_to(0, "medsight", AT).unwrap().studies, [study_uid(1)]);
    assert!(cache.instances_here(&study_uid(1)).unwrap().is_empty());
    assert_eq!(
        cache.take_in(&Rewritten, "tester", &[&written(1, "theirs, longer")]).unwrap().answers,
        [Ok(Took::New)]
    );
    assert_eq!(cache.instances_here(&study_uid(1)).unwrap().len(), 1);
    assert!(cache.check(true, |_, _| {}).unwrap().damaged.is_empty());
}

#[test]
fn a_study_that_is_not_here_has_no_instances_here() {
    let folder = tempfile::tempdir().unwrap();
    let cache = filled(folder.path(), 1);
    assert!(cache.instances_here(&StudyUid::parse("9.9.9").unwrap()).unwrap().is_empty());
    assert_eq!(cache.instances_here(&study_uid(1)).unwrap().len(), 6);
}

#[test]
fn a_retrieval_that_was_cut_off_is_there_at_the_next_start_and_one_that_ended_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let job = |node: &str, study: u32, ahead| RetrievalJob {
        node: node.into(),
        study: study_uid(study),
        about: "Doe^Jane".into(),
        ahead,
    };
    {
        let cache = Cache::open(folder.path(), &key()).unwrap();
        for job in [job("a", 1, true), job("a", 2, false), job("b", 1, false), job("a", 3, false)] {
            cache.queue_retrieval(&job).unwrap();
        }
        // Asked for by a person while it was fetched ahead.
        cache.queue_retrieval(&job("a", 1, false)).unwrap();
        cache.queue_retrieval(&job("a", 1, true)).unwrap();
        cache.end_retrieval("a", &study_uid(2)).unwrap();
    }
    let cache = Cache::open(folder.path(), &key()).unwrap();
    let left = [job("a", 1, false), job("b", 1, false), job("a", 3, false)];
    assert_eq!(cache.interrupted_retrievals().unwrap(), left);
    // Ended, it can be asked for again.
    cache.end_retrieval("a", &study_uid(1)).unwrap();
    cache.queue_retrieval(&job("a", 1, true)).unwrap();
    assert_eq!(cache.interrupted_retrievals().unwrap().last(), Some(&job("a", 1, true)));
}
