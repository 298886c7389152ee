// A volume seen from a camera: shaded compositing and maximum intensity. CPU twin: crates/image/src/raycast.rs
// Every ray samples at whole multiples of the step; bricks that cannot be seen are leapt over, which changes
// nothing in the picture. Opacity comes from a table over the values at both ends of a step (pre-integrated,
// Engel 2001), so that thin layers between two samples are not lost and surfaces show no rings.
#import <shared/fullscreen.wgsl>
#import <shared/voi.wgsl>
#import <shared/sample_hardware.wgsl>

const BRICK: f32 = 8.0; // voxels along an edge
const TABLE: f32 = 256.0; // entries along an edge

struct View {
    // Texture coordinates of the plane through the camera's focus.
    corner: vec3f, // of the target's corner
    step_mm: f32,
    right: vec3f, // in a target pixel
    mm_per_px: f32,
    down: vec3f,
    eye_distance_mm: f32, // 0: orthographic
    forward: vec3f, // in a millimetre
    jitter: f32, // share of a step
    crop_min: vec3f,
    value_scale: f32, // modality value = texel · scale + offset
    crop_max: vec3f,
    value_offset: f32,
    dims: vec3f,
    table_low: f32, // modality value of the first table entry
    background: vec3f,
    table_high: f32,
    center_px: vec2f,
    ambient: f32,
    diffuse: f32,
    specular: f32,
    shininess: f32,
    window_center: f32, // modality units
    window_width: f32,
    voi_function: u32,
    invert: u32,
    mip_low: f32, // at and below it the window is at its lower end
    mip_high: f32,
    nothing_below: f32, // table coordinate: a step with both ends at or below it shows nothing
    volume_share: f32, // of the volume's opacity, beside surfaces
    pad_1: u32,
    pad_2: u32,
    // Gradient over voxels → gradient in screen axes (right, down, forward).
    normal_x: vec4f,
    normal_y: vec4f,
    normal_z: vec4f,
}

@group(0) @binding(0) var<uniform> view: View;
// Compositing and MIP have bind groups of their own.
@group(0) @binding(3) var bricks: texture_3d<u32>; // empty bricks around, in every direction; 0: not empty
@group(0) @binding(4) var table: texture_2d<f32>; // premultiplied colour and opacity of a step
@group(0) @binding(5) var labels: texture_3d<u32>; // of the cells of the volume's box; 0: none
@group(0) @binding(6) var label_colors: texture_2d<f32>; // colour, and opacity of the surface; 0: not seen
@group(0) @binding(7) var label_bricks: texture_3d<u32>; // as `bricks`, of the labels alone
@group(0) @binding(3) var brick_max: texture_3d<f32>; // as texels

struct Ray {
    start: vec3f,
    step: vec3f, // texture coordinates
    count: i32, // steps inside the crop box
}

// Interleaved gradient noise (Jimenez 2014): even over small neighbourhoods, so that it looks like fine grain.
fn noise(px: vec2f) -> f32 {
    return fract(52.9829189 * fract(dot(px, vec2f(0.06711056, 0.00583715))));
}

fn ray_at(position: vec2f) -> Ray {
    let on_plane = view.corner + view.right * position.x + view.down * position.y;
    var direction = view.forward; // of a millimetre
    var nearest_mm = -1e30;
    if view.eye_distance_mm > 0.0 {
        let offset_px = position - view.center_px;
        let offset_mm = offset_px * view.mm_per_px;
        let length_mm = sqrt(dot(offset_mm, offset_mm) + view.eye_distance_mm * view.eye_distance_mm);
        direction = (view.forward * view.eye_distance_mm + view.right * offset_px.x + view.down * offset_px.y) / length_mm;
        nearest_mm = -length_mm;
    }
    direction = select(direction, vec3f(1e-9), abs(direction) < vec3f(1e-9));
    let a = (view.crop_min - on_plane) / direction;
    let b = (view.crop_max - on_plane) / direction;
    let low = min(a, b);
    let high = max(a, b);
    let from_mm = max(max(low.x, max(low.y, low.z)), nearest_mm);
    let to_mm = min(high.x, min(high.y, high.z));
    let first_mm = from_mm + view.step_mm * view.jitter * noise(floor(position));
    var ray: Ray;
    ray.step = direction * view.step_mm;
    ray.start = on_plane + direction * first_mm;
    ray.count = i32(clamp(floor((to_mm - first_mm) / view.step_mm), -1.0, 20000.0));
    return ray;
}

fn value_at(uvw: vec3f) -> f32 {
    return texel_at(uvw) * view.value_scale + view.value_offset;
}

// Steps until the ray leaves the cube of `around` bricks on every side of the brick at `uvw`, at least 1.
fn steps_out(uvw: vec3f, brick: vec3f, around: f32, step: vec3f) -> i32 {
    let low = (brick - around) * BRICK / view.dims;
    let high = (brick + 1.0 + around) * BRICK / view.dims;
    let exit = (select(low, high, step > vec3f(0.0)) - uvw) / step;
    return i32(max(floor(min(exit.x, min(exit.y, exit.z))), 0.0)) + 1;
}

fn table_coordinate(value: f32) -> f32 {
    let share = clamp((value - view.table_low) / (view.table_high - view.table_low), 0.0, 1.0);
    return (share * (TABLE - 1.0) + 0.5) / TABLE;
}

// (light on the surface, highlight) at a position; the light stands at the camera, a little above it.
fn light(uvw: vec3f) -> vec2f {
    let d = 1.0 / view.dims;
    let gradient = vec3f(
        texel_at(uvw + vec3f(d.x, 0.0, 0.0)) - texel_at(uvw - vec3f(d.x, 0.0, 0.0)),
        texel_at(uvw + vec3f(0.0, d.y, 0.0)) - texel_at(uvw - vec3f(0.0, d.y, 0.0)),
        texel_at(uvw + vec3f(0.0, 0.0, d.z)) - texel_at(uvw - vec3f(0.0, 0.0, d.z)),
    );
    return lit(gradient);
}

fn lit(gradient: vec3f) -> vec2f {
    let normal = view.normal_x.xyz * gradient.x + view.normal_y.xyz * gradient.y + view.normal_z.xyz * gradient.z;
    let size = length(normal);
    if size < 1e-12 { return vec2f(view.ambient + view.diffuse, 0.0); }
    let facing = normal * (sign(normal.z + 1e-20) / size); // both sides are lit: turned away from the eye
    let to_light = vec3f(0.1961, 0.2942, 0.9354); // right, down, forward; the light shines from up left
    let cosine = max(dot(facing, to_light), 0.0);
    let half_way = normalize(to_light + vec3f(0.0, 0.0, 1.0));
    let highlight = pow(max(dot(facing, half_way), 0.0), view.shininess);
    return vec2f(view.ambient + view.diffuse * cosine, view.specular * highlight);
}

@fragment
fn fs_composite(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let ray = ray_at(position.xy);
    var color = vec3f(0.0);
    var opacity = 0.0;
    var front = 0.0;
    var has_front = false;
    var i = 0;
    while i < ray.count {
        let uvw = ray.start + ray.step * f32(i);
        let brick = floor(uvw * view.dims / BRICK);
        let empty = textureLoad(bricks, vec3i(brick), 0).r;
        if empty > 0u {
            i += steps_out(uvw, brick, f32(empty - 1u), ray.step);
            has_front = false;
            continue;
        }
        if !has_front {
            front = table_coordinate(value_at(uvw));
            has_front = true;
        }
        let back = table_coordinate(value_at(uvw + ray.step));
        let ends = vec2f(front, back);
        front = back;
        i += 1;
        if max(ends.x, ends.y) <= view.nothing_below { continue; }
        let seen = textureSampleLevel(table, linear, ends, 0.0);
        if seen.a < 0.002 { continue; }
        let surface = light(uvw + ray.step * 0.5);
        color += (1.0 - opacity) * (seen.rgb * surface.x + vec3f(seen.a * surface.y));
        opacity += (1.0 - opacity) * seen.a;
        if opacity > 0.99 { break; }
    }
    return vec4f(min(color + (1.0 - opacity) * view.background, vec3f(1.0)), 1.0);
}

fn label_of(cell: vec3i) -> u32 {
    return textureLoad(labels, clamp(cell, vec3i(0), vec3i(textureDimensions(labels)) - 1), 0).r;
}

// The share of a label around a place, linear between the centres of cells.
fn share_of(label: u32, uvw: vec3f) -> f32 {
    let at = uvw * vec3f(textureDimensions(labels)) - 0.5;
    let low = floor(at);
    let part = at - low;
    var sum = 0.0;
    for (var corner = 0; corner < 8; corner++) {
        let step = vec3i(corner & 1, (corner >> 1u) & 1, corner >> 2u);
        if label_of(vec3i(low) + step) == label {
            let weight = select(1.0 - part, part, step == vec3i(1));
            sum += weight.x * weight.y * weight.z;
        }
    }
    return sum;
}

// As fs_composite, and the surfaces of labels: where a ray comes into one.
@fragment
fn fs_surfaces(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let ray = ray_at(position.xy);
    let cells = vec3f(textureDimensions(labels));
    var color = vec3f(0.0);
    var opacity = 0.0;
    var front = 0.0;
    var has_front = false;
    var inside = 0u;
    var i = 0;
    while i < ray.count {
        let uvw = ray.start + ray.step * f32(i);
        let brick = floor(uvw * view.dims / BRICK);
        let empty = min(textureLoad(bricks, vec3i(brick), 0).r, textureLoad(label_bricks, vec3i(brick), 0).r);
        if empty > 0u {
            i += steps_out(uvw, brick, f32(empty - 1u), ray.step);
            has_front = false;
            inside = 0u;
            continue;
        }
        let label = label_of(vec3i(floor(uvw * cells)));
        if label != inside {
            let shown = textureLoad(label_colors, vec2i(i32(label), 0), 0);
            if shown.a == 0.0 {
                inside = label;
            } else if share_of(label, uvw) >= 0.5 {
                inside = label;
                let d = 1.0 / cells;
                let slope = vec3f(
                    share_of(label, uvw + vec3f(d.x, 0.0, 0.0)) - share_of(label, uvw - vec3f(d.x, 0.0, 0.0)),
                    share_of(label, uvw + vec3f(0.0, d.y, 0.0)) - share_of(label, uvw - vec3f(0.0, d.y, 0.0)),
                    share_of(label, uvw + vec3f(0.0, 0.0, d.z)) - share_of(label, uvw - vec3f(0.0, 0.0, d.z)),
                );
                let seen_light = lit(slope * cells / view.dims);
                color += (1.0 - opacity) * shown.a * (shown.rgb * seen_light.x + vec3f(seen_light.y));
                opacity += (1.0 - opacity) * shown.a;
                if opacity > 0.99 { break; }
            }
        }
        if !has_front {
            front = table_coordinate(value_at(uvw));
            has_front = true;
        }
        let back = table_coordinate(value_at(uvw + ray.step));
        let ends = vec2f(front, back);
        front = back;
        i += 1;
        if max(ends.x, ends.y) <= view.nothing_below { continue; }
        let seen = textureSampleLevel(table, linear, ends, 0.0) * view.volume_share;
        if seen.a < 0.002 { continue; }
        let surface = light(uvw + ray.step * 0.5);
        color += (1.0 - opacity) * (seen.rgb * surface.x + vec3f(seen.a * surface.y));
        opacity += (1.0 - opacity) * seen.a;
        if opacity > 0.99 { break; }
    }
    return vec4f(min(color + (1.0 - opacity) * view.background, vec3f(1.0)), 1.0);
}

@fragment
fn fs_mip(@builtin(position) position: vec4f) -> @location(0) vec4f {
    let ray = ray_at(position.xy);
    if ray.count < 0 { return vec4f(view.background, 1.0); }
    // Compared as texels: the mapping to modality values only grows.
    var best = (view.mip_low - view.value_offset) / view.value_scale;
    let enough = (view.mip_high - view.value_offset) / view.value_scale;
    var i = 0;
    while i <= ray.count {
        let uvw = ray.start + ray.step * f32(i);
        let brick = floor(uvw * view.dims / BRICK);
        let leaves = min(i + steps_out(uvw, brick, 0.0, ray.step), ray.count + 1);
        if textureLoad(brick_max, vec3i(brick), 0).r > best {
            for (; i < leaves; i++) {
                best = max(best, texel_at(ray.start + ray.step * f32(i)));
            }
            if best >= enough { break; }
        }
        i = leaves;
    }
    let value = best * view.value_scale + view.value_offset;
    var y = voi_window(value, view.window_center, view.window_width, view.voi_function);
    if view.invert == 1u { y = 1.0 - y; }
    return vec4f(vec3f(y), 1.0);
}
