// What the window knows at its start, when the desk tells something while its state is still being read.
import { expect, test, vi } from "vitest";
import type { DeskEvent, DeskState } from "../src/generated/types";

const bridge = vi.hoisted(() => ({
  hear: (_: DeskEvent) => {},
  answer: null as ((state: unknown) => void) | null,
}));

vi.mock("../src/generated/commands", () => ({
  onDeskEvent: async (hear: (event: DeskEvent) => void) => void (bridge.hear = hear),
  commands: { deskState: () => new Promise((resolve) => (bridge.answer = resolve)) },
}));

import { Desk } from "../src/lib/desk.svelte";

test("an import that ends while the state is read is shown as ended", async () => {
  const desk = new Desk();
  const opened = desk.open();
  await vi.waitUntil(() => bridge.answer !== null);
  const running = { state: "running", body: {} } as unknown as DeskState["import"];
  const ended = { state: "idle" } as DeskState["import"];
  bridge.hear({ type: "import", body: ended });
  const settings = { locale: "en", theme: "dark", density: "compact" };
  const lightBox = { state: "closed", body: {} };
  bridge.answer?.({ start: { state: "opening" }, settings, lightBox, import: running, retrievals: [], notice: null, version: "1" });
  await opened;
  expect(desk.importing).toEqual(ended);
  // What no event spoke of is as it was read.
  expect(desk.lightBox).toEqual(lightBox);
  expect(desk.version).toBe("1");
});
