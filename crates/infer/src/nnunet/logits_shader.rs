//! `shaders/logits.wgsl` as Rust sees it: its constants and its entry points.

use bytemuck::{Pod, Zeroable};
use medsight_gpu::kernel::{Kernel, KernelError};
use medsight_gpu::wgpu;

const SOURCE: &str = include_str!("../../../../shaders/logits.wgsl");

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Add {
    pub(super) strides: [u32; 4],
    pub(super) patch_dims: [u32; 4],
    pub(super) begin: [u32; 4],
    pub(super) grid: [u32; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct OfSums {
    pub(super) words: u32,
    pub(super) is_first: u32,
    pub(super) divisor: f32,
    pub(super) pad_0: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Part {
    pub(super) begin: [u32; 4],
    pub(super) dims: [u32; 4],
    pub(super) grid: [u32; 4],
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Along {
    pub(super) inner: u32,
    pub(super) length: u32,
    pub(super) count: u32,
    pub(super) total: u32,
    pub(super) taps: u32,
    pub(super) pad_0: u32,
    pub(super) pad_1: u32,
    pub(super) pad_2: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Best {
    pub(super) voxels: u32,
    pub(super) label: u32,
    pub(super) is_region: u32,
    pub(super) is_first: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub(super) struct Place {
    pub(super) axes: [u32; 4],
    pub(super) signs: [i32; 4],
    pub(super) offsets: [i32; 4],
    pub(super) part: [u32; 4],
    pub(super) dims: [u32; 4],
}

pub(super) struct Kernels {
    pub(super) add_patch: Kernel,
    pub(super) average: Kernel,
    pub(super) add_fold: Kernel,
    pub(super) unpack: Kernel,
    pub(super) along: Kernel,
    pub(super) take_best: Kernel,
    pub(super) put_labels: Kernel,
}

impl Kernels {
    pub(super) fn new(device: &wgpu::Device) -> Result<Self, KernelError> {
        let kernel = |entry| Kernel::new(device, "logits", SOURCE, entry);
        Ok(Self {
            add_patch: kernel("add_patch")?,
            average: kernel("average")?,
            add_fold: kernel("add_fold")?,
            unpack: kernel("unpack")?,
            along: kernel("along")?,
            take_best: kernel("take_best")?,
            put_labels: kernel("put_labels")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_have_one_layout_in_rust_and_wgsl() {
        let module =
            naga::front::wgsl::parse_str(SOURCE).unwrap_or_else(|e| panic!("{}", e.emit_to_string(SOURCE)));
        let flags = naga::valid::ValidationFlags::all();
        naga::valid::Validator::new(flags, naga::valid::Capabilities::empty()).validate(&module).unwrap();
        let offsets = |name: &str| {
            let (_, found) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
            let naga::TypeInner::Struct { members, span } = &found.inner else { panic!("{name}") };
            let named: Vec<(&str, usize)> =
                members.iter().map(|m| (m.name.as_deref().unwrap(), m.offset as usize)).collect();
            (named, *span as usize)
        };
        macro_rules! check {
            ($name:literal, $mirror:ty, [$($field:ident),*]) => {
                let rust = vec![$((stringify!($field), std::mem::offset_of!($mirror, $field))),*];
                assert_eq!(offsets($name), (rust, size_of::<$mirror>()));
            };
        }
        check!("Add", Add, [strides, patch_dims, begin, grid]);
        check!("Sums", OfSums, [words, is_first, divisor, pad_0]);
        check!("Part", Part, [begin, dims, grid]);
        check!("Along", Along, [inner, length, count, total, taps, pad_0, pad_1, pad_2]);
        check!("Best", Best, [voxels, label, is_region, is_first]);
        check!("Place", Place, [axes, signs, offsets, part, dims]);
    }
}
