//! Many invented studies, for measuring the worklist. Records without images; no real person.

use crate::{Cache, CacheError, tables};
use medsight_base::{DicomDate, InstanceUid, SeriesUid, StudyUid, Timestamp};
use medsight_record::{InstanceRecord, Patient, ReadState, Sex};
use rusqlite::params;

const FAMILY: [&str; 24] = [
    "Müller",
    "Schmidt",
    "García",
    "Fernández",
    "López",
    "Smith",
    "Jones",
    "Taylor",
    "O'Brien",
    "Nguyen",
    "Kowalski",
    "Novák",
    "Rossi",
    "Dubois",
    "Lefèvre",
    "Jansen",
    "Øvergård",
    "Åkesson",
    "Papadopoulos",
    "Yılmaz",
    "Silva",
    "Núñez",
    "Weiß",
    "Łukasik",
];
const GIVEN: [&str; 16] = [
    "Anna",
    "José",
    "Maria",
    "Jürgen",
    "Élodie",
    "John",
    "Jane",
    "Zoë",
    "Søren",
    "Ingrid",
    "Paolo",
    "Inés",
    "François",
    "Mehmet",
    "Olga",
    "Liam",
];
const STUDIES: [(&str, &str); 12] = [
    ("CT", "CT Thorax mit Kontrastmittel"),
    ("CT", "CT abdomen and pelvis"),
    ("CT", "CT cráneo simple"),
    ("MR", "MRT Kopf"),
    ("MR", "MR lumbar spine"),
    ("MR", "RM rodilla izquierda"),
    ("CR", "Chest PA and lateral"),
    ("DX", "Hand rechts 2 Ebenen"),
    ("US", "Ultrasound abdomen"),
    ("MG", "Screening mammography"),
    ("PT", "PET/CT whole body"),
    ("XA", "Coronary angiography"),
];

/// A stream of numbers that is the same in every run: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

/// Adds `count` invented studies of one series to the records, in transactions of 10,000.
///
/// # Errors
/// [`CacheError`].
pub fn fill(cache: &Cache, count: usize, seed: u64) -> Result<(), CacheError> {
    let mut numbers = Numbers(seed);
    let mut done = 0;
    while done < count {
        let batch = (count - done).min(10_000);
        let rows = cache.write(|t| {
            (done..done + batch).map(|n| study(t, &mut numbers, seed, n)).collect::<Result<Vec<i64>, _>>()
        })?;
        cache.reindex(rows)?;
        done += batch;
    }
    Ok(())
}

fn study(db: &rusqlite::Connection, numbers: &mut Numbers, seed: u64, n: usize) -> Result<i64, CacheError> {
    let uid = |kind: u32| format!("2.25.{seed}.{n}.{kind}");
    let bad = |_| CacheError::BadCommand("the invented UID is not one.");
    let (modality, description) = STUDIES[numbers.below(STUDIES.len())];
    let name = format!(
        "{}-{}^{}",
        FAMILY[numbers.below(FAMILY.len())],
        FAMILY[numbers.below(FAMILY.len())],
        GIVEN[numbers.below(GIVEN.len())]
    );
    let mut date = |first: usize, years: usize| {
        let (year, month, day) = (first + numbers.below(years), 1 + numbers.below(12), 1 + numbers.below(28));
        DicomDate::parse(&format!("{year:04}{month:02}{day:02}"))
    };
    let (birth_date, study_date) = (date(1930, 80), date(2015, 12));
    let of = InstanceRecord {
        uid: InstanceUid::parse(&uid(3)).map_err(bad)?,
        sop_class: String::new(),
        transfer_syntax: String::new(),
        study: StudyUid::parse(&uid(1)).map_err(bad)?,
        series: SeriesUid::parse(&uid(2)).map_err(bad)?,
        patient: Patient {
            id: format!("P{:07}", numbers.below(10_000_000)),
            issuer: None,
            name,
            birth_date,
            sex: [Some(Sex::F), Some(Sex::M), Some(Sex::O), None][numbers.below(4)],
        },
        study_date,
        study_time: format!("{:02}{:02}{:02}", numbers.below(24), numbers.below(60), numbers.below(60)),
        accession: format!("A{:08}", numbers.below(100_000_000)),
        study_description: description.to_owned(),
        modality: modality.to_owned(),
        series_number: Some(1),
        series_description: description.to_owned(),
        instance_number: Some(1),
        frames: 1,
        rows_columns: Some((512, 512)),
        position_mm: None,
        orientation: None,
    };
    let at = Timestamp(1_700_000_000_000 + numbers.below(90_000_000) as i64 * 1000);
    let row = tables::studies::ensure(db, &of, at)?;
    tables::series::ensure(db, row, &of)?;
    let images = 1 + numbers.below(800) as i64;
    db.prepare_cached(
        "UPDATE studies SET modalities = ?2, series_count = 1, instance_count = ?3, bytes = ?3 * 526000 WHERE id = ?1",
    )?
    .execute(params![row, modality, images])?;
    tables::studies::set_state(db, row, ReadState::ALL[numbers.below(ReadState::ALL.len())])?;
    Ok(row)
}
