// What who is signed in may do: which commands, by their ids, and what to say where they may not.
import type { Problem, SessionView } from "../generated/types";
import type { DeskCommandId } from "../generated/hotkeys";
import { named } from "./words.svelte";

/** The right that each command of the desk needs; the desk itself checks it again. */
const RIGHT_OF: Record<DeskCommandId, string | null> = {
  "desk.open_study": "see",
  "desk.report": "see",
  "record.set_read_state": "report",
  "record.set_priority": "assign",
  "record.claim": "report",
  "record.release": "report",
  "record.delete_studies": "remove",
  "desk.import": "bring",
  "desk.find_on_server": "bring",
  "desk.cancel_import": "bring",
  "desk.search": "see",
  "desk.worklist": null,
  "desk.sync": null,
  "desk.audit": "audit",
  "desk.settings": null,
  "desk.toggle_theme": null,
  "edit.undo": null,
  "edit.redo": null,
  "app.palette": null,
  "app.help": null,
  "desk.lock": null,
  "desk.sign_out": null,
  "desk.break_glass": null,
};

/** Whether a right holds now. */
export const may = (session: SessionView | null, right: string | null): boolean =>
  right === null || (session?.rights.includes(right) ?? false);

/** Whether a command is offered: its right holds, and it makes sense for this session. */
export function offers(session: SessionView | null, id: string): boolean {
  if (id === "desk.sign_out") return session?.provider != null;
  if (id === "desk.break_glass") return session !== null && !may(session, "see");
  return may(session, RIGHT_OF[id as DeskCommandId] ?? null);
}

/** What is told to somebody without the right, in the words that the desk has for it. */
export function refusal(id: string): Problem {
  const right = RIGHT_OF[id as DeskCommandId] ?? "";
  return { code: "session.no-right", values: { right: `@right.${right}`, roles: `@right_of.${right}` }, detail: "" };
}

/** The roles of a person in words. */
export const rolesOf = (session: SessionView | null, none: string): string => {
  const roles = session?.person?.roles ?? [];
  return roles.length === 0 ? none : roles.map((role) => named("role", role)).join(", ");
};

/** The host of a server's address, by which people know it. */
export function hostOf(address: string | null): string {
  try {
    return new URL(address ?? "").host;
  } catch {
    return address ?? "";
  }
}

/** Calls `tell` for input, at most every `every` milliseconds: the lock counts minutes. */
export function throttled(tell: () => void, every: number, now: () => number = Date.now): () => void {
  let told = -Infinity;
  return () => {
    if (now() - told < every) return;
    told = now();
    tell();
  };
}

/** Puts a text on the clipboard, also where the web view has no clipboard of its own for us. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
