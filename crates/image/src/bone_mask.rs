//! Bone: CT in Hounsfield units.
//!
//! Two thresholds: what is above the lower one and connected with something above the upper one. Segmentation
//! programs offer 226 HU as their only one (InVesalius, Mimics); a lower one keeps thin and spongy bone
//! (healthy vertebrae have about 130 HU on average: Schreiber and others, J Bone Joint Surg Am 93, 2011), and
//! the upper one, that of cortex, keeps out most of what is filled with contrast. Then marrow: holes that are
//! closed on all sides.
//!
//! Known limits: vessels, kidneys and bowel with contrast that touch bone come along, as does metal; thin
//! bone of the face and of demineralised spines has gaps.

use crate::blocks::Blocks;
use crate::body_mask::{GRID_MM, coarse_body, in_hounsfield};
use crate::components::{Components, Neighbours, fill_holes};
use crate::distance::{dilated, eroded};
use crate::{Mask, ToolError, Volume, Work};

/// Above: bone, when connected with surely dense bone.
const BONE_HU: f32 = 160.0;
/// Above: surely bone.
const DENSE_HU: f32 = 350.0;
/// Part of a connected piece that is dense at least: a vessel with a calcified plaque has less.
const LEAST_DENSE: f64 = 0.05;
/// Smaller pieces are noise, plaques, clips.
const LEAST_ML: f64 = 0.3;
/// Gaps in the shell of a bone up to twice this wide are closed.
const GAP_MM: f64 = 5.0;
/// Above, and within the closed shell: spongy bone. Muscle, cord and discs stay below.
const SPONGY_HU: f32 = 80.0;
/// A larger closed hole is no marrow.
const MOST_MARROW_ML: f64 = 60.0;

/// The bones with their marrow.
///
/// # Errors
/// [`ToolError::NotHounsfield`], [`ToolError::NothingFound`] without body or bone, [`ToolError::Uneven`],
/// [`ToolError::Stopped`].
pub fn bone(volume: &Volume, work: &Work<'_>) -> Result<Mask, ToolError> {
    in_hounsfield(volume)?;
    let blocks = Blocks::near(volume, GRID_MM);
    let body = coarse_body(&blocks, &work.part(0.0, 0.3))?;
    let body = blocks.fine(&dilated(&body, blocks.spacing_mm, GRID_MM), volume);
    work.tell(0.4)?;
    let parts =
        Components::of(&Mask::where_value(volume, |v| v >= BONE_HU).and(&body), Neighbours::TwentySix);
    work.tell(0.55)?;
    let first = volume.first_voxel();
    let mut dense = vec![0_usize; parts.list().len()];
    parts.for_each_voxel(|index, part| {
        dense[part] += usize::from(volume.voxels.value(first + index) >= DENSE_HU);
    });
    let voxel_ml = volume.patient_from_voxel.determinant().abs() / 1000.0;
    let shell = parts.mask(|place, part| {
        part.voxels as f64 * voxel_ml >= LEAST_ML && dense[place] as f64 >= part.voxels as f64 * LEAST_DENSE
    });
    if !shell.inside.contains(&true) {
        return Err(ToolError::NothingFound { what: "bone" });
    }
    work.tell(0.7)?;
    let [holes, closed] = closed(&blocks, &shell, &work.part(0.7, 0.95))?;
    // Beyond spongy bone only what was a hole: closing alone would join neighbouring bones and fill the canal
    // of the spine.
    let spongy = Mask::where_value(volume, |v| v > SPONGY_HU).and(&blocks.fine(&closed, volume));
    let found = shell.or(&spongy).or(&blocks.fine(&holes, volume));
    let found = fill_holes(&found, (MOST_MARROW_ML / voxel_ml) as usize);
    work.tell(1.0)?;
    Ok(found)
}

/// On blocks: the holes that a shell has once its gaps are closed, and the closed shell with them.
fn closed(blocks: &Blocks, shell: &Mask, work: &Work<'_>) -> Result<[Mask; 2], ToolError> {
    let mut coarse = Mask::none(blocks.dims);
    for (index, _) in shell.inside.iter().enumerate().filter(|(_, inside)| **inside) {
        let voxel = shell.voxel(index);
        let at = coarse.index([0, 1, 2].map(|a| voxel[a] / blocks.block[a]));
        coarse.inside[at] = true;
    }
    work.tell(0.2)?;
    let radius_mm = GAP_MM.max(blocks.spacing_mm.min_element() * 1.01);
    let wide = dilated(&coarse, blocks.spacing_mm, radius_mm);
    work.tell(0.5)?;
    let filled = fill_holes(&wide, (MOST_MARROW_ML / blocks.ml()) as usize);
    let closed = eroded(&filled, blocks.spacing_mm, radius_mm);
    work.tell(1.0)?;
    let holes = dilated(&filled.without(&wide), blocks.spacing_mm, radius_mm).and(&closed);
    Ok([holes, closed])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use glam::DVec3;

    #[test]
    fn a_long_bone_is_found_with_its_marrow_and_a_contrast_filled_vessel_is_not() {
        let dims = [80, 60, 60];
        let mut truth = Mask::none(dims);
        let mut voxels = Vec::new();
        for i in 0..truth.inside.len() {
            let [x, y, z] = truth.voxel(i).map(|c| c as f64);
            let bone = ((x - 25.0).hypot(y - 30.0)).max((z - 30.0).abs() - 10.0);
            let vessel = (x - 55.0).hypot(y - 30.0) < 8.0;
            truth.inside[i] = bone < 12.0;
            let hu = match () {
                () if bone < 9.0 => 20.0,
                () if bone < 12.0 => 900.0,
                () if vessel => 320.0,
                () if (x - 40.0).hypot((y - 30.0) * 1.4) < 39.0 => 40.0,
                () => -1000.0,
            };
            voxels.push((hu + (i * 7919 % 41) as f64 - 20.0) as i16);
        }
        let volume = phantom::volume(dims, DVec3::ONE, voxels);
        let found = bone(&volume, &Work::silent()).unwrap();
        let dice = found.dice(&truth);
        assert!(dice > 0.99, "{dice}");
    }

    #[test]
    fn the_skull_of_the_head_phantom_is_found_and_its_brain_is_not_marrow() {
        let head = phantom::head([80, 96, 72], 2.4);
        let found = bone(&head, &Work::silent()).unwrap();
        let skull = Mask::where_value(&head, |v| v > 300.0);
        assert!(found.dice(&skull) > 0.97, "{}", found.dice(&skull));
    }
}
