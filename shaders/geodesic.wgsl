// The cheapest way from a seed to every voxel of a box. CPU twin: crates/image/src/geodesic.rs
// Each voxel looks whether a way through one of its 26 neighbours is cheaper, until nowhere one is (Bellman and Ford). Costs
// only fall, to the one cheapest way there is: the order in which they are looked at does not matter. A group of invocations
// has a tile of the box and looks several times before it tells the others; one around which nothing fell does nothing.

const STEP_LIMIT: u32 = 8u; // looks within a tile in one pass
const FAR: f32 = 3.0e38;

struct Spread {
    size: vec3u, // voxels of the box
    limit: f32,
    tiles: vec3u,
    tissue: f32,
    tissue_sd: f32,
    alike: f32,
    step_sd: f32,
    change: f32,
    dearest: f32,
    shortest_mm: f32,
    pad_0: u32,
    pad_1: u32,
    // Millimetres to the neighbour (x − 1) + 3 · (y − 1) + 9 · (z − 1), four in a vector.
    lengths: array<vec4f, 7>,
}

@group(0) @binding(0) var<uniform> spread: Spread;
@group(0) @binding(1) var<storage, read> values: array<f32>;
// Costs are positive floats: written by the tile they lie in, read by its neighbours too.
@group(0) @binding(2) var<storage, read_write> costs: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read> fell: array<u32>; // in the pass before, of each tile
@group(0) @binding(4) var<storage, read_write> falls: array<atomic<u32>>;

// A tile of 8 × 8 × 4 voxels with a voxel around it.
var<workgroup> tile_costs: array<f32, 600>;
var<workgroup> tile_values: array<f32, 600>;
var<workgroup> near_fell: atomic<u32>;
var<workgroup> is_active: u32;

fn step_cost(from_value: f32, to_value: f32, length_mm: f32) -> f32 {
    let unlike = max(abs(to_value - spread.tissue) / spread.tissue_sd - spread.alike, 0.0);
    let change = max(abs(to_value - from_value) / spread.step_sd - 1.0, 0.0);
    return min(length_mm * (1.0 + unlike * unlike), spread.dearest) + spread.change * change;
}

fn cheapest(at: u32, own: f32) -> f32 {
    let value = tile_values[at];
    var best = own;
    for (var n = 0u; n < 27u; n++) {
        if n == 13u { continue; }
        let next = i32(at) + i32(n % 3u) - 1 + (i32(n / 3u % 3u) - 1) * 10 + (i32(n / 9u) - 1) * 100;
        let so_far = tile_costs[next];
        if so_far >= best { continue; }
        let way = max(step_cost(tile_values[next], value, spread.lengths[n / 4u][n % 4u]), spread.shortest_mm);
        let cost = so_far + way;
        if way <= spread.dearest && cost <= spread.limit && cost < best { best = cost; }
    }
    return best;
}

@compute @workgroup_size(8, 8, 4)
fn relax(
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) number: u32,
    @builtin(workgroup_id) tile: vec3u,
) {
    // Memory of a workgroup is 0 at its beginning.
    if number < 27u {
        let near = vec3i(tile) + vec3i(i32(number % 3u), i32(number / 3u % 3u), i32(number / 9u)) - 1;
        if all(near >= vec3i(0)) && all(near < vec3i(spread.tiles)) {
            let at = (u32(near.z) * spread.tiles.y + u32(near.y)) * spread.tiles.x + u32(near.x);
            if fell[at] != 0u { atomicStore(&near_fell, 1u); }
        }
    }
    workgroupBarrier();
    if number == 0u { is_active = atomicLoad(&near_fell); }
    if workgroupUniformLoad(&is_active) == 0u { return; }
    let corner = vec3i(tile * vec3u(8u, 8u, 4u)) - 1;
    for (var cell = number; cell < 600u; cell += 256u) {
        let at = corner + vec3i(i32(cell % 10u), i32(cell / 10u % 10u), i32(cell / 100u));
        var cost = FAR;
        var value = 0.0;
        if all(at >= vec3i(0)) && all(at < vec3i(spread.size)) {
            let index = (u32(at.z) * spread.size.y + u32(at.y)) * spread.size.x + u32(at.x);
            cost = bitcast<f32>(atomicLoad(&costs[index]));
            value = values[index];
        }
        tile_costs[cell] = cost;
        tile_values[cell] = value;
    }
    workgroupBarrier();
    let own = (local.z + 1u) * 100u + (local.y + 1u) * 10u + local.x + 1u;
    let place = tile * vec3u(8u, 8u, 4u) + local;
    let is_inside = all(place < spread.size);
    let before = tile_costs[own];
    for (var look = 0u; look < STEP_LIMIT; look++) {
        var cost = FAR;
        if is_inside { cost = cheapest(own, tile_costs[own]); }
        workgroupBarrier();
        tile_costs[own] = cost;
        workgroupBarrier();
    }
    if is_inside && tile_costs[own] < before {
        let index = (place.z * spread.size.y + place.y) * spread.size.x + place.x;
        atomicStore(&costs[index], bitcast<u32>(tile_costs[own]));
        atomicStore(&falls[(tile.z * spread.tiles.y + tile.y) * spread.tiles.x + tile.x], 1u);
    }
}
