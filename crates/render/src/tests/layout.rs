//! Every shader compiles as it is expanded at run time; every uniform has one layout in Rust and WGSL.

use std::mem::{offset_of, size_of};

use crate::geodesic::SpreadUniform;
use crate::label_solids::CellsUniform;
use crate::labels::LabelsUniform;
use crate::plane::PlaneUniform;
use crate::shaders;
use crate::similarity::PoseUniform;
use crate::stack::StackUniform;
use crate::view::ViewUniform;

fn module(source: &str) -> naga::Module {
    let text = shaders::expand(source).unwrap();
    let module =
        naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
    let flags = naga::valid::ValidationFlags::all();
    let capabilities = naga::valid::Capabilities::empty();
    naga::valid::Validator::new(flags, capabilities).validate(&module).unwrap();
    module
}

/// Names with their offsets, and the size, of a struct in a shader.
fn wgsl_struct(source: &str, name: &str) -> (Vec<(String, usize)>, usize) {
    let module = module(source);
    let found = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).unwrap();
    match &found.1.inner {
        naga::TypeInner::Struct { members, span } => {
            let named = members.iter().map(|m| (m.name.clone().unwrap(), m.offset as usize));
            (named.collect(), *span as usize)
        }
        other => panic!("{name} is {other:?}"),
    }
}

macro_rules! check_layout {
    ($source:expr, $name:literal, $mirror:ty, [$($field:ident),* $(,)?]) => {
        let (members, size) = wgsl_struct($source, $name);
        let rust = vec![$((stringify!($field).to_owned(), offset_of!($mirror, $field))),*];
        assert_eq!(members, rust);
        assert_eq!(size.next_multiple_of(16), size_of::<$mirror>().next_multiple_of(16));
    };
}

#[test]
fn every_shader_is_valid_after_expansion() {
    for source in [shaders::STACK, shaders::PLANE, shaders::VOLUME, shaders::LABELS, shaders::UPSCALE] {
        module(source);
    }
    for source in [shaders::GEODESIC, shaders::SIMILARITY, shaders::SOLIDS] {
        module(source);
    }
    module(&shaders::volume_with_manual_sampling());
}

#[test]
fn stack_uniform_has_one_layout_in_rust_and_wgsl() {
    check_layout!(
        shaders::STACK,
        "Stack",
        StackUniform,
        [
            x_axis,
            y_axis,
            translation,
            size_px,
            window_center,
            window_width,
            voi_function,
            invert,
            slope,
            intercept,
            modality_entries,
            modality_first,
            padding_low,
            padding_high,
            has_padding,
            taps,
            background,
            nearest,
            voi_entries,
            voi_first,
            palette_entries,
            palette_first,
            samples,
            pad_0,
            pad_1,
            pad_2,
        ]
    );
}

#[test]
fn spread_and_pose_uniforms_have_one_layout_in_rust_and_wgsl() {
    check_layout!(
        shaders::GEODESIC,
        "Spread",
        SpreadUniform,
        [
            size,
            limit,
            tiles,
            tissue,
            tissue_sd,
            alike,
            step_sd,
            change,
            dearest,
            shortest_mm,
            pad_0,
            pad_1,
            lengths,
        ]
    );
    check_layout!(
        shaders::SIMILARITY,
        "Pose",
        PoseUniform,
        [row_x, row_y, row_z, dims, samples, whole, pad_0, pad_1, pad_2]
    );
}

#[test]
fn labels_uniform_has_one_layout_in_rust_and_wgsl() {
    check_layout!(
        shaders::LABELS,
        "Labels",
        LabelsUniform,
        [origin, inside, right, edge, down, dash_px, dims, colors, size_px, pad_0, pad_1]
    );
    check_layout!(
        shaders::SOLIDS,
        "Cells",
        CellsUniform,
        [row_x, row_y, row_z, label_dims, parts, dims, row_words, voxels, has_beneath, bricks, brick_words,]
    );
}

#[test]
fn plane_uniform_has_one_layout_in_rust_and_wgsl() {
    check_layout!(
        shaders::PLANE,
        "Plane",
        PlaneUniform,
        [
            corner,
            samples,
            right,
            projection,
            down,
            nearest,
            slab_step,
            invert,
            dims,
            window_center,
            background,
            window_width,
            voi_function,
            value_scale,
            value_offset,
            pad_0,
        ]
    );
}

#[test]
fn view_uniform_has_one_layout_in_rust_and_wgsl() {
    check_layout!(
        shaders::VOLUME,
        "View",
        ViewUniform,
        [
            corner,
            step_mm,
            right,
            mm_per_px,
            down,
            eye_distance_mm,
            forward,
            jitter,
            crop_min,
            value_scale,
            crop_max,
            value_offset,
            dims,
            table_low,
            background,
            table_high,
            center_px,
            ambient,
            diffuse,
            specular,
            shininess,
            window_center,
            window_width,
            voi_function,
            invert,
            mip_low,
            mip_high,
            nothing_below,
            volume_share,
            pad_1,
            pad_2,
            normal_x,
            normal_y,
            normal_z,
        ]
    );
}
