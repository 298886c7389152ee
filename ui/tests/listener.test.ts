// The form of the listener: off unless switched on, and never without naming who may send.
import { expect, test } from "vitest";
import { words } from "../src/generated/locales";
import { listenerDraftOf, listenerOf, seenWord, withSender, wrongWithListener, type ListenerDraft } from "../src/lib/listener";

const OFF = { on: false, ownAe: "MEDSIGHT", address: "0.0.0.0", port: 11112, tls: null, senders: [] };

function typed(change: (draft: ListenerDraft) => void = () => {}): ListenerDraft {
  const draft = listenerDraftOf({ ...OFF, on: true, senders: [{ title: "PACS", address: "" }] });
  change(draft);
  return draft;
}

test("a listener that is filled in comes back into the form as it was, and an empty line is no sender", () => {
  const draft = typed((d) => d.senders.push({ title: " ", address: "" }));
  expect(wrongWithListener(draft)).toBeNull();
  expect(listenerOf(draft).senders).toEqual([{ title: "PACS", address: "" }]);
  const one = { ...OFF, address: "10.1.2.3", port: 104 };
  expect(listenerOf(listenerDraftOf(one))).toEqual(one);
  expect(listenerOf(typed((d) => (d.where = "loopback"))).address).toBe("127.0.0.1");
});

test("each thing that is wrong with a listener has its own words", () => {
  const wrong = (change: (draft: ListenerDraft) => void) => wrongWithListener(typed(change));
  expect(wrong((d) => (d.senders = []))).toBe("problem.settings.listener-senders");
  expect(wrong((d) => (d.port = 70000))).toBe("problem.settings.listener-port");
  expect(wrong((d) => (d.ownAe = "SEVENTEEN_SIGNS_X"))).toBe("problem.settings.node-title");
  expect(wrong((d) => d.senders.push({ title: "", address: "10.1.2.3" }))).toBe("problem.settings.node-title");
  expect(wrong((d) => Object.assign(d, { where: "one", address: "pacs.hospital" }))).toBe("problem.settings.listener-address");
  expect(wrong((d) => (d.senders[0]!.address = "10.1.2"))).toBe("problem.settings.listener-address");
  expect(wrong((d) => (d.tls = true))).toBe("problem.settings.listener-tls");
  expect(wrong((d) => Object.assign(d, { on: false, senders: [] }))).toBeNull();
});

test("whatever happens at the listener has words, and a title that was refused can be let in", () => {
  for (const what of ["stored", "already_here", "not_stored", "echoed", "sender_unknown", "other_title", "busy", "tls", "lost"]) {
    expect(words.en).toHaveProperty([seenWord({ what, from: "PACS", count: 1, atMs: 0 })]);
  }
  expect(withSender(OFF, "CT1").senders).toEqual([{ title: "CT1", address: "" }]);
});
