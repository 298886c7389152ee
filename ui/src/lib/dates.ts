// Spans of study dates a person asks for by name, on this computer's calendar.
import type { DateRange } from "../generated/types";
import { day } from "./format";

/** Names of the spans, in the order in which they are offered. */
export const presets = ["any", "today", "yesterday", "week", "month", "year"] as const;

/** One of the spans. */
export type Preset = (typeof presets)[number];

/** Days before today on which a span begins. */
const DAYS: Record<Exclude<Preset, "any">, number> = { today: 0, yesterday: 1, week: 6, month: 29, year: 364 };

/** First and last day of a span; a study dated in the future is of no span but "any". */
export function rangeOf(preset: Preset, today: Date): DateRange {
  if (preset === "any") return { from: null, to: null };
  const from = new Date(today.getFullYear(), today.getMonth(), today.getDate() - DAYS[preset]);
  return { from: day(from), to: day(today) };
}
