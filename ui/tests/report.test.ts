// What a report takes over from the images, and how it is kept.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ContentForm, Quotable, ReportPage } from "../src/generated/types";

const calls: { command: string; request: Record<string, unknown> }[] = [];
let answer: (command: string, request: Record<string, unknown>) => unknown = () => null;

vi.mock("@tauri-apps/api/core", () => ({
  invoke: async (command: string, { request }: { request: Record<string, unknown> }) => {
    calls.push({ command, request });
    const given = answer(command, request);
    if (given instanceof Error) throw JSON.parse(given.message);
    return given;
  },
}));
vi.mock("@tauri-apps/api/event", () => ({ listen: async () => () => {} }));

const { Editor } = await import("../src/report/editor.svelte");
const { isOutdated, macroBefore, nextLabel, quoteOf, spoken, wordsOf } = await import("../src/report/quotes");

function quotable(kind = "length", revision = 1): Quotable {
  return {
    measurement: { id: `${kind}-1`, kind, text: "", seriesNumber: 3, lengthMm: kind === "length" ? 23.4 : null, lengthPx: null, angleDeg: null, areaMm2: null, areaPx: null, mean: null, sd: null, unit: "", scale: kind === "length" ? "pixel_spacing" : "", changedMs: 0 },
    revision,
    seriesUid: "1.2",
    instanceUid: "1.2.3",
    frame: 0,
  };
}

const content = (): ContentForm => ({
  template: "ct_head", language: "en", code: null, title: "CT head",
  sections: [{ key: "findings", code: null, heading: "Findings", text: "", fields: [] }],
  quotes: [], findings: [], compared: null,
});

const page = (): ReportPage => ({
  studyUid: "1", identity: "", about: "", reports: [], templates: [], quotables: [quotable()], priors: [],
  macros: [{ short: ".norm", text: "Nothing." }], findings: [], sites: [], serverReports: [], serverSources: [], wounds: [], woundSources: [], orders: [],
});

beforeEach(() => {
  vi.useFakeTimers();
  calls.length = 0;
  answer = (command) => {
    if (command === "report_page") return page();
    if (command === "begin_report") return { content: content(), fields: [] };
    if (command === "save_report") return { saved: calls.filter((c) => c.command === "save_report").length, savedMs: 7 };
    return null;
  };
});
afterEach(() => vi.useRealTimers());

const saves = () => calls.filter((call) => call.command === "save_report");

test("a number is quoted with its unit and where its scale is from", () => {
  expect(wordsOf(quotable())).toBe("Length 23.4 mm (pixel spacing)");
  expect(wordsOf(quotable("key_image"))).toBe("Key image, series 3");
});

test("in the text stands the number, and where its scale is from only when it is not the patient's own", () => {
  expect(quoteOf(quotable(), "M1").words).toBe("23.4 mm");
  const detector = quotable();
  detector.measurement.scale = "detector";
  expect(quoteOf(detector, "M1").words).toContain("23.4 mm (");
  expect(spoken("Node of [M1], [M2].", [quoteOf(quotable(), "M1")])).toBe("Node of 23.4 mm, [M2].");
});

test("a label that was given is not given again, and key images have labels of their own", () => {
  const quotes = [quoteOf(quotable(), "M1"), quoteOf(quotable(), "M4")];
  expect(nextLabel(quotes, quotable())).toBe("M5");
  expect(nextLabel(quotes, quotable("key_image"))).toBe("K1");
});

test("a quote whose number changed or went since is told", () => {
  const quote = quoteOf(quotable(), "M1");
  expect(isOutdated(quote, [quotable()])).toBe(false);
  expect(isOutdated(quote, [quotable("length", 2)])).toBe(true);
  expect(isOutdated(quote, [])).toBe(true);
});

test("an abbreviation becomes its sentence only as a word of its own with a space behind it", () => {
  const macros = [{ short: ".norm", text: "Nothing." }];
  expect(macroBefore("See .norm ", 10, macros)).toEqual({ from: 4, text: "Nothing." });
  expect(macroBefore(".norm\n", 6, macros)).toEqual({ from: 0, text: "Nothing." });
  expect(macroBefore("See .norm", 9, macros)).toBeNull();
  expect(macroBefore("ab.norm ", 8, macros)).toBeNull();
  expect(macroBefore(".norm  ", 7, macros)).toBeNull();
});

test("what is typed is kept when typing rests, once, and says when", async () => {
  const editor = new Editor("1");
  await editor.load();
  await editor.begin("ct_head");
  for (let i = 0; i < 5; i += 1) {
    editor.changed();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(saves()).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1000);
  expect(saves()).toHaveLength(1);
  expect(editor.dirty).toBe(false);
  expect(editor.savedMs).toBe(7);
});

test("what is typed while the disk is slow is kept after it, on top of it", async () => {
  const editor = new Editor("1");
  await editor.load();
  await editor.begin("ct_head");
  await editor.flush();
  editor.content!.sections[0]!.text = "more";
  editor.changed();
  await editor.flush();
  expect(saves().map((call) => call.request["saved"])).toEqual([0, 1]);
});

test("words that another has overtaken are not tried again by themselves and stay on the screen", async () => {
  const editor = new Editor("1");
  await editor.load();
  await editor.begin("ct_head");
  answer = () => new Error(JSON.stringify({ code: "cache.report-changed", values: {}, detail: "changed" }));
  editor.content!.sections[0]!.text = "mine";
  editor.changed();
  expect(await editor.flush()).toBe(false);
  expect(editor.isInConflict).toBe(true);
  const tried = saves().length;
  editor.changed();
  await vi.advanceTimersByTimeAsync(5000);
  expect(saves()).toHaveLength(tried);
  expect(editor.content!.sections[0]!.text).toBe("mine");
});

test("nothing is signed that is not on the disk", async () => {
  const editor = new Editor("1");
  await editor.load();
  await editor.begin("ct_head");
  answer = () => new Error(JSON.stringify({ code: "cache.disk-full", values: {}, detail: "full" }));
  expect(await editor.sign("final")).toBe(false);
  expect(calls.some((call) => call.command === "sign_report")).toBe(false);
});
