// Labels in device memory as solids in a volume's box, and the bricks that hold none of them. CPU twin: crates/image/src/solids.rs
// Results are bytes, four in a word, in rows as a copy to a texture wants them.

const BRICK: u32 = 8u; // voxels along an edge
const MARGIN: u32 = 2u; // voxels around a brick that a step from inside can reach
const FAR: u32 = 255u;

struct Cells {
    // Voxel of the labels = rows · (cell, 1).
    row_x: vec4f,
    row_y: vec4f,
    row_z: vec4f,
    label_dims: vec3u,
    parts: u32, // labels that may be shown
    dims: vec3u, // cells
    row_words: u32, // words in a row of cells
    voxels: vec3u, // of the volume
    has_beneath: u32,
    bricks: vec3u,
    brick_words: u32, // words in a row of bricks
}

@group(0) @binding(0) var<uniform> made: Cells;

@group(0) @binding(1) var<storage, read> labels: array<u32>; // two in a word, the lower half first
@group(0) @binding(2) var<storage, read> parts: array<u32>; // of each label; 0: none
@group(0) @binding(3) var<storage, read_write> cells: array<u32>;
@group(0) @binding(4) var beneath: texture_3d<u32>;

@group(0) @binding(1) var<storage, read> seen_cells: array<u32>;
@group(0) @binding(1) var<storage, read> before: array<u32>;
@group(0) @binding(2) var<storage, read_write> near: array<u32>; // one brick a word; in the last step four

fn work_item(id: vec3u, groups: vec3u) -> u32 {
    return id.y * groups.x * 64u + id.x;
}

fn part_at(cell: vec3u) -> u32 {
    let at = vec4f(vec3f(cell), 1.0);
    let voxel = floor(vec3f(dot(made.row_x, at), dot(made.row_y, at), dot(made.row_z, at)) + 0.5);
    if all(voxel >= vec3f(0.0)) && all(voxel < vec3f(made.label_dims)) {
        let place = vec3u(voxel);
        let index = (place.z * made.label_dims.y + place.y) * made.label_dims.x + place.x;
        let label = (labels[index / 2u] >> (16u * (index % 2u))) & 0xffffu;
        if label < made.parts && parts[label] != 0u { return parts[label]; }
    }
    if made.has_beneath == 1u { return textureLoad(beneath, vec3i(cell), 0).r; }
    return 0u;
}

// The part of each cell.
@compute @workgroup_size(64)
fn place_cells(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let word = work_item(id, groups);
    if word >= made.row_words * made.dims.y * made.dims.z { return; }
    let row = word / made.row_words;
    var packed = 0u;
    for (var place = 0u; place < 4u; place++) {
        let x = word % made.row_words * 4u + place;
        if x < made.dims.x {
            packed |= part_at(vec3u(x, row % made.dims.y, row / made.dims.y)) << (8u * place);
        }
    }
    cells[word] = packed;
}

// The first and the last brick whose reach a cell lies in, along one axis.
fn reach(cell: u32, axis: u32) -> vec2u {
    let first = cell * made.voxels[axis] / made.dims[axis];
    let end = (cell + 1u) * made.voxels[axis] / made.dims[axis];
    return vec2u(max(first, MARGIN) - MARGIN, min(end + MARGIN, made.voxels[axis] - 1u)) / BRICK;
}

// The cells among which are all those whose reach a brick lies in: the first, and behind the last.
fn around(brick: u32, axis: u32) -> vec2u {
    let low = max(brick * BRICK, MARGIN) - MARGIN;
    let first = low * made.dims[axis] / made.voxels[axis];
    let end = (brick * BRICK + BRICK + MARGIN) * made.dims[axis] / made.voxels[axis] + 2u;
    return vec2u(max(first, 2u) - 2u, min(end, made.dims[axis]));
}

fn is_near(cell: u32, brick: u32, axis: u32) -> bool {
    let reached = reach(cell, axis);
    return reached.x <= brick && brick <= reached.y;
}

// 0 where a brick holds or nearly holds a label.
@compute @workgroup_size(64)
fn find_bricks(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let at = work_item(id, groups);
    if at >= made.bricks.x * made.bricks.y * made.bricks.z { return; }
    let brick = vec3u(at % made.bricks.x, at / made.bricks.x % made.bricks.y, at / (made.bricks.x * made.bricks.y));
    let xs = around(brick.x, 0u);
    let ys = around(brick.y, 1u);
    let zs = around(brick.z, 2u);
    var found = FAR;
    for (var z = zs.x; z < zs.y && found != 0u; z++) {
        if !is_near(z, brick.z, 2u) { continue; }
        for (var y = ys.x; y < ys.y && found != 0u; y++) {
            if !is_near(y, brick.y, 1u) { continue; }
            for (var x = xs.x; x < xs.y; x++) {
                if !is_near(x, brick.x, 0u) { continue; }
                let word = seen_cells[(z * made.dims.y + y) * made.row_words + x / 4u];
                if ((word >> (8u * (x % 4u))) & 0xffu) != 0u {
                    found = 0u;
                    break;
                }
            }
        }
    }
    near[at] = found;
}

// How far the nearest brick with a label is, axis after axis: of a chessboard's distances the largest along any axis counts.
fn nearest(brick: vec3u, axis: u32) -> u32 {
    var step = 1u;
    if axis > 0u { step = made.bricks.x; }
    if axis > 1u { step = made.bricks.x * made.bricks.y; }
    let at = (brick.z * made.bricks.y + brick.y) * made.bricks.x + brick.x;
    let line = at - brick[axis] * step;
    var least = FAR;
    for (var place = 0u; place < made.bricks[axis]; place++) {
        let apart = max(place, brick[axis]) - min(place, brick[axis]);
        least = min(least, max(before[line + place * step], apart));
    }
    return least;
}

fn near_along(at: u32, axis: u32) {
    if at >= made.bricks.x * made.bricks.y * made.bricks.z { return; }
    let row = at / made.bricks.x;
    near[at] = nearest(vec3u(at % made.bricks.x, row % made.bricks.y, row / made.bricks.y), axis);
}

@compute @workgroup_size(64)
fn near_x(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    near_along(work_item(id, groups), 0u);
}

@compute @workgroup_size(64)
fn near_y(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    near_along(work_item(id, groups), 1u);
}

@compute @workgroup_size(64)
fn near_z(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
    let word = work_item(id, groups);
    if word >= made.brick_words * made.bricks.y * made.bricks.z { return; }
    let row = word / made.brick_words;
    var packed = 0u;
    for (var place = 0u; place < 4u; place++) {
        let x = word % made.brick_words * 4u + place;
        if x < made.bricks.x {
            packed |= nearest(vec3u(x, row % made.bricks.y, row / made.bricks.y), 2u) << (8u * place);
        }
    }
    near[word] = packed;
}
