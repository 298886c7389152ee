//! Pictures of the device against the CPU twins, and shaders against their Rust mirrors.

mod labels;
mod layout;
mod plane;
mod stack;
mod tools;
mod view;

use std::sync::OnceLock;

use crate::{Gpu, Renderer, Target};

/// One device for all tests of the crate: making one takes longer than a picture.
fn device() -> &'static (Gpu, Renderer) {
    static DEVICE: OnceLock<(Gpu, Renderer)> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let gpu = Gpu::headless().unwrap();
        let renderer = Renderer::new(&gpu).unwrap();
        (gpu, renderer)
    })
}

/// The picture `draw` makes, and no complaint of the device.
fn picture(size_px: [u32; 2], draw: impl FnOnce(&Renderer, &Target)) -> Vec<u8> {
    let (gpu, renderer) = device();
    let target = Target::new(gpu, size_px);
    draw(renderer, &target);
    let pixels = target.read_back(gpu).unwrap();
    assert!(gpu.errors.is_empty(), "{:?}", gpu.errors.entries());
    pixels
}

/// How far two pictures are apart, in grey levels.
#[derive(Debug)]
struct Difference {
    mean: f64,
    max: u8,
    /// Share of samples that differ by more than one.
    beyond_one: f64,
}

fn difference(a: &[u8], b: &[u8]) -> Difference {
    assert_eq!(a.len(), b.len());
    let apart = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let n = a.len() as f64;
    Difference {
        mean: apart().map(f64::from).sum::<f64>() / n,
        max: apart().max().unwrap_or(0),
        beyond_one: apart().filter(|d| *d > 1).count() as f64 / n,
    }
}
