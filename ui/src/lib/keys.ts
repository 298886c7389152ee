// From a key press to a command id, by the generated table of keys; and how keys move in a list.
import { hotkeys } from "../generated/hotkeys";
import { named } from "./words.svelte";

type KeyLike = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** The key in the form of the hotkeys file: `Ctrl+Shift+L`, `?`, `Delete`. */
export function shortcutOf(event: KeyLike): string {
  const letter = /^[a-z]$/i.test(event.key);
  const sign = event.key.length === 1 && !letter;
  const key = event.key === " " ? "Space" : letter ? event.key.toUpperCase() : event.key;
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const alt = event.altKey ? "Alt+" : "";
  // Shift is part of a sign already: `?` is Shift and another key on most keyboards.
  const shift = event.shiftKey && !sign ? "Shift+" : "";
  return `${ctrl}${alt}${shift}${key}`;
}

const commandOfKey: ReadonlyMap<string, string> = new Map(
  Object.entries(hotkeys.desk).flatMap(([command, keys]) => keys.map((key): [string, string] => [key, command])),
);

/** The desk's command for a key press, if there is one. */
export const deskCommand = (event: KeyLike): string | undefined => commandOfKey.get(shortcutOf(event));

/** The first key of a desk command, to show beside it. */
export function keyOf(command: string): string {
  const keys: Record<string, readonly string[]> = hotkeys.desk;
  return shownKey(keys[command]?.[0] ?? "");
}

/** A key as it is printed on a keyboard of the language in use, `+` as a space. */
export const shownKey = (key: string): string =>
  key
    .split(/\+(?=.)/)
    .map((part) => named("key_name", part))
    .join(" ");

/** True where keys belong to text that is being written. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Where a key moves to in a list of `total` rows with `page` rows on the screen; nothing for other keys. */
export function moveInList(key: string, current: number, total: number, page: number): number | undefined {
  if (total === 0) return undefined;
  const to = (index: number) => Math.min(total - 1, Math.max(0, index));
  switch (key) {
    case "ArrowDown":
      return to(current + 1);
    case "ArrowUp":
      return to(current < 0 ? 0 : current - 1);
    case "PageDown":
      return to(Math.max(0, current) + Math.max(1, page - 1));
    case "PageUp":
      return to(current - Math.max(1, page - 1));
    case "Home":
      return 0;
    case "End":
      return total - 1;
    default:
      return undefined;
  }
}
