//! The tools that need no model, on real volumes of the corpus: a native trunk CT of 3 mm with
//! TotalSegmentator's own segmentation (a program's output, not a hand-drawn truth), an angiogram of the head
//! and an MR.
#![allow(unreachable_pub, reason = "the reader of volumes is a module of each test file that needs it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot read its samples has failed")]

mod common;

use std::path::PathBuf;
use std::time::Instant;

use glam::{DQuat, DVec3};
use medsight_image::arc::tangents;
use medsight_image::body_mask::body;
use medsight_image::bone_mask::bone;
use medsight_image::centerline::centerline;
use medsight_image::click_segment::{Click, from_clicks};
use medsight_image::components::{Neighbours, largest};
use medsight_image::curved::{CurvedDraw, CurvedKind, curved};
use medsight_image::distance::inside_mm;
use medsight_image::lung_mask::lungs;
use medsight_image::plane::{Projection, sample};
use medsight_image::register::rigid;
use medsight_image::{Mask, Volume, Work};

fn nifti(name: &str) -> Option<PathBuf> {
    Some(medsight_base::testing::corpus()?.join("nifti").join(name))
}

fn trunk() -> Option<(Volume, Volume)> {
    let ct = common::read(&nifti("totalsegmentator/example_ct.nii.gz")?, "HU");
    let labels = common::read(&nifti("totalsegmentator/example_seg_fast_force_split.nii.gz")?, "");
    Some((ct, labels))
}

fn organ(labels: &Volume, wanted: impl Fn(f32) -> bool + Sync) -> Mask {
    Mask::where_value(labels, wanted)
}

/// The voxel that is deepest in a mask: where a person would click.
fn deepest(mask: &Mask, spacing_mm: DVec3) -> [usize; 3] {
    let depth = inside_mm(mask, spacing_mm);
    let at = (0..depth.len()).max_by(|a, b| depth[*a].total_cmp(&depth[*b])).unwrap();
    mask.voxel(at)
}

#[test]
fn one_click_gives_most_of_an_organ_and_one_of_the_next_four_makes_it_better() {
    let Some((ct, labels)) = trunk() else { return };
    for (label, name, one, best_of_five) in [
        (5.0, "liver", 0.8, 0.85),
        (1.0, "spleen", 0.75, 0.85),
        (2.0, "right kidney", 0.6, 0.9),
        (3.0, "left kidney", 0.85, 0.9),
        (21.0, "bladder", 0.8, 0.85),
    ] {
        let truth = organ(&labels, |v| v == label);
        let (mut wrong, mut inside) = (truth.clone(), true);
        let (mut clicks, mut dice, mut times) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..5 {
            // A person clicks into the middle of what is most wrong.
            clicks.push(Click { voxel: deepest(&wrong, ct.spacing_mm), inside });
            let begin = Instant::now();
            let found = from_clicks(&ct, &clicks, 250.0, &Work::silent()).unwrap().mask(1.0);
            times.push(begin.elapsed().as_millis());
            dice.push(found.dice(&truth));
            let missed = largest(&truth.clone().without(&found), Neighbours::Six);
            let too_much = largest(&found.without(&truth), Neighbours::Six);
            inside = missed.count() >= too_much.count();
            wrong = if inside { missed } else { too_much };
        }
        println!("{name}: Dice {dice:.3?}, {times:?} ms");
        let best = dice.iter().copied().fold(0.0, f64::max);
        assert!(dice[0] > one && best > best_of_five, "{name}: {dice:?}");
    }
}

#[test]
fn body_lungs_and_bones_of_a_trunk_have_plausible_volumes_and_are_where_a_network_finds_them() {
    let Some((ct, labels)) = trunk() else { return };
    let begin = Instant::now();
    let body = body(&ct, &Work::silent()).unwrap();
    let all = organ(&labels, |v| v > 0.0);
    let within = all.clone().and(&body).count() as f64 / all.count() as f64;
    let litres = body.volume_ml(&ct) / 1000.0;
    println!("body {litres:.1} l, {within:.4} of all organs, {} ms", begin.elapsed().as_millis());
    // 34 cm of a trunk of about 35 × 26 cm.
    assert!(within > 0.999 && (20.0..28.0).contains(&litres));

    let begin = Instant::now();
    let found = lungs(&ct, &Work::silent()).unwrap();
    println!("lungs {} ms", begin.elapsed().as_millis());
    // Only the lowest parts are in the scan.
    for (found, lobes) in [(found.left, [10.0, 11.0, 10.0]), (found.right, [12.0, 13.0, 14.0])] {
        let (found, truth) = (found.unwrap(), organ(&labels, |v| lobes.contains(&v)));
        let dice = found.dice(&truth);
        println!("lung {:.0} of {:.0} ml, Dice {dice:.3}", found.volume_ml(&ct), truth.volume_ml(&ct));
        assert!(dice > 0.93, "{dice}");
    }

    let begin = Instant::now();
    let found = bone(&ct, &Work::silent()).unwrap();
    let ms = begin.elapsed().as_millis();
    // Spine and sacrum, limbs' ends, ribs and sternum.
    let is_bone = |v: f32| [25.0..=50.0, 69.0..=78.0, 92.0..=116.0].iter().any(|labels| labels.contains(&v));
    let truth = organ(&labels, is_bone);
    let right = found.clone().and(&truth).count() as f64 / found.count() as f64;
    let (dice, [ours, theirs]) = (found.dice(&truth), [&found, &truth].map(|mask| mask.volume_ml(&ct)));
    println!("bone {ours:.0} of {theirs:.0} ml, Dice {dice:.3}, {right:.3} of it is bone, {ms} ms");
    assert!(dice > 0.83 && right > 0.92, "{dice} {right}");
}

#[test]
fn values_of_an_mr_are_not_mistaken_for_hounsfield_units() {
    let Some(path) = nifti("niivue/MR_Gd.nii.gz") else { return };
    let mr = common::read(&path, "");
    assert_eq!(body(&mr, &Work::silent()).unwrap_err().code(), "not_hounsfield");
    assert_eq!(bone(&mr, &Work::silent()).unwrap_err().code(), "not_hounsfield");
    assert_eq!(lungs(&mr, &Work::silent()).unwrap_err().code(), "not_hounsfield");
}

#[test]
fn the_line_through_a_venous_sinus_stays_in_it_and_is_as_long_from_either_end() {
    let Some(path) = nifti("niivue/CT_AVM.nii.gz") else { return };
    let ct = common::read(&path, "");
    // Superior sagittal sinus near the vertex and farther back, jugular bulb on the right.
    let clicks = [[100.0, 66.0, 131.0], [97.0, 25.0, 90.0], [64.0, 111.0, 12.0]];
    let mut clicks = clicks.map(|v| ct.patient_from_voxel.transform_point3(DVec3::from_array(v)));
    let begin = Instant::now();
    let there = centerline(&ct, &clicks, 1.0, &Work::silent()).unwrap();
    let ms = begin.elapsed().as_millis();
    clicks.reverse();
    let back = centerline(&ct, &clicks, 1.0, &Work::silent()).unwrap();
    let value =
        |p: &DVec3| sample(&ct, ct.voxel_from_patient().transform_point3(*p).as_vec3()).unwrap_or(0.0);
    let inside = there.points_mm.iter().filter(|p| value(p) > 200.0).count() as f64;
    let inside = inside / there.points_mm.len() as f64;
    let directions = tangents(&there.points_mm);
    let bend = directions.windows(2).map(|d| d[0].angle_between(d[1]).to_degrees()).fold(0.0, f64::max);
    let off = |p: &DVec3| back.points_mm.iter().map(|q| q.distance(*p)).fold(f64::INFINITY, f64::min);
    let apart = there.points_mm.iter().map(off).fold(0.0, f64::max);
    let (there_mm, back_mm) = (there.length_mm(), back.length_mm());
    println!(
        "{there_mm:.1} mm, back {back_mm:.1}, {apart:.2} apart, {bend:.1}° in 1 mm, {inside:.3} inside, {ms} ms"
    );
    assert!((there_mm / back_mm - 1.0).abs() < 0.02 && inside > 0.99);

    let draw = CurvedDraw {
        kind: CurvedKind::Straightened { angle_rad: 0.0 },
        half_width_mm: 20.0,
        mm_per_px: 0.5,
        slab_mm: 0.0,
        projection: Projection::Mip,
        outside: 0.0,
    };
    let shown = curved(&ct, &there.points_mm, &draw).unwrap().frame;
    let bright = (0..shown.rows).filter(|row| shown.samples.value(row * shown.columns + 40) > 200.0).count();
    assert!(bright as f64 > 0.98 * shown.rows as f64, "{bright} of {} rows", shown.rows);
}

#[test]
fn a_real_volume_that_was_turned_and_shifted_is_found_within_half_a_millimetre_and_half_a_degree() {
    for name in ["totalsegmentator/example_ct.nii.gz", "niivue/CT_AVM.nii.gz", "niivue/MR_Gd.nii.gz"] {
        let Some(path) = nifti(name) else { return };
        let volume = common::read(&path, "");
        let turn = DQuat::from_scaled_axis(DVec3::new(4.0, -6.0, 9.0) * std::f64::consts::PI / 180.0);
        let (other, truth) = common::moved(&volume, turn, DVec3::new(9.0, -14.0, 11.0), 5.0);
        let begin = Instant::now();
        let found = rigid(&volume, &other, &Work::silent()).unwrap();
        let ms = begin.elapsed().as_millis();
        let (mm, degrees) = common::error(&found.fixed_from_moving, &truth, &volume);
        println!("{name}: {mm:.3} mm, {degrees:.3}°, similarity {:.3}, {ms} ms", found.similarity);
        assert!(mm < 0.5 && degrees < 0.5, "{name}: {mm} mm, {degrees}°");
    }
}
