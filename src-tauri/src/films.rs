//! Films: handed to the window's own player piece by piece, or written where a person says.
//!
//! The stream crosses in memory. A file or a server for the player to read from would put patient data where others
//! can read them.

use crate::asker::Asker;
use crate::desk::{Desk, now};
use crate::documents;
use crate::dto::{FilmFacts, FilmPiece, FilmPieceRequest, FilmRequest, FilmRow};
use crate::problem::{Fault, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use medsight_base::{InstanceUid, StudyUid};
use medsight_cache::{Cache, CacheError};
use medsight_dicom::{Film, FilmContainer, film_coding, is_video};
use medsight_record::Right;
use medsight_vault::BlobReader;
use std::io;
use std::sync::Arc;

/// Bytes of a stream in one answer: a divisor of base64's groups, so that no piece is padded.
const PIECE: usize = 3 << 20;

/// The films of a study.
pub(crate) fn of_study(cache: &Cache, study: &StudyUid) -> Result<Vec<FilmRow>, Problem> {
    let films = cache.stored_forms(study)?.into_iter().filter(|form| is_video(&form.transfer_syntax));
    Ok(films
        .map(|form| FilmRow {
            instance_uid: form.uid.to_string(),
            series_uid: form.series.to_string(),
            coding: film_coding(&form.transfer_syntax).to_owned(),
        })
        .collect())
}

/// What the player has to know; the film counts as opened from now on.
pub(crate) fn open(desk: &Arc<Desk>, request: FilmRequest) -> Result<FilmFacts, Problem> {
    let (study, instance) =
        (StudyUid::parse(&request.study_uid)?, InstanceUid::parse(&request.instance_uid)?);
    let (film, _) = find(desk, &study, &instance)?;
    desk.cache()?.opened(&study, &desk.who(), now())?;
    Ok(FilmFacts {
        bytes: film.bytes(),
        coding: film_coding(&film.transfer_syntax).to_owned(),
        frames: film.frames,
        rate_hz: film.rate_hz,
    })
}

/// The next piece.
pub(crate) fn piece(desk: &Arc<Desk>, request: FilmPieceRequest) -> Result<FilmPiece, Problem> {
    let (study, instance) =
        (StudyUid::parse(&request.study_uid)?, InstanceUid::parse(&request.instance_uid)?);
    let (film, blob) = find(desk, &study, &instance)?;
    let piece = film.read(request.offset, PIECE, &mut reads(&blob)).map_err(|why| Problem::from(&why))?;
    Ok(FilmPiece { base64: BASE64.encode(piece) })
}

/// Asks where to, and writes the stream there. The export is in the audit trail.
pub(crate) fn save(desk: &Arc<Desk>, request: FilmRequest) -> Result<bool, Problem> {
    let (study, instance) =
        (StudyUid::parse(&request.study_uid)?, InstanceUid::parse(&request.instance_uid)?);
    let (film, blob) = find(desk, &study, &instance)?;
    let asker = Asker::of(desk, Right::GiveOut);
    let Some(path) = asker.save_as(desk, &format!("film.{}", ending(&film)))? else { return Ok(false) };
    let mut offset = 0;
    let write = |file: &mut dyn io::Write| loop {
        let piece =
            film.read(offset, PIECE, &mut reads(&blob)).map_err(|why| io::Error::other(why.reason))?;
        if piece.is_empty() {
            return Ok(());
        }
        file.write_all(&piece)?;
        offset += piece.len() as u64;
    };
    documents::write(&path, write).map_err(|error| CacheError::Export { file: path.clone(), error })?;
    desk.cache()?.exported(&study, asker.who(), now(), serde_json::json!({"film": instance}))?;
    Ok(true)
}

fn find(desk: &Arc<Desk>, study: &StudyUid, instance: &InstanceUid) -> Result<(Film, BlobReader), Problem> {
    let cache = desk.cache()?;
    let form = cache.stored_forms(study)?.into_iter().find(|form| form.uid == *instance);
    let id = form.ok_or(Fault::StudyGone)?.blob.ok_or(CacheError::PixelsElsewhere)?;
    let blob = cache.blobs().open(id).map_err(CacheError::from)?;
    let film = Film::find(blob.len(), &mut reads(&blob)).map_err(|why| Problem::from(&why))?;
    Ok((film, blob))
}

fn reads(blob: &BlobReader) -> impl FnMut(u64, &mut [u8]) -> io::Result<()> + '_ {
    |at, into| blob.read_into(at, into).map_err(io::Error::other)
}

/// The name ending that other players know the stream by.
fn ending(film: &Film) -> &'static str {
    match (film.container, film_coding(&film.transfer_syntax)) {
        (FilmContainer::Mp4, _) => "mp4",
        (FilmContainer::TransportStream, _) => "ts",
        (FilmContainer::ProgramStream, _) => "mpg",
        (FilmContainer::Elementary, "MPEG-2") => "m2v",
        (FilmContainer::Elementary, "HEVC/H.265") => "h265",
        (FilmContainer::Elementary, _) => "h264",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
    use super::*;
    use crate::support;
    use std::path::Path;
    use std::sync::Mutex;

    fn films() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/films"))
    }

    #[test]
    fn a_film_is_listed_crosses_in_pieces_and_is_saved_as_the_same_stream() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("mine.mp4");
        let answer = Mutex::new(Some(out.clone()));
        let desk = support::open_desk(folder.path(), move |name| {
            assert_eq!(name, "film.mp4");
            answer.lock().unwrap().take()
        });
        support::import(&desk, films());
        let study = support::only_study(&desk);
        let rows = of_study(&desk.cache().unwrap(), &study).unwrap();
        let codings: Vec<&str> = rows.iter().map(|row| row.coding.as_str()).collect();
        assert_eq!(codings, ["MPEG-4 AVC/H.264", "MPEG-4 AVC/H.264", "MPEG-2", "HEVC/H.265"]);

        let request =
            || FilmRequest { study_uid: study.to_string(), instance_uid: rows[0].instance_uid.clone() };
        let facts = open(&desk, request()).unwrap();
        assert_eq!((facts.frames, facts.rate_hz), (50, Some(25.0)));
        let at = |offset| {
            let FilmRequest { study_uid, instance_uid } = request();
            let piece = piece(&desk, FilmPieceRequest { study_uid, instance_uid, offset }).unwrap();
            BASE64.decode(piece.base64).unwrap()
        };
        let stream = at(0);
        assert_eq!(stream.len() as u64, facts.bytes);
        assert_eq!(at(facts.bytes / 2), stream[stream.len() / 2..]);
        assert!(at(facts.bytes).is_empty());

        assert!(save(&desk, request()).unwrap());
        assert_eq!(std::fs::read(&out).unwrap(), stream);
        std::fs::remove_file(&out).unwrap();
        assert!(!save(&desk, request()).unwrap(), "the person said nowhere");
        assert!(!out.exists());
        assert!(desk.cache().unwrap().verify_audit().unwrap().is_ok());
    }
}
