#!/usr/bin/env python3
"""Takes the sample studies out of the public corpus: make.py CORPUS. Needs pydicom 3, numpy and pyjpegls.

The two large series are stored as JPEG-LS lossless (PS3.5 A.4.3) so that they fit the repository: every stored value
and every attribute but the transfer syntax stays, which is checked here. The other files are copied byte for byte.
"""
import shutil, sys
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless

HERE = Path(__file__).resolve().parent
PICKED = {  # folder here: (folder or file in the corpus, whether it is compressed)
    "mr_head_t1_3d": ("dicom/series/mr_t1_studyforrest", True),
    "ct_head_tilted_uneven": ("dicom/series/ct_head_ge_variable_tilt", True),
    "mr_phantom_4d_interleaved": ("dicom/series/mr_fmri_ge_4d_interleaved", False),
    "us_colour_multiframe": ("dicom/codecs/pydicom/examples_ybr_color.dcm", False),
}

for name, (source, compressed) in PICKED.items():
    source, folder = Path(sys.argv[1]) / source, HERE / "studies" / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.dcm"):
        old.unlink()
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        target = folder / path.name
        if not compressed:
            shutil.copyfile(path, target)
            continue
        dataset = dcmread(path)
        stored = dataset.pixel_array.copy()
        dataset.compress(JPEGLSLossless, generate_instance_uid=False)
        dataset.save_as(target)
        assert np.array_equal(dcmread(target).pixel_array, stored), path
    print(name, len(list(folder.glob("*.dcm"))), "files")
