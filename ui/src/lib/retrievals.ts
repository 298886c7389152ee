// Retrievals as they are read aloud, and which of them are over.
import type { RetrievalRow } from "../generated/types";

export const isOver = (row: RetrievalRow): boolean => row.phase.state === "ended";

/** What is said of all of them: a share in steps of a tenth, not every object; nothing while there is nothing to say. */
export function spokenOf(rows: RetrievalRow[]): { key: "all" } | { key: "share"; percent: number } | null {
  const asked = rows.filter((row) => !row.ahead);
  if (asked.length === 0) return null;
  if (asked.every(isOver)) return { key: "all" };
  const sum = (of: (row: RetrievalRow) => number) => asked.reduce((all, row) => all + of(row), 0);
  const total = sum((row) => row.filesTotal);
  return { key: "share", percent: total === 0 ? 0 : Math.floor((sum((row) => row.filesDone) / total) * 10) * 10 };
}

/** How a study of a server is called while nothing of it is here. */
export const aboutOf = (study: { name: string; date: string; description: string }): string =>
  [study.name.replaceAll("^", " ").trim() || "—", study.date, study.description].filter(Boolean).join(" · ");
