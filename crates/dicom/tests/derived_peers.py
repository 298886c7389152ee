"""derived_peers.py FOLDER: reads the objects of FOLDER with highdicom and pydicom and compares them with facts.json.

derived_peers.py FOLDER make: writes objects of its own over the images of FOLDER.
"""
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
    found = [first.segmented_property_type.meaning, first.segment_label]
    assert found == facts.get("named", ["Liver", "Part 1"]), found


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


def pr(path, facts):
    read = pydicom.dcmread(path)
    window = read.SoftcopyVOILUTSequence[0]
    assert [window.WindowCenter, window.WindowWidth] == facts["window"]
    texts = [t.UnformattedTextValue for a in read.GraphicAnnotationSequence for t in a.get("TextObjectSequence", [])]
    assert facts["text"] in texts and "Prüfung" in texts, texts


def kos(path, facts):
    read = hd.ko.KeyObjectSelectionDocument.from_dataset(pydicom.dcmread(path))
    found = [item.referenced_sop_instance_uid for item in read.content.get_references()]
    assert found == facts["instances"], found
    for uid in found:
        read.resolve_reference(uid)


def pdf(path, facts):
    read = pydicom.dcmread(path)
    assert read.EncapsulatedDocument[: read.EncapsulatedDocumentLength].decode() == facts["text"]


def image(path, facts):
    assert pydicom.dcmread(path).pixel_array.flatten().tolist() == facts["samples"]


def make():
    """Objects of highdicom over ct0 to ct2; prints what their masks hold."""
    images = [pydicom.dcmread(folder / f"ct{z}.dcm") for z in range(3)]
    who = {"manufacturer": "Peer", "manufacturer_model_name": "peer", "software_versions": "1", "device_serial_number": "1"}
    uid = pydicom.uid.generate_uid
    numbers = iter(range(50, 99))

    def ids():
        return {"series_instance_uid": uid(), "series_number": next(numbers), "sop_instance_uid": uid(), "instance_number": 1}

    codes = pydicom.sr.codedict.codes
    labels = (np.arange(3 * 5 * 7) % 4).astype(np.uint8).reshape(3, 5, 7)
    labels[labels == 3] = 0
    described = [
        hd.seg.SegmentDescription(
            segment_number=n,
            segment_label=f"S{n}",
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Bone,
            algorithm_type="MANUAL",
        )
        for n in (1, 2)
    ]
    for kind in ("BINARY", "FRACTIONAL", "LABELMAP"):
        array = labels if kind != "FRACTIONAL" else np.stack([labels == 1, labels == 2], -1).astype(np.float32)
        made = hd.seg.Segmentation(images, array, kind, described, **ids(), **who)
        made.save_as(folder / f"hd_seg_{kind.lower()}.dcm")
    region = hd.sr.ImageRegion(
        graphic_type="POLYLINE",
        graphic_data=np.array([[1.0, 1.0], [4.0, 1.0], [4.0, 4.0], [1.0, 1.0]]),
        source_image=hd.sr.SourceImageForRegion.from_source_image(images[1]),
    )
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=uid(), identifier="Lesion 1"),
        referenced_region=region,
        measurements=[hd.sr.Measurement(name=codes.SCT.Length, value=12.5, unit=codes.UCUM.Millimeter)],
        finding_type=codes.SCT.Neoplasm,
    )
    person = hd.sr.PersonObserverIdentifyingAttributes(name="Roe^Rita")
    context = hd.sr.ObserverContext(observer_type=codes.DCM.Person, observer_identifying_attributes=person)
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_person_context=context),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[group],
    )
    hd.sr.Comprehensive3DSR(images, report[0], **ids(), manufacturer="Peer").save_as(folder / "hd_sr.dcm")
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="HU", lut_explanation="HU", unit=codes.UCUM.HounsfieldUnit, value_range=[-2000.0, 4000.0], slope=0.5, intercept=-5
    )
    window = hd.VOILUTTransformation(window_width=400.0, window_center=40.0)
    values = np.arange(3 * 5 * 7).astype(np.float32).reshape(3, 5, 7)
    hd.pm.ParametricMap(
        images,
        values,
        **ids(),
        **who,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[window],
    ).save_as(folder / "hd_pm.dcm")
    voi = hd.pr.SoftcopyVOILUTTransformation(window_center=40.0, window_width=400.0)
    hd.pr.GrayscaleSoftcopyPresentationState(
        images, **ids(), **who, content_label="PR", voi_lut_transformations=[voi]
    ).save_as(folder / "hd_pr.dcm")
    marked = hd.ko.KeyObjectSelection(codes.DCM.OfInterest, [images[0]])
    hd.ko.KeyObjectSelectionDocument(images, marked, **ids(), manufacturer="Peer").save_as(folder / "hd_ko.dcm")
    masks = {n: [(plane == n).astype(int).flatten().tolist() for plane in labels] for n in (1, 2)}
    print(json.dumps({"segments": masks}))
    return 0


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
    sys.exit(make() if sys.argv[2:] == ["make"] else main())
