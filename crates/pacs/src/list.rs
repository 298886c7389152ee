//! What a peer has of a study: its series, the largest first, then the instances of each.
//!
//! Asked series by series, so that the first image is fetched while the rest is still being listed.

use crate::NetError;
use crate::find::{Level, Query, find};
use crate::keys::Keys;
use crate::moving::Mover;
use crate::plan::Item;
use crate::retrieve::Remote;
use crate::row::Row;
use crate::web::WebQuery;
use dicom_dictionary_std::tags;
use tokio_util::sync::CancellationToken;

/// Series of a study, the largest first: it is what a reader looks at first. The others in the order of their numbers.
pub(crate) async fn series(
    remote: &Remote,
    study: &str,
    cancel: &CancellationToken,
) -> Result<Vec<String>, NetError> {
    let mut found: Vec<(u32, i32, String)> = Vec::new();
    for row in rows(remote, Level::Series, study, None, cancel).await? {
        let uid = row.text(tags::SERIES_INSTANCE_UID);
        let known = found.iter().any(|(_, _, other)| *other == uid);
        if !uid.is_empty() && !known {
            let number = |tag| row.text(tag).trim().parse::<i32>().ok();
            let count = number(tags::NUMBER_OF_SERIES_RELATED_INSTANCES).unwrap_or(0);
            let count = u32::try_from(count).unwrap_or(0);
            found.push((count, number(tags::SERIES_NUMBER).unwrap_or(i32::MAX), uid));
        }
    }
    found.sort_by_key(|(_, number, _)| *number);
    // The first of equals: without counts the series of the lowest number.
    if let Some(largest) = (0..found.len()).min_by_key(|at| std::cmp::Reverse(found[*at].0)) {
        found[..=largest].rotate_right(1);
    }
    Ok(found.into_iter().map(|(_, _, uid)| uid).collect())
}

/// The instances of one series.
pub(crate) async fn instances(
    remote: &Remote,
    study: &str,
    series: &str,
    cancel: &CancellationToken,
) -> Result<Vec<Item>, NetError> {
    let rows = rows(remote, Level::Image, study, Some(series), cancel).await?;
    Ok(rows.iter().filter_map(|row| Item::of(row, study, series)).collect())
}

async fn rows(
    remote: &Remote,
    level: Level,
    study: &str,
    series: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Vec<Row>, NetError> {
    match remote {
        Remote::Web(client) => {
            let keys = Keys::new().ask(level.usual_keys());
            let (study, series) = (Some(study.to_owned()), series.map(str::to_owned));
            let query = WebQuery { level, study, series, keys, limit: usize::MAX };
            Ok(client.search(&query, cancel).await?.0)
        }
        Remote::Dimse(node) | Remote::Move(Mover { node, .. }) => {
            let keys = Keys::new().matching(tags::STUDY_INSTANCE_UID, study);
            let keys = match series {
                Some(series) => keys.matching(tags::SERIES_INSTANCE_UID, series),
                None => keys,
            };
            let mut rows = Vec::new();
            find(node, &Query::new(level, keys), cancel, |row| {
                rows.push(row);
                true
            })
            .await?;
            Ok(rows)
        }
    }
}
