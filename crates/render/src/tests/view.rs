//! Volumes in 3D: the device against the CPU twin.

use std::sync::Arc;

use medsight_base::Plane;
use medsight_image::{
    Camera, CropBox, LabelGrid, LabelParts, Preset, Solids, SolidsDraw, SolidsLook, Volume, VolumeDraw,
    VolumeMode, Window, phantom, raycast,
};

use super::{device, difference, picture};
use crate::{RenderError, Target};

const SIZE: [u32; 2] = [72, 64];

fn head() -> Volume {
    phantom::head([48, 56, 40], 3.5)
}

fn camera(volume: &Volume) -> Camera {
    Camera::facing(Plane::Coronal, volume.bounds_mm(), SIZE).turned(0.5, 0.3)
}

fn check(volume: &Volume, look: &VolumeDraw, mean: f64, beyond_one: f64) {
    let drawn = picture(SIZE, |renderer, target| {
        renderer.draw_volume(target, &renderer.upload_volume(volume).unwrap(), look);
    });
    let twin = raycast::draw(volume, look, SIZE);
    assert!(twin.chunks(4).any(|p| p[0] > 100), "shows something");
    let apart = difference(&drawn, &twin);
    assert!(apart.mean <= mean && apart.beyond_one <= beyond_one, "{apart:?}");
}

#[test]
fn maximum_intensity_is_the_twins_although_bricks_are_leapt_over() {
    let volume = head();
    let mode = VolumeMode::Mip { window: Window::spanning(-200.0, 1800.0), invert: false };
    let look = VolumeDraw::new(camera(&volume), mode, 1.7);
    check(&volume, &look, 0.3, 0.01);
    let mut perspective = look;
    perspective.camera.eye_distance_mm = Some(400.0);
    perspective.crop = CropBox { min: [0.2, 0.0, 0.1], max: [1.0, 0.6, 0.9] };
    check(&volume, &perspective, 0.3, 0.01);
}

/// Compositing adds up the 8-bit fractions of the texture unit over a ray and its table has half floats: a
/// mean of one level and a few per cent of pixels beyond one, at edges, are what is allowed.
#[test]
fn shaded_compositing_is_the_twins_although_bricks_are_leapt_over() {
    let volume = head();
    for name in ["ct_bone", "ct_soft_tissue", "ct_lung"] {
        let look = VolumeDraw::preset(camera(&volume), &Preset::named(name).unwrap(), &volume);
        check(&volume, &look, 1.0, 0.12);
        let cropped = CropBox { min: [0.0, 0.0, 0.45], max: [1.0; 3] };
        check(&volume, &VolumeDraw { crop: cropped, background: [20, 20, 40], ..look }, 1.0, 0.12);
    }
}

#[test]
fn surfaces_of_segments_are_the_twins_with_and_without_the_volume_around_them() {
    let volume = head();
    let [nx, ny, nz] = Solids::dims_for(&volume);
    // A ball and a box; where they overlap the box is seen.
    let labels =
        (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| (x, y, z)))).map(|(x, y, z)| {
            let from = |a: usize, b: f32| (a as f32 - b).powi(2);
            let is_ball = from(x, 24.0) + from(y, 28.0) + from(z, 20.0) < 100.0;
            let is_box = (26..40).contains(&x) && (20..30).contains(&y) && (14..26).contains(&z);
            if is_box { 2 } else { u8::from(is_ball) }
        });
    let solids = Arc::new(Solids::new(&volume, labels.collect()).unwrap());
    let mut look = VolumeDraw::preset(camera(&volume), &Preset::named("ct_bone").unwrap(), &volume);
    for (volume_share, ball) in [(0.3, 255), (0.0, 255), (0.3, 0)] {
        let colors = vec![[0; 4], [230, 60, 50, ball], [60, 90, 230, 200]];
        let surfaces = SolidsLook { colors, volume_share };
        look.solids = Some(SolidsDraw { solids: solids.clone(), look: surfaces.clone() });
        let drawn = picture(SIZE, |renderer, target| {
            let (volume, labels) =
                (renderer.upload_volume(&volume).unwrap(), renderer.upload_solids(&solids).unwrap());
            renderer.draw_volume_with(target, &volume, Some((&labels, &surfaces)), &look);
        });
        let twin = raycast::draw(&volume, &look, SIZE);
        let red = twin.chunks(4).filter(|p| p[0] > 90 && p[0] / 2 > p[2]).count();
        assert_eq!(red > 20, ball > 0, "{red} red pixels");
        let apart = difference(&drawn, &twin);
        // A step that enters a label on one side of a rounding moves its edge by a pixel.
        assert!(apart.mean <= 1.0 && apart.beyond_one <= 0.12, "{apart:?}");
    }
}

/// Labels of a ball, of a box within its reach, and of something that has no part.
fn found(dims: [usize; 3]) -> Vec<u16> {
    let [nx, ny, nz] = dims;
    let near = |a: usize, n: usize, part: f32| ((a as f32 + 0.5) / n as f32 - part).powi(2);
    let places = (0..nz).flat_map(|z| (0..ny).flat_map(move |y| (0..nx).map(move |x| (x, y, z))));
    let label = |(x, y, z): (usize, usize, usize)| {
        let apart = near(x, nx, 0.5) + near(y, ny, 0.45) + near(z, nz, 0.5);
        match () {
            () if x * 4 > nx * 3 && y * 2 > ny && z * 3 < nz => 300,
            () if apart < 0.05 => 7,
            () if z == 0 => 9,
            () => 0,
        }
    };
    places.map(label).collect()
}

#[test]
fn what_is_in_device_memory_only_looks_in_3d_as_it_does_when_the_processor_has_it() {
    let (gpu, _) = device();
    // Cells are the volume's voxels, or coarser.
    for (volume, zoom) in [(head(), 1.0), (phantom::head([300, 40, 36], 1.5), 5.0)] {
        let dims = [volume.dims[0], volume.dims[1], volume.dims[2]];
        let labels = found(dims);
        let on_device = crate::DeviceLabels::reserve(&gpu.device, &gpu.queue, &gpu.memory, dims).unwrap();
        let mut words = labels.clone();
        words.resize(labels.len().next_multiple_of(2), 0);
        gpu.queue.write_buffer(on_device.buffer(), 0, bytemuck::cast_slice(&words));
        let mut parts = vec![0; 301];
        (parts[7], parts[300]) = (2, 3);
        let parts = LabelParts { voxel_from_patient: volume.voxel_from_patient(), parts: Arc::new(parts) };
        let grid = LabelGrid::over(&volume, &labels);
        // Something that was there already, and lies under the lower end of the ball.
        let cells = Solids::dims_for(&volume).iter().product::<usize>();
        let old = (0..cells).map(|at| u8::from(at * 3 < cells));
        let old = Solids::new(&volume, old.collect()).unwrap();
        let mut look =
            VolumeDraw::preset(camera(&volume).zoomed(zoom), &Preset::named("ct_bone").unwrap(), &volume);
        let colors = vec![[0; 4], [240, 240, 20, 255], [230, 60, 50, 255], [60, 90, 230, 200]];
        let surfaces = SolidsLook { colors, volume_share: 0.3 };
        for beneath in [None, Some(&old)] {
            let solids = Arc::new(Solids::with_labels(&volume, beneath, &grid, &parts).unwrap());
            look.solids = Some(SolidsDraw { solids: solids.clone(), look: surfaces.clone() });
            let here = picture(SIZE, |renderer, target| {
                let volume = renderer.upload_volume(&volume).unwrap();
                let labels = renderer.upload_solids(&solids).unwrap();
                renderer.draw_volume_with(target, &volume, Some((&labels, &surfaces)), &look);
            });
            let there = picture(SIZE, |renderer, target| {
                let volume = renderer.upload_volume(&volume).unwrap();
                let beneath = beneath.map(|solids| renderer.upload_solids(solids).unwrap());
                let labels = renderer.solids_of_labels(&volume, &on_device, &parts, beneath.as_ref());
                let labels = labels.unwrap();
                assert_eq!(labels.bytes(), renderer.upload_solids(&solids).unwrap().bytes());
                renderer.draw_volume_with(target, &volume, Some((&labels, &surfaces)), &look);
            });
            let red = here.chunks(4).filter(|p| p[0] > 90 && p[0] / 2 > p[2] && p[0] / 2 > p[1]).count();
            assert!(red > 20, "{red} red pixels over {beneath:?}", beneath = beneath.is_some());
            assert!(here == there, "{:?}", difference(&here, &there));
            let twin = raycast::draw(&volume, &look, SIZE);
            let apart = difference(&there, &twin);
            assert!(apart.mean <= 1.0 && apart.beyond_one <= 0.12, "{apart:?}");
        }
    }
}

#[test]
fn a_ray_beside_the_volume_shows_the_background() {
    let volume = head();
    let mut look = VolumeDraw::preset(camera(&volume), &Preset::named("ct_bone").unwrap(), &volume);
    (look.camera, look.background) = (look.camera.zoomed(0.3), [12, 34, 56]);
    let drawn = picture(SIZE, |renderer, target| {
        renderer.draw_volume(target, &renderer.upload_volume(&volume).unwrap(), &look);
    });
    assert_eq!(drawn[..4], [12, 34, 56, 255]);
}

#[test]
fn a_volume_put_slice_by_slice_looks_like_one_put_at_once() {
    let volume = head();
    let look = VolumeDraw::preset(camera(&volume), &Preset::named("ct_bone").unwrap(), &volume);
    let at_once = picture(SIZE, |r, target| r.draw_volume(target, &r.upload_volume(&volume).unwrap(), &look));
    let growing = picture(SIZE, |renderer, target| {
        let mut texture = renderer.begin_volume(&volume).unwrap();
        for z in (0..volume.dims[2]).step_by(7) {
            let slices = z..(z + 7).min(volume.dims[2]);
            renderer.put_slices(&mut texture, &volume, 0, slices).unwrap();
            renderer.draw_volume(target, &texture, &look);
        }
        assert_eq!(texture.slices_ready(), volume.dims[2]);
    });
    assert_eq!(at_once, growing);
}

#[test]
fn a_volume_beyond_the_memory_budget_is_refused_with_the_figures() {
    let gpu = crate::Gpu::headless().unwrap();
    let renderer = crate::Renderer::new(&gpu).unwrap();
    gpu.memory.set_budget(1000);
    let refused = renderer.upload_volume(&head()).unwrap_err();
    assert!(matches!(refused, RenderError::Memory(_)), "{refused}");
    let too_long = phantom::volume(
        [gpu.max_edge_3d() as usize + 1, 1, 1],
        glam::DVec3::ONE,
        vec![0; gpu.max_edge_3d() as usize + 1],
    );
    assert!(matches!(renderer.upload_volume(&too_long), Err(RenderError::TooLarge { .. })));
}

#[test]
fn memory_is_given_back_when_a_volume_is_dropped() {
    let gpu = crate::Gpu::headless().unwrap();
    let renderer = crate::Renderer::new(&gpu).unwrap();
    let texture = renderer.upload_volume(&head()).unwrap();
    assert_eq!(gpu.memory.used(), texture.bytes());
    drop(texture);
    assert_eq!(gpu.memory.used(), 0);
    let target = Target::new(&device().0, [0, 0]);
    assert_eq!(target.size_px(), [1, 1]);
}
