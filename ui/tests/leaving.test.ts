// Leaving what is being written: by the lock, by signing out, by closing the window, and by another page.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ContentForm, DeskEvent, ReportPage, SessionView } from "../src/generated/types";

const calls: { command: string; request: Record<string, unknown> }[] = [];
const bridge: { hear: (event: DeskEvent) => void; saves: () => unknown } = { hear: () => {}, saves: () => null };

const content = (): ContentForm => ({ template: "", language: "en", code: null, title: "CT", sections: [{ key: "findings", code: null, heading: "Findings", text: "", fields: [] }], quotes: [], findings: [], compared: null });
const page = (): ReportPage => ({ studyUid: "1.2", identity: "", about: "", reports: [], templates: [], quotables: [], priors: [], macros: [], findings: [], sites: [], serverReports: [], serverSources: [], wounds: [], woundSources: [], orders: [] });

vi.mock("@tauri-apps/api/core", () => ({
  invoke: async (command: string, { request }: { request: Record<string, unknown> }) => {
    calls.push({ command, request });
    if (command === "save_report") return bridge.saves();
    if (command === "report_page") return page();
    if (command === "begin_report") return { content: content(), fields: [] };
    if (command === "perform") return { id: "", undoable: false, redoable: false };
    if (command === "desk_state") return { start: { state: "ready", about: { firstRun: false } }, session: session({}), settings: { locale: "en", theme: "dark", density: "compact" }, lightBox: { state: "idle" }, import: { state: "idle" }, retrievals: [], listener: { state: "off" }, sync: { isSetUp: true, waiting: 0, stuck: 0, failing: 0 }, notice: null, version: "1" };
    if (command === "worklist") return { total: 1, offset: 0, rows: [{ uid: "1.2", name: "DOE^JANE" }] };
    if (command === "worklist_facets") return { studies: 1, modalities: [], states: [] };
    if (command === "sync_conflict") throw { code: "desk.no-such-server", values: {}, detail: "" };
    if (command === "may_close" && request["step"] === "not_kept") throw { code: "report.not-kept", values: {}, detail: "" };
    return null;
  },
}));
vi.mock("@tauri-apps/api/event", () => ({ listen: async (_: string, hear: (event: { payload: DeskEvent }) => void) => ((bridge.hear = (event) => hear({ payload: event })), () => {}) }));

const { Desk } = await import("../src/lib/desk.svelte");
const { unkept } = await import("../src/report/unkept");
const { setLocale } = await import("../src/lib/words.svelte");

function session(change: Partial<SessionView>): SessionView {
  const person = { account: "rita", name: "Rita", roles: ["radiologist"] };
  const all = { standing: "active", person, rights: ["see", "report", "sign", "assign", "remove", "bring"], provider: "https://id.example", flow: { state: "idle" }, hasCode: false };
  return { ...all, codeWorks: false, offline: false, offlineUntilMs: null, glassUntilMs: null, problem: null, ...change } as SessionView;
}

/** Words that the disk does not take, on a page that is open. */
async function typed(account = "rita") {
  const editor = unkept.open(account, "1.2");
  await editor.load();
  await editor.begin("");
  editor.content!.sections[0]!.text = "A node.";
  editor.changed();
  return editor;
}

const performed = () => calls.filter((call) => call.command === "perform").map((call) => call.request["do"]);
const steps = () => calls.filter((call) => call.command === "may_close").map((call) => call.request["step"]);
const full = () => {
  throw { code: "cache.disk-full", values: {}, detail: "" };
};

let desk: InstanceType<typeof Desk>;
beforeEach(async () => {
  setLocale("en");
  calls.length = 0;
  bridge.saves = () => ({ saved: 1, savedMs: 1 });
  desk = new Desk();
  await desk.open();
  await vi.waitUntil(() => desk.worklist.loaded);
});
afterEach(async () => {
  vi.useRealTimers();
  // Nothing of one test waits in the next.
  bridge.saves = () => ({ saved: 1, savedMs: 1 });
  for (const account of ["rita", "ivan"]) {
    const editor = unkept.open(account, "1.2");
    await unkept.leave(editor, account);
    await unkept.leave(editor, account);
  }
});

test("the lock does not wait for a disk that is full, and the words are there for the same person behind it", async () => {
  const editor = await typed();
  bridge.saves = full;
  expect(await desk.perform({ do: "lock" })).toBe(true);
  expect(performed()).toEqual(["lock"]);
  bridge.hear({ type: "session", body: session({ standing: "locked", rights: [] }) });
  await desk.left(editor);
  const again = unkept.open("rita", "1.2");
  await again.load();
  expect(again.content?.sections[0]?.text).toBe("A node.");
  expect(again.failure?.code).toBe("cache.disk-full");
  bridge.saves = () => ({ saved: 1, savedMs: 1 });
  expect(await again.flush()).toBe(true);
});

test("a lock whose save does not end comes all the same", async () => {
  await typed();
  let end: (answer: unknown) => void = () => {};
  bridge.saves = () => new Promise((done) => (end = done));
  vi.useFakeTimers();
  const locked = desk.perform({ do: "lock" });
  await vi.advanceTimersByTimeAsync(1100);
  expect(await locked).toBe(true);
  end({ saved: 1, savedMs: 1 });
});

test("who signs out with words that can't be kept is held back once, and much later once again", async () => {
  await typed();
  bridge.saves = full;
  expect(await desk.perform({ do: "sign_out" })).toBe(false);
  expect(desk.failure?.code).toBe("report.not-kept");
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ["Date"] });
  expect(await desk.perform({ do: "sign_out" })).toBe(false);
  expect(await desk.perform({ do: "sign_out" })).toBe(true);
});

test("a window that is asked to close says that it keeps, and then how that ended", async () => {
  const editor = await typed();
  bridge.hear({ type: "closing" });
  await vi.waitUntil(() => steps().length === 2);
  expect(steps()).toEqual(["keeping", "kept"]);
  bridge.saves = full;
  editor.changed();
  bridge.hear({ type: "closing" });
  await vi.waitUntil(() => steps().length === 4);
  expect(steps().slice(2)).toEqual(["keeping", "not_kept"]);
  await vi.waitUntil(() => desk.failure !== null);
  expect(desk.failure?.code).toBe("report.not-kept");
});

test("words are kept in nobody else's name", async () => {
  const editor = await typed("ivan");
  await desk.left(editor);
  expect(calls.some((call) => call.command === "save_report")).toBe(false);
  bridge.hear({ type: "closing" });
  await vi.waitUntil(() => steps().length === 2);
  expect(steps()).toEqual(["keeping", "not_kept"]);
});

test("another page is free to go to, and says that words wait on the one that was left", async () => {
  const editor = await typed();
  bridge.saves = full;
  await desk.left(editor);
  expect(desk.failure?.code).toBe("cache.disk-full");
  expect(unkept.open("rita", "1.2")).toBe(editor);
});

test("behind the orders no key does anything to the study that is hidden", async () => {
  desk.worklist.selectedUid = "1.2";
  for (const command of ["desk.open_study", "desk.report", "record.claim", "record.release", "record.delete_studies"]) {
    [desk.expected.shown, desk.overlay] = [true, null];
    expect(desk.run(command)).toBe(true);
    // The worklist comes first; the same key then means what is seen.
    expect(desk.expected.shown).toBe(false);
  }
  expect(performed()).toEqual([]);
  expect(desk.overlay).toBeNull();
  expect(desk.page).toBe("worklist");
  desk.run("record.claim");
  await vi.waitUntil(() => performed().length === 1);
});

test("on the page of a report commands are about its study, whatever the list has selected", async () => {
  desk.worklist.selectedUid = "1.2";
  desk.openReport("9.9");
  desk.run("record.claim");
  await vi.waitUntil(() => performed().length === 1);
  expect(calls.find((call) => call.command === "perform")?.request["with"]).toEqual({ studyUid: "9.9", over: false });
  desk.run("record.delete_studies");
  expect([desk.page, desk.overlay]).toEqual(["worklist", null]);
});

test("what is read by itself takes no failure away, and says its own", async () => {
  await desk.try(async () => {
    throw { code: "cache.claimed", values: {}, detail: "" };
  });
  await desk.read(async () => 7);
  expect(desk.failure?.code).toBe("cache.claimed");
});

test("a badge that was heard while the state was on its way is the newer one", async () => {
  bridge.hear({ type: "session", body: session({ standing: "locked", rights: [] }) });
  bridge.hear({ type: "session", body: session({}) });
  bridge.hear({ type: "sync", body: { isSetUp: true, waiting: 0, stuck: 2, failing: 0 } });
  await vi.waitUntil(() => desk.worklist.loaded);
  expect(desk.sync?.stuck).toBe(2);
});
