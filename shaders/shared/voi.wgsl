// Modality value → display value in 0..1. CPU twin: crates/image/src/voi.rs
// DICOM PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT), C.11.2.1.3.1 (SIGMOID).
// No infinity or NaN: a division stands behind the branch that makes it safe.

const VOI_LINEAR: u32 = 0u;
const VOI_LINEAR_EXACT: u32 = 1u;
const VOI_SIGMOID: u32 = 2u;
const VOI_LUT: u32 = 3u;

fn voi_ramp(x: f32, center: f32, width: f32) -> f32 {
    if x <= center - 0.5 * width { return 0.0; }
    if x > center + 0.5 * width { return 1.0; }
    return (x - center) / width + 0.5; // reached only when width > 0
}

fn voi_window(x: f32, center: f32, width: f32, function: u32) -> f32 {
    if function == VOI_LINEAR { return voi_ramp(x, center - 0.5, width - 1.0); }
    if function == VOI_LINEAR_EXACT { return voi_ramp(x, center, width); }
    // Beyond ±80 the result is 0 or 1 to the last bit and exp stays finite.
    let e = clamp(-4.0 * (x - center) / width, -80.0, 80.0);
    return 1.0 / (1.0 + exp(e));
}
