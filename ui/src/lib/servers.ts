// A server's form and a search of it: what is typed, what is wrong with it, and what goes to the desk.
import type { DimseForm, FindRequest, NodeForm, RetrieveWay, SignInForm, TlsForm, WebForm } from "../generated/types";
import { parseDay } from "./dates";
import type { WordKey } from "./words.svelte";

/** A server while it is being typed: both ways are kept, whether they are switched on or not. */
export type Draft = {
  name: string;
  hasDimse: boolean;
  dimse: Omit<DimseForm, "tls" | "port"> & { port: number | null };
  dimseTls: boolean;
  dimseFiles: TlsForm;
  hasWeb: boolean;
  web: Omit<WebForm, "tls">;
  webTls: boolean;
  webFiles: TlsForm;
  signIn: SignInForm["by"];
  user: string;
  /** What is typed now; what is kept already never comes back. */
  secret: string;
  retrieve: RetrieveWay;
  parallelRetrievals: number | null;
  prefetchNext: boolean;
  prefetchPriors: number | null;
};

const noFiles = (): TlsForm => ({ authorities: "", certificate: "", key: "", serverName: "" });

/** The form of a server, or an empty one with what is usual. */
export function draftOf(node: NodeForm | null): Draft {
  const { tls: dimseTls = null, ...dimse } = node?.dimse ?? { calledAe: "", callingAe: "MEDSIGHT", host: "", port: 104, connectS: 10, answerS: 60 };
  const { tls: webTls = null, ...web } = node?.web ?? { url: "", connectS: 10, answerS: 60 };
  return {
    name: node?.name ?? "", hasDimse: node === null || node.dimse !== null, dimse: { ...dimse }, dimseTls: dimseTls !== null, dimseFiles: { ...(dimseTls ?? noFiles()) },
    hasWeb: node !== null && node.web !== null, web: { ...web }, webTls: webTls !== null, webFiles: { ...(webTls ?? noFiles()) },
    signIn: node?.signIn.by ?? "none", user: node?.signIn.by === "basic" ? node.signIn.user : "", secret: "",
    retrieve: node?.retrieve ?? "get", parallelRetrievals: node?.parallelRetrievals ?? 5, prefetchNext: node?.prefetchNext ?? false, prefetchPriors: node?.prefetchPriors ?? 0,
  };
}

/** The server that the form describes; only after `wrongWith` found nothing. */
export const nodeOf = (draft: Draft): NodeForm => ({
  name: draft.name.trim(),
  dimse: draft.hasDimse ? { ...draft.dimse, host: draft.dimse.host.trim(), port: draft.dimse.port ?? 0, tls: draft.dimseTls ? { ...draft.dimseFiles } : null } : null,
  web: draft.hasWeb ? { ...draft.web, url: draft.web.url.trim(), tls: draft.webTls ? { ...draft.webFiles } : null } : null,
  // A way whose address is switched off is none.
  retrieve: !draft.hasDimse || (draft.retrieve === "web" && !draft.hasWeb) ? "get" : draft.retrieve,
  parallelRetrievals: draft.parallelRetrievals ?? 0,
  prefetchNext: draft.prefetchNext,
  prefetchPriors: draft.prefetchPriors ?? 0,
  signIn: signInOf(draft),
});

const signInOf = (draft: Draft): SignInForm =>
  !draft.hasWeb || draft.signIn === "none" ? { by: "none" } : draft.signIn === "basic" ? { by: "basic", user: draft.user.trim() } : { by: "bearer" };

export const within = (value: number | null | undefined, least: number, most: number) =>
  typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;

/** PS3.5 6.2, AE: 1 to 16 characters of the basic set, no backslash. */
export const isTitle = (title: string) => title.length <= 16 && title.trim() !== "" && /^[\x20-\x5b\x5d-\x7e]*$/.test(title);

/** What is wrong with a server's form; nothing when it can be saved. `others`: the names that are taken. */
export function wrongWith(draft: Draft, others: string[]): WordKey | null {
  const name = draft.name.trim();
  if (name === "" || others.includes(name)) return "problem.settings.node-name";
  if (!draft.hasDimse && !draft.hasWeb) return "problem.settings.node-address";
  if (draft.hasDimse) {
    if (!isTitle(draft.dimse.calledAe) || !isTitle(draft.dimse.callingAe)) return "problem.settings.node-title";
    if (draft.dimse.host.trim() === "" || !within(draft.dimse.port, 1, 65535)) return "problem.settings.node-host";
  }
  if (draft.hasWeb && !/^https?:\/\/[^/\s]/.test(draft.web.url.trim())) return "problem.settings.node-url";
  if (draft.hasWeb && draft.signIn === "basic" && (draft.user.trim() === "" || draft.user.includes(":"))) return "problem.settings.node-user";
  if (!within(draft.prefetchPriors, 0, 20)) return "problem.settings.node-priors";
  if (!within(draft.parallelRetrievals, 1, 32)) return "problem.settings.node-retrievals";
  return null;
}

/** A search with its days in full, or what is wrong with it. */
export function searchOf(typed: FindRequest): FindRequest | WordKey {
  const [from, to] = [parseDay(typed.from), parseDay(typed.to)];
  if (from === undefined || to === undefined) return "desk.find_bad_day";
  if (from !== null && to !== null && from > to) return "desk.find_bad_order";
  const { node, ...fields } = { ...typed, from: from ?? "", to: to ?? "" };
  if (Object.values(fields).every((value) => value.trim() === "")) return "desk.find_needs_field";
  if (Object.values(fields).some((value) => value.includes("\\"))) return "desk.find_bad_sign";
  return { node, ...fields };
}
