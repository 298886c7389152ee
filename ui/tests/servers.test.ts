// The forms of a server and of a search: what is refused before the network is asked.
import { expect, test } from "vitest";
import { draftOf, nodeOf, searchOf, wrongWith, type Draft } from "../src/lib/servers";

function archive(change: (draft: Draft) => void = () => {}): Draft {
  const draft = draftOf(null);
  Object.assign(draft, { name: "Archive" });
  Object.assign(draft.dimse, { calledAe: "ARCHIVE", host: "pacs.example" });
  change(draft);
  return draft;
}

test("a server that is filled in can be saved, and comes back into the form as it was", () => {
  const draft = archive((d) => Object.assign(d, { dimseTls: true, hasWeb: true, web: { url: "https://pacs.example/dicom-web", connectS: 3, answerS: 9 } }));
  expect(wrongWith(draft, [])).toBeNull();
  expect(draftOf(nodeOf(draft))).toEqual(draft);
});

test("what is switched off is not saved", () => {
  expect(nodeOf(archive()).web).toBeNull();
  expect(nodeOf(archive()).dimse?.tls).toBeNull();
});

test("each thing that is wrong with a server has its own words", () => {
  const wrong = (change: (draft: Draft) => void, others: string[] = []) => wrongWith(archive(change), others);
  expect(wrong((d) => (d.name = " "))).toBe("problem.settings.node-name");
  expect(wrong(() => {}, ["Archive"])).toBe("problem.settings.node-name");
  expect(wrong((d) => (d.hasDimse = false))).toBe("problem.settings.node-address");
  expect(wrong((d) => (d.dimse.calledAe = "ARCHIVE_OF_RADIOL"))).toBe("problem.settings.node-title");
  expect(wrong((d) => (d.dimse.callingAe = "A\\B"))).toBe("problem.settings.node-title");
  expect(wrong((d) => (d.dimse.callingAe = "ÄRZTE"))).toBe("problem.settings.node-title");
  expect(wrong((d) => (d.dimse.port = 65536))).toBe("problem.settings.node-host");
  expect(wrong((d) => (d.dimse.port = null))).toBe("problem.settings.node-host");
  expect(wrong((d) => Object.assign(d, { hasWeb: true, web: { url: "ftp://x", connectS: 1, answerS: 1 } }))).toBe("problem.settings.node-url");
  expect(wrong((d) => Object.assign(d, { hasWeb: true, web: { url: "https://x", connectS: 1, answerS: 1 }, signIn: "basic", user: "a:b" }))).toBe("problem.settings.node-user");
  expect(wrong((d) => (d.prefetchPriors = 21))).toBe("problem.settings.node-priors");
  expect(wrong((d) => (d.parallelRetrievals = 33))).toBe("problem.settings.node-retrievals");
});

test("a search needs a field, days that exist, in their order, and no backslash", () => {
  const empty = { node: "Archive", name: "", id: "", accession: "", from: "", to: "", modality: "" };
  expect(searchOf(empty)).toBe("desk.find_needs_field");
  expect(searchOf({ ...empty, name: "Doe", from: "2026-02-30" })).toBe("desk.find_bad_day");
  expect(searchOf({ ...empty, from: "2026-02-01", to: "2026-01-01" })).toBe("desk.find_bad_order");
  expect(searchOf({ ...empty, id: "A\\B" })).toBe("desk.find_bad_sign");
  expect(searchOf({ ...empty, from: "20260105" })).toEqual({ ...empty, from: "2026-01-05" });
});

test("a way of retrieval goes with its address", () => {
  const web = { url: "https://pacs.example/dicom-web", connectS: 3, answerS: 9 };
  expect(nodeOf(archive()).retrieve).toBe("get");
  expect(nodeOf(archive((d) => (d.retrieve = "move"))).retrieve).toBe("move");
  expect(nodeOf(archive((d) => Object.assign(d, { retrieve: "web", hasWeb: true, web }))).retrieve).toBe("web");
  expect(nodeOf(archive((d) => Object.assign(d, { retrieve: "web" }))).retrieve).toBe("get");
  expect(nodeOf(archive((d) => Object.assign(d, { retrieve: "move", hasDimse: false, hasWeb: true, web }))).retrieve).toBe("get");
});
