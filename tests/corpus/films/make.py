#!/usr/bin/env python3
"""Makes the films beside this file: two seconds of GStreamer's moving ball, coded by other people's encoders and wrapped
by pydicom. Needs pydicom 3 and gst-launch-1.0 with openh264enc, mpeg2enc and x265enc. `expected.json` has the SHA-256
of each stream as the encoder wrote it.
"""
import hashlib, json, subprocess, tempfile
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

HERE = Path(__file__).resolve().parent
BALL = "videotestsrc num-buffers=50 pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1,format=I420"
FILMS = {
    "h264_mp4": ("openh264enc bitrate=80000 ! h264parse ! mp4mux", "1.2.840.10008.1.2.4.102"),
    "h264_ts": ("openh264enc bitrate=80000 ! h264parse ! mpegtsmux", "1.2.840.10008.1.2.4.102"),
    "mpeg2_stream": ("mpeg2enc bitrate=200", "1.2.840.10008.1.2.4.100"),
    "hevc_ts": ("x265enc bitrate=80 ! h265parse ! mpegtsmux", "1.2.840.10008.1.2.4.107"),
}


def film(number, name, stream, transfer_syntax):
    d = Dataset()
    d.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.1.1"  # Video Endoscopic Image Storage
    d.SOPInstanceUID = f"2.25.77111{number}"
    d.StudyInstanceUID, d.SeriesInstanceUID = "2.25.7711", f"2.25.7711{number}"
    d.PatientName, d.PatientID, d.PatientBirthDate, d.PatientSex = "Film^Moving", "FILM-1", "19700101", "O"
    d.StudyDate, d.StudyTime, d.Modality = "20260105", "101500", "ES"
    d.StudyDescription, d.SeriesDescription, d.SeriesNumber, d.InstanceNumber = "MOVING BALL", name, number, 1
    d.SamplesPerPixel, d.PhotometricInterpretation, d.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    d.Rows, d.Columns, d.NumberOfFrames = 240, 320, 50
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 8, 8, 7, 0
    d.FrameIncrementPointer, d.FrameTime, d.CineRate = 0x00181063, "40", 25
    d.LossyImageCompression, d.LossyImageCompressionRatio = "01", "50"
    # One film is one stream; pydicom pads it to even length (PS3.5 A.4.5).
    d.PixelData = encapsulate([stream], has_bot=False)
    d["PixelData"].is_undefined_length = True
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = UID(transfer_syntax)
    d.file_meta.MediaStorageSOPClassUID, d.file_meta.MediaStorageSOPInstanceUID = d.SOPClassUID, d.SOPInstanceUID
    d.save_as(HERE / f"{name}.dcm", enforce_file_format=True)


def main():
    expected = {}
    for number, (name, (coder, transfer_syntax)) in enumerate(FILMS.items(), 1):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "stream"
            subprocess.run(f"gst-launch-1.0 -q {BALL} ! {coder} ! filesink location={out}", shell=True, check=True)
            stream = out.read_bytes()
        film(number, name, stream, transfer_syntax)
        expected[name] = {"bytes": len(stream), "sha256": hashlib.sha256(stream).hexdigest()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
