// Measurements and key images that a report speaks of: how they are named and what they say.
import type { Quotable, QuoteForm } from "../generated/types";
import { measured } from "../lib/measured";
import { named, t } from "../lib/words.svelte";

export const isKeyImage = (quotable: Quotable): boolean => quotable.measurement.kind === "key_image";

/** What the report says of it: `Length 23.4 mm (pixel spacing)`, `Key image, series 3, image 17`. */
export function wordsOf(quotable: Quotable): string {
  const kind = named("tool", quotable.measurement.kind);
  if (!isKeyImage(quotable)) return `${kind} ${measured(quotable.measurement)}`.trim();
  const series = quotable.measurement.seriesNumber;
  return series === null ? kind : `${kind}, ${t("report.series_number", { number: series })}`;
}

/** What stands in the text: the numbers. Where millimetres are from is said unless it is the plain case, in the patient. */
export function numbersOf(quotable: Quotable): string {
  if (isKeyImage(quotable)) return wordsOf(quotable);
  const { scale } = quotable.measurement;
  const words = measured(quotable.measurement);
  return scale === "pixel_spacing" || scale === "volume" ? words.replaceAll(` (${named("scale", scale)})`, "") : words;
}

/** A text with `[M1]` and the like replaced by what they stand for. */
export const spoken = (text: string, quotes: readonly QuoteForm[]): string =>
  quotes.reduce((said, quote) => said.replaceAll(`[${quote.label}]`, quote.words), text.trim());

export function quoteOf(quotable: Quotable, label: string): QuoteForm {
  return {
    label,
    annotation: quotable.measurement.id,
    revision: quotable.revision,
    words: numbersOf(quotable),
    seriesUid: quotable.seriesUid,
    instanceUid: quotable.instanceUid,
    frame: quotable.frame,
  };
}

/** `M1`, `M2`, … for measurements, `K1`, … for key images. A label that was given is not given again. */
export function nextLabel(quotes: readonly QuoteForm[], quotable: Quotable): string {
  const letter = isKeyImage(quotable) ? "K" : "M";
  const taken = quotes.filter((quote) => quote.label.startsWith(letter)).map((quote) => Number(quote.label.slice(1)));
  return `${letter}${Math.max(0, ...taken) + 1}`;
}

/** True when the number changed on the images since it was quoted. */
export function isOutdated(quote: QuoteForm, quotables: readonly Quotable[]): boolean {
  const now = quotables.find((quotable) => quotable.measurement.id === quote.annotation);
  return now === undefined || now.revision !== quote.revision;
}

/** The abbreviation that ends at the cursor, when a space or a line end was typed behind it. */
export function macroBefore(text: string, cursor: number, macros: readonly { short: string; text: string }[]): { from: number; text: string } | null {
  const before = text.slice(0, cursor);
  if (!/[\s]$/.test(before)) return null;
  const word = before.trimEnd();
  if (before.length - word.length !== 1) return null;
  const found = macros.find(({ short }) => word.endsWith(short) && /^$|\s/.test(word.slice(0, -short.length).slice(-1)));
  return found ? { from: word.length - found.short.length, text: found.text } : null;
}
