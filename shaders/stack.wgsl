// One stored image as displayed. CPU twin: crates/image/src/present.rs
// Stored values are integers on the device; modality LUT, VOI and inversion are applied in 32-bit floats.
#import <shared/fullscreen.wgsl>
#import <shared/voi.wgsl>

const SAMPLES_UINT: u32 = 0u;
const SAMPLES_SINT: u32 = 1u;
const SAMPLES_FLOAT: u32 = 2u;
const SAMPLES_COLOR: u32 = 3u;

struct Stack {
    // image_px_from_target_px
    x_axis: vec2f,
    y_axis: vec2f,
    translation: vec2f,
    size_px: vec2f,
    // modality units
    window_center: f32,
    window_width: f32,
    voi_function: u32,
    invert: u32, // reader's inversion or MONOCHROME1, not both
    slope: f32,
    intercept: f32,
    modality_entries: u32, // 0: slope and intercept
    modality_first: i32,
    padding_low: f32,
    padding_high: f32,
    has_padding: u32,
    taps: u32, // along one edge of a target pixel
    background: vec3f,
    nearest: u32,
    voi_entries: u32,
    voi_first: i32,
    palette_entries: u32, // 0: none
    palette_first: i32,
    samples: u32, // SAMPLES_*
    pad_0: u32,
    pad_1: u32,
    pad_2: u32,
}

// Only the texture of `stack.samples` has the image; the others are one texel.
@group(0) @binding(0) var<uniform> stack: Stack;
@group(0) @binding(1) var stored_uint: texture_2d<u32>;
@group(0) @binding(2) var stored_sint: texture_2d<i32>;
@group(0) @binding(3) var stored_float: texture_2d<f32>;
@group(0) @binding(4) var stored_color: texture_2d<f32>;
// Tables are cut into rows of 256 entries.
@group(0) @binding(5) var modality_lut: texture_2d<f32>;
@group(0) @binding(6) var voi_lut: texture_2d<f32>;
@group(0) @binding(7) var palette: texture_2d<f32>;

fn table_index(x: f32, first: i32, entries: u32) -> vec2i {
    let i = i32(clamp(floor(x + 0.5) - f32(first), 0.0, f32(entries - 1u)));
    return vec2i(i & 255, i >> 8u);
}

fn inside(p: vec2f) -> bool {
    return all(p >= vec2f(-0.5)) && all(p < stack.size_px - 0.5);
}

fn nearest_px(p: vec2f) -> vec2i {
    return vec2i(floor(p + 0.5));
}

fn stored_at(px: vec2i) -> f32 {
    let at = clamp(px, vec2i(0), vec2i(stack.size_px) - 1);
    if stack.samples == SAMPLES_UINT { return f32(textureLoad(stored_uint, at, 0).r); }
    if stack.samples == SAMPLES_SINT { return f32(textureLoad(stored_sint, at, 0).r); }
    return textureLoad(stored_float, at, 0).r;
}

fn is_padding(stored: f32) -> bool {
    return stack.has_padding == 1u && stored >= stack.padding_low && stored <= stack.padding_high;
}

fn is_color() -> bool {
    return stack.samples == SAMPLES_COLOR || stack.palette_entries > 0u;
}

// Colour in 0..255, or the modality value in r.
fn texel(px: vec2i, center: vec2f) -> vec3f {
    if stack.samples == SAMPLES_COLOR {
        let at = clamp(px, vec2i(0), vec2i(stack.size_px) - 1);
        return textureLoad(stored_color, at, 0).rgb * 255.0;
    }
    var stored = stored_at(px);
    if stack.palette_entries > 0u {
        let at = table_index(stored, stack.palette_first, stack.palette_entries);
        return textureLoad(palette, at, 0).rgb * 255.0;
    }
    // A padded neighbour must not bleed into the picture.
    if is_padding(stored) { stored = stored_at(nearest_px(center)); }
    if stack.modality_entries > 0u {
        let at = table_index(stored, stack.modality_first, stack.modality_entries);
        return vec3f(textureLoad(modality_lut, at, 0).r, 0.0, 0.0);
    }
    return vec3f(stored * stack.slope + stack.intercept, 0.0, 0.0);
}

fn sample(p: vec2f, center: vec2f) -> vec3f {
    if stack.nearest == 1u { return texel(nearest_px(p), center); }
    let corner = floor(p);
    let f = p - corner;
    let c = vec2i(corner);
    let top = mix(texel(c, center), texel(c + vec2i(1, 0), center), f.x);
    let bottom = mix(texel(c + vec2i(0, 1), center), texel(c + vec2i(1, 1), center), f.x);
    return mix(top, bottom, f.y);
}

fn image_px(target_px: vec2f) -> vec2f {
    return stack.x_axis * target_px.x + (stack.y_axis * target_px.y + stack.translation);
}

@fragment
fn fs_main(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let corner = floor(position.xy);
    let center = image_px(corner + 0.5);
    let outside = vec4f(stack.background, 1.0);
    if !inside(center) { return outside; }
    if !is_color() && is_padding(stored_at(nearest_px(center))) { return outside; }
    var sum = vec3f(0.0);
    var count = 0.0;
    for (var j = 0u; j < stack.taps; j++) {
        for (var i = 0u; i < stack.taps; i++) {
            let step = (vec2f(f32(i), f32(j)) + 0.5) / f32(stack.taps);
            let p = image_px(corner + step);
            if !inside(p) { continue; }
            sum += sample(p, center);
            count += 1.0;
        }
    }
    let mean = sum / max(count, 1.0);
    if is_color() { return vec4f(mean / 255.0, 1.0); }
    var y = 0.0;
    if stack.voi_function == VOI_LUT {
        y = clamp(textureLoad(voi_lut, table_index(mean.r, stack.voi_first, stack.voi_entries), 0).r, 0.0, 1.0);
    } else {
        y = voi_window(mean.r, stack.window_center, stack.window_width, stack.voi_function);
    }
    if stack.invert == 1u { y = 1.0 - y; }
    return vec4f(vec3f(y), 1.0);
}
