// Files held and dropped over the window, as Tauri reports them: with their real paths.
import { listen } from "@tauri-apps/api/event";

/** Whether files are over the window, and those that were dropped just now. */
export interface Drop {
  over: boolean;
  paths: string[];
}

/** Calls `then` for every change; the answer stops it. */
export async function onFilesDropped(then: (drop: Drop) => void): Promise<() => void> {
  const stops = await Promise.all([
    listen("tauri://drag-enter", () => then({ over: true, paths: [] })),
    listen("tauri://drag-leave", () => then({ over: false, paths: [] })),
    listen<{ paths: string[] }>("tauri://drag-drop", (event) => then({ over: false, paths: event.payload.paths })),
  ]);
  return () => stops.forEach((stop) => stop());
}
