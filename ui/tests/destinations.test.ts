// The forms of a destination and of a sign-in server: what is refused before anything is asked.
import { expect, test } from "vitest";
import { destinationDraft, destinationOf, wrongWithDestination, type DestinationDraft } from "../src/lib/destinations";
import { providerDraft, providerOf, wrongWithProvider, type ProviderDraft } from "../src/lib/providers";
import type { IdentityForm, NodeForm } from "../src/generated/types";

const archive = { name: "Archive", dimse: null, web: { url: "https://pacs/dicom-web", tls: null, connectS: 10, answerS: 60 } } as unknown as NodeForm;

function hospital(change: (draft: DestinationDraft) => void = () => {}): DestinationDraft {
  const draft = destinationDraft(null, [archive]);
  Object.assign(draft, { name: "Hospital", url: "https://fhir.example/r4", patientSystem: "urn:oid:1.2.3" });
  change(draft);
  return draft;
}

test("a destination that is filled in can be saved, and comes back into the form as it was", () => {
  const shapes: Partial<DestinationDraft>[] = [
    { signIn: "client", client: { issuer: "https://id.example", clientId: "w", scopes: "system/*.cruds", resource: "urn:f", authorities: "" } },
    { signIn: "basic", user: "rita", hasTls: true, pins: "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" },
    { system: "audit_repository", takes: { audit: true }, host: "audit.example", port: 6514, hasTls: true },
    { system: "hl7", takes: { report: true }, host: "ris.example", port: 2575, application: "RIS" },
    { system: "pacs", takes: { study: true, object: true }, node: "Archive", byWeb: true, commitment: true },
  ];
  for (const shape of shapes) {
    const draft = hospital((d) => Object.assign(d, shape));
    expect(wrongWithDestination(draft, [], [archive])).toBeNull();
    const form = destinationOf(draft);
    expect(destinationOf(destinationDraft(form, [archive]))).toEqual(form);
  }
});

test("each thing that is wrong with a destination has its own words", () => {
  const wrong = (change: (draft: DestinationDraft) => void, others: string[] = []) => wrongWithDestination(hospital(change), others, [archive]);
  expect(wrong((d) => (d.name = " "))).toBe("problem.settings.destination-name");
  expect(wrong(() => {}, ["Hospital"])).toBe("problem.settings.destination-name");
  expect(wrong((d) => (d.takes = {}))).toBe("problem.settings.destination-takes-nothing");
  expect(wrong((d) => (d.url = "fhir.example"))).toBe("problem.settings.destination-address");
  expect(wrong((d) => (d.patientSystem = "1.2.3"))).toBe("problem.settings.destination-patients");
  expect(wrong((d) => (d.pins = "sha256/abc"))).toBe("problem.settings.destination-pin");
  expect(wrong((d) => (d.bundle = 0))).toBe("problem.settings.destination-limits");
  expect(wrong((d) => Object.assign(d, { signIn: "basic", user: "a:b" }))).toBe("problem.settings.node-user");
  expect(wrong((d) => (d.signIn = "client"))).toBe("problem.settings.destination-sign-in");
  expect(wrong((d) => Object.assign(d, { system: "pacs", takes: { object: true }, node: "gone" }))).toBe("problem.settings.destination-no-server");
  expect(wrong((d) => Object.assign(d, { system: "hl7", takes: { report: true } }))).toBe("problem.settings.destination-address");
});

const identity: IdentityForm = { provider: null, idleLockMin: 15, idleLockMaxMin: 60, offlineUnlockHours: 12, breakGlassMin: 60 };

function provider(change: (draft: ProviderDraft) => void = () => {}): ProviderDraft {
  const draft = providerDraft(identity);
  Object.assign(draft, { issuer: "https://id.example/main", clientId: "workstation" });
  change(draft);
  return draft;
}

test("the words of a sign-in server for roles are lines, and come back as they were", () => {
  const draft = provider((d) => (d.roleWords = "cn=RAD,dc=h = radiologist\n\nNURSES=wound_nurse"));
  expect(wrongWithProvider(draft)).toBeNull();
  expect(providerOf(draft).roleWords).toEqual({ "cn=RAD,dc=h": "radiologist", NURSES: "wound_nurse" });
  expect(providerOf(providerDraft({ ...identity, provider: providerOf(draft) }))).toEqual(providerOf(draft));
});

test("each thing that is wrong with a sign-in server has its own words", () => {
  const wrong = (change: (draft: ProviderDraft) => void) => wrongWithProvider(provider(change));
  expect(wrong((d) => (d.issuer = "id.example"))).toBe("problem.settings.issuer");
  expect(wrong((d) => (d.issuer = "https://a@evil.example"))).toBe("problem.settings.issuer");
  expect(wrong((d) => (d.clientId = ""))).toBe("problem.settings.client-id");
  expect(wrong((d) => (d.scopes = "profile"))).toBe("problem.settings.scopes");
  expect(wrong((d) => (d.roleWords = "X = king"))).toBe("session.provider_words_wrong");
  expect(wrong((d) => (d.redirectPort = 0))).toBe("session.provider_port_wrong");
  expect(wrong((d) => (d.offlineUnlockHours = 200))).toBe("problem.settings.offline-unlock");
});
