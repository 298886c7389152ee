// What the whole window shares: the state of the desk, what is open over the worklist, and the commands by name.
import { commands, onDeskEvent } from "../generated/commands";
import type {
  DeskEvent,
  ImportState,
  LightBoxState,
  Notice,
  SettingsChange,
  SettingsView,
  StartState,
  StudyRow,
} from "../generated/types";
import { setLocale } from "./words.svelte";
import { messageOf, Worklist } from "./worklist.svelte";

/** What lies over the worklist. */
export type Overlay = "palette" | "help" | "import" | "columns" | { deleting: StudyRow } | null;

export class Desk {
  start = $state<StartState>({ state: "opening" });
  settings = $state<SettingsView | null>(null);
  lightBox = $state<LightBoxState>({ state: "idle" });
  importing = $state<ImportState>({ state: "idle" });
  notice = $state<Notice | null>(null);
  version = $state("");
  page = $state<"worklist" | "settings">("worklist");
  overlay = $state<Overlay>(null);
  /** A command failed: what to tell the person, until put away. */
  failure = $state<string | null>(null);
  /** Raised when measurements or state of the study changed, so that the panel reads again. */
  studyChanges = $state<Record<string, number>>({});
  /** The study that was asked for and is not on the light box yet. */
  openingUid = $state<string | null>(null);
  /** Files are held over the window. */
  dropping = $state(false);
  worklist = new Worklist();
  /** Puts the cursor into the search; set by the toolbar. */
  focusSearch: () => void = () => {};
  /** Puts the cursor into the list; set by the list. */
  focusList: () => void = () => {};

  /** Reads the state once and listens from then on. */
  async open(): Promise<void> {
    await onDeskEvent((event) => this.#hear(event));
    const state = await commands.deskState();
    this.#settle(state.settings);
    this.lightBox = state.lightBox;
    this.importing = state.import;
    this.notice = state.notice;
    this.version = state.version;
    this.#started(state.start);
  }

  /** Opens the cache again after trouble. */
  async retry(): Promise<void> {
    this.start = { state: "opening" };
    await this.try(async () => this.#started(await commands.retryStart()));
  }

  /** Opens the selected study, or the one named, on the light box. */
  async openStudy(uid: string | null = this.worklist.selectedUid): Promise<void> {
    if (uid === null) return;
    this.openingUid = uid;
    await this.try(() => commands.openStudy({ studyUid: uid }));
  }

  /** Changes one setting. */
  async change(change: SettingsChange): Promise<void> {
    await this.try(async () => this.#settle(await commands.changeSetting(change)));
  }

  /** Light or dark. */
  toggleTheme(): Promise<void> {
    return this.change({ name: "theme", value: this.settings?.theme === "dark" ? "light" : "dark" });
  }

  /** Asks before a study is deleted, by name. */
  askToDelete(): void {
    const row = this.worklist.row(this.worklist.selectedIndex);
    if (row && row.uid === this.worklist.selectedUid) this.overlay = { deleting: row };
  }

  /** Does what a command id says; false when the desk has no such command now. */
  run(command: string): boolean {
    const deeds: Record<string, () => unknown> = {
      "desk.open_study": () => this.openStudy(),
      "desk.import": () => (this.overlay = "import"),
      "desk.cancel_import": () => this.try(() => commands.cancelImport()),
      "desk.search": () => {
        this.page = "worklist";
        // The toolbar may only just have come back.
        setTimeout(() => this.focusSearch());
      },
      "desk.worklist": () => (this.page = "worklist"),
      "desk.settings": () => (this.page = "settings"),
      "desk.toggle_theme": () => this.toggleTheme(),
      "record.delete_studies": () => this.askToDelete(),
      "app.palette": () => (this.overlay = "palette"),
      "app.help": () => (this.overlay = "help"),
    };
    const deed = deeds[command];
    if (!deed) return false;
    deed();
    return true;
  }

  /** Runs something that can fail, and says so where the person sees it. */
  async try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.failure = null;
      return done;
    } catch (error) {
      this.failure = messageOf(error);
      this.openingUid = null;
      return undefined;
    }
  }

  #started(start: StartState): void {
    const before = this.start.state;
    this.start = start;
    if (start.state === "ready" && before !== "ready") void this.worklist.ask();
  }

  #settle(settings: SettingsView): void {
    this.settings = settings;
    setLocale(settings.locale);
    document.documentElement.dataset["theme"] = settings.theme === "dark" ? "reading" : "bedside";
    document.documentElement.dataset["density"] = settings.density;
  }

  #hear(event: DeskEvent): void {
    switch (event.type) {
      case "start":
        return this.#started(event.body);
      case "worklist_changed":
        return this.worklist.changed();
      case "study_changed":
        this.studyChanges[event.body.studyUid] = (this.studyChanges[event.body.studyUid] ?? 0) + 1;
        return this.worklist.changed();
      case "study_shown":
        if (this.openingUid === event.body.studyUid) this.openingUid = null;
        return;
      case "import":
        this.importing = event.body;
        return;
      case "light_box":
        this.lightBox = event.body;
        if (event.body.state === "failed") this.openingUid = null;
        return;
      case "settings":
        return this.#settle(event.body);
      case "notice":
        this.notice = event.body;
        return;
      case "light_box_problem":
        this.failure = event.body.message;
        this.openingUid = null;
    }
  }
}

/** The desk of this window. */
export const desk = new Desk();
