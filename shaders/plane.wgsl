// A plane or slab through a volume. CPU twin: crates/image/src/plane.rs
// Trilinear interpolation by the shader on exact modality values: hardware interpolation has 8 bits of fraction only.
#import <shared/fullscreen.wgsl>
#import <shared/voi.wgsl>

const PROJECTION_MIP: u32 = 0u;
const PROJECTION_MIN_IP: u32 = 1u;
const PROJECTION_MEAN: u32 = 2u;

struct Plane {
    // Voxel coordinates: (0, 0, 0) is the centre of the first voxel.
    corner: vec3f, // of the target's corner
    samples: u32, // along the thickness
    right: vec3f, // voxels in a target pixel
    projection: u32,
    down: vec3f,
    nearest: u32,
    slab_step: vec3f, // voxels between samples along the thickness
    invert: u32,
    dims: vec3f,
    window_center: f32, // modality units
    background: vec3f,
    window_width: f32,
    voi_function: u32,
    value_scale: f32, // modality value = texel · scale + offset
    value_offset: f32,
    pad_0: u32,
}

@group(0) @binding(0) var<uniform> plane: Plane;
@group(0) @binding(1) var voxels: texture_3d<f32>;

fn voxel(at: vec3i) -> f32 {
    return textureLoad(voxels, at, 0).r * plane.value_scale + plane.value_offset;
}

fn trilinear(p: vec3f) -> f32 {
    let clamped = clamp(p, vec3f(0.0), plane.dims - 1.0);
    let base = floor(clamped);
    let f = clamped - base;
    let a = vec3i(base);
    let b = min(a + 1, vec3i(plane.dims) - 1);
    let y0 = mix(voxel(a), voxel(vec3i(b.x, a.y, a.z)), f.x);
    let y1 = mix(voxel(vec3i(a.x, b.y, a.z)), voxel(vec3i(b.x, b.y, a.z)), f.x);
    let y2 = mix(voxel(vec3i(a.x, a.y, b.z)), voxel(vec3i(b.x, a.y, b.z)), f.x);
    let y3 = mix(voxel(vec3i(a.x, b.y, b.z)), voxel(b), f.x);
    return mix(mix(y0, y1, f.y), mix(y2, y3, f.y), f.z);
}

@fragment
fn fs_main(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let center = plane.corner + plane.right * position.x + plane.down * position.y;
    let first = center - plane.slab_step * (f32(plane.samples - 1u) * 0.5);
    var result = 0.0;
    var count = 0.0;
    for (var k = 0u; k < plane.samples; k++) {
        let p = first + plane.slab_step * f32(k);
        if any(p < vec3f(-0.5)) || any(p > plane.dims - 0.5) { continue; }
        var value = 0.0;
        if plane.nearest == 1u {
            value = voxel(vec3i(clamp(floor(p + 0.5), vec3f(0.0), plane.dims - 1.0)));
        } else {
            value = trilinear(p);
        }
        if count == 0.0 {
            result = value;
        } else if plane.projection == PROJECTION_MIP {
            result = max(result, value);
        } else if plane.projection == PROJECTION_MIN_IP {
            result = min(result, value);
        } else {
            result += value;
        }
        count += 1.0;
    }
    if count == 0.0 { return vec4f(plane.background, 1.0); }
    if plane.projection == PROJECTION_MEAN { result /= count; }
    var y = voi_window(result, plane.window_center, plane.window_width, plane.voi_function);
    if plane.invert == 1u { y = 1.0 - y; }
    return vec4f(vec3f(y), 1.0);
}
