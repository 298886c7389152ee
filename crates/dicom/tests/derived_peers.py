"""derived_peers.py FOLDER: reads the objects of FOLDER with highdicom and pydicom and compares them with facts.json."""
import json
import sys
import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])


def seg(path, facts):
    read = hd.seg.segread(path)
    fractional = read.segmentation_type.value == "FRACTIONAL"
    options = {"rescale_fractional": False} if fractional else {"combine_segments": False}
    pixels = read.get_pixels_by_source_instance(
        facts["sources"], ignore_spatial_locations=False, assert_missing_frames_are_empty=True, **options
    )
    want = np.array(facts["segments"])  # segment, plane, pixel
    got = pixels.reshape(pixels.shape[0], -1, pixels.shape[-1]).transpose(2, 0, 1)
    assert got.shape == want.shape, f"{got.shape} for {want.shape}"
    assert (got == want).all(), f"{int((got != want).sum())} voxels differ"
    numbers = [n for n in read.segment_numbers if n > 0]
    assert list(numbers) == list(range(1, len(want) + 1))
    first = read.get_segment_description(1)
    assert first.segmented_property_type.meaning == "Liver" and first.segment_label == "Part 1"


def sr(path, facts):
    read = hd.sr.srread(path)
    content = read.content
    planar = content.get_planar_roi_measurement_groups()
    volumetric = content.get_volumetric_roi_measurement_groups()
    assert (len(planar), len(volumetric)) == (facts["planar"], facts["volumetric"]), (len(planar), len(volumetric))
    if "line" in facts:
        line = next(g for g in planar if g.tracking_identifier == "Length 1")
        length = line.get_measurements(name=pydicom.sr.codedict.codes.SCT.Length)[0]
        assert length.value == facts["length_mm"] and length.unit.value == "mm"
        # DICOM counts from the corner of the first pixel.
        want = np.array(facts["line"]) + 0.5
        assert np.allclose(line.roi.value, want), line.roi.value
    assert str(read.PatientName) == "Größe^Änne"


def main():
    facts = json.loads((folder / "facts.json").read_text())
    checks = {name: check for name, check in globals().items() if callable(check) and name != "main"}
    bad = []
    for name, fact in facts.items():
        try:
            pydicom.dcmread(folder / name).walk(lambda data, element: element.value)
            checks[fact["kind"]](folder / name, fact)
        except Exception as error:  # the report names the object, whatever went wrong in its reader
            bad.append(f"{name}: {type(error).__name__}: {error}")
    print("\n".join(bad) if bad else f"{len(facts)} objects agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
