// The form of the listener: what is typed, what is wrong with it, and what goes to the desk.
import type { ListenerForm, ListenerSeen, SenderForm, TlsForm } from "../generated/types";
import { isTitle, within } from "./servers";
import type { WordKey } from "./words.svelte";

/** Addresses that stand for more than one network, or for none. */
const [ALL, LOOPBACK] = ["0.0.0.0", "127.0.0.1"];

/** The listener while it is being typed. */
export type ListenerDraft = {
  on: boolean;
  ownAe: string;
  where: "all" | "loopback" | "one";
  address: string;
  port: number | null;
  tls: boolean;
  files: TlsForm;
  senders: SenderForm[];
};

/** The form of what the settings have; with an empty line to type the first sender into. */
export function listenerDraftOf(form: ListenerForm): ListenerDraft {
  const where = form.address === ALL ? "all" : form.address === LOOPBACK ? "loopback" : "one";
  const files = form.tls ?? { authorities: "", certificate: "", key: "", serverName: "" };
  const senders = form.senders.length > 0 ? form.senders.map((sender) => ({ ...sender })) : [{ title: "", address: "" }];
  return { on: form.on, ownAe: form.ownAe, where, address: where === "one" ? form.address : "", port: form.port, tls: form.tls !== null, files: { ...files }, senders };
}

/** The listener that the form describes; only after `wrongWithListener` found nothing. Lines without a title are left out. */
export const listenerOf = (draft: ListenerDraft): ListenerForm => ({
  on: draft.on,
  ownAe: draft.ownAe.trim(),
  address: draft.where === "all" ? ALL : draft.where === "loopback" ? LOOPBACK : draft.address.trim(),
  port: draft.port ?? 0,
  tls: draft.tls ? { ...draft.files } : null,
  senders: sendersOf(draft),
});

const sendersOf = (draft: ListenerDraft): SenderForm[] =>
  draft.senders.map(({ title, address }) => ({ title: title.trim(), address: address.trim() })).filter((sender) => sender.title !== "" || sender.address !== "");

/** Numbers of IPv4, or what may be IPv6: the desk looks closer. */
const isAddress = (text: string) => /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || /^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$/.test(text);

/** What is wrong with the form of the listener; nothing when it can be saved. */
export function wrongWithListener(draft: ListenerDraft): WordKey | null {
  const senders = sendersOf(draft);
  if (!isTitle(draft.ownAe) || !senders.every((sender) => isTitle(sender.title))) return "problem.settings.node-title";
  if (!within(draft.port, 1, 65535)) return "problem.settings.listener-port";
  if (draft.where === "one" && !isAddress(draft.address.trim())) return "problem.settings.listener-address";
  if (!senders.every((sender) => sender.address === "" || isAddress(sender.address))) return "problem.settings.listener-address";
  if (!draft.on) return null;
  if (senders.length === 0) return "problem.settings.listener-senders";
  const { authorities, certificate, key } = draft.files;
  if (draft.tls && [authorities, certificate, key].some((file) => file.trim() === "")) return "problem.settings.listener-tls";
  return null;
}

/** What happened at the listener, as a word. */
export const seenWord = (seen: ListenerSeen): WordKey => `desk.listener_seen_${seen.what}` as WordKey;

/** The listener with one more title that may send, from any address. */
export const withSender = (form: ListenerForm, title: string): ListenerForm => ({ ...form, senders: [...form.senders, { title, address: "" }] });
