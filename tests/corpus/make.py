#!/usr/bin/env python3
"""Makes the small test corpus beside this file: make.py CORPUS

CORPUS is the unpacked public corpus (its `dicom` folder holds codecs, derived, hostile, series). Files copied from it
are under MIT (pydicom) and keep their bytes; series and refused files are made here. Answers never come from this
project's own code: those of copied files are the corpus's (several independent decoders), those of made series are
SimpleITK's, checked against the numbers the series was made from.

Needs pydicom 3, numpy and SimpleITK 2.5. Running it again gives the same bytes.
"""
import hashlib, json, math, shutil, sys, zipfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

HERE = Path(__file__).resolve().parent
ROWS, COLUMNS = 20, 24

CODECS = """MR_small.dcm MR_small_implicit.dcm MR_small_bigendian.dcm MR_small_RLE.dcm MR_small_jp2klossless.dcm
MR_small_jpeg_ls_lossless.dcm JLSL_08_07_0_1F.dcm JPEGLSNearLossless_08.dcm JPGExtended.dcm JPEG2000.dcm
SC_rgb_rle_2frame.dcm SC_rgb_rle_16bit.dcm SC_rgb_small_odd.dcm SC_rgb_small_odd_jpeg.dcm SC_rgb_jpeg_gdcm.dcm
SC_rgb_jpeg_dcmtk.dcm SC_rgb_jls_lossy_line.dcm SC_ybr_full_422_uncompressed.dcm image_dfl.dcm liver_rle.dcm
ExplVR_BigEnd.dcm CT_small.dcm emri_small_RLE.dcm""".split()
CHARSETS = "chrGerm.dcm chrGreek.dcm chrH31.dcm chrKoreanMulti.dcm chrX1.dcm".split()


def voxels(z, offset):
    """An ellipsoid with a bright ball off its middle, so that a flip along any axis changes the volume."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    body = ((x - 12) / 9) ** 2 + ((y - 10) / 7) ** 2 + ((z - 4) / 6) ** 2 < 1
    ball = (x - 8) ** 2 + (y - 7) ** 2 + (2 * (z - 5)) ** 2 < 9
    texture = (x * 7 + y * 13 + z * 29) % 17
    return (np.where(ball, 900, np.where(body, 40, -1000)) + texture + offset).astype(np.int32)


def instance(series, modality, z, number, position, orientation, stored, **more):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    classes = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4", "PT": "1.2.840.10008.5.1.4.1.1.128"}
    uid = lambda *parts: generate_uid(prefix="2.25.", entropy_srcs=["medsight small corpus", *map(str, parts)])
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = classes[modality]
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = uid(series, "instance", number)
    d.file_meta.TransferSyntaxUID = more.pop("transfer_syntax", ExplicitVRLittleEndian)
    d.SpecificCharacterSet = "ISO_IR 192"
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = uid("study"), uid(series), uid("frame of reference")
    d.PatientName, d.PatientID, d.PatientBirthDate, d.PatientSex = "Phantom^Petra", "SMALL-1", "19700101", "O"
    d.StudyDate, d.StudyTime, d.AccessionNumber, d.StudyID = "20260105", "101500", "SMALL", "1"
    d.StudyDescription, d.SeriesDescription, d.Modality, d.Manufacturer = "Small phantom", series, modality, "Drawn by make.py"
    d.SeriesNumber, d.InstanceNumber, d.PatientPosition, d.SliceThickness = sum(map(ord, series)) % 900, number, "HFS", "2"
    d.ImagePositionPatient = [format(v, ".6g") for v in position]
    d.ImageOrientationPatient = [format(v, ".8g") for v in orientation]
    d.SamplesPerPixel, d.PhotometricInterpretation = 1, "MONOCHROME2"
    d.Rows, d.Columns, d.PixelSpacing = ROWS, COLUMNS, [1.5, 0.75]
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, int(stored.min() < 0)
    for key, value in more.items():
        setattr(d, key, value)
    d.PixelData = stored.astype("<i2" if d.PixelRepresentation else "<u2").tobytes()
    return d


AXIAL, OBLIQUE = [1, 0, 0, 0, 1, 0], [0.8, 0.6, 0, 0, 0, -1]
TILT = [1, 0, 0, 0, math.cos(math.radians(15)), -math.sin(math.radians(15))]


def make_series():
    """name -> (what it is for, [(file name, dataset, modality values)], order of files by position then time)."""
    made = {}

    def add(name, what, count, position, orientation, build):
        files = []
        for k in range(count):
            files.append((build(name, k, position(k), orientation)))
        made[name] = (what, files)

    def ct(name, k, p, o):  # file names and instance numbers run against the geometry
        z = (k * 5) % 9
        hu = voxels(z, 0)
        d = instance(name, "CT", z, 9 - z, (-10, -15, 30 + 2 * z), o, hu + 1024, RescaleSlope="1", RescaleIntercept="-1024", RescaleType="HU", WindowCenter="40", WindowWidth="400")
        return z, 0, f"{k:02d}.dcm", d, hu
    add("ct_axial_shuffled", "uniform CT; file names and instance numbers do not follow the geometry", 9, lambda k: 0, AXIAL, ct)

    def oblique(name, k, p, o):
        n = np.cross(o[:3], o[3:])
        at = np.array([5.0, -40.0, 12.0]) + 1.25 * k * n
        v = voxels(k, 1100)
        d = instance(name, "MR", k, k + 1, at, o, v, transfer_syntax=ImplicitVRLittleEndian)
        return k, 0, f"{8 - k:02d}.dcm", d, v
    add("mr_oblique", "oblique coronal MR, implicit little endian, no rescale", 9, lambda k: 0, OBLIQUE, oblique)

    def tilt(name, k, p, o):
        z = 3 * k if k < 5 else 12 + 5 * (k - 4)
        hu = voxels(k, 0)
        d = instance(name, "CT", k, k + 1, (-10, -15, z), o, hu, RescaleSlope="1", RescaleIntercept="0", RescaleType="HU", GantryDetectorTilt="15")
        return k, 0, f"{k:02d}.dcm", d, hu
    add("ct_tilted_uneven", "gantry tilt of 15 degrees and a slice distance that changes from 3 mm to 5 mm (along the couch)", 8, lambda k: 0, TILT, tilt)

    def four_d(name, k, p, o):  # two time points of four slices, in the order acquired: slice 0, 2, 1, 3
        t, z = k // 4, (0, 2, 1, 3)[k % 4]
        v = voxels(z, 1100 + 100 * t)
        d = instance(name, "MR", z, k + 1, (-10, -15, 4 * z), o, v, TemporalPositionIdentifier=t + 1, NumberOfTemporalPositions=2)
        return z, t, f"{k:02d}.dcm", d, v
    add("mr_two_times", "two time points over the same four positions, interleaved", 8, lambda k: 0, AXIAL, four_d)

    def pet(name, k, p, o):
        stored = voxels(k, 1100)
        slope = 0.25 + 0.125 * k
        d = instance(name, "PT", k, k + 1, (-10, -15, -3.0 * k), o, stored, RescaleSlope=str(slope), RescaleIntercept="0", Units="BQML")
        return -k, 0, f"{k:02d}.dcm", d, stored * slope
    add("pt_slope_per_slice", "PET with a Rescale Slope of its own in each slice: float volume", 6, lambda k: 0, AXIAL, pet)
    return made


def write_series(root):
    answers = {}
    for name, (what, files) in make_series().items():
        folder = root / name
        folder.mkdir(parents=True)
        for _, _, file, d, _ in files:
            d.save_as(folder / file, enforce_file_format=True)
        files.sort(key=lambda f: (f[1], f[0]))
        values = [f[4] for f in files]
        read = []
        for _, _, file, _, want in files:  # SimpleITK is the judge; what the file was made from only confirms it
            got = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / file)))[0]
            assert np.array_equal(got.astype(float), np.asarray(want, float)), file
            read.append(got)
        whole = all(float(v.min()).is_integer() and np.array_equal(v, np.round(v)) for v in map(np.asarray, values))
        volume = np.stack(read).astype("<i2" if whole else "<f4")
        times = 1 + max(f[1] for f in files)
        first = files[0][3]
        o = [float(v) for v in first.ImageOrientationPatient]
        n = np.cross(o[:3], o[3:])
        one_time = [f for f in files if f[1] == 0]
        at = [np.array([float(v) for v in f[3].ImagePositionPatient]) for f in one_time]
        along = [float(p @ n) for p in at]
        gaps = np.diff(along)
        line = at[-1] - at[0]
        shear = math.degrees(math.acos(min(1.0, abs(float(line @ n)) / float(np.linalg.norm(line)))))
        uniform = bool(np.ptp(gaps) < 1e-3)
        answers[name] = {
            "what": what, "folder": f"accepted/series/{name}", "modality": first.Modality,
            "series_instance_uid": first.SeriesInstanceUID, "files": len(files), "rows": ROWS, "columns": COLUMNS,
            "pixel_spacing_row_col": [1.5, 0.75], "image_orientation_patient": o,
            "slice_positions_along_normal": [round(a, 5) for a in along],
            "slice_spacing_median": round(float(np.median(gaps)), 5), "uniform_spacing": uniform,
            "shear_angle_deg": round(shear, 2), "time_points": times,
            "first_image_position": [float(v) for v in at[0]], "last_image_position": [float(v) for v in at[-1]],
            "sorted_files": [f[2] for f in files],
            "volume": {"shape_tzyx": [times, len(one_time), ROWS, COLUMNS], "dtype": volume.dtype.name,
                       "sha256": hashlib.sha256(volume.tobytes()).hexdigest(), "min": float(volume.min()),
                       "max": float(volume.max()), "mean": round(float(volume.mean(dtype=np.float64)), 5)},
        }
    return answers


def refused(root, whole):
    """One file for each kind of refusal. `attribute`: the tag that a reason must name, where there is one."""
    root.mkdir(parents=True)
    base = whole.read_bytes()
    out = []

    def add(name, data, code, attribute, why):
        (root / name).write_bytes(data)
        out.append({"file": f"refused/{name}", "kind": code, "attribute": attribute, "why": why})

    def changed(attribute, edit):
        d = dcmread(whole)
        edit(d)
        target = root / "part"
        d.save_as(target, enforce_file_format=True)
        data = target.read_bytes()
        target.unlink()
        return data

    def raw_element(keyword, text):  # pydicom will not write an unreadable number, so the bytes are put in by hand
        marker = {"RescaleSlope": b"\x28\x00\x53\x10DS", "PixelSpacing": b"\x28\x00\x30\x00DS"}[keyword]
        at = base.index(marker)
        old = int.from_bytes(base[at + 6 : at + 8], "little")
        text = text.encode()
        text += b" " * (len(text) % 2)
        return base[: at + 6] + len(text).to_bytes(2, "little") + text + base[at + 8 + old :]

    add("truncated_in_pixel_data.dcm", base[:-200], "truncated", "(7FE0,0010)", "the last 200 bytes of the pixel data are missing")
    add("truncated_in_header.dcm", base[:400], "truncated", None, "the file ends in the middle of its attributes")
    add("text.dcm", b"Patient instructions: please arrive fifteen minutes early.\n" * 9, "not-dicom", None, "a text file with a .dcm name")
    add("empty.dcm", b"", "not-dicom", None, "no bytes at all")
    add("rescale_slope_unreadable.dcm", raw_element("RescaleSlope", "1,0 HU"), "unreadable", "(0028,1053)", "Rescale Slope is present but is not a number")
    add("rescale_slope_zero.dcm", raw_element("RescaleSlope", "0"), "out-of-range", "(0028,1053)", "Rescale Slope is 0: every value would be the same (PS3.3 C.11.1.1.2 needs a usable slope)")
    add("pixel_spacing_negative.dcm", raw_element("PixelSpacing", "1.5\\-0.75"), "out-of-range", "(0028,0030)", "Pixel Spacing is negative: it must be above 0 (PS3.3 10.7.1.3)")
    add("rows_do_not_fit.dcm", changed("Rows", lambda d: setattr(d, "Rows", 200)), "length", "(0028,0010)", "rows x columns need ten times the pixel bytes that are there")
    add("rows_missing.dcm", changed("Rows", lambda d: delattr(d, "Rows")), "missing", "(0028,0010)", "Rows is missing")
    add("bits_allocated_12.dcm", changed("BitsAllocated", lambda d: setattr(d, "BitsAllocated", 12)), "out-of-range", "(0028,0100)", "Bits Allocated is 12: only 1 or a multiple of 8 is allowed (PS3.5 8.1.1)")
    return out


def main(corpus):
    dicom = Path(corpus) / "dicom"
    accepted = HERE / "accepted"
    for folder in (accepted, HERE / "refused"):
        shutil.rmtree(folder, ignore_errors=True)
    answers = {f["file"]: f for f in json.loads((dicom / "codecs/expected.json").read_text())["files"]}
    files = []
    (accepted / "codecs").mkdir(parents=True)
    for name in CODECS:
        shutil.copyfile(dicom / "codecs/pydicom" / name, accepted / "codecs" / name)
        entry = {k: v for k, v in answers[f"pydicom/{name}"].items() if k not in ("decode_errors", "agree", "disagree")}
        files.append({**entry, "file": f"accepted/codecs/{name}"})
    (accepted / "charset").mkdir()
    names = []
    for name in CHARSETS:
        shutil.copyfile(dicom / "derived/charset" / name, accepted / "charset" / name)
        names.append({"file": f"accepted/charset/{name}", "patient_name": str(dcmread(accepted / "charset" / name).PatientName)})
    series = write_series(accepted / "series")
    with zipfile.ZipFile(accepted / "ct_axial_shuffled.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for path in sorted((accepted / "series/ct_axial_shuffled").iterdir()):
            z.writestr(zipfile.ZipInfo(f"export/{path.name}", (2026, 1, 5, 10, 15, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)
    expected = {
        "made_with": "make.py beside this file: pydicom 3.0.2, SimpleITK 2.5.7",
        "conventions": json.loads((dicom / "codecs/expected.json").read_text())["conventions"],
        "files": files, "charset": names, "series": series, "refused": refused(HERE / "refused", accepted / "series/ct_axial_shuffled/00.dcm"),
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
