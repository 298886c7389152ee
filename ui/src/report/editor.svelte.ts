// One report while it is written: its words, what was kept of them and when, and who else has changed it.
import { commands } from "../generated/commands";
import type { ContentForm, CriticalForm, OfPatientForm, Problem, Quotable, ReportPage, ReportView, SectionForm, SignReportRequest, TemplateField } from "../generated/types";
import { day } from "../lib/format";
import { problemOf } from "../lib/words.svelte";
import { nextLabel, quoteOf } from "./quotes";

/** Typing rests this long before the words are kept. */
const PAUSE_MS = 700;

export class Editor {
  page = $state.raw<ReportPage | null>(null);
  /** What the report is known to be; `null` before the first save. */
  view = $state.raw<ReportView | null>(null);
  /** The words as they are on the screen. */
  content = $state<ContentForm | null>(null);
  fields = $state.raw<TemplateField[]>([]);
  /** Words are on the screen that are not on the disk. */
  dirty = $state(false);
  saving = $state(false);
  /** Pages are being made: key images take a moment. */
  printing = $state(false);
  savedMs = $state(0);
  /** Why the words could not be kept. */
  failure = $state.raw<Problem | null>(null);
  loading = $state(true);
  /** The field that a quote or a macro goes to. */
  focused: HTMLTextAreaElement | null = null;

  #id = "";
  #base = 0;
  #saved = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: Promise<void> | null = null;
  /** The sources changed while they could not be read. */
  #isOwed = false;

  constructor(readonly studyUid: string) {}

  /** Nobody may write in it now: it is signed, and no change was begun. */
  readonly isFixed = $derived(this.content === null);
  /** Earlier reports of every kind are shown; else those of radiology. */
  allKinds = $state(false);
  readonly isInConflict = $derived(this.failure?.code === "cache.report-changed");

  #page(isOpened: boolean): Promise<ReportPage> {
    return commands.reportPage({ studyUid: this.studyUid, today: day(new Date()), isOpened, allKinds: this.allKinds });
  }

  async load(): Promise<void> {
    try {
      const page = await this.#page(true);
      this.page = page;
      // Words that are not on the disk yet stay: they are newer than what is read, and why they could not be kept is told.
      if (this.dirty && this.content !== null) return;
      // The newest that is still in use; one that was withdrawn makes room for another.
      const current = page.reports.findLast((report) => report.status !== "entered_in_error") ?? null;
      this.#take(current);
      if (this.content) await this.#readFields(this.content.template);
      this.failure = null;
    } catch (error) {
      this.failure = problemOf(error);
    } finally {
      this.loading = false;
      this.#readOwed();
    }
  }

  #take(view: ReportView | null): void {
    this.view = view;
    this.#id = view?.id ?? crypto.randomUUID();
    this.#base = view?.baseVersion ?? 0;
    this.#saved = view?.saved ?? 0;
    this.savedMs = view?.savedMs ?? 0;
    this.content = view?.working ?? null;
    this.dirty = false;
  }

  async #readFields(template: string): Promise<void> {
    if (template === "") return;
    try {
      this.fields = (await commands.beginReport({ template })).fields;
    } catch {
      // A template of another site: the report stays what it is, its fields are text.
      this.fields = [];
    }
  }

  /** Begins a report with a form. */
  async begin(template: string): Promise<void> {
    await this.#try(async () => {
      const start = await commands.beginReport({ template });
      this.content = start.content;
      this.fields = start.fields;
      this.changed();
    });
  }

  /** Begins to change what was signed; it is kept beside the signed words until it is signed too. */
  async amend(): Promise<void> {
    const newest = this.view?.versions.at(-1);
    if (!newest) return;
    this.content = structuredClone(newest.content);
    this.#base = newest.number;
    this.#saved = this.view?.saved ?? 0;
    await this.#readFields(newest.content.template);
    this.changed();
  }

  /** The words on the screen are others now. */
  changed(): void {
    this.dirty = true;
    clearTimeout(this.#timer);
    // What was refused is not tried again by itself: a person has to look.
    if (!this.isInConflict) this.#timer = setTimeout(() => void this.flush(), PAUSE_MS);
  }

  /** Keeps the words now. True when what is on the screen is on the disk. */
  async flush(): Promise<boolean> {
    clearTimeout(this.#timer);
    while (this.#running) await this.#running;
    if (!this.dirty || this.content === null) return true;
    this.#running = this.#save($state.snapshot(this.content) as ContentForm);
    await this.#running;
    this.#running = null;
    return !this.dirty;
  }

  async #save(content: ContentForm): Promise<void> {
    this.saving = true;
    this.dirty = false;
    try {
      const request = { report: this.#id, studyUid: this.studyUid, content, baseVersion: this.#base, saved: this.#saved };
      const done = await commands.saveReport(request);
      [this.#saved, this.savedMs, this.failure] = [done.saved, done.savedMs, null];
    } catch (error) {
      this.dirty = true;
      this.failure = problemOf(error);
    } finally {
      this.saving = false;
      this.#readOwed();
    }
  }

  /** Nothing is kept by itself any more until somebody types again. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Signs what is on the screen. True when it is done. */
  async sign(act: SignReportRequest["act"], words = ""): Promise<boolean> {
    const adds = act === "addendum" || act === "entered_in_error";
    if (!adds && !(await this.flush())) return false;
    const baseVersion = adds ? (this.view?.versions.length ?? 0) : this.#base;
    return this.#try(async () => {
      const view = await commands.signReport({ report: this.#id, act, words, baseVersion });
      await this.#again(view.id);
    });
  }

  /** Throws away what was written since the last version. */
  async discard(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#try(async () => {
      if (this.#saved > 0) await commands.discardReport({ report: this.#id });
      this.dirty = false;
      await this.#again(this.#id);
    });
  }

  /** Writes down that a critical result was passed on. */
  async tellCritical(critical: CriticalForm): Promise<boolean> {
    if (!(await this.flush())) return false;
    return this.#try(async () => {
      await commands.tellCritical({ report: this.#id, critical });
      const page = await this.#page(false);
      this.page = page;
      this.view = page.reports.find((report) => report.id === this.#id) ?? this.view;
    });
  }

  /** Something was drawn or changed on the images: what can be quoted is read again, the words stay. */
  async refreshSources(): Promise<void> {
    if (this.page === null || this.saving) {
      this.#isOwed = true;
      return;
    }
    try {
      const page = await this.#page(false);
      this.page = page;
    } catch {
      // The next change or the next visit reads it again; what is written does not depend on it.
    }
  }

  /** Shows earlier reports of every kind, or of radiology again. */
  async showKinds(all: boolean): Promise<void> {
    this.allKinds = all;
    if (all) await this.ask("all_reports", false);
    await this.refreshSources();
  }

  /** Has the sources asked about the patient; what comes is told by a change of the study. */
  async ask(what: OfPatientForm, further: boolean): Promise<void> {
    await this.#try(async () => void (await commands.askOfPatient({ studyUid: this.studyUid, what, further })));
  }

  #readOwed(): void {
    if (!this.#isOwed) return;
    this.#isOwed = false;
    void this.refreshSources();
  }

  /** Writes the newest version as PDF where the person says. */
  async savePdf(): Promise<void> {
    const newest = this.view?.versions.at(-1);
    if (!newest || this.printing) return;
    this.printing = true;
    await this.#try(async () => void (await commands.saveReportPdf({ report: this.#id, version: newest.number, utcOffsetMin: -new Date().getTimezoneOffset() })));
    this.printing = false;
  }

  async #again(id: string): Promise<void> {
    const page = await this.#page(false);
    this.page = page;
    this.#take(page.reports.find((report) => report.id === id && report.status !== "entered_in_error") ?? null);
  }

  /** What others changed meanwhile, to be looked at beside what is on the screen. */
  async others(): Promise<ReportView | null> {
    const page = await this.#page(false);
    return page.reports.find((report) => report.id === this.#id) ?? null;
  }

  /** The person has seen both: what is on the screen goes on from what the others did. */
  async keepMine(theirs: ReportView): Promise<void> {
    this.view = theirs;
    this.#base = theirs.versions.length;
    this.#saved = theirs.saved;
    this.failure = null;
    this.dirty = true;
    await this.flush();
  }

  /** The person has seen both, and takes the others' words. */
  keepTheirs(theirs: ReportView): void {
    this.failure = null;
    this.#take(theirs);
  }

  /** Quotes a measurement or key image where the cursor is; the label that now stands for it. */
  quote(quotable: Quotable): string | null {
    const content = this.content;
    if (content === null) return null;
    const known = content.quotes.find((quote) => quote.annotation === quotable.measurement.id);
    const label = known?.label ?? nextLabel(content.quotes, quotable);
    const quote = quoteOf(quotable, label);
    content.quotes = known ? content.quotes.map((q) => (q === known ? quote : q)) : [...content.quotes, quote];
    this.insert(`[${label}]`);
    this.changed();
    return label;
  }

  /** Types a text where the cursor is; in the findings where it is nowhere. */
  insert(text: string): void {
    const field = this.focused?.isConnected ? this.focused : null;
    if (field === null) {
      const section = this.content?.sections.find((s) => s.key === "findings") ?? this.content?.sections[0];
      if (section) section.text = section.text === "" ? text : `${section.text.trimEnd()} ${text}`;
      return;
    }
    field.focus();
    // As if it was typed: the field's own undo takes it back.
    if (!document.execCommand("insertText", false, text)) field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  section(key: string): SectionForm | undefined {
    return this.content?.sections.find((section) => section.key === key);
  }

  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.failure = null;
      return true;
    } catch (error) {
      this.failure = problemOf(error);
      return false;
    }
  }
}
