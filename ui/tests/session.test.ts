// What is offered to whom, and what stays of the studies in a window when the desk is locked.
import { beforeEach, expect, test, vi } from "vitest";
import type { DeskEvent, SessionView, StudyRow, WorklistPage } from "../src/generated/types";

const bridge = vi.hoisted(() => ({ hear: (_: unknown) => {}, pages: 0 }));

vi.mock("../src/generated/commands", () => ({
  onDeskEvent: async (hear: (event: unknown) => void) => void (bridge.hear = hear),
  commands: {
    deskState: async () => ({
      start: { state: "ready", about: { firstRun: false } },
      session: session({}),
      settings: { locale: "en", theme: "dark", density: "compact" },
      lightBox: { state: "idle" },
      import: { state: "idle" },
      retrievals: [],
      listener: { state: "off" },
      notice: null,
      version: "1",
    }),
    worklist: async (): Promise<WorklistPage> => {
      bridge.pages += 1;
      return { total: 1, offset: 0, rows: [{ uid: "1.2", name: "PLANTED^NAME" } as StudyRow] };
    },
    worklistFacets: async () => ({ studies: 1, modalities: [], states: [] }),
  },
}));

import { Desk } from "../src/lib/desk.svelte";
import { may, offers, refusal, throttled } from "../src/lib/session";
import { setLocale, told } from "../src/lib/words.svelte";

function session(change: Partial<SessionView>): SessionView {
  const person = { account: "rita", name: "Rita", roles: ["radiologist"] };
  const rights = ["see", "bring", "annotate", "report", "sign", "assign", "give_out", "remove"];
  const all = { standing: "active", person, rights, provider: "https://id.example", flow: { state: "idle" }, hasCode: false };
  return { ...all, codeWorks: false, offline: false, offlineUntilMs: null, glassUntilMs: null, problem: null, ...change } as SessionView;
}

const hear = (view: SessionView) => bridge.hear({ type: "session", body: view } satisfies DeskEvent);

let desk: Desk;
beforeEach(async () => {
  setLocale("en");
  desk = new Desk();
  await desk.open();
  await vi.waitUntil(() => desk.worklist.loaded);
});

test("behind the lock no row, no count and no dialog stays in the window, and they come back", async () => {
  desk.overlay = "find";
  desk.worklist.selectedUid = "1.2";
  hear(session({ standing: "locked", rights: [] }));
  expect(desk.worklist.row(0)).toBeUndefined();
  expect(desk.worklist.total).toBe(0);
  expect(desk.overlay).toBeNull();
  expect(JSON.stringify([desk.retrievals, desk.importing, desk.worklist.facets])).not.toContain("PLANTED");
  hear(session({}));
  await vi.waitUntil(() => desk.worklist.loaded);
  expect(desk.worklist.row(0)?.name).toBe("PLANTED^NAME");
});

test("somebody else begins with a list of their own, and who may not see studies asks for none", async () => {
  desk.worklist.filter.text = "planted";
  const asked = bridge.pages;
  const person = { account: "ivan", name: "Ivan", roles: ["it_admin"] };
  hear(session({ person, rights: ["configure", "remove"] }));
  await Promise.resolve();
  expect(desk.worklist.filter.text).toBe("");
  expect(desk.worklist.loaded).toBe(false);
  expect(bridge.pages).toBe(asked);
});

test("a command without its right says which right and which roles have it", () => {
  const nora = session({ rights: ["see", "bring", "annotate", "score_wounds", "give_out"] });
  expect(offers(nora, "desk.import")).toBe(true);
  expect(offers(nora, "record.delete_studies")).toBe(false);
  expect(offers(nora, "desk.break_glass")).toBe(false);
  expect(offers(session({ rights: [] }), "desk.break_glass")).toBe(true);
  expect(offers(session({ provider: null }), "desk.sign_out")).toBe(false);
  expect(may(null, "see")).toBe(false);
  const words = told(refusal("record.delete_studies"));
  expect(words).toContain("delete from this computer");
  expect(words).toContain("radiologist");
});

test("the desk hears of input now and then, and not of every move of the mouse", () => {
  let now = 0;
  let heard = 0;
  const input = throttled(() => (heard += 1), 20_000, () => now);
  for (; now < 60_000; now += 100) input();
  expect(heard).toBe(3);
});
