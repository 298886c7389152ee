"""Decoding all frames of one file with the fastest decoder that this Python has. One measurement a line of input, in ms.

Only decoding is timed: the frames are in memory, as they are on our side. GDCM is measured through SimpleITK, which reads
the file from the page cache too; that is why it is named with it.
"""
import sys, time, warnings
import pydicom
from pydicom.encaps import generate_frames

warnings.simplefilter("ignore")
RUNS = 15
path = sys.argv[1]
data = pydicom.dcmread(path)
syntax = str(data.file_meta.TransferSyntaxUID)
tail = syntax.removeprefix("1.2.840.10008.1.2.")
count = int(data.get("NumberOfFrames", 1) or 1)
frames = list(generate_frames(data.PixelData, number_of_frames=count))
pixels, bits = data.Rows * data.Columns, data.BitsAllocated
decoders = {}


def add(name, modules, make):
    try:
        decoders[name] = make(*[__import__(m, fromlist=["x"]) for m in modules])
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)


if tail == "5":
    add("pylibjpeg-rle", ["rle.rle"], lambda rle: lambda: [rle.decode_frame(f, pixels, bits, "<") for f in frames])
if tail in ("4.50", "4.51", "4.57", "4.70"):
    add("pylibjpeg-libjpeg", ["libjpeg"], lambda m: lambda: [m.decode(f) for f in frames])
if tail == "4.50":
    def pillow(image, io):
        def run():
            for f in frames:
                picture = image.open(io.BytesIO(f))
                picture.draft("YCbCr", picture.size) if picture.mode != "L" else None
                picture.load()
        return run
    add("libjpeg-turbo (Pillow)", ["PIL.Image", "io"], pillow)
if tail in ("4.80", "4.81"):
    add("CharLS (pyjpegls)", ["jpeg_ls"], lambda m: lambda: [m.decode_buffer(f) for f in frames])
if tail in ("4.90", "4.91", "4.201", "4.202", "4.203"):
    add("OpenJPEG (pylibjpeg)", ["openjpeg"], lambda m: lambda: [m.decode(f) for f in frames])


def gdcm(sitk):
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(path)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    return lambda: reader.Execute()


# GDCM decodes JPEG 2000 with the same OpenJPEG, but on all processors: no figure of one thread.
if not tail.startswith("4.9") and not tail.startswith("4.20"):
    add("GDCM (SimpleITK, with the file)", ["SimpleITK"], gdcm)


def timed(run):
    """The fastest of several runs, as on our side: whatever else the machine does only adds to a run."""
    best_ms = float("inf")
    for _ in range(RUNS):
        begun = time.perf_counter()
        run()
        best_ms = min(best_ms, (time.perf_counter() - begun) * 1e3)
    return best_ms


best = {}
for name, run in decoders.items():
    try:
        best[name] = timed(run)
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)
if not best:
    print("none", flush=True)
    sys.exit(0)
fastest = min(best, key=best.get)
print(fastest.replace(" ", "_"), flush=True)
for _ in sys.stdin:
    print(timed(decoders[fastest]), flush=True)
