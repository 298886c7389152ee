// One measurement in one line: the number, its unit, and where the scale is from.
import type { Measurement } from "../generated/types";
import { decimal } from "./format";
import { named } from "./words.svelte";

/** `23.4 mm (pixel spacing)`, `812 px (no scale in this file)`, `42 ± 7 HU, 1.2 cm² (pixel spacing)`. */
export function measured(m: Measurement): string {
  const parts: string[] = [];
  // Where there is no scale, why.
  const scale = ` (${named("scale", m.scale || "none")})`;
  if (m.mean !== null) {
    const sd = m.sd === null ? "" : ` ± ${decimal(m.sd, 1)}`;
    parts.push(`${decimal(m.mean, 1)}${sd} ${m.unit}`.trim());
  }
  if (m.lengthMm !== null) parts.push(`${decimal(m.lengthMm, 1)} mm${scale}`);
  else if (m.lengthPx !== null) parts.push(`${decimal(m.lengthPx, 0)} px${scale}`);
  if (m.areaMm2 !== null) parts.push(`${decimal(m.areaMm2, 0)} mm²${scale}`);
  else if (m.areaPx !== null) parts.push(`${decimal(m.areaPx, 0)} px²${scale}`);
  if (m.angleDeg !== null) parts.push(`${decimal(m.angleDeg, 1)}°`);
  if (m.text) parts.push(m.text);
  return parts.join(", ");
}
