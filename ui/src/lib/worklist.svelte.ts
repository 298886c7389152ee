// The worklist as the window holds it: what is asked for, the blocks of rows that are here, and the selection.
// Rows come from the cache in windows; a hundred thousand studies are never here at once.
import { commands } from "../generated/commands";
import type { Problem, SortColumn, StudyRow, WorklistFacets, WorklistFilter, WorklistPage } from "../generated/types";
import { blocksOf, type Range } from "./window";
import { problemOf } from "./words.svelte";

/** Rows in one request. */
export const BLOCK = 100;
/** Blocks kept: what is far away is asked for again. */
const KEPT = 40;
/** Pause in typing before the cache is asked, in milliseconds. */
const TYPING_MS = 25;
/** While an import runs, the list is read again this often at most, in milliseconds. */
const REFRESH_MS = 400;

/** Where rows come from; the desk, or a stand-in in tests of this file. */
export interface WorklistSource {
  worklist(request: {
    filter: WorklistFilter;
    sort: SortColumn;
    descending: boolean;
    offset: number;
    limit: number;
  }): Promise<WorklistPage>;
  worklistFacets(filter: WorklistFilter): Promise<WorklistFacets>;
}

const noFilter = (): WorklistFilter => ({ text: "", modalities: [], states: [], dates: { from: null, to: null } });

export class Worklist {
  filter = $state<WorklistFilter>(noFilter());
  sort = $state<SortColumn>("date");
  descending = $state(true);
  total = $state(0);
  facets = $state<WorklistFacets>({ studies: 0, modalities: [], states: [] });
  /** False until the first answer. */
  loaded = $state(false);
  /** An answer has been waited for longer than a blink. */
  slow = $state(false);
  /** The last question failed: what to tell the person. */
  failure = $state.raw<Problem | null>(null);
  selectedIndex = $state(-1);
  selectedUid = $state<string | null>(null);

  #blocks = $state.raw<ReadonlyMap<number, StudyRow[]>>(new Map());
  #source: WorklistSource;
  #question = 0;
  #asked = new Set<string>();
  #range: Range = { first: 0, last: BLOCK };
  #typing: ReturnType<typeof setTimeout> | undefined;
  #refreshing: ReturnType<typeof setTimeout> | undefined;

  constructor(source: WorklistSource = commands) {
    this.#source = source;
  }

  /** The row at an index, when it is here. */
  row(index: number): StudyRow | undefined {
    return this.#blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
  }

  /** True when any filter or search is set. */
  get filtered(): boolean {
    const { text, modalities, states, dates } = this.filter;
    return text.trim() !== "" || modalities.length > 0 || states.length > 0 || dates.from !== null || dates.to !== null;
  }

  /** Search as it is typed: the cache is asked when the fingers rest. */
  search(text: string): void {
    this.filter.text = text;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.ask(), TYPING_MS);
  }

  /** Changes a part of the filter. */
  narrow(change: Partial<WorklistFilter>): void {
    Object.assign(this.filter, change);
    void this.ask();
  }

  /** Adds or takes away one modality or state. */
  toggle(list: "modalities" | "states", value: string): void {
    const now = this.filter[list];
    this.narrow({ [list]: now.includes(value) ? now.filter((v) => v !== value) : [...now, value] });
  }

  /** Shows everything again. */
  clear(): void {
    this.narrow(noFilter());
  }

  /** Sorts by a column; a second time turns the order round. */
  sortBy(column: SortColumn): void {
    this.descending = this.sort === column ? !this.descending : column === "date" || column === "images" || column === "imported";
    this.sort = column;
    void this.ask();
  }

  /** Forgets every row: the desk is locked. What is looked for stays, unless somebody else comes. */
  hide(): void {
    this.#question += 1;
    clearTimeout(this.#typing);
    clearTimeout(this.#refreshing);
    this.#refreshing = undefined;
    this.#blocks = new Map();
    this.#asked.clear();
    this.total = 0;
    this.facets = { studies: 0, modalities: [], states: [] };
    this.loaded = false;
    this.slow = false;
    this.failure = null;
  }

  /** As in a window that was opened just now: somebody else is here. */
  reset(): void {
    this.hide();
    this.filter = noFilter();
    this.selectedIndex = -1;
    this.selectedUid = null;
  }

  /** Reads the list again after something came or went, but not more often than the eye needs. */
  changed(): void {
    if (this.#refreshing) return;
    this.#refreshing = setTimeout(() => {
      this.#refreshing = undefined;
      void this.ask(false);
    }, REFRESH_MS);
  }

  /** Says which rows are on the screen; those that are not here are fetched. */
  show(range: Range): void {
    this.#range = range;
    for (const block of blocksOf(range, BLOCK)) if (!this.#blocks.has(block)) void this.#fetch(block, this.#question);
  }

  /**
   * Asks the cache anew. The rows of the last question stay until the answer is here, so nothing flashes;
   * an answer to an older question is dropped.
   */
  async ask(fromTop = true): Promise<void> {
    clearTimeout(this.#typing);
    const question = ++this.#question;
    this.#asked.clear();
    const slow = setTimeout(() => (this.slow = question === this.#question), 150);
    const range = fromTop ? { first: 0, last: Math.max(1, this.#range.last - this.#range.first) } : this.#range;
    const wanted = blocksOf(range.last > range.first ? range : { first: 0, last: BLOCK }, BLOCK);
    try {
      const filter = $state.snapshot(this.filter);
      const [pages, facets] = await Promise.all([
        Promise.all(wanted.map((block) => this.#page(block, filter))),
        this.#source.worklistFacets(filter),
      ]);
      if (question !== this.#question) return;
      this.#blocks = new Map(wanted.map((block, i) => [block, pages[i]?.rows ?? []]));
      this.total = pages[0]?.total ?? 0;
      this.facets = facets;
      this.failure = null;
      this.loaded = true;
      this.#keepSelection(fromTop);
    } catch (error) {
      if (question === this.#question) this.failure = problemOf(error);
    } finally {
      clearTimeout(slow);
      if (question === this.#question) this.slow = false;
    }
  }

  /** Studies were deleted here: what stands in their place is selected when the list has been read again. */
  removed(uids: string[]): void {
    if (this.selectedUid !== null && uids.includes(this.selectedUid)) this.selectedUid = null;
    this.changed();
  }

  /** The study below another one in the list, if it is in sight. */
  below(uid: string): string | null {
    for (const [block, rows] of this.#blocks) {
      const at = rows.findIndex((row) => row.uid === uid);
      if (at >= 0) return this.row(block * BLOCK + at + 1)?.uid ?? null;
    }
    return null;
  }

  /** Selects the row at an index. */
  select(index: number): void {
    this.selectedIndex = index;
    this.selectedUid = this.row(index)?.uid ?? null;
  }

  async #fetch(block: number, question: number): Promise<void> {
    const key = `${question}:${block}`;
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    try {
      const page = await this.#page(block, $state.snapshot(this.filter));
      if (question !== this.#question) return;
      const near = Math.floor(this.#range.first / BLOCK);
      const kept = [...this.#blocks].sort((a, b) => Math.abs(a[0] - near) - Math.abs(b[0] - near)).slice(0, KEPT - 1);
      this.#blocks = new Map([...kept, [block, page.rows]]);
      this.total = page.total;
      if (this.selectedIndex >= 0 && this.selectedUid === null) this.select(this.selectedIndex);
    } catch (error) {
      if (question === this.#question) this.failure = problemOf(error);
    } finally {
      this.#asked.delete(key);
    }
  }

  #page(block: number, filter: WorklistFilter): Promise<WorklistPage> {
    const { sort, descending } = this;
    return this.#source.worklist({ filter, sort, descending, offset: block * BLOCK, limit: BLOCK });
  }

  /** The same study stays selected where it is still in sight; never another in its place. */
  #keepSelection(fromTop: boolean): void {
    if (this.selectedUid !== null) {
      for (const [block, rows] of this.#blocks) {
        const at = rows.findIndex((row) => row.uid === this.selectedUid);
        if (at >= 0) {
          this.selectedIndex = block * BLOCK + at;
          return;
        }
      }
      if (!fromTop) {
        this.selectedIndex = -1;
        return;
      }
    }
    const near = Math.min(Math.max(0, this.selectedIndex), this.total - 1);
    const at = this.selectedUid === null && this.row(near) ? near : 0;
    if (this.total > 0 && this.row(at)) this.select(at);
    else {
      this.selectedIndex = -1;
      this.selectedUid = null;
    }
  }
}
