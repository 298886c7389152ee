// Two versions of a report: whose they are, what may be done with them, and that words typed about them stay.
import { fireEvent, render, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClaimConflict, SessionView, SyncConflict, SyncSettleRequest } from "../src/generated/types";

const settled: SyncSettleRequest[] = [];
let both: SyncConflict;
const claim: ClaimConflict = { identity: "DOE^JANE · ID 4711", about: "CT", ours: "rita", theirs: "Dr. Other", since: "2026-11-22T09:00:00Z", status: "accepted", version: "3" };
let refuses: unknown = null;

vi.mock("@tauri-apps/api/core", () => ({
  invoke: async (command: string, { request }: { request: SyncSettleRequest }) => {
    if (command === "sync_conflict") return both;
    if (command === "claim_conflict") return claim;
    if (command === "compare_texts") return [];
    if (refuses) throw refuses;
    settled.push(request);
    return null;
  },
}));

const { desk } = await import("../src/lib/desk.svelte");
const { setLocale, t } = await import("../src/lib/words.svelte");
const { default: ClaimDialog } = await import("../src/sync/ClaimDialog.svelte");
const { default: ConflictDialog } = await import("../src/sync/ConflictDialog.svelte");

beforeEach(() => {
  HTMLDialogElement.prototype.showModal ??= () => {};
  setLocale("en");
  settled.length = 0;
  refuses = null;
  both = { ours: "A node.", theirs: "A cyst.", theirTime: "2026-11-22T09:00:00Z", theirVersion: "7", identity: "DOE^JANE · 1957-03-14 · ID 4711", about: "2026-11-22 · CT · Head", baseVersion: 2 };
  desk.session = { standing: "active", person: { account: "rita", name: "Rita", roles: [] }, rights: ["see", "report", "sign"] } as unknown as SessionView;
});
afterEach(() => (document.body.innerHTML = ""));

const open = async () => {
  const shown = render(ConflictDialog, { destination: "Hospital", id: 12 });
  await screen.findByTestId("conflict-ours");
  return shown;
};

test("whose report it is stands above both versions, and the decision names the version that was seen", async () => {
  await open();
  expect(screen.getByTestId("conflict-identity").textContent).toContain("DOE^JANE");
  await fireEvent.click(screen.getByTestId("conflict-keep"));
  await vi.waitUntil(() => settled.length === 1);
  expect(settled[0]).toEqual({ destination: "Hospital", id: 12, choice: "ours", theirVersion: "7", addendum: "", baseVersion: 2 });
});

test("a report to which no addendum can be signed has no merge", async () => {
  both.baseVersion = null;
  await open();
  expect(screen.queryByTestId("conflict-merge")).toBeNull();
});

test("an addendum that was not signed is there when the dialog is opened again, and only for who typed it", async () => {
  const shown = await open();
  await fireEvent.click(screen.getByTestId("conflict-merge"));
  await fireEvent.input(screen.getByTestId("conflict-addendum"), { target: { value: "There: a cyst." } });
  refuses = { code: "cache.disk-full", values: {}, detail: "" };
  await fireEvent.click(screen.getByTestId("conflict-sign"));
  expect((await screen.findByTestId("conflict-wrong")).textContent).not.toBe("");
  shown.unmount();
  const again = await open();
  expect((screen.getByTestId("conflict-addendum") as HTMLTextAreaElement).value).toBe("There: a cyst.");
  again.unmount();
  desk.session = { ...desk.session, person: { account: "ivan", name: "Ivan", roles: [] } } as SessionView;
  const other = await open();
  expect(screen.queryByTestId("conflict-addendum")).toBeNull();
  other.unmount();
});

test("in no language does a button say yours where it means theirs", () => {
  const words = { de: /\bIhre\b/, es: /\b(su|suya|suyo)s?\b/i };
  for (const locale of ["de", "es"] as const) {
    setLocale(locale);
    for (const key of ["sync.conflict_theirs", "sync.conflict_take", "sync.conflict_take_means", "sync.conflict_keep_means", "sync.conflict_ours"] as const) expect(t(key)).not.toMatch(words[locale]);
  }
});

test("who has an order is told with since when, and it is taken over in the version that was seen, or left to them", async () => {
  for (const [button, takesOver] of [["claim-take", true], ["claim-leave", false]] as const) {
    settled.length = 0;
    desk.overlay = { claim: { destination: "Hospital", id: 5 } };
    const shown = render(ClaimDialog, { destination: "Hospital", id: 5 });
    const theirs = (await screen.findByTestId("claim-theirs")).textContent;
    expect(theirs).toContain("Dr. Other");
    expect(theirs).toContain("2026-11-22");
    expect(screen.getByTestId("claim-identity").textContent).toContain("DOE^JANE");
    await fireEvent.click(screen.getByTestId(button));
    await vi.waitUntil(() => settled.length === 1);
    expect(settled[0]).toEqual({ destination: "Hospital", id: 5, version: "3", takesOver });
    await vi.waitUntil(() => desk.overlay === null);
    shown.unmount();
  }
});
