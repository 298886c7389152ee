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

/** `2026-1-5`, `20260105` or `2026.01.05` as `2026-01-05`; nothing typed is no limit (`null`); `undefined` is no day. */
export function parseDay(text: string): string | null | undefined {
  const typed = text.trim();
  if (typed === "") return null;
  const parts = /^(\d{4})[-./]?(\d{1,2})[-./]?(\d{1,2})$/.exec(typed);
  if (!parts) return undefined;
  const [year, month, date] = parts.slice(1).map(Number) as [number, number, number];
  const at = new Date(year, month - 1, date);
  return at.getMonth() === month - 1 && at.getDate() === date ? day(at) : undefined;
}
