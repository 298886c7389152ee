// The whole window while people come and go: a session that ends under an open form leaves a window that can be signed in to.
import { fireEvent, render, screen } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import type { DeskEvent, SessionView } from "../src/generated/types";

const bridge: { hear: (event: { payload: DeskEvent }) => void } = { hear: () => {} };

const session = (change: Partial<SessionView>): SessionView =>
  ({ standing: "active", person: { account: "root", name: "Root", roles: ["it_admin"] }, rights: ["see", "report", "configure"], provider: null, flow: { state: "idle" }, hasCode: false, codeWorks: false, offline: false, offlineUntilMs: null, glassUntilMs: null, problem: null, ...change }) as SessionView;
const tell = (change: Partial<SessionView>) => bridge.hear({ payload: { type: "session", body: session(change) } });

const settings = {
  locale: "en", theme: "dark", density: "compact", worklistColumns: ["name"], nodes: [], destinations: [], sources: [], models: { folder: "", allowHashes: [], allowKeys: [], rules: [], refused: [] }, listener: { on: false, ownAe: "M", address: "", port: 1, tls: null, senders: [] },
  identity: { provider: null, idleLockMin: 15, idleLockMaxMin: 60, offlineUnlockHours: 12, breakGlassMin: 60 }, locked: [], keySource: { kind: "keyring", name: "" }, cacheFolder: "", cacheBytes: 0, sitePolicy: null, cacheQuotaGib: 0, screenPxPerMm: null, serviceMinutes: {},
};

const answers: Record<string, () => unknown> = {
  desk_state: () => ({ start: { state: "ready", about: { firstRun: false } }, session: session({}), settings, lightBox: { state: "idle" }, import: { state: "idle" }, retrievals: [], listener: { state: "off" }, sync: { isSetUp: false, waiting: 0, stuck: 0, failing: 0 }, notice: null, version: "1" }),
  worklist: () => ({ total: 0, offset: 0, rows: [] }),
  worklist_facets: () => ({ studies: 0, modalities: [], states: [] }),
  expected_orders: () => ({ isSetUp: false, asksByItself: false, total: 0, orders: [] }),
  test_provider: () => ({ answerMs: 1, problem: null }),
  report_forms: () => ({ folders: [], forms: [], wrong: [] }),
  // Everybody is signed out before the change is answered.
  perform: () => (tell({ standing: "signed_out", person: null, rights: [], provider: "https://id" }), { id: "", undoable: true, redoable: false }),
};

vi.mock("@tauri-apps/api/core", () => ({ invoke: async (command: string) => answers[command]?.() ?? null }));
vi.mock("@tauri-apps/api/event", () => ({
  listen: async (name: string, hear: (event: { payload: DeskEvent }) => void) => {
    if (!name.includes("drag") && !name.includes("drop")) bridge.hear = hear;
    return () => {};
  },
}));
vi.mock("../src/lib/drop", () => ({ onFilesDropped: async () => () => {} }));

const rest = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("a sign-in server that is set signs everybody out under its form, and who signs in then sees the worklist", { timeout: 60_000 }, async () => {
  HTMLDialogElement.prototype.showModal ??= () => {};
  const [{ default: App }, { desk }] = await Promise.all([import("../src/App.svelte"), import("../src/lib/desk.svelte")]);
  render(App);
  await vi.waitUntil(() => desk.worklist.loaded);
  desk.page = "settings";
  await fireEvent.click(await screen.findByTestId("provider-change"));
  await fireEvent.input(await screen.findByTestId("provider-issuer"), { target: { value: "https://id" } });
  await fireEvent.input(screen.getByTestId("provider-client"), { target: { value: "w" } });
  await fireEvent.click(screen.getByTestId("provider-save"));
  await vi.waitUntil(() => desk.session?.standing === "signed_out");
  await rest(50);
  expect(screen.queryByTestId("provider-dialog")).toBeNull();
  expect(screen.queryByTestId("sign-in")).not.toBeNull();
  tell({ person: { account: "rita", name: "Rita", roles: ["radiologist"] }, rights: ["see", "report"], provider: "https://id" });
  await rest(100);
  expect(screen.queryByTestId("worklist")).not.toBeNull();
  expect(screen.getByTestId("user-menu").textContent).toContain("Rita");
});
