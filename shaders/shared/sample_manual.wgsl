// Value of the volume at texture coordinates, interpolated here: for adapters that cannot filter the format.

@group(0) @binding(1) var voxels: texture_3d<f32>;
@group(0) @binding(2) var linear: sampler;

fn texel_at(uvw: vec3f) -> f32 {
    let size = vec3f(textureDimensions(voxels));
    let p = clamp(uvw * size - 0.5, vec3f(0.0), size - 1.0);
    let a = vec3i(floor(p));
    let b = min(a + 1, vec3i(size) - 1);
    let f = fract(p);
    let y0 = mix(textureLoad(voxels, a, 0).r, textureLoad(voxels, vec3i(b.x, a.y, a.z), 0).r, f.x);
    let y1 = mix(textureLoad(voxels, vec3i(a.x, b.y, a.z), 0).r, textureLoad(voxels, vec3i(b.x, b.y, a.z), 0).r, f.x);
    let y2 = mix(textureLoad(voxels, vec3i(a.x, a.y, b.z), 0).r, textureLoad(voxels, vec3i(b.x, a.y, b.z), 0).r, f.x);
    let y3 = mix(textureLoad(voxels, vec3i(a.x, b.y, b.z), 0).r, textureLoad(voxels, b, 0).r, f.x);
    return mix(mix(y0, y1, f.y), mix(y2, y3, f.y), f.z);
}
