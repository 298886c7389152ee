// The form of a sign-in server: what is typed, what is wrong with it, and what goes to the desk.
import type { IdentityForm, ProviderForm } from "../generated/types";
import { within } from "./servers";
import type { WordKey } from "./words.svelte";

/** A sign-in server while it is being typed: the words for roles a line each, `theirs = ours`. */
export type ProviderDraft = Omit<ProviderForm, "roleWords" | "alsoHosts" | "redirectPort" | "authorities"> & {
  roleWords: string;
  alsoHosts: string;
  redirectPort: number | null;
  authorities: string;
  offlineUnlockHours: number | null;
};

/** The form of the sign-in server that is set, or one with what is usual. */
export function providerDraft(identity: IdentityForm): ProviderDraft {
  const provider = identity.provider;
  return {
    issuer: provider?.issuer ?? "", clientId: provider?.clientId ?? "", scopes: provider?.scopes ?? "openid profile roles offline_access",
    roleClaim: provider?.roleClaim ?? "roles", browserSession: provider?.browserSession ?? false,
    roleWords: Object.entries(provider?.roleWords ?? {}).map(([theirs, ours]) => `${theirs} = ${ours}`).join("\n"),
    alsoHosts: (provider?.alsoHosts ?? []).join(" "), redirectPort: provider?.redirectPort ?? null, authorities: provider?.authorities ?? "",
    offlineUnlockHours: identity.offlineUnlockHours,
  };
}

export const ROLES = ["radiologist", "resident", "technologist", "wound_nurse", "referrer", "it_admin", "auditor"];

const pairsOf = (text: string): [string, string][] =>
  text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const at = line.lastIndexOf("=");
    return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });

/** The sign-in server that the form describes; only after `wrongWithProvider` found nothing. */
export const providerOf = (draft: ProviderDraft): ProviderForm => ({
  issuer: draft.issuer.trim(), clientId: draft.clientId.trim(), scopes: draft.scopes.trim(), roleClaim: draft.roleClaim.trim(),
  roleWords: Object.fromEntries(pairsOf(draft.roleWords)), alsoHosts: draft.alsoHosts.split(/[\s,]+/).filter((host) => host !== ""),
  redirectPort: draft.redirectPort, browserSession: draft.browserSession, authorities: draft.authorities.trim() || null,
});

/** What is wrong with a sign-in server's form; nothing when it can be saved. */
export function wrongWithProvider(draft: ProviderDraft): WordKey | null {
  if (!/^https?:\/\/[^/\s?#@]+[^\s?#@]*$/.test(draft.issuer.trim())) return "problem.settings.issuer";
  if (draft.clientId.trim() === "") return "problem.settings.client-id";
  if (!draft.scopes.split(/\s+/).includes("openid")) return "problem.settings.scopes";
  if (draft.roleClaim.trim() === "") return "problem.settings.role-claim";
  if (pairsOf(draft.roleWords).some(([theirs, ours]) => theirs === "" || !ROLES.includes(ours))) return "session.provider_words_wrong";
  if (draft.redirectPort !== null && !within(draft.redirectPort, 1, 65535)) return "session.provider_port_wrong";
  if (!within(draft.offlineUnlockHours, 0, 96)) return "problem.settings.offline-unlock";
  return null;
}
