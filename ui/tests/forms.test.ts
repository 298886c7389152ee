// The frame of the forms of the settings: what is saved is what was tested, a refusal loses nothing, and called off is called off.
import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { DestinationForm, NodeForm, SettingsView, SourceForm } from "../src/generated/types";

const calls: { command: string; request: Record<string, any> }[] = [];
let answer: (command: string) => unknown = () => null;

vi.mock("@tauri-apps/api/core", () => ({
  invoke: async (command: string, { request }: { request: Record<string, unknown> }) => {
    calls.push({ command, request });
    const given = await answer(command);
    if (given instanceof Error) throw JSON.parse(given.message);
    return given;
  },
}));

const { desk } = await import("../src/lib/desk.svelte");
const { setLocale } = await import("../src/lib/words.svelte");
const { sourceDraft, sourceOf } = await import("../src/lib/sources");
const { default: DestinationDialog } = await import("../src/parts/DestinationDialog.svelte");
const { default: ProviderDialog } = await import("../src/parts/ProviderDialog.svelte");
const { default: SourceDialog } = await import("../src/parts/SourceDialog.svelte");

const identity = { provider: null, idleLockMin: 15, idleLockMaxMin: 60, offlineUnlockHours: 12, breakGlassMin: 60 };
const ris = { name: "ris", takes: ["report"], backlog: true, to: { system: "fhir", url: "https://ris/r4", tls: null, pins: [], signIn: { by: "bearer" }, bundle: 50, parallel: 2, createPatients: false, patientSystem: "urn:oid:1", accessionSystem: "", connectS: 10, answerS: 60 } } as DestinationForm;
const node = { name: "mwl", dimse: { calledAe: "MWL", callingAe: "ME", host: "h", port: 104, connectS: 1, answerS: 1, tls: null }, web: null, signIn: { by: "none" } } as unknown as NodeForm;
const refused = (code: string) => new Error(JSON.stringify({ code, values: { name: "ris", by: "orders" }, detail: "" }));
const of = (command: string) => calls.filter((call) => call.command === command);
const saved = () => of("perform").map((call) => call.request["with"].value);
const type = (testid: string, value: string) => fireEvent.input(screen.getByTestId(testid), { target: { value } });

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= () => {};
  setLocale("en");
  calls.length = 0;
  answer = (command) => (command === "perform" ? { id: "", undoable: true, redoable: false } : command.startsWith("test_") ? { answerMs: 1, problem: null } : null);
  desk.settings = { nodes: [node], destinations: [ris], sources: [] as SourceForm[], identity, locked: [] } as unknown as SettingsView;
  [desk.overlay, desk.failure] = ["provider", null];
});
afterEach(() => (document.body.innerHTML = ""));

async function provider() {
  const shown = render(ProviderDialog, { identity });
  await type("provider-issuer", "https://id.example");
  await type("provider-client", "workstation");
  return shown;
}

test("a sign-in server that is called off while it is asked is not saved", async () => {
  let said: (answer: unknown) => void = () => {};
  answer = (command) => (command === "test_provider" ? new Promise((done) => (said = done)) : null);
  const shown = await provider();
  await fireEvent.click(screen.getByTestId("provider-save"));
  await vi.waitUntil(() => of("test_provider").length === 1);
  shown.unmount();
  said({ answerMs: 1, problem: null });
  await new Promise((rest) => setTimeout(rest, 20));
  expect(saved()).toEqual([]);
  expect(of("stop_asking").length).toBe(1);
});

test("a sign-in server that is changed while it is asked is not saved unasked", async () => {
  let said: (answer: unknown) => void = () => {};
  answer = (command) => (command === "test_provider" ? new Promise((done) => (said = done)) : null);
  await provider();
  await fireEvent.click(screen.getByTestId("provider-save"));
  await vi.waitUntil(() => of("test_provider").length === 1);
  await type("provider-issuer", "https://evil.example");
  said({ answerMs: 1, problem: null });
  await new Promise((rest) => setTimeout(rest, 20));
  expect(saved()).toEqual([]);
  expect(screen.getByTestId("echo-answer").textContent?.trim()).toBe("");
});

test("a sign-in server that answers well is saved as it was asked, and one that does not is not", async () => {
  await provider();
  answer = (command) => (command === "test_provider" ? { answerMs: null, problem: { code: "sync.unreachable", values: {}, detail: "" } } : { id: "", undoable: false, redoable: false });
  await fireEvent.click(screen.getByTestId("provider-save"));
  await new Promise((rest) => setTimeout(rest, 20));
  expect(saved()).toEqual([]);
  answer = (command) => (command === "test_provider" ? { answerMs: 1, problem: null } : { id: "", undoable: false, redoable: false });
  await fireEvent.click(screen.getByTestId("provider-save"));
  await vi.waitUntil(() => saved().length === 1);
  expect(saved()[0].provider.issuer).toBe("https://id.example");
  expect(desk.overlay).toBeNull();
});

test("a form that is refused stays open with all that was typed, says why, and keeps no secret", async () => {
  render(DestinationDialog, { index: 0 });
  await type("destination-url", "https://new/r4");
  await type("destination-secret", "token-2");
  answer = (command) => (command === "perform" ? refused("settings.in-use") : null);
  await fireEvent.click(screen.getByTestId("destination-save"));
  expect((await screen.findByTestId("destination-failure")).textContent).toContain("orders");
  expect((screen.getByTestId("destination-secret") as HTMLInputElement).value).toBe("token-2");
  expect(desk.overlay).not.toBeNull();
  expect(of("keep_secret")).toEqual([]);
  answer = (command) => (command === "perform" ? { id: "", undoable: true, redoable: false } : null);
  await fireEvent.click(screen.getByTestId("destination-save"));
  await vi.waitUntil(() => desk.overlay === null);
  expect(of("keep_secret").map((call) => [call.request["url"], call.request["secret"]])).toEqual([["https://new/r4", "token-2"], ["https://ris/r4", null]]);
});

test("an answer about an earlier form is not shown beside the one that is typed now", async () => {
  let said: (answer: unknown) => void = () => {};
  answer = (command) => (command === "test_destination" ? new Promise((done) => (said = done)) : null);
  render(DestinationDialog, { index: 0 });
  await fireEvent.click(screen.getByTestId("destination-form-test"));
  await type("destination-url", "https://other/r4");
  said({ answerMs: 1, problem: null });
  await new Promise((rest) => setTimeout(rest, 20));
  expect(screen.getByTestId("echo-answer").textContent?.trim()).toBe("");
});

test("a secret is said to be kept only for the address and name that it is kept for", async () => {
  render(DestinationDialog, { index: 0 });
  const placeholder = () => screen.getByTestId("destination-secret").getAttribute("placeholder");
  expect(placeholder()).not.toBe("");
  await type("destination-url", "https://other/r4");
  expect(placeholder()).toBe("");
});

test("a source names a system of the settings, is tested as it is typed, and a worklist brings no reports", async () => {
  render(SourceDialog, { index: 0 });
  await fireEvent.click(screen.getByTestId("source-save"));
  expect((await screen.findByTestId("source-wrong")).textContent).toContain("name");
  await type("source-name", "Orders");
  await fireEvent.click(screen.getByTestId("brings-reports"));
  await fireEvent.click(screen.getByTestId("source-form-test"));
  await vi.waitUntil(() => of("test_source").length === 1);
  expect(of("test_source")[0]?.request).toMatchObject({ name: "Orders", brings: ["orders", "reports"], from: { system: "fhir", name: "ris" } });
  await type("source-every", "0");
  await fireEvent.click(screen.getByTestId("source-save"));
  await vi.waitUntil(() => saved().length === 1);
  expect(saved()[0]).toEqual([{ name: "Orders", from: { system: "fhir", name: "ris" }, brings: ["orders", "reports"], everyMin: 0, daysBack: 30, daysAhead: 7, issuer: "", only: "" }]);
  const worklist = sourceOf(sourceDraft({ ...saved()[0][0], from: { system: "worklist", name: "mwl" }, only: "status=active" }, []));
  expect([worklist.brings, worklist.only]).toEqual([["orders"], ""]);
});
