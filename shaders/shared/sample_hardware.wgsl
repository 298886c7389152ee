// Value of the volume at texture coordinates, interpolated by the texture unit.

@group(0) @binding(1) var voxels: texture_3d<f32>;
@group(0) @binding(2) var linear: sampler;

fn texel_at(uvw: vec3f) -> f32 {
    return textureSampleLevel(voxels, linear, uvw, 0.0).r;
}
