// Three languages, complete, and changed while the program runs.
import { afterEach, expect, test } from "vitest";
import { words } from "../src/generated/locales";
import { columns } from "../src/lib/columns";
import { parseDay, presets, rangeOf } from "../src/lib/dates";
import { bytes, duration } from "../src/lib/format";
import { measured } from "../src/lib/measured";
import { isWord, setLocale, t, told } from "../src/lib/words.svelte";

afterEach(() => setLocale("en"));

test("no text is missing or empty in any language", () => {
  const keys = Object.keys(words.en).sort();
  for (const texts of Object.values(words)) {
    expect(Object.keys(texts).sort()).toEqual(keys);
    for (const text of Object.values(texts)) expect(text.trim()).not.toBe("");
  }
});

test("every column, span of dates and state has a word", () => {
  for (const id of Object.keys(columns)) expect(isWord(`desk.column_${id}`), id).toBe(true);
  for (const preset of presets) expect(isWord(`desk.date_${preset}`), preset).toBe(true);
  for (const state of ["unread", "draft", "preliminary", "final", "addendum"]) expect(isWord(`state.${state}`)).toBe(true);
});

test("words, numbers and the document change language together", () => {
  setLocale("de");
  expect(t("desk.worklist")).toBe("Arbeitsliste");
  expect(document.documentElement.lang).toBe("de");
  expect(bytes(4_200_000)).toBe("4,2 MB");
  setLocale("en");
  expect(bytes(4_200_000)).toBe("4.2 MB");
  expect(t("desk.count_filtered", { shown: "3", all: "214" })).toBe("3 of 214 studies");
});

test("sizes and times stay short", () => {
  expect(bytes(999)).toBe("999 B");
  expect(bytes(999_600)).toBe("1.0 MB");
  expect(bytes(212e9)).toBe("212 GB");
  expect(duration(187)).toBe("3:07");
  expect(duration(3760)).toBe("1:02:40");
});

test("a span of days includes today and begins as far back as its name says", () => {
  const today = new Date(2026, 2, 1);
  expect(rangeOf("yesterday", today)).toEqual({ from: "2026-02-28", to: "2026-03-01" });
  expect(rangeOf("week", today)).toEqual({ from: "2026-02-23", to: "2026-03-01" });
  expect(rangeOf("any", today)).toEqual({ from: null, to: null });
});

test("a day is understood as people type it, and a day that does not exist is not", () => {
  expect(parseDay("20260105")).toBe("2026-01-05");
  expect(parseDay("2026-1-5")).toBe("2026-01-05");
  expect(parseDay("")).toBeNull();
  expect(parseDay("2026-02-30")).toBeUndefined();
  expect(parseDay("yesterday")).toBeUndefined();
});

test("a measurement says where its scale is from, and pixels where there is none", () => {
  const nothing = {
    id: "", kind: "length", text: "", seriesNumber: null, lengthMm: null, lengthPx: null, angleDeg: null, areaMm2: null,
    areaPx: null, mean: null, sd: null, unit: "", scale: "", changedMs: 0,
  };
  expect(measured({ ...nothing, lengthMm: 23.44, scale: "pixel_spacing" })).toBe("23.4 mm (pixel spacing)");
  expect(measured({ ...nothing, lengthPx: 812 })).toBe("812 px (no scale in this file)");
  expect(measured({ ...nothing, lengthPx: 812, scale: "crosses_regions" })).toBe("812 px (crosses ultrasound regions)");
  expect(measured({ ...nothing, mean: 42.06, sd: 7.2, unit: "HU", areaPx: 55 })).toBe("42.1 ± 7.2 HU, 55 px² (no scale in this file)");
});

test("a problem is told in the language in use, with the words its values name", () => {
  const problem = {
    code: "key.bad-key-file",
    values: { path: "/keys/k", fault: "@problem.key_file.mode", place: "@place.file", key_name: "/keys/k" },
    detail: "The key file /keys/k has mode 644.",
  };
  expect(told(problem)).toBe("The key file /keys/k can be read by others. It must be readable by its owner only: chmod 600.");
  setLocale("de");
  expect(told(problem)).toContain("Die Schlüsseldatei /keys/k ist auch für andere lesbar.");
  expect(told({ code: "key.missing", values: { place: "@place.file", key_name: "/keys/k" }, detail: "" })).toContain("der Schlüsseldatei /keys/k");
});

test("what nobody has words for, or words with an empty place, is told as it came", () => {
  setLocale("es");
  expect(told({ code: "never.heard-of", values: {}, detail: "It is odd." })).toBe("It is odd.");
  expect(told({ code: "refused.bad_attribute", values: {}, detail: "Something is odd." })).toBe("Something is odd.");
});
