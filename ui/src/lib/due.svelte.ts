// Until when reports are promised, on a clock that goes by minutes and only while somebody looks at it.
import { createSubscriber } from "svelte/reactivity";
import type { StudyRow } from "../generated/types";
import { desk } from "./desk.svelte";
import { t } from "./words.svelte";

const MINUTE_MS = 60_000;

/** The minute that it is. Who reads it while something is drawn is drawn again when the next one begins. */
class Clock {
  readonly #subscribe = createSubscriber((update) => {
    let timer: ReturnType<typeof setTimeout>;
    const next = () => {
      timer = setTimeout(() => (update(), next()), MINUTE_MS - (Date.now() % MINUTE_MS));
    };
    next();
    return () => clearTimeout(timer);
  });

  get minute(): number {
    this.#subscribe();
    return Math.floor(Date.now() / MINUTE_MS);
  }
}

export const clock = new Clock();

/** `3:05`, `2 d`. */
function span(minutes: number): string {
  if (minutes >= 48 * 60) return `${Math.floor(minutes / 1440)} d`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}

/** How long the report of a study may still take, or how long it is over; nothing when it is final. */
export function dueIn(row: StudyRow, minute: number): string {
  if (row.state === "final" || row.state === "addendum") return "";
  const promised = desk.settings?.serviceMinutes[row.priority];
  if (row.dueMs === null && promised === undefined) return "";
  // Until when its order wants it; else what the site promises.
  const due = row.dueMs !== null ? Math.floor(row.dueMs / MINUTE_MS) : Math.floor(row.importedMs / MINUTE_MS) + (promised ?? 0);
  const left = due - minute;
  return left >= 0 ? t("desk.due_in", { time: span(left) }) : t("desk.overdue", { time: span(-left) });
}
