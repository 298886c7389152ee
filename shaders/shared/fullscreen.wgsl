// One triangle over the whole target. `position.xy` in a fragment shader is the target pixel's centre:
// (0.5, 0.5) for the first pixel.

@vertex
fn vs_main(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    let corner = vec2f(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4f(corner * 2.0 - 1.0, 0.0, 1.0);
}
