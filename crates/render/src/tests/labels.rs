//! Labels in device memory over a picture: the device against the CPU twin.

use std::sync::Arc;

use glam::{DMat4, DVec3};
use medsight_gpu::DeviceLabels;
use medsight_image::label_grid::{Edge, PixelPlane};
use medsight_image::{LabelDraw, LabelGrid, label_layer};

use super::{device, difference, picture};

#[test]
fn labels_in_device_memory_look_as_those_of_the_processor() {
    let dims = [13, 11, 7];
    let labels: Vec<u16> =
        (0..13 * 11 * 7).map(|i| if i % 13 < 8 { (i / 5 % 4) as u16 * 300 } else { 0 }).collect();
    let voxel_from_patient = DMat4::from_scale(DVec3::new(0.5, 0.7, 0.3));
    let grid = LabelGrid::new(dims, voxel_from_patient, &labels);
    let (gpu, _) = device();
    let on_device = DeviceLabels::reserve(&gpu.device, &gpu.queue, &gpu.memory, dims).unwrap();
    let mut words = labels.clone();
    words.resize(labels.len().next_multiple_of(2), 0);
    gpu.queue.write_buffer(on_device.buffer(), 0, bytemuck::cast_slice(&words));
    assert_eq!(on_device.read_back().unwrap(), labels);
    let mut colors = vec![None; 901];
    (colors[300], colors[900]) = (Some([240, 20, 90]), Some([10, 200, 130]));
    let size = [64_u32, 48];
    for edge in [Edge::Solid, Edge::Dashed] {
        let look = LabelDraw {
            plane: PixelPlane {
                origin_mm: DVec3::new(-2.03, -1.07, 5.11),
                right_mm: DVec3::new(0.43, 0.02, 0.013),
                down_mm: DVec3::new(-0.01, 0.37, 0.031),
                size_px: size.map(|n| n as usize),
            },
            voxel_from_patient,
            fill: 0.35,
            edge,
            colors: Arc::new(colors.clone()),
        };
        let drawn = picture(size, |renderer, target| renderer.draw_labels(target, &on_device, &look));
        let twin = label_layer::draw(&grid, &look);
        let shown = twin.iter().filter(|p| p[3] > 0).count();
        assert!(shown > 500 && shown < twin.len() - 500, "{shown}");
        let share = |c: u8, a: u8| (f32::from(c) * f32::from(a) / 255.0).round() as u8;
        let twin: Vec<u8> =
            twin.iter().flat_map(|[r, g, b, a]| [share(*r, *a), share(*g, *a), share(*b, *a), *a]).collect();
        let apart = difference(&drawn, &twin);
        // A pixel whose centre lies between two voxels falls to either side: the device has single precision.
        assert!(apart.beyond_one <= 0.001, "{apart:?}");
    }
}
