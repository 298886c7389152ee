// Numbers, sizes and times as people read them, in the language in use.
import { locale } from "./words.svelte";

/** Formatters are slow to make and quick to use; every row of the worklist uses one. */
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(digits: number): Intl.NumberFormat {
  const key = `${locale()} ${digits}`;
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits });
    formatters.set(key, found);
  }
  return found;
}

/** `12,345`. */
export const count = (value: number): string => formatter(0).format(value);

/** A number with at most `digits` behind the point. */
export const decimal = (value: number, digits: number): string =>
  formatter(digits).format(value);

/** Bytes in the decimal units of disk makers: `812 kB`, `4.2 MB`, `212 GB`. */
export function bytes(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let shown = value;
  while (shown >= 999.5 && unit < units.length - 1) {
    shown /= 1000;
    unit += 1;
  }
  return `${decimal(shown, unit > 1 && shown < 99.95 ? 1 : 0)} ${units[unit]}`;
}

/** A moment as the time of day in the language in use, with the day where it is another than today. */
export function timeOf(ms: number, now: Date = new Date()): string {
  const at = new Date(ms);
  const other = at.toDateString() !== now.toDateString();
  return new Intl.DateTimeFormat(locale(), other ? { dateStyle: "short", timeStyle: "short" } : { timeStyle: "short" }).format(at);
}

/** `3:07` or `1:02:40`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `2026-11-22 09:14` of a moment, on this computer's clock. */
export function moment(ms: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${day(at)} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `2026-11-22` on this computer's calendar. */
export function day(at: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
