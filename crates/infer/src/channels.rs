//! Models that take several images at once: which series is which channel, and the others on the grid of the first.

use glam::{DVec3, Vec3};
use medsight_image::plane::sample;
use medsight_image::{Volume, Voxels, regular};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::run::InferError;

/// How a series is known to be a channel of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRule {
    /// The channel's name: `T1`, `FLAIR`.
    pub name: String,
    /// One of these stands in Series Description, Protocol Name, Sequence Name or Scanning Sequence, as whole words in any case.
    pub any_of: Vec<String>,
    /// None of these does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<String>,
    /// Contrast/Bolus Agent (0018,0010) is given, or is not; without it either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<bool>,
}

/// What a series says of itself that tells which channel it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesTexts {
    /// Series Description (0008,103E), Protocol Name (0018,1030), Sequence Name (0018,0024), Scanning Sequence (0018,0020).
    pub texts: Vec<String>,
    /// Contrast/Bolus Agent (0018,0010) is given.
    pub has_contrast: bool,
}

/// Why it is not known which series is which channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No series is this channel.
    #[error(
        "no series is the channel {channel}: none has {wanted} in Series Description (0008,103E), Protocol Name (0018,1030), \
         Sequence Name (0018,0024) or Scanning Sequence (0018,0020); say which one it is"
    )]
    None {
        /// The channel.
        channel: String,
        /// What the rule asks for.
        wanted: String,
    },
    /// More than one series could be.
    #[error(
        "{count} series could be the channel {channel} by Series Description (0008,103E); say which one it is"
    )]
    Several {
        /// The channel.
        channel: String,
        /// How many.
        count: usize,
    },
    /// One series for two channels.
    #[error(
        "the channels {first} and {second} are one series by Series Description (0008,103E); say which ones they are"
    )]
    Twice {
        /// A channel.
        first: String,
        /// Another.
        second: String,
    },
}

impl ChannelRule {
    /// The rule when nobody has written one: the channel's name stands in the series.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), any_of: vec![name.to_owned()], ..Self::default() }
    }

    /// Whether a series is this channel.
    pub fn fits(&self, series: &SeriesTexts) -> bool {
        let has = |text: &String| series.texts.iter().any(|found| has_words(found, text));
        self.any_of.iter().any(has)
            && !self.none_of.iter().any(has)
            && self.contrast.is_none_or(|wanted| wanted == series.has_contrast)
    }
}

/// The words of a text: runs of letters and digits, in small letters.
pub(crate) fn words(text: &str) -> Vec<String> {
    let runs = text.split(|letter: char| !letter.is_alphanumeric()).filter(|run| !run.is_empty());
    runs.map(str::to_lowercase).collect()
}

fn has_words(text: &str, wanted: &str) -> bool {
    let (all, wanted) = (words(text), words(wanted));
    !wanted.is_empty() && all.windows(wanted.len()).any(|part| part == wanted)
}

/// For each channel its series. `given` are those that the caller has chosen; the others are found by the rules among the
/// series that nobody chose.
///
/// # Errors
/// [`ChannelError`] when a channel has no series, or more than one could be.
pub fn assigned(
    rules: &[ChannelRule],
    given: &[Option<usize>],
    series: &[SeriesTexts],
) -> Result<Vec<usize>, ChannelError> {
    let mut chosen: Vec<usize> = Vec::with_capacity(rules.len());
    for (channel, rule) in rules.iter().enumerate() {
        let place = match given.get(channel).copied().flatten() {
            Some(place) => place,
            None => {
                let free = (0..series.len()).filter(|place| !given.contains(&Some(*place)));
                let fits: Vec<usize> = free.filter(|place| rule.fits(&series[*place])).collect();
                match *fits.as_slice() {
                    [place] => place,
                    [] => {
                        let wanted = rule.any_of.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
                        let (channel, wanted) = (rule.name.clone(), wanted.join(" or "));
                        return Err(ChannelError::None { channel, wanted });
                    }
                    _ => {
                        let (channel, count) = (rule.name.clone(), fits.len());
                        return Err(ChannelError::Several { channel, count });
                    }
                }
            }
        };
        if let Some(other) = chosen.iter().position(|taken| *taken == place) {
            let (first, second) = (rules[other].name.clone(), rule.name.clone());
            return Err(ChannelError::Twice { first, second });
        }
        chosen.push(place);
    }
    Ok(chosen)
}

/// Two grids are one when no corner is farther apart than this, millimetres.
const SAME_MM: f64 = 0.01;
/// How much of the first channel's volume another one must cover.
const COVERED: f64 = 0.5;

/// A channel on the grid of the first one, which is even: its own values where the grids are the same, linear between its
/// voxels else, and its least value where it does not reach.
pub(crate) fn onto(first: &Volume, other: &Volume) -> Result<Volume, InferError> {
    let other = regular(other.clone());
    if is_same_grid(first, &other) {
        return Ok(other);
    }
    let [columns, rows, slices, _] = first.dims;
    let least = {
        let from = other.first_voxel();
        (from..from + other.voxels_per_time()).map(|at| other.voxels.value(at)).fold(f32::INFINITY, f32::min)
    };
    let other_from_first = other.voxel_from_patient() * first.patient_from_voxel;
    let line = |line: usize| {
        let (row, slice) = (line % rows, line / rows);
        let at = move |column: usize| {
            let place = DVec3::new(column as f64, row as f64, slice as f64);
            other_from_first.transform_point3(place).as_vec3()
        };
        (0..columns).map(at).map(|place: Vec3| sample(&other, place)).collect::<Vec<Option<f32>>>()
    };
    let values: Vec<Option<f32>> = (0..rows * slices).into_par_iter().flat_map_iter(line).collect();
    let covered = values.iter().filter(|value| value.is_some()).count() as f64 / values.len().max(1) as f64;
    if covered < COVERED {
        return Err(InferError::Misfit {
            attribute: "the part of the first channel that it covers (Image Position (Patient), 0020,0032)",
            found: format!("{:.0} %", 100.0 * covered),
            expected: format!("{:.0} % or more", 100.0 * COVERED),
        });
    }
    let values: Vec<f32> = values.into_iter().map(|value| value.unwrap_or(least)).collect();
    Ok(Volume {
        dims: [columns, rows, slices, 1],
        voxels: Voxels::F32(values).into(),
        time: 0,
        min_max: other.min_max,
        unit: other.unit,
        warnings: other.warnings,
        ..first.clone()
    })
}

fn is_same_grid(first: &Volume, other: &Volume) -> bool {
    if first.dims[..3] != other.dims[..3] {
        return false;
    }
    let last = [0, 1, 2].map(|axis| first.dims[axis] as f64 - 1.0);
    (0..8).all(|corner| {
        let place = [0, 1, 2].map(|axis| if corner >> axis & 1 == 1 { last[axis] } else { 0.0 });
        let place = DVec3::from_array(place);
        let apart = first.patient_from_voxel.transform_point3(place)
            - other.patient_from_voxel.transform_point3(place);
        apart.length() <= SAME_MM
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(description: &str, has_contrast: bool) -> SeriesTexts {
        SeriesTexts { texts: vec![description.to_owned()], has_contrast }
    }

    fn rule(name: &str, any_of: &[&str], none_of: &[&str], contrast: Option<bool>) -> ChannelRule {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        ChannelRule { name: name.to_owned(), any_of: texts(any_of), none_of: texts(none_of), contrast }
    }

    fn brain() -> Vec<ChannelRule> {
        vec![
            rule("T1", &["t1", "mprage"], &["flair"], Some(false)),
            rule("T1c", &["t1", "mprage"], &["flair"], Some(true)),
            rule("T2", &["t2"], &["flair", "dark fluid"], None),
            rule("FLAIR", &["flair", "dark fluid"], &[], None),
        ]
    }

    #[test]
    fn series_of_a_brain_are_told_apart_by_their_words_and_by_contrast() {
        let all = [
            series("Ax T2 FLAIR", false),
            series("sag_T1_MPRAGE", true),
            series("T2 TSE tra", false),
            series("T1 SE tra", false),
            series("DWI b1000", false),
        ];
        assert_eq!(assigned(&brain(), &[], &all), Ok(vec![3, 1, 2, 0]));
        // "T1W" is another word than "T1"; the caller may say that it is the series.
        let other = [
            series("T1W", false),
            series("T1 +C", true),
            series("T2", false),
            series("tirm dark-fluid", false),
        ];
        assert!(
            matches!(assigned(&brain(), &[], &other), Err(ChannelError::None { channel, .. }) if channel == "T1")
        );
        assert_eq!(assigned(&brain(), &[Some(0), None, None, None], &other), Ok(vec![0, 1, 2, 3]));
    }

    #[test]
    fn what_is_not_certain_is_asked_and_not_guessed() {
        let two = [series("T1 a", false), series("T1 b", false), series("T1 c", true), series("T2", false)];
        assert!(matches!(
            assigned(&brain(), &[], &two),
            Err(ChannelError::Several { channel, count: 2 }) if channel == "T1"
        ));
        let rules = [rule("A", &["t1"], &[], None), rule("B", &["t1"], &[], None)];
        let one = [series("T1", false)];
        assert!(matches!(assigned(&rules, &[], &one), Err(ChannelError::Twice { .. })));
        assert!(matches!(assigned(&rules, &[Some(0), Some(0)], &one), Err(ChannelError::Twice { .. })));
    }
}
