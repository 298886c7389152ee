//! Tools of the reader that compute on the device: the same answer as on the processor.

use std::sync::{Arc, OnceLock};

use glam::{DMat4, DQuat, DVec3};
use medsight_image::click_segment::{Click, from_clicks, from_clicks_by};
use medsight_image::geodesic::{Front, Landscape, Lattice, Spreader, StepCost};
use medsight_image::register::{Registration, rigid, rigid_by};
use medsight_image::{ToolError, Volume, Work, phantom};

use crate::{Gpu, GpuHistograms, GpuSpreader};

fn gpu() -> Arc<Gpu> {
    static DEVICE: OnceLock<Arc<Gpu>> = OnceLock::new();
    DEVICE.get_or_init(|| Arc::new(Gpu::headless().unwrap())).clone()
}

fn no_complaint() {
    assert!(gpu().errors.is_empty(), "{:?}", gpu().errors.entries());
}

/// Numbers from 0 to 1 that jump about.
fn noise() -> impl FnMut() -> f32 {
    let mut state = 17_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    }
}

#[test]
fn the_cheapest_way_to_every_voxel_is_the_processors() {
    let steps = [DVec3::X * 0.8, DVec3::Y * 0.8, DVec3::Z * 2.0];
    let lattice = Lattice::new([3, 0, 1], [39, 30, 14], steps);
    let mut noise = noise();
    let values = lattice.filled(0.0, |[x, y, _]| noise() * 8.0 + if x / 9 == y / 9 { 20.0 } else { 0.0 });
    let step = StepCost { tissue: 4.0, tissue_sd: 2.5, alike: 1.0, step_sd: 2.0, change: 4.0, dearest: 60.0 };
    let landscape = Landscape { lattice: &lattice, values: &values, step };
    // In the tissue that is meant.
    let seed = lattice.index([12, 4, 3]);
    let spreader = GpuSpreader::new(gpu()).unwrap();
    for limit in [300.0, 25.0] {
        let grow = |_: usize, _: f32| Front::Grow;
        let here = landscape.spread(seed, limit, None, grow, &Work::silent()).unwrap();
        let there = spreader.costs(&landscape, seed, limit, &Work::silent()).unwrap().unwrap();
        let reached = here.iter().filter(|cost| cost.is_finite() && **cost > 0.0).count();
        assert!(reached > 100, "{reached}");
        for (here, there) in here.iter().zip(&there) {
            assert!(here == there || (here - there).abs() <= 1e-4 * here.abs(), "{here} and {there}");
        }
    }
    let stopped = spreader.costs(&landscape, seed, 300.0, &Work::new(&|_| {}, &|| true));
    assert!(matches!(stopped, Err(ToolError::Stopped)));
    no_complaint();
}

#[test]
fn clicks_give_the_processors_mask() {
    let (dims, spacing) = ([56, 52, 28], DVec3::new(0.8, 0.8, 1.5));
    let mut noise = noise();
    let voxels = (0..dims.iter().product::<usize>()).map(|i| {
        let at = DVec3::new((i % 56) as f64, (i / 56 % 52) as f64, (i / (56 * 52)) as f64);
        let p = (at - DVec3::new(28.0, 26.0, 14.0)) * spacing;
        let is_inside = (p / DVec3::new(12.0, 9.0, 8.0)).length() < 1.0;
        (if is_inside { 120.0 } else { 50.0 } + (noise() + noise() - 1.0) * 30.0) as i16
    });
    let volume = phantom::volume(dims, spacing, voxels.collect());
    let spreader = GpuSpreader::new(gpu()).unwrap();
    let plus = Click { voxel: [31, 24, 15], inside: true };
    let minus = Click { voxel: [40, 26, 14], inside: false };
    for clicks in [vec![plus], vec![plus, minus]] {
        let here = from_clicks(&volume, &clicks, 60.0, &Work::silent()).unwrap();
        let there = from_clicks_by(&volume, &clicks, 60.0, Some(&spreader), &Work::silent()).unwrap();
        for size in [0.6, 1.0, 1.5] {
            let (here, there) = (here.mask(size), there.mask(size));
            assert!(here.count() > 500, "{}", here.count());
            // Costs differ in the last digit: a voxel whose cost is the limit may fall to either side.
            assert!(there.dice(&here) >= 0.999, "{}", there.dice(&here));
        }
        assert!(here.mask(1.0) == there.mask(1.0));
    }
    no_complaint();
}

#[test]
fn a_turned_and_shifted_head_is_put_where_the_processor_puts_it() {
    let head = phantom::head([36, 44, 32], 5.0);
    let turn = DQuat::from_scaled_axis(DVec3::new(4.0, -3.0, 7.0) * (std::f64::consts::PI / 180.0));
    let pose = DMat4::from_rotation_translation(turn, DVec3::new(8.0, -6.0, 11.0));
    let moving: Volume =
        Registration { fixed_from_moving: pose, similarity: 1.0, overlap: 1.0 }.placed(&head);
    let here = rigid(&head, &moving, &Work::silent()).unwrap();
    let histograms = GpuHistograms::new(gpu()).unwrap();
    let there = rigid_by(&head, &moving, Some(&histograms), &Work::silent()).unwrap();
    let turn_of = |found: &Registration| found.fixed_from_moving.to_scale_rotation_translation().1;
    let degrees = turn_of(&here).angle_between(turn_of(&there)).to_degrees();
    let center = moving.center_mm();
    let at = |found: &Registration| found.fixed_from_moving.transform_point3(center);
    let mm = at(&here).distance(at(&there));
    println!("{mm:.4} mm, {degrees:.4}°: {here:?} {there:?}");
    assert!(mm < 0.1 && degrees < 0.1, "{mm} mm, {degrees}°");
    assert!((here.similarity - there.similarity).abs() < 1e-3);
    // And both are right.
    assert!(at(&there).distance(pose.inverse().transform_point3(center)) < 0.5);
    no_complaint();
}
