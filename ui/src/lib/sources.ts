// The form of a source of orders and reports: what is typed, what is wrong with it, and what goes to the desk.
import type { DestinationForm, FromForm, NodeForm, SourceForm } from "../generated/types";
import { within } from "./servers";
import { t, type WordKey } from "./words.svelte";

export const BRINGS = ["orders", "reports", "wounds"] as const;

/** A source while it is being typed. */
export type SourceDraft = {
  name: string;
  /** Key of the system, as `keyOf` gives it. */
  from: string;
  brings: Record<string, boolean>;
  everyMin: number | null;
  daysBack: number | null;
  daysAhead: number | null;
  issuer: string;
  only: string;
};

export const keyOf = (from: FromForm): string => `${from.system} ${from.name}`;

/** The system of a key. */
export function fromOf(key: string): FromForm {
  const at = key.indexOf(" ");
  return { system: key.slice(0, at) === "worklist" ? "worklist" : "fhir", name: key.slice(at + 1) };
}

/** The systems of the settings that can be asked. */
export const systemsOf = (nodes: NodeForm[], destinations: DestinationForm[]): FromForm[] => [
  ...destinations.filter((one) => one.to.system === "fhir").map((one): FromForm => ({ system: "fhir", name: one.name })),
  ...nodes.filter((node) => node.dimse !== null).map((node): FromForm => ({ system: "worklist", name: node.name })),
];

/** A system in words. */
export const systemWords = (from: FromForm): string => t(from.system === "fhir" ? "desk.source_fhir" : "desk.source_worklist", { name: from.name });

/** The form of a source, or an empty one with what is usual. */
export function sourceDraft(form: SourceForm | null, systems: FromForm[]): SourceDraft {
  const from = form?.from ?? systems[0];
  const brings = form?.brings ?? ["orders"];
  return {
    name: form?.name ?? "", from: from ? keyOf(from) : "", brings: Object.fromEntries(brings.map((one) => [one, true])),
    everyMin: form?.everyMin ?? 5, daysBack: form?.daysBack ?? 30, daysAhead: form?.daysAhead ?? 7, issuer: form?.issuer ?? "", only: form?.only ?? "",
  };
}

/** The source that the form describes; only after `wrongWithSource` found nothing. */
export function sourceOf(draft: SourceDraft): SourceForm {
  const from = fromOf(draft.from);
  const isWorklist = from.system === "worklist";
  return {
    name: draft.name.trim(), from, brings: BRINGS.filter((one) => draft.brings[one] && !(isWorklist && one !== "orders")),
    everyMin: draft.everyMin ?? 0, daysBack: draft.daysBack ?? 0, daysAhead: draft.daysAhead ?? 0, issuer: draft.issuer.trim(),
    // A worklist has no such search.
    only: isWorklist ? "" : draft.only.trim(),
  };
}

/** What is wrong with a source's form; nothing when it can be saved. `others`: the names that are taken. */
export function wrongWithSource(draft: SourceDraft, others: string[], systems: FromForm[]): WordKey | null {
  const name = draft.name.trim();
  if (name === "" || others.includes(name)) return "problem.settings.source-name";
  if (!systems.some((one) => keyOf(one) === draft.from)) return "problem.settings.source-no-system";
  const source = sourceOf(draft);
  if (source.brings.length === 0) return "problem.settings.source-brings-nothing";
  if (!within(draft.everyMin, 0, 1440) || !within(draft.daysBack, 0, 365) || !within(draft.daysAhead, 0, 365)) return "problem.settings.source-limits";
  // The desk has the whole rule; this is what is mistyped most.
  if (source.only !== "" && !source.only.split("&").every((part) => /^[a-z][^=\s]*=\S+$/.test(part))) return "problem.settings.source-only";
  return null;
}
