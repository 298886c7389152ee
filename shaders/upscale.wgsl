// A picture of lower resolution over the whole target, bilinear: what is seen while dragging.
#import <shared/fullscreen.wgsl>

struct Upscale {
    source_per_target: vec2f, // texture coordinates in a target pixel
}

@group(0) @binding(0) var<uniform> upscale: Upscale;
@group(0) @binding(1) var source: texture_2d<f32>;
@group(0) @binding(2) var linear: sampler;

@fragment
fn fs_main(@builtin(position) position: vec4f) -> @location(0) vec4f {
    return textureSampleLevel(source, linear, position.xy * upscale.source_per_target, 0.0);
}
