// A destination's form: what is typed, what is wrong with it, and what goes to the desk.
import type { AccessForm, DestinationForm, NodeForm, TlsForm, ToForm } from "../generated/types";
import { within } from "./servers";
import type { WordKey } from "./words.svelte";

export type System = ToForm["system"];
/** The systems that can be sent to, and what each can take. */
export const TAKES: Record<System, string[]> = {
  fhir: ["annotation", "read_state", "report", "critical", "claim", "audit"],
  pacs: ["study", "object", "report"],
  audit_repository: ["audit"],
  hl7: ["report"],
};
export const SYSTEMS = Object.keys(TAKES) as System[];

/** A destination while it is being typed: what each system needs is kept, whichever is chosen. */
export type DestinationDraft = {
  name: string;
  system: System;
  takes: Record<string, boolean>;
  backlog: boolean;
  url: string;
  host: string;
  port: number | null;
  hasTls: boolean;
  tls: TlsForm;
  pins: string;
  signIn: AccessForm["by"];
  user: string;
  client: { issuer: string; clientId: string; scopes: string; resource: string; authorities: string };
  /** What is typed now; what is kept already never comes back. */
  secret: string;
  createPatients: boolean;
  patientSystem: string;
  accessionSystem: string;
  bundle: number | null;
  parallel: number | null;
  connectS: number;
  answerS: number;
  node: string;
  byWeb: boolean;
  commitment: boolean;
  messageId: string;
  application: string;
  facility: string;
  authority: string;
};

const noFiles = (): TlsForm => ({ authorities: "", certificate: "", key: "", serverName: "" });

/** The port that is registered for a system. */
export const usualPort = (system: System): number => (system === "audit_repository" ? 6514 : 2575);

/** The form of a destination, or an empty one with what is usual. */
export function destinationDraft(form: DestinationForm | null, nodes: NodeForm[]): DestinationDraft {
  const system = form?.to.system ?? "fhir";
  const takes = form?.takes ?? TAKES[system];
  const draft: DestinationDraft = {
    name: form?.name ?? "", system, takes: Object.fromEntries(takes.map((kind) => [kind, true])), backlog: form?.backlog ?? true,
    url: "", host: "", port: usualPort(system), hasTls: system === "audit_repository", tls: noFiles(), pins: "",
    signIn: "none", user: "", client: { issuer: "", clientId: "", scopes: "system/*.cruds", resource: "", authorities: "" }, secret: "",
    createPatients: false, patientSystem: "", accessionSystem: "", bundle: 50, parallel: 2, connectS: 10, answerS: 60,
    node: nodes[0]?.name ?? "", byWeb: nodes[0]?.dimse === null, commitment: false,
    messageId: "DICOM+RFC3881", application: "", facility: "", authority: "",
  };
  const to = form?.to;
  if (to === undefined) return draft;
  if (to.system === "pacs") return { ...draft, node: to.node, byWeb: to.byWeb, commitment: to.commitment };
  const common = { ...draft, pins: to.pins.join("\n"), hasTls: to.tls !== null, tls: { ...(to.tls ?? noFiles()) } };
  if (to.system === "audit_repository") return { ...common, host: to.host, port: to.port, messageId: to.messageId };
  if (to.system === "hl7") return { ...common, host: to.host, port: to.port, application: to.application, facility: to.facility, authority: to.authority };
  const { signIn, url, bundle, parallel, createPatients, patientSystem, accessionSystem, connectS, answerS } = to;
  const fhir = { ...common, url, bundle, parallel, createPatients, patientSystem, accessionSystem, connectS, answerS, signIn: signIn.by };
  if (signIn.by === "basic") return { ...fhir, user: signIn.user };
  if (signIn.by !== "client") return fhir;
  const { by: _, ...client } = signIn;
  return { ...fhir, client };
}

const pinsOf = (draft: DestinationDraft) => draft.pins.split(/\s+/).filter((pin) => pin !== "");

function accessOf(draft: DestinationDraft): AccessForm {
  if (draft.signIn === "basic") return { by: "basic", user: draft.user.trim() };
  if (draft.signIn === "client") return { by: "client", ...draft.client };
  return { by: draft.signIn };
}

function toOf(draft: DestinationDraft): ToForm {
  const pins = pinsOf(draft);
  const tls = draft.hasTls ? { ...draft.tls } : null;
  const [host, port] = [draft.host.trim(), draft.port ?? 0];
  switch (draft.system) {
    case "fhir": {
      const { connectS, answerS, createPatients } = draft;
      const [bundle, parallel] = [draft.bundle ?? 0, draft.parallel ?? 0];
      const [patientSystem, accessionSystem] = [draft.patientSystem.trim(), draft.accessionSystem.trim()];
      return { system: "fhir", url: draft.url.trim(), tls, pins, signIn: accessOf(draft), bundle, parallel, createPatients, patientSystem, accessionSystem, connectS, answerS };
    }
    case "pacs":
      return { system: "pacs", node: draft.node, byWeb: draft.byWeb, commitment: draft.commitment };
    case "audit_repository":
      return { system: "audit_repository", host, port, tls: { ...draft.tls }, pins, messageId: draft.messageId.trim() };
    case "hl7":
      return { system: "hl7", host, port, tls, pins, application: draft.application.trim(), facility: draft.facility.trim(), authority: draft.authority.trim() };
  }
}

/** The destination that the form describes; only after `wrongWithDestination` found nothing. */
export const destinationOf = (draft: DestinationDraft): DestinationForm => ({
  name: draft.name.trim(),
  takes: TAKES[draft.system].filter((kind) => draft.takes[kind]),
  backlog: draft.backlog,
  to: toOf(draft),
});

/** What is wrong with a destination's form; nothing when it can be saved. `others`: the names that are taken. */
export function wrongWithDestination(draft: DestinationDraft, others: string[], nodes: NodeForm[]): WordKey | null {
  const name = draft.name.trim();
  if (name === "" || others.includes(name)) return "problem.settings.destination-name";
  if (destinationOf(draft).takes.length === 0) return "problem.settings.destination-takes-nothing";
  if (draft.system === "pacs") return nodes.some((node) => node.name === draft.node) ? null : "problem.settings.destination-no-server";
  if (pinsOf(draft).some((pin) => !/^[A-Za-z0-9+/]{43}=$/.test(pin))) return "problem.settings.destination-pin";
  if (draft.system !== "fhir") return draft.host.trim() === "" || !within(draft.port, 1, 65535) ? "problem.settings.destination-address" : null;
  if (!/^https?:\/\/[^/\s]/.test(draft.url.trim())) return "problem.settings.destination-address";
  if (!draft.patientSystem.includes(":")) return "problem.settings.destination-patients";
  if (!within(draft.bundle, 1, 1000) || !within(draft.parallel, 1, 16)) return "problem.settings.destination-limits";
  if (draft.signIn === "basic" && (draft.user.trim() === "" || draft.user.includes(":"))) return "problem.settings.node-user";
  if (draft.signIn === "client" && (!/^https?:\/\/[^/\s]/.test(draft.client.issuer.trim()) || draft.client.clientId.trim() === "")) return "problem.settings.destination-sign-in";
  return null;
}

/** Where a destination is, in a line. */
export function whereOf(to: ToForm): string {
  if (to.system === "fhir") return to.url;
  return to.system === "pacs" ? to.node : `${to.host}:${to.port}`;
}
