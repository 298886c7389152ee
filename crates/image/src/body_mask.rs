//! The patient without table, clothes and air around: CT in Hounsfield units.
//!
//! Threshold between air (−1000 HU) and fat (−100 HU), opening against what is thin (table, sheets, tubes),
//! the large connected parts, holes filled slice by slice, as lungs and bowel belong to the body: the order
//! of Hu, Hoffman and Reinhardt (IEEE TMI 20, 2001) for the outside of a chest. Shape is decided on a grid of
//! about 2 mm, the edge on the voxels.

use crate::blocks::Blocks;
use crate::components::{Components, Neighbours, fill_holes_in_slices};
use crate::distance::{dilated, eroded};
use crate::{Mask, ToolError, Volume, Work, mask};

/// Above: tissue. Foam of mattresses and most table tops stay below.
const TISSUE_HU: f32 = -300.0;
/// What is thinner than twice this is no body.
const THIN_MM: f64 = 5.0;
/// Parts of at least this share of the largest belong to it: the other leg, an arm.
const LEAST_SHARE: f64 = 0.05;
/// A body has more.
const LEAST_ML: f64 = 20.0;
/// Grid on which shapes are decided.
pub(crate) const GRID_MM: f64 = 2.0;

/// The body: everything within the skin, also air.
///
/// # Errors
/// [`ToolError::NotHounsfield`], [`ToolError::NothingFound`], [`ToolError::Uneven`], [`ToolError::Stopped`].
pub fn body(volume: &Volume, work: &Work<'_>) -> Result<Mask, ToolError> {
    in_hounsfield(volume)?;
    let blocks = Blocks::near(volume, GRID_MM);
    let coarse = coarse_body(&blocks, &work.part(0.0, 0.7))?;
    // The skin is found on the voxels, within a block of where the blocks have it.
    let near = dilated(&coarse, blocks.spacing_mm, blocks.spacing_mm.max_element());
    let near = blocks.fine(&near, volume);
    work.tell(0.8)?;
    let tissue = Mask::where_value(volume, |v| v > TISSUE_HU).and(&near);
    let found = fill_holes_in_slices(&tissue.or(&blocks.fine(&inner(&coarse, &blocks), volume)));
    work.tell(1.0)?;
    Ok(found)
}

/// Refuses what has no thresholds.
pub(crate) fn in_hounsfield(volume: &Volume) -> Result<(), ToolError> {
    mask::steps_mm(volume)?;
    if volume.unit != "HU" {
        return Err(ToolError::NotHounsfield { found: volume.unit.clone() });
    }
    Ok(())
}

/// The blocks that are not at the edge.
fn inner(mask: &Mask, blocks: &Blocks) -> Mask {
    eroded(mask, blocks.spacing_mm, blocks.spacing_mm.max_element())
}

/// The body on blocks.
pub(crate) fn coarse_body(blocks: &Blocks, work: &Work<'_>) -> Result<Mask, ToolError> {
    let tissue = blocks.mask(|v| v > TISSUE_HU);
    work.tell(0.1)?;
    // On thick slices a ball of 5 mm is a disc: at least one voxel goes in every direction.
    let radius_mm = THIN_MM.max(blocks.spacing_mm.min_element() * 1.01);
    let core = eroded(&tissue, blocks.spacing_mm, radius_mm);
    work.tell(0.4)?;
    let parts = Components::of(&core, Neighbours::TwentySix);
    let largest = parts.list().first().map_or(0, |c| c.voxels);
    if (largest as f64) * blocks.ml() < LEAST_ML {
        return Err(ToolError::NothingFound { what: "body" });
    }
    let kept = parts.mask(|_, part| part.voxels as f64 >= largest as f64 * LEAST_SHARE);
    let grown = dilated(&kept, blocks.spacing_mm, radius_mm * 1.2).and(&tissue);
    work.tell(0.8)?;
    Ok(fill_holes_in_slices(&grown))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phantom;
    use glam::DVec3;

    /// A trunk of 150 × 100 mm half axes with two lungs, on a hollow table, in air; 3 mm voxels.
    pub(crate) fn trunk() -> Volume {
        let dims = [120, 100, 40];
        let mut voxels = Vec::new();
        for i in 0..dims.iter().product::<usize>() {
            let p = DVec3::new(
                (i % 120) as f64 - 60.0,
                (i / 120 % 100) as f64 - 45.0,
                (i / 12_000) as f64 - 20.0,
            ) * 3.0;
            let lung =
                |x: f64| ((p - DVec3::new(x, -5.0, 0.0)) / DVec3::new(50.0, 65.0, 200.0)).length() < 1.0;
            let trunk = (p.x / 150.0).hypot(p.y / 100.0) < 1.0;
            let table = (102.0..120.0).contains(&p.y) && p.x.abs() < 165.0;
            let shell = table && (p.y < 105.0 || p.y > 116.0);
            let noise = (i * 7919 % 41) as f64 - 20.0;
            let hu = match () {
                () if lung(-70.0) || lung(70.0) => -820.0,
                () if trunk => 40.0,
                () if shell => -150.0,
                () if table => -900.0,
                () => -1000.0,
            };
            voxels.push((hu + noise) as i16);
        }
        phantom::volume(dims, DVec3::splat(3.0), voxels)
    }

    #[test]
    fn a_trunk_is_found_with_its_lungs_and_without_the_table_it_lies_on() {
        let volume = trunk();
        let found = body(&volume, &Work::silent()).unwrap();
        let truth = (0..found.inside.len()).map(|i| {
            let [x, y, _] = found.voxel(i);
            ((x as f64 - 60.0) / 50.0).hypot((y as f64 - 45.0) / (100.0 / 3.0)) < 1.0
        });
        let truth = Mask { dims: found.dims, inside: truth.collect() };
        let dice = found.dice(&truth);
        assert!(dice > 0.99, "{dice}");
    }

    #[test]
    fn values_that_are_not_hounsfield_units_and_volumes_of_air_are_refused() {
        let volume = Volume { unit: String::new(), ..phantom::ramp([8, 8, 8]) };
        let refusal = body(&volume, &Work::silent()).unwrap_err();
        assert_eq!(refusal, ToolError::NotHounsfield { found: String::new() });
        let air = phantom::volume([32, 32, 32], DVec3::splat(3.0), vec![-1000; 32_768]);
        assert_eq!(body(&air, &Work::silent()), Err(ToolError::NothingFound { what: "body" }));
    }
}
