// derived_peers.cjs DCMJS FOLDER: reads FOLDER/ours.dcm with dcmjs and prints its measurements as JSON, and writes
// FOLDER/theirs.dcm, a report on ct1.dcm.
"use strict";
const fs = require("fs");
const path = require("path");
const [dcmjsFolder, folder] = process.argv.slice(2);
const dcmjs = require(path.resolve(dcmjsFolder));
const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
const { MeasurementReport } = dcmjs.adapters.Cornerstone3D;

function open(name) {
  const bytes = fs.readFileSync(path.join(folder, name));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(buffer).dict);
}

// World coordinates are image coordinates here: what is compared is what stands in the file.
const image = open("ct1.dcm");
const modules = {
  sopCommonModule: { sopInstanceUID: image.SOPInstanceUID, sopClassUID: image.SOPClassUID },
  generalSeriesModule: { studyInstanceUID: image.StudyInstanceUID, seriesInstanceUID: image.SeriesInstanceUID },
  imagePlaneModule: { frameOfReferenceUID: image.FrameOfReferenceUID, columnCosines: [0, 1, 0] },
  instance: image,
  frameNumber: 1,
};
const metadata = { get: (module) => modules[module] };

const log = console.log;
console.log = () => {};
const ours = open("ours.dcm");
const anyImage = new Proxy({}, { get: () => "image" });
const state = MeasurementReport.generateToolState(ours, anyImage, (_, [x, y]) => [x, y, 0], metadata);
const found = {};
for (const [tool, measurements] of Object.entries(state)) {
  found[tool] = measurements.map((m) => ({
    points: m.annotation.data.handles.points.map(([x, y]) => [x, y]),
    value: Object.values(m.annotation.data.cachedStats || {}).flatMap((s) => Object.values(s))[0],
  }));
}

const tool = (points, stats, more) => ({
  metadata: { referencedImageId: "image" },
  data: { handles: { points, arrowFirst: true }, cachedStats: { "imageId:image": stats }, ...more },
});
const line = tool([[1, 2, 0], [4, 2, 0]], { length: 1.5 });
const ellipse = tool([[2, 1, 0], [2, 4, 0], [1, 2.5, 0], [3, 2.5, 0]], { area: 2.75 });
const arrow = tool([[2, 2, 0], [5, 5, 0]], {}, { text: "look here" });
const drawn = {
  image: { Length: { data: [line] }, EllipticalROI: { data: [ellipse] }, ArrowAnnotate: { data: [arrow] } },
};
const report = MeasurementReport.generateReport(drawn, metadata, (_, [x, y]) => [x, y]);
const dataset = report.dataset;
dataset._meta.MediaStorageSOPClassUID = { Value: [dataset.SOPClassUID], vr: "UI" };
dataset._meta.MediaStorageSOPInstanceUID = { Value: [dataset.SOPInstanceUID], vr: "UI" };
const part10 = dcmjs.data.datasetToDict(dataset).write();
fs.writeFileSync(path.join(folder, "theirs.dcm"), Buffer.from(part10));
log(JSON.stringify(found));
