// Weighted sums of a network's logits over a volume, and the label of each voxel. On the processor: crates/infer/src/nnunet.
// Sums are half floats, two in a word, rounded here by hand: as the original keeps them, and the same on every adapter.

struct Add {
    strides: vec4u, // of the logits: slices, rows, columns; and where the head begins
    patch_dims: vec4u, // slices, rows, columns
    begin: vec4u, // of the patch in the grid
    grid: vec4u, // rows, words in a row
}

struct Sums {
    words: u32,
    is_first: u32,
    divisor: f32, // of the last fold: how many there are; else 0
    pad_0: u32,
}

struct Part {
    begin: vec4u, // slices, rows, columns
    dims: vec4u,
    grid: vec4u, // rows, words in a row
}

struct Along {
    inner: u32,
    length: u32, // before
    count: u32, // after
    total: u32, // values after
    taps: u32, // 1 or 2
    pad_0: u32,
    pad_1: u32,
    pad_2: u32,
}

struct Best {
    voxels: u32,
    label: u32,
    is_region: u32,
    is_first: u32,
}

struct Place {
    // A place of the network's part = sign · (slice, row, column)[axis] + offset, for each of its axes.
    axes: vec4u,
    signs: vec4i,
    offsets: vec4i,
    part: vec4u, // slices, rows, columns
    dims: vec4u, // of the volume: columns, rows, slices
}

@group(0) @binding(0) var<uniform> add: Add;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> gaussian: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;

@group(0) @binding(0) var<uniform> of_sums: Sums;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read_write> averaged: array<u32>;
@group(0) @binding(3) var<storage, read_write> not_finite: array<atomic<u32>>;

@group(0) @binding(1) var<storage, read> of_fold: array<u32>;

@group(0) @binding(0) var<uniform> of_part: Part;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;

@group(0) @binding(0) var<uniform> of_line: Along;
@group(0) @binding(1) var<storage, read> before: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<vec4u>; // the first old place, and the parts of it and the next

@group(0) @binding(0) var<uniform> of_head: Best;
@group(0) @binding(2) var<storage, read_write> best: array<u32>; // label in the lower half, logit in the upper one

@group(0) @binding(0) var<uniform> to_place: Place;
@group(0) @binding(1) var<storage, read> decided: array<u32>;
@group(0) @binding(2) var<storage, read> slices: array<u32>;
@group(0) @binding(3) var<storage, read_write> labels: array<u32>;

// The nearest half float, of two the even one: also below the normal ones, which corners of the Gaussian are.
fn half_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let size = bits & 0x7fffffffu;
    if size >= 0x7f800000u { return sign | select(0x7c00u, 0x7e00u, size > 0x7f800000u); }
    if size >= 0x477ff000u { return sign | 0x7c00u; }
    if size < 0x33000000u { return sign; }
    if size < 0x38800000u {
        let shift = 126u - (size >> 23u);
        let digits = (size & 0x7fffffu) | 0x800000u;
        return sign | rounded(digits, shift);
    }
    return sign | rounded(size - 0x38000000u, 13u);
}

fn rounded(digits: u32, shift: u32) -> u32 {
    let kept = digits >> shift;
    let rest = digits & ((1u << shift) - 1u);
    let middle = 1u << (shift - 1u);
    let is_up = rest > middle || (rest == middle && (kept & 1u) == 1u);
    return kept + select(0u, 1u, is_up);
}

fn half_value(bits: u32) -> f32 {
    let sign = (bits & 0x8000u) << 16u;
    let size = bits & 0x7fffu;
    if size < 0x0400u {
        let value = f32(size) * 5.9604644775390625e-8;
        return select(value, -value, sign != 0u);
    }
    if size >= 0x7c00u { return bitcast<f32>(sign | 0x7f800000u | (size & 0x3ffu)); }
    return bitcast<f32>(sign | ((size << 13u) + 0x38000000u));
}

fn half_at(word: u32, place: u32) -> u32 {
    return (word >> (16u * place)) & 0xffffu;
}

fn work_item(id: vec3u, groups: vec3u) -> u32 {
    return id.y * groups.x * 64u + id.x;
}

// A patch's logits of one head. An invocation has a word: two columns.
@compute @workgroup_size(64)
fn add_patch(@builtin(global_invocation_id) id: vec3u) {
    let end = add.begin.z + add.patch_dims.z;
    let word = add.begin.z / 2u + id.x;
    if word * 2u >= end { return; }
    let at = ((add.begin.x + id.z) * add.grid.x + add.begin.y + id.y) * add.grid.y + word;
    var packed = 0u;
    let old = sums[at];
    for (var place = 0u; place < 2u; place++) {
        let column = word * 2u + place;
        var bits = half_at(old, place);
        if column >= add.begin.z && column < end {
            let c = column - add.begin.z;
            let logit = logits[add.strides.w + id.z * add.strides.x + id.y * add.strides.y + c * add.strides.z];
            let weight = gaussian[(id.z * add.patch_dims.y + id.y) * add.patch_dims.z + c];
            bits = half_bits(half_value(bits) + logit * weight);
        }
        packed |= bits << (16u * place);
    }
    sums[at] = packed;
}

fn note(bits: u32) {
    if (bits & 0x7c00u) == 0x7c00u { atomicStore(&not_finite[0], 1u); }
}

// Sums of a fold to averages.
@compute @workgroup_size(64)
fn average(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    if at >= of_sums.words { return; }
    var packed = 0u;
    for (var place = 0u; place < 2u; place++) {
        let weight = half_at(weights[at], place);
        // Behind the end of a row of odd length.
        if weight == 0u { continue; }
        let bits = half_bits(half_value(half_at(averaged[at], place)) / half_value(weight));
        note(bits);
        packed |= bits << (16u * place);
    }
    averaged[at] = packed;
}

// The averages of a fold to those of all.
@compute @workgroup_size(64)
fn add_fold(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    if at >= of_sums.words { return; }
    var packed = 0u;
    for (var place = 0u; place < 2u; place++) {
        var bits = half_at(of_fold[at], place);
        if of_sums.is_first == 0u {
            bits = half_bits(half_value(half_at(averaged[at], place)) + half_value(bits));
        }
        if of_sums.divisor > 0.0 { bits = half_bits(half_value(bits) / of_sums.divisor); }
        note(bits);
        packed |= bits << (16u * place);
    }
    averaged[at] = packed;
}

// The part of a head's averages that is the image.
@compute @workgroup_size(64)
fn unpack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    let dims = of_part.dims;
    if at >= dims.x * dims.y * dims.z { return; }
    let column = of_part.begin.z + at % dims.z;
    let row = of_part.begin.y + at / dims.z % dims.y;
    let slice = of_part.begin.x + at / (dims.z * dims.y);
    let word = weights[(slice * of_part.grid.x + row) * of_part.grid.y + column / 2u];
    values[at] = half_value(half_at(word, column % 2u));
}

// One axis on another grid.
@compute @workgroup_size(64)
fn along(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    if at >= of_line.total { return; }
    let inner = at % of_line.inner;
    let place = places[at / of_line.inner % of_line.count];
    let block = at / (of_line.inner * of_line.count);
    let start = (block * of_line.length + place.x) * of_line.inner + inner;
    var value = bitcast<f32>(place.y) * before[start];
    if of_line.taps == 2u { value += bitcast<f32>(place.z) * before[start + of_line.inner]; }
    values[at] = value;
}

// Of equal logits the first head's counts; a region is where its logit is above 0.
@compute @workgroup_size(64)
fn take_best(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    if at >= of_head.voxels { return; }
    let bits = half_bits(before[at]);
    let logit = half_value(bits);
    if of_head.is_region == 1u {
        if logit > 0.0 {
            best[at] = of_head.label;
        } else if of_head.is_first == 1u {
            best[at] = 0u;
        }
    } else if of_head.is_first == 1u || logit > half_value(best[at] >> 16u) {
        best[at] = (bits << 16u) | of_head.label;
    }
}

fn label_of(voxel: u32) -> u32 {
    let dims = to_place.dims;
    if voxel >= dims.x * dims.y * dims.z { return 0u; }
    let seen = vec3u(slices[voxel / (dims.x * dims.y)], voxel / dims.x % dims.y, voxel % dims.x);
    var at = 0u;
    for (var axis = 0u; axis < 3u; axis++) {
        let place = to_place.signs[axis] * i32(seen[to_place.axes[axis]]) + to_place.offsets[axis];
        if place < 0 || place >= i32(to_place.part[axis]) { return 0u; }
        at = at * to_place.part[axis] + u32(place);
    }
    return decided[at] & 0xffffu;
}

// The labels on the volume's own voxels.
@compute @workgroup_size(64)
fn put_labels(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let word = work_item(id, groups);
    let dims = to_place.dims;
    if word >= (dims.x * dims.y * dims.z + 1u) / 2u { return; }
    labels[word] = label_of(word * 2u) | (label_of(word * 2u + 1u) << 16u);
}
