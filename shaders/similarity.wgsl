// The joint histogram of two volumes at a pose. CPU twin: crates/image/src/similarity.rs
// Shares of a sample are whole numbers, so that sums do not depend on their order.

const BINS: u32 = 48u;
const CELLS: u32 = 2304u;

struct Pose {
    // Voxel of the fixed volume = rows · (sample − centre, 1).
    row_x: vec4f,
    row_y: vec4f,
    row_z: vec4f,
    dims: vec3u,
    samples: u32,
    whole: f32, // what a sample counts
    pad_0: u32,
    pad_1: u32,
    pad_2: u32,
}

@group(0) @binding(0) var<uniform> pose: Pose;
@group(0) @binding(1) var<storage, read> bins: array<f32>; // of the fixed volume, fractional
@group(0) @binding(2) var<storage, read> samples: array<vec4f>; // place, and the moving volume's bin
@group(0) @binding(3) var<storage, read_write> joint: array<atomic<u32>>; // and behind it how many samples lie in both

var<workgroup> part: array<atomic<u32>, 2305>;

fn bin_at(p: vec3f) -> f32 {
    let last = vec3f(pose.dims - 1u);
    let low = min(vec3u(p), max(pose.dims, vec3u(2u)) - 2u);
    let f = p - vec3f(low);
    let next = select(vec3u(0u), vec3u(1u, pose.dims.x, pose.dims.x * pose.dims.y), last > vec3f(0.0));
    let base = (low.z * pose.dims.y + low.y) * pose.dims.x + low.x;
    let a = bins[base] + (bins[base + next.x] - bins[base]) * f.x;
    let b = bins[base + next.y] + (bins[base + next.y + next.x] - bins[base + next.y]) * f.x;
    let above = base + next.z;
    let c = bins[above] + (bins[above + next.x] - bins[above]) * f.x;
    let d = bins[above + next.y] + (bins[above + next.y + next.x] - bins[above + next.y]) * f.x;
    let low_sheet = a + (b - a) * f.y;
    let high_sheet = c + (d - c) * f.y;
    return low_sheet + (high_sheet - low_sheet) * f.z;
}

fn count(sample: vec4f) {
    let at = vec4f(sample.xyz, 1.0);
    let p = vec3f(dot(pose.row_x, at), dot(pose.row_y, at), dot(pose.row_z, at));
    if !(all(p >= vec3f(0.0)) && all(p <= vec3f(pose.dims - 1u))) { return; }
    atomicAdd(&part[CELLS], 1u);
    let fixed_bin = bin_at(p);
    let a = min(u32(fixed_bin), BINS - 2u);
    let b = min(u32(sample.w), BINS - 2u);
    let part_a = fixed_bin - f32(a);
    let part_b = sample.w - f32(b);
    let cell = a * BINS + b;
    // The last share is what is left, so that each sample counts as much.
    let both = u32((1.0 - part_a) * (1.0 - part_b) * pose.whole);
    let second = u32((1.0 - part_a) * part_b * pose.whole);
    let first = u32(part_a * (1.0 - part_b) * pose.whole);
    let whole = u32(pose.whole);
    atomicAdd(&part[cell], both);
    atomicAdd(&part[cell + 1u], second);
    atomicAdd(&part[cell + BINS], first);
    atomicAdd(&part[cell + BINS + 1u], whole - min(both + second + first, whole));
}

@compute @workgroup_size(256)
fn count_joint(
    @builtin(local_invocation_index) number: u32,
    @builtin(workgroup_id) group: vec3u,
    @builtin(num_workgroups) groups: vec3u,
) {
    // Memory of a workgroup is 0 at its beginning.
    for (var n = group.x * 256u + number; n < pose.samples; n += groups.x * 256u) {
        count(samples[n]);
    }
    workgroupBarrier();
    for (var cell = number; cell <= CELLS; cell += 256u) {
        let counted = atomicLoad(&part[cell]);
        if counted > 0u { atomicAdd(&joint[cell], counted); }
    }
}
