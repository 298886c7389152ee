// Labels in device memory over a picture. CPU twin: crates/image/src/label_layer.rs
// Nearest voxel, never interpolated: between two organs there is no third one.
#import <shared/fullscreen.wgsl>

struct Labels {
    // Voxel coordinates: (0, 0, 0) is the centre of the first voxel.
    origin: vec3f, // of the first pixel's centre
    inside: f32, // opacity within a label
    right: vec3f, // voxels in a pixel
    edge: f32, // opacity of its edge
    down: vec3f,
    dash_px: u32, // length of a dash and of a gap, along the diagonals; 0: edges are whole
    dims: vec3u,
    colors: u32, // labels that have one
    size_px: vec2u,
    pad_0: u32,
    pad_1: u32,
}

@group(0) @binding(0) var<uniform> look: Labels;
@group(0) @binding(1) var<storage, read> labels: array<u32>; // two in a word, the lower half first
@group(0) @binding(2) var<storage, read> colors: array<u32>; // of each label: red, green, blue from the lowest byte; the highest 0: not shown

fn label_at(pixel: vec2i) -> u32 {
    let voxel = look.origin + look.right * f32(pixel.x) + look.down * f32(pixel.y);
    let at = floor(voxel + 0.5);
    if any(at < vec3f(0.0)) || any(at >= vec3f(look.dims)) { return 0u; }
    let place = vec3u(at);
    let index = (place.z * look.dims.y + place.y) * look.dims.x + place.x;
    return (labels[index / 2u] >> (16u * (index % 2u))) & 0xffffu;
}

fn differs(pixel: vec2i, label: u32) -> bool {
    let is_seen = all(pixel >= vec2i(0)) && all(pixel < vec2i(look.size_px));
    return is_seen && label_at(pixel) != label;
}

@fragment
fn fs_main(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let pixel = vec2i(floor(position.xy));
    let label = label_at(pixel);
    if label == 0u || label >= look.colors { return vec4f(0.0); }
    let color = colors[label];
    if color >> 24u == 0u { return vec4f(0.0); }
    let is_edge = differs(pixel - vec2i(1, 0), label) || differs(pixel + vec2i(1, 0), label)
        || differs(pixel - vec2i(0, 1), label) || differs(pixel + vec2i(0, 1), label);
    let is_drawn = look.dash_px == 0u || (u32(pixel.x + pixel.y) / max(look.dash_px, 1u)) % 2u == 0u;
    let opacity = select(look.inside, look.edge, is_edge && is_drawn);
    let rgb = vec3f(vec3u(color, color >> 8u, color >> 16u) & vec3u(255u)) / 255.0;
    return vec4f(rgb * opacity, opacity);
}
