// Where the secrets of servers and destinations go, and when one is forgotten.
import { expect, test } from "vitest";
import type { DestinationForm, NodeForm } from "../src/generated/types";
import { destinationDraft, destinationOf, type DestinationDraft } from "../src/lib/destinations";
import { isSameSecret, keyringChanges, secretOfDestination, secretOfNode, secretsOf } from "../src/lib/secrets";
import { draftOf, nodeOf } from "../src/lib/servers";

function hospital(change: Partial<DestinationDraft>): DestinationForm {
  const draft = destinationDraft(null, []);
  return destinationOf(Object.assign(draft, { name: "Hospital", url: "https://fhir.example/r4", patientSystem: "urn:oid:1" }, change));
}

function archive(url: string, by: "none" | "bearer" | "basic" = "bearer"): NodeForm {
  const draft = draftOf(null);
  Object.assign(draft, { name: "Archive", hasDimse: false, hasWeb: true, signIn: by, user: "rita", secret: "token-1" });
  draft.web.url = url;
  return nodeOf(draft);
}

const client = (clientId: string) => ({ signIn: "client", client: { issuer: "https://id.example", clientId, scopes: "", resource: "", authorities: "" } }) as const;

test("a secret goes to the keyring and never into the settings: a client's to its provider's name, others to the server's", () => {
  expect(JSON.stringify([hospital({ signIn: "bearer", secret: "token-1" }), archive("https://pacs")])).not.toContain("token-1");
  const bearer = secretOfDestination(hospital({ signIn: "bearer" }).to);
  expect(keyringChanges("Hospital", " token-1 ", null, bearer, [])).toEqual([{ name: "Hospital", url: "https://fhir.example/r4", signIn: { by: "bearer" }, secret: "token-1" }]);
  expect(secretOfDestination(hospital(client("w")).to)).toEqual({ url: "https://id.example", signIn: { by: "basic", user: "w" } });
  expect(secretOfDestination(hospital({ signIn: "none" }).to)).toBeNull();
  expect(secretOfNode(archive("https://pacs", "none"))).toBeNull();
});

test("what was kept is forgotten when another address or way takes its place, and not while somebody else uses it", () => {
  const before = hospital({ signIn: "bearer" });
  const forgets = (after: DestinationForm, nodes: NodeForm[], others: DestinationForm[]) => {
    const [was, is] = [secretOfDestination(before.to), secretOfDestination(after.to)];
    return keyringChanges("Hospital", "", was, is, secretsOf(nodes, [after, ...others])).map((one) => [one.url, one.secret]);
  };
  const old = [["https://fhir.example/r4", null]];
  expect(forgets(before, [], [])).toEqual([]);
  expect(forgets(hospital({ signIn: "none" }), [], [])).toEqual(old);
  expect(forgets(hospital({ signIn: "bearer", url: "https://new.example/r4" }), [], [])).toEqual(old);
  expect(forgets(hospital(client("w")), [], [])).toEqual(old);
  // Two that share one: a server at the same address, another destination.
  expect(forgets(hospital({ signIn: "none" }), [archive("https://fhir.example/r4")], [])).toEqual([]);
  expect(forgets(hospital({ signIn: "none" }), [], [{ ...before, name: "other" }])).toEqual([]);
});

test("two names of one address are two secrets", () => {
  expect(isSameSecret(secretOfNode(archive("https://pacs", "basic")), secretOfNode(archive("https://pacs", "bearer")))).toBe(false);
  expect(isSameSecret(null, null)).toBe(false);
});
