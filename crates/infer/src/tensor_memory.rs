//! A tensor's memory on the device that draws, for shaders of our own: where it lies, and how.
//!
//! burn's memory is pages of which a tensor has a part. One queue does the work of both in the order of submission, so it is
//! enough that burn's part is submitted before ours is, and that the memory is not given to another tensor until then.

use burn::backend::Wgpu;
use burn::prelude::Tensor;
use burn::tensor::DType;
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuServer};
use medsight_gpu::wgpu;

use crate::compute::Compute;
use crate::run::InferError;

/// Gives `work` the memory of a tensor of 32-bit floats, and its strides in numbers. What `work` submits before it returns
/// sees all that burn was told to do.
///
/// # Errors
/// [`InferError::Device`] when the tensor is not there, or lies where a shader cannot bind it.
pub(crate) fn with_memory(
    tensor: Tensor<5>,
    compute: &Compute,
    work: impl FnOnce(wgpu::BindingResource<'_>, [u32; 5]),
) -> Result<(), InferError> {
    let failed = |reason: String| InferError::Device(reason);
    let dims = tensor.dims();
    let tensor = tensor.try_into_primitive::<Wgpu>().map_err(|error| failed(format!("{error:?}")))?;
    if tensor.dtype != DType::F32 {
        return Err(failed(format!("logits are {}, not f32", tensor.dtype.name())));
    }
    let strides: Vec<u32> = tensor.meta.strides().iter().map(|stride| *stride as u32).collect();
    let strides: [u32; 5] = strides.try_into().map_err(|_| failed("a tensor of other axes".to_owned()))?;
    compute.device().flush().map_err(|error| failed(error.to_string()))?;
    let resource = tensor.client.get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone());
    let resource = resource.map_err(|error| failed(format!("{error:?}")))?;
    let memory = resource.resource();
    let alignment = compute
        .handles()
        .map_or(1, |handles| u64::from(handles.device.limits().min_storage_buffer_offset_alignment));
    if memory.offset % alignment != 0 {
        return Err(failed(format!("a tensor begins at byte {}, which no shader can bind", memory.offset)));
    }
    // Numbers from the first to the last one, by the strides.
    let reach =
        dims.iter().zip(strides).map(|(size, stride)| (*size as u64 - 1) * u64::from(stride)).sum::<u64>();
    if (reach + 1) * 4 > memory.size {
        return Err(failed(format!("a tensor of {dims:?} has {} bytes", memory.size)));
    }
    work(memory.as_wgpu_bind_resource(), strides);
    // Both hold the memory: given back only now that what reads it is submitted.
    drop(resource);
    drop(tensor);
    Ok(())
}
