"""VTK's GPU ray cast mapper, off screen: `SHAPE(shaded|mip) SIZE FOLDER`. One frame a line of input, read back, in ms.

The camera is the one of `medsightctl render`: from the front, parallel, 1.05 times the longest edge across the picture, so
that both cast the same rays; it turns 5 degrees a frame. Step 0.5 mm, every pixel cast, no automatic reduction of quality.
"""
import os, sys, time
os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = os.environ.get("MEDSIGHT_VTK_WINDOW", "vtkEGLRenderWindow")
from vtkmodules.all import (vtkColorTransferFunction, vtkDICOMImageReader, vtkGPUVolumeRayCastMapper, vtkPiecewiseFunction,
                            vtkRenderer, vtkRenderWindow, vtkUnsignedCharArray, vtkVersion, vtkVolume, vtkVolumeProperty)

kind, size, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
reader = vtkDICOMImageReader(); reader.SetDirectoryName(folder); reader.Update()
image = reader.GetOutput()
assert image.GetDimensions() == (512, 512, 300), image.GetDimensions()

mapper = vtkGPUVolumeRayCastMapper()
mapper.SetInputData(image); mapper.AutoAdjustSampleDistancesOff(); mapper.SetImageSampleDistance(1.0); mapper.SetSampleDistance(0.5)
colour, opacity = vtkColorTransferFunction(), vtkPiecewiseFunction()
if kind == "mip":
    mapper.SetBlendModeToMaximumIntensity()
    for x, v in ((-1000, 0), (1500, 1)): colour.AddRGBPoint(x, v, v, v); opacity.AddPoint(x, v)
else:
    for x, r, g, b in ((-1000, 0, 0, 0), (150, .6, .3, .2), (300, .9, .8, .6), (1200, 1, 1, .95)): colour.AddRGBPoint(x, r, g, b)
    for x, a in ((-1000, 0), (150, 0), (300, .2), (1200, .9)): opacity.AddPoint(x, a)
look = vtkVolumeProperty(); look.SetColor(colour); look.SetScalarOpacity(opacity); look.SetInterpolationTypeToLinear()
if kind != "mip": look.ShadeOn()
volume = vtkVolume(); volume.SetMapper(mapper); volume.SetProperty(look)
scene = vtkRenderer(); scene.AddVolume(volume)
window = vtkRenderWindow(); window.SetOffScreenRendering(1); window.SetMultiSamples(0); window.SetSize(size, size); window.AddRenderer(scene)
low, high = image.GetBounds()[::2], image.GetBounds()[1::2]
focus = [(a + b) / 2 for a, b in zip(low, high)]
camera = scene.GetActiveCamera(); camera.ParallelProjectionOn(); camera.SetParallelScale(max(b - a for a, b in zip(low, high)) * 1.05 / 2)
camera.SetFocalPoint(*focus); camera.SetPosition(focus[0], focus[1] + 1000, focus[2]); camera.SetViewUp(0, 0, 1)
scene.ResetCameraClippingRange(); window.Render()
print(f"VTK {vtkVersion.GetVTKVersion()} GPU mapper on llvmpipe", flush=True)
pixels = vtkUnsignedCharArray()
for _ in sys.stdin:
    begun = time.perf_counter()
    camera.Azimuth(5); window.Render(); window.GetRGBACharPixelData(0, 0, size - 1, size - 1, 0, pixels)
    print((time.perf_counter() - begun) * 1e3, flush=True)
