//! Sums and decision on the graphics device: patches' logits are added up where the network left them, and the labels are
//! made there, on the volume's own voxels, to be drawn at once (`shaders/logits.wgsl`).
//!
//! The same steps in the same order as on the processor (`sliding`, `predict`), with sums in half precision rounded alike; only
//! resampling is in single instead of double precision, so that a voxel between two labels of equal logits may differ.
//!
//! It is a plan, made before anything runs: the sums of all heads over the whole grid, and what resampling them takes, must
//! fit the account of memory beside the pass over a patch, and each head's must fit one buffer. A study for which they do not,
//! and logits that are resampled by cubic splines, go the other way: patch by patch to the processor, as ever.

use medsight_gpu::kernel::{Kernel, flat_groups, read_back, storage, uniform, zeros};
use medsight_gpu::{DeviceLabels, Reservation, wgpu};

use burn::prelude::Tensor;

use super::dataset::Dataset;
use super::folder::NnunetModel;
use super::logits_shader::{Add, Along, Best, Kernels, OfSums, Part, Place};
use super::predict::Cut;
use super::prepare::{Prepared, resample_steps};
use super::sliding::{Gathering, gaussian};
use crate::compute::{Compute, Handles};
use crate::grid::Region;
use crate::resample::AxisTaps;
use crate::run::InferError;
use crate::tensor_memory::with_memory;

/// Where the labels of an image go: onto the voxels of the volume that it was made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placing {
    /// For each axis of the image (slices, rows, columns) the volume's axis (likewise), and whether it runs the other way.
    pub(crate) axes: [(usize, bool); 3],
    /// Sizes of the image.
    pub(crate) image_dims: [usize; 3],
    /// For each slice of the volume the one along the image's grid.
    pub(crate) slices: Vec<u32>,
    /// Rows and columns of the volume.
    pub(crate) size: [usize; 2],
}

impl Placing {
    /// Columns, rows, slices of the volume.
    fn volume_dims(&self) -> [usize; 3] {
        [self.size[1], self.size[0], self.slices.len()]
    }
}

/// Sums in device memory.
pub(super) struct OnDevice {
    compute: Compute,
    handles: Handles,
    kernels: Kernels,
    padded: [usize; 3],
    inner: Region,
    patch: [usize; 3],
    folds: usize,
    folds_done: usize,
    steps: Vec<AxisTaps>,
    place: Place,
    labels: DeviceLabels,
    /// Head by head: rows of an odd length have a half more.
    sums: Vec<wgpu::Buffer>,
    /// Of all folds so far; empty where there is one.
    totals: Vec<wgpu::Buffer>,
    weights: wgpu::Buffer,
    gaussian: wgpu::Buffer,
    slices: wgpu::Buffer,
    /// A logit of 1, whose sums are those of the weights.
    one: wgpu::Buffer,
    not_finite: wgpu::Buffer,
    scratch: [wgpu::Buffer; 2],
    best: wgpu::Buffer,
    _room: Reservation,
}

/// Bytes of each kind of buffer of a run.
struct Bytes {
    sums: u64,
    scratch: u64,
    best: u64,
    labels: u64,
}

impl OnDevice {
    /// The plan: `None` where the sums stay on the processor.
    pub(super) fn planned(
        model: &NnunetModel,
        prepared: &Prepared,
        cut: &Cut,
        placing: &Placing,
    ) -> Option<Result<Self, InferError>> {
        let compute = model.compute();
        let handles = compute.handles()?;
        let (plan, from, to) = (model.plan(), cut.inner.dims, prepared.crop.dims);
        let steps = resample_steps(from, to, plan.logits, prepared.spacing_mm, prepared.image_spacing_mm)?;
        let (heads, folds) = (model.dataset().heads() as u64, model.folds().len());
        let bytes = Bytes::of(cut.padded, from, to, &steps, placing);
        if bytes.largest() > compute.largest_tensor_bytes() {
            return None;
        }
        // Beside the sums the weights; of several folds the sums of one and those of all.
        let grids = 1 + heads * if folds > 1 { 2 } else { 1 };
        let room = compute.memory().reserve(grids * bytes.sums + 2 * bytes.scratch + bytes.best).ok()?;
        let labels =
            DeviceLabels::reserve(&handles.device, &handles.queue, compute.memory(), placing.volume_dims());
        let place = place_of(placing, prepared, plan.transpose);
        Some(Self::new(model, handles.clone(), cut, steps, place, placing, &bytes, labels.ok()?, room))
    }

    #[allow(clippy::too_many_arguments, reason = "each part of the plan, once")]
    fn new(
        model: &NnunetModel,
        handles: Handles,
        cut: &Cut,
        steps: Vec<AxisTaps>,
        place: Place,
        placing: &Placing,
        bytes: &Bytes,
        labels: DeviceLabels,
        room: Reservation,
    ) -> Result<Self, InferError> {
        let device = &handles.device;
        let kernels = Kernels::new(device).map_err(|error| InferError::Device(error.to_string()))?;
        let (heads, folds) = (model.dataset().heads(), model.folds().len());
        let grids = |count: usize| (0..count).map(|_| zeros(device, "sums", bytes.sums)).collect::<Vec<_>>();
        let weights: Vec<f32> = gaussian(cut.patch).iter().map(|weight| weight.to_f32()).collect();
        let mut run = Self {
            padded: cut.padded,
            inner: cut.inner,
            patch: cut.patch,
            folds,
            folds_done: 0,
            steps,
            place,
            labels,
            sums: grids(heads),
            totals: grids(if folds > 1 { heads } else { 0 }),
            weights: zeros(device, "weights", bytes.sums),
            gaussian: storage(device, bytemuck::cast_slice(&weights)),
            slices: storage(device, bytemuck::cast_slice(&placing.slices)),
            one: storage(device, bytemuck::bytes_of(&1.0_f32)),
            not_finite: zeros(device, "not finite", 4),
            scratch: [0, 1].map(|_| zeros(device, "resampled", bytes.scratch)),
            best: zeros(device, "best", bytes.best),
            _room: room,
            compute: model.compute().clone(),
            kernels,
            handles: handles.clone(),
        };
        let mut encoder = run.encoder();
        for region in cut.regions() {
            let ones = run.one.as_entire_binding();
            run.add_to(&mut encoder, *region, ones, [0; 4], &run.weights);
        }
        run.submit(encoder);
        run.folds_done = 0;
        Ok(run)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.handles.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.handles.queue.submit([encoder.finish()]);
    }

    /// Rows of the grid and words in a row.
    fn grid(&self) -> [u32; 4] {
        [self.padded[1] as u32, row_words(self.padded) as u32, 0, 0]
    }

    fn add_to(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        region: Region,
        logits: wgpu::BindingResource<'_>,
        strides: [u32; 4],
        sums: &wgpu::Buffer,
    ) {
        let device = &self.handles.device;
        let [slices, rows, columns] = self.patch.map(|size| size as u32);
        let add = Add {
            strides,
            patch_dims: [slices, rows, columns, 0],
            begin: [region.from[0] as u32, region.from[1] as u32, region.from[2] as u32, 0],
            grid: self.grid(),
        };
        let constants = uniform(device, bytemuck::bytes_of(&add));
        let resources = [
            constants.as_entire_binding(),
            logits,
            self.gaussian.as_entire_binding(),
            sums.as_entire_binding(),
        ];
        // A patch that begins in the middle of a word reaches one word more.
        let words = columns / 2 + 1;
        self.kernels.add_patch.run(device, encoder, &resources, [words.div_ceil(64), rows, slices]);
    }

    /// The label of each voxel. What was not finite is found before.
    pub(super) fn labels(self, dataset: &Dataset, prepared: &Prepared) -> Result<DeviceLabels, InferError> {
        let device = &self.handles.device;
        let failed = |error: &dyn std::fmt::Display| InferError::Device(error.to_string());
        let told =
            read_back(device, &self.handles.queue, &self.not_finite).map_err(|error| failed(&error))?;
        if told.iter().any(|byte| *byte != 0) {
            return Err(InferError::Overflow);
        }
        let voxels = prepared.crop.dims.iter().product::<usize>();
        let (order, is_region) = match &dataset.regions_order {
            Some(order) => (order, true),
            None => (&dataset.all_labels, false),
        };
        let averages = if self.totals.is_empty() { &self.sums } else { &self.totals };
        for (head, averages) in averages.iter().enumerate() {
            // One submission a head, so that the viewport is drawn between them.
            if self.compute.stop().is_asked() {
                return Err(InferError::Stopped);
            }
            let mut encoder = self.encoder();
            let resampled = self.resample(&mut encoder, averages);
            let best = Best {
                voxels: voxels as u32,
                label: u32::from(order[head]),
                is_region: u32::from(is_region),
                is_first: u32::from(head == 0),
            };
            let constants = uniform(device, bytemuck::bytes_of(&best));
            let resources =
                [constants.as_entire_binding(), resampled.as_entire_binding(), self.best.as_entire_binding()];
            self.kernels.take_best.run(device, &mut encoder, &resources, flat_groups(voxels as u64));
            self.submit(encoder);
        }
        let mut encoder = self.encoder();
        let constants = uniform(device, bytemuck::bytes_of(&self.place));
        let resources = [
            constants.as_entire_binding(),
            self.best.as_entire_binding(),
            self.slices.as_entire_binding(),
            self.labels.buffer().as_entire_binding(),
        ];
        let words = self.labels.buffer().size() / 4;
        self.kernels.put_labels.run(device, &mut encoder, &resources, flat_groups(words));
        self.submit(encoder);
        Ok(self.labels)
    }

    /// The averages of a head in the image's spacing.
    fn resample(&self, encoder: &mut wgpu::CommandEncoder, averages: &wgpu::Buffer) -> &wgpu::Buffer {
        let device = &self.handles.device;
        let mut dims = self.inner.dims;
        let part = Part { begin: four(self.inner.from), dims: four(dims), grid: self.grid() };
        let constants = uniform(device, bytemuck::bytes_of(&part));
        let [mut here, mut there] = self.scratch.each_ref();
        let resources =
            [constants.as_entire_binding(), averages.as_entire_binding(), here.as_entire_binding()];
        let voxels = dims.iter().product::<usize>() as u64;
        self.kernels.unpack.run(device, encoder, &resources, flat_groups(voxels));
        for step in &self.steps {
            let length = dims[step.axis];
            dims[step.axis] = step.places.len();
            let total = dims.iter().product::<usize>();
            let along = Along {
                inner: dims[step.axis + 1..].iter().product::<usize>() as u32,
                length: length as u32,
                count: step.places.len() as u32,
                total: total as u32,
                taps: step.taps as u32,
                pad_0: 0,
                pad_1: 0,
                pad_2: 0,
            };
            let places: Vec<[u32; 4]> =
                step.places.iter().map(|(first, [a, b])| [*first, a.to_bits(), b.to_bits(), 0]).collect();
            let (constants, places) =
                (uniform(device, bytemuck::bytes_of(&along)), storage(device, bytemuck::cast_slice(&places)));
            let resources = [
                constants.as_entire_binding(),
                here.as_entire_binding(),
                there.as_entire_binding(),
                places.as_entire_binding(),
            ];
            self.kernels.along.run(device, encoder, &resources, flat_groups(total as u64));
            std::mem::swap(&mut here, &mut there);
        }
        here
    }
}

impl Gathering for OnDevice {
    fn add(&mut self, region: Region, logits: Tensor<5>) -> Result<(), InferError> {
        with_memory(logits, &self.compute, |binding, strides| {
            let [_, of_head, of_slice, of_row, of_column] = strides;
            let mut encoder = self.encoder();
            for (head, sums) in self.sums.iter().enumerate() {
                let strides = [of_slice, of_row, of_column, of_head * head as u32];
                self.add_to(&mut encoder, region, binding.clone(), strides, sums);
            }
            self.submit(encoder);
        })
    }

    fn end_fold(&mut self) -> Result<(), InferError> {
        let device = &self.handles.device;
        let words = self.weights.size() / 4;
        let is_last = self.folds_done + 1 == self.folds;
        let of_sums = OfSums {
            words: words as u32,
            is_first: u32::from(self.folds_done == 0),
            divisor: if is_last { self.folds as f32 } else { 0.0 },
            pad_0: 0,
        };
        let constants = uniform(device, bytemuck::bytes_of(&of_sums));
        let mut encoder = self.encoder();
        let bound = |a: &'_ wgpu::Buffer, b: &'_ wgpu::Buffer| {
            [constants.clone(), a.clone(), b.clone(), self.not_finite.clone()]
        };
        let run = |kernel: &Kernel, encoder: &mut wgpu::CommandEncoder, buffers: [wgpu::Buffer; 4]| {
            let resources = buffers.each_ref().map(wgpu::Buffer::as_entire_binding);
            kernel.run(device, encoder, &resources, flat_groups(words));
        };
        for (head, sums) in self.sums.iter().enumerate() {
            run(&self.kernels.average, &mut encoder, bound(&self.weights, sums));
            if let Some(total) = self.totals.get(head) {
                run(&self.kernels.add_fold, &mut encoder, bound(sums, total));
                encoder.clear_buffer(sums, 0, None);
            }
        }
        self.submit(encoder);
        self.folds_done += 1;
        Ok(())
    }
}

impl Bytes {
    fn of(
        padded: [usize; 3],
        from: [usize; 3],
        to: [usize; 3],
        steps: &[AxisTaps],
        placing: &Placing,
    ) -> Self {
        let voxels = |dims: [usize; 3]| dims.iter().map(|size| *size as u64).product::<u64>();
        let mut dims = from;
        let mut most = voxels(dims);
        for step in steps {
            dims[step.axis] = step.places.len();
            most = most.max(voxels(dims));
        }
        Self {
            sums: voxels([padded[0], padded[1], row_words(padded)]) * 4,
            scratch: most * 4,
            best: voxels(to) * 4,
            labels: DeviceLabels::bytes_for(placing.volume_dims()),
        }
    }

    fn largest(&self) -> u64 {
        self.sums.max(self.scratch).max(self.best).max(self.labels)
    }
}

/// Words in a row of half floats.
fn row_words(dims: [usize; 3]) -> usize {
    dims[2].div_ceil(2)
}

fn four([a, b, c]: [usize; 3]) -> [u32; 4] {
    [a as u32, b as u32, c as u32, 0]
}

/// From a voxel of the volume to one of the network's part of the image.
fn place_of(placing: &Placing, prepared: &Prepared, transpose: [usize; 3]) -> Place {
    let mut place = Place {
        axes: [0; 4],
        signs: [0; 4],
        offsets: [0; 4],
        part: four(prepared.crop.dims),
        dims: four(placing.volume_dims()),
    };
    for (axis, of_image) in transpose.into_iter().enumerate() {
        let (of_volume, is_turned) = placing.axes[of_image];
        let last = placing.image_dims[of_image] as i32 - 1;
        place.axes[axis] = of_volume as u32;
        place.signs[axis] = if is_turned { -1 } else { 1 };
        place.offsets[axis] = if is_turned { last } else { 0 } - prepared.crop.from[axis] as i32;
    }
    place
}
