"""SimpleITK reading a directory into one volume: sort by GDCM, then read. One measurement a line of input, in ms."""
import sys, time
import SimpleITK as s

folder = sys.argv[1]
print(f"SimpleITK {s.Version().VersionString()}", flush=True)
for _ in sys.stdin:
    begun = time.perf_counter()
    reader = s.ImageSeriesReader()
    reader.SetFileNames(s.ImageSeriesReader.GetGDCMSeriesFileNames(folder))
    size = reader.Execute().GetSize()
    print((time.perf_counter() - begun) * 1e3, flush=True)
    assert size == (512, 512, 300), size
