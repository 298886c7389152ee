// The list as a screen reader and a keyboard meet it.
import { render, screen } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { desk } from "../src/lib/desk.svelte";
import { Worklist } from "../src/lib/worklist.svelte";
import WorklistGrid from "../src/parts/WorklistGrid.svelte";

const source = {
  worklist: (request: { offset: number; limit: number }) =>
    Promise.resolve({
      total: 100_000,
      offset: request.offset,
      rows: Array.from({ length: request.limit }, (_, i) => ({
        uid: `1.2.${request.offset + i}`, name: `DOE^JANE${request.offset + i}`, id: "1", date: "2026-11-22", time: "09:00", accession: "",
        description: "Head", modalities: ["MR"], series: 1, images: 12, bytes: 1, state: "unread", importedMs: 0, priority: "routine", isPrioritySet: false, dueMs: null, ordered: "", orderOwner: "", assignedTo: "", claimedBy: "",
      })),
    }),
  worklistFacets: () => Promise.resolve({ studies: 100_000, modalities: [], states: [] }),
};

test("the grid tells how many studies there are, draws few of them, and keys move the selection", async () => {
  desk.settings = {
    locale: "en", localeFromSystem: true, theme: "dark", density: "compact", cacheQuotaGib: 200, screenPxPerMm: null, serviceMinutes: { stat: 60, urgent: 240, routine: 1440 },
    worklistColumns: ["name", "date", "modality"], nodes: [], listener: { on: false, ownAe: "MEDSIGHT", address: "0.0.0.0", port: 11112, tls: null, senders: [] }, identity: { provider: null, idleLockMin: 15, idleLockMaxMin: 60, offlineUnlockHours: 12, breakGlassMin: 60 }, destinations: [], sources: [], models: { folder: "", allowHashes: [], allowKeys: [], rules: [], refused: [] }, locked: [], keySource: { kind: "keyring", name: "" }, cacheFolder: "", cacheBytes: 0, sitePolicy: null,
  };
  desk.worklist = new Worklist(source);
  await desk.worklist.ask();
  render(WorklistGrid, { firstRun: false });
  const grid = screen.getByRole("grid");
  expect(grid.getAttribute("aria-rowcount")).toBe("100001");
  expect(grid.getAttribute("aria-colcount")).toBe("3");
  const rows = screen.getAllByTestId("worklist-row");
  expect(rows.length).toBeLessThan(80);
  expect(rows[0]?.getAttribute("aria-rowindex")).toBe("2");
  expect(rows[0]?.getAttribute("aria-selected")).toBe("true");
  expect(document.activeElement).toBe(grid);

  grid.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
  await Promise.resolve();
  expect(desk.worklist.selectedUid).toBe("1.2.1");
  expect(grid.getAttribute("aria-activedescendant")).toBe("row-1");
});
