// The keyboard: presses become commands by the table in assets/hotkeys.toml.
import { expect, test } from "vitest";
import { deskCommand, keyOf, moveInList, shortcutOf, shownKey } from "../src/lib/keys";

const press = (key: string, modifiers: Partial<KeyboardEvent> = {}) =>
  ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...modifiers }) as KeyboardEvent;

test("keys are named as in the hotkeys file, whatever the keyboard's layout", () => {
  expect(shortcutOf(press("l", { ctrlKey: true, shiftKey: true }))).toBe("Ctrl+Shift+L");
  // The question mark needs Shift on many keyboards and AltGr on none.
  expect(shortcutOf(press("?", { shiftKey: true }))).toBe("?");
  expect(shortcutOf(press("k", { metaKey: true }))).toBe("Ctrl+K");
  expect(shortcutOf(press(" "))).toBe("Space");
});

test("every key of the worklist does what the sheet says", () => {
  expect(deskCommand(press("/"))).toBe("desk.search");
  expect(deskCommand(press("Enter"))).toBe("desk.open_study");
  expect(deskCommand(press("Delete"))).toBe("record.delete_studies");
  expect(deskCommand(press("o", { ctrlKey: true }))).toBe("desk.import");
  expect(deskCommand(press(",", { ctrlKey: true }))).toBe("desk.settings");
  expect(deskCommand(press("k", { ctrlKey: true }))).toBe("app.palette");
  expect(deskCommand(press("q"))).toBeUndefined();
});

test("arrows, pages and ends move in the list and stop at its ends", () => {
  expect(moveInList("ArrowDown", -1, 10, 5)).toBe(0);
  expect(moveInList("ArrowDown", 9, 10, 5)).toBe(9);
  expect(moveInList("ArrowUp", 0, 10, 5)).toBe(0);
  expect(moveInList("PageDown", 0, 100, 20)).toBe(19);
  expect(moveInList("PageUp", 5, 100, 20)).toBe(0);
  expect(moveInList("End", 0, 100_000, 20)).toBe(99_999);
  expect(moveInList("ArrowDown", -1, 0, 5)).toBeUndefined();
  expect(moveInList("x", 0, 10, 5)).toBeUndefined();
});

test("a key is shown as it is printed on the keyboard", () => {
  expect(keyOf("desk.search")).toBe("/");
  expect(shownKey("Ctrl+Shift+L")).toBe("Ctrl Shift L");
  expect(shownKey("ArrowUp")).toBe("↑");
  expect(shownKey("+")).toBe("+");
});
