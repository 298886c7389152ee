// The worklist's model against a source that answers when it is told to.
import { beforeEach, expect, test, vi } from "vitest";
import type { StudyRow, WorklistPage, WorklistRequest } from "../src/generated/types";
import { BLOCK, Worklist } from "../src/lib/worklist.svelte";

const row = (n: number, mark = ""): StudyRow => ({
  uid: `1.2.${mark}${n}`, name: `NAME^${n}`, id: String(n), date: "2026-11-22", time: "09:00", accession: "", description: "",
  modalities: ["CT"], series: 1, images: 1, bytes: 1, state: "unread", importedMs: 0, priority: "routine", isPrioritySet: false, dueMs: null, ordered: "", orderOwner: "", assignedTo: "", claimedBy: "",
});

class Source {
  requests: WorklistRequest[] = [];
  total = 100_000;
  mark = "";
  held: (() => void)[] | null = null;
  async worklist(request: WorklistRequest): Promise<WorklistPage> {
    this.requests.push(request);
    const mark = this.mark + request.filter.text;
    if (this.held) await new Promise<void>((go) => this.held?.push(go));
    const length = Math.max(0, Math.min(request.limit, this.total - request.offset));
    return { total: this.total, offset: request.offset, rows: Array.from({ length }, (_, i) => row(request.offset + i, mark)) };
  }
  worklistFacets() {
    return Promise.resolve({ studies: this.total, modalities: [], states: [] });
  }
}

let source: Source;
let list: Worklist;
const settled = () => new Promise((done) => setTimeout(done, 0));

beforeEach(async () => {
  source = new Source();
  list = new Worklist(source);
  await list.ask();
});

test("the first study is selected, and only what is in view was asked for", () => {
  expect(list.total).toBe(100_000);
  expect(list.selectedUid).toBe("1.2.0");
  expect(source.requests.length).toBe(1);
});

test("rows far down are fetched when they come into view, each block once", async () => {
  list.show({ first: 70_050, last: 70_110 });
  list.show({ first: 70_051, last: 70_111 });
  expect(list.row(70_060)).toBeUndefined();
  await settled();
  expect(list.row(70_060)?.id).toBe("70060");
  expect(source.requests.slice(1).map((r) => r.offset)).toEqual([70_000, 70_100]);
  expect(source.requests.every((r) => r.limit === BLOCK)).toBe(true);
});

test("while a search is answered the old rows stay, and a late answer to an older search is dropped", async () => {
  source.held = [];
  list.filter.text = "a";
  const first = list.ask();
  list.filter.text = "b";
  const second = list.ask();
  expect(list.row(0)?.uid).toBe("1.2.0");
  source.held[1]?.();
  await second;
  expect(list.row(0)?.uid).toBe("1.2.b0");
  source.held[0]?.();
  await first;
  expect(list.row(0)?.uid).toBe("1.2.b0");
});

test("typing asks the cache once, when the fingers rest", async () => {
  vi.useFakeTimers();
  for (const text of ["m", "mu", "mul", "mull"]) list.search(text);
  expect(source.requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(30);
  vi.useRealTimers();
  expect(source.requests.slice(1).map((r) => r.filter.text)).toEqual(["mull"]);
});

test("when studies arrive above, the same study stays selected and never another in its place", async () => {
  list.select(5);
  source.mark = "new";
  await list.ask(false);
  expect(list.selectedUid).toBe("1.2.5");
  expect(list.selectedIndex).toBe(-1);
});

test("a second click on a head turns the order round, and dates begin with the newest", () => {
  list.sortBy("name");
  expect([list.sort, list.descending]).toEqual(["name", false]);
  list.sortBy("name");
  expect(list.descending).toBe(true);
  list.sortBy("date");
  expect(list.descending).toBe(true);
});

test("a list that could not be read says why and keeps what was there", async () => {
  vi.spyOn(source, "worklist").mockRejectedValue({ code: "cache", message: "The disk is gone." });
  await list.ask();
  expect(list.failure?.detail).toBe("The disk is gone.");
  expect(list.row(0)?.uid).toBe("1.2.0");
});
