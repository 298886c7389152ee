//! The shader sources, and the expansion of their `#import <shared/x.wgsl>` lines.
//!
//! Every file is part of the program; an import stands for the file's text, once in a shader.

use std::collections::BTreeSet;

/// Files of `shaders/` that imports may name.
const SHARED: [(&str, &str); 4] = [
    ("shared/fullscreen.wgsl", include_str!("../../../shaders/shared/fullscreen.wgsl")),
    ("shared/voi.wgsl", include_str!("../../../shaders/shared/voi.wgsl")),
    ("shared/sample_hardware.wgsl", include_str!("../../../shaders/shared/sample_hardware.wgsl")),
    ("shared/sample_manual.wgsl", include_str!("../../../shaders/shared/sample_manual.wgsl")),
];

/// `shaders/stack.wgsl`
pub const STACK: &str = include_str!("../../../shaders/stack.wgsl");
/// `shaders/plane.wgsl`
pub const PLANE: &str = include_str!("../../../shaders/plane.wgsl");
/// `shaders/volume.wgsl`
pub const VOLUME: &str = include_str!("../../../shaders/volume.wgsl");
/// `shaders/labels.wgsl`
pub const LABELS: &str = include_str!("../../../shaders/labels.wgsl");
/// `shaders/geodesic.wgsl`
pub const GEODESIC: &str = include_str!("../../../shaders/geodesic.wgsl");
/// `shaders/similarity.wgsl`
pub const SIMILARITY: &str = include_str!("../../../shaders/similarity.wgsl");
/// `shaders/solids.wgsl`
pub const SOLIDS: &str = include_str!("../../../shaders/solids.wgsl");
/// `shaders/upscale.wgsl`
pub const UPSCALE: &str = include_str!("../../../shaders/upscale.wgsl");

/// The volume shader for adapters that cannot filter the volume's texture.
pub fn volume_with_manual_sampling() -> String {
    VOLUME.replace("shared/sample_hardware.wgsl", "shared/sample_manual.wgsl")
}

/// A source with its imports in place.
///
/// # Errors
/// The name of an import that is not a file of `shaders/shared`.
pub fn expand(source: &str) -> Result<String, String> {
    let (mut out, mut seen) = (String::new(), BTreeSet::new());
    expand_into(source, &mut out, &mut seen)?;
    Ok(out)
}

fn expand_into(source: &str, out: &mut String, seen: &mut BTreeSet<String>) -> Result<(), String> {
    for line in source.lines() {
        let name = line.strip_prefix("#import <").and_then(|rest| rest.strip_suffix('>'));
        match name {
            None => {
                out.push_str(line);
                out.push('\n');
            }
            Some(name) if seen.contains(name) => {}
            Some(name) => {
                let found = SHARED.iter().find(|(shared, _)| *shared == name);
                let (_, text) = found.ok_or_else(|| format!("no shader file {name}"))?;
                seen.insert(name.to_owned());
                expand_into(text, out, seen)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_stands_for_its_file_once() {
        let twice = "#import <shared/voi.wgsl>\n#import <shared/voi.wgsl>\nfn main() {}";
        let text = expand(twice).unwrap();
        assert_eq!(text.matches("fn voi_window").count(), 1);
        assert!(text.ends_with("fn main() {}\n"));
        assert!(expand("#import <shared/none.wgsl>").is_err());
    }
}
