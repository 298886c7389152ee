// What the whole window shares: the state of the desk, what is open over the worklist, and the commands by name.
import { commands, onDeskEvent } from "../generated/commands";
import type {
  DeskEvent,
  DeskState,
  ImportState,
  LightBoxState,
  ListenerState,
  Notice,
  Performed,
  Problem,
  RetrievalRow,
  SessionView,
  SettingsChange,
  SettingsView,
  SignReportRequest,
  StartState,
  StudyRow,
  SyncBadge,
  WindowCommand,
} from "../generated/types";
import type { DeskCommandId } from "../generated/hotkeys";
import type { Editor } from "../report/editor.svelte";
import { Expected } from "./expected.svelte";
import { Leaving } from "./leaving";
import { may, offers, refusal } from "./session";
import { problemOf, setLocale } from "./words.svelte";
import { Worklist } from "./worklist.svelte";

/** Commands that are about the study that is selected. */
const ON_A_STUDY: ReadonlySet<string> = new Set(["desk.open_study", "desk.report", "record.set_read_state", "record.set_priority", "record.claim", "record.release", "record.delete_studies"]);

/** What lies over the worklist. */
export type Overlay = "palette" | "help" | "import" | "find" | "listener" | "provider" | "columns" | "glass" | { deleting: StudyRow } | { server: number } | { destination: number } | { source: number } | { conflict: { destination: string; id: number } } | { claim: { destination: string; id: number } } | { film: ShownFilm } | { signing: SignReportRequest["act"][] } | { critical: true } | { discarding: true } | null;

/** A film, and what stands over it. */
export interface ShownFilm {
  studyUid: string;
  instanceUid: string;
  /** Whose it is. */
  identity: string;
  /** Series and study, in a line. */
  about: string;
}

export class Desk {
  start = $state<StartState>({ state: "opening" });
  /** Who is at the desk. */
  session = $state.raw<SessionView | null>(null);
  settings = $state<SettingsView | null>(null);
  lightBox = $state<LightBoxState>({ state: "idle" });
  importing = $state<ImportState>({ state: "idle" });
  /** Studies on their way from servers. */
  retrievals = $state.raw<RetrievalRow[]>([]);
  /** Whether this workstation takes what others send. */
  listener = $state.raw<ListenerState>({ state: "off" });
  /** What waits to be sent, in numbers. */
  sync = $state.raw<SyncBadge | null>(null);
  notice = $state<Notice | null>(null);
  version = $state("");
  page = $state<"worklist" | "report" | "sync" | "audit" | "settings">("worklist");
  /** The study whose report is on the page. */
  reportUid = $state<string | null>(null);
  overlay = $state<Overlay>(null);
  /** A command failed: what to tell the person, until put away. */
  failure = $state.raw<Problem | null>(null);
  /** What was done last and can be taken back or done again; put away by itself. */
  done = $state.raw<Performed | null>(null);
  /** Raised when measurements or state of the study changed, so that the panel reads again. */
  studyChanges = $state<Record<string, number>>({});
  /** The study that was asked for and is not on the light box yet. */
  openingUid = $state<string | null>(null);
  /** Files are held over the window. */
  dropping = $state(false);
  worklist = new Worklist();
  /** Orders whose images are not here yet. */
  expected = new Expected();
  /** Raised when other systems are asked or have answered. */
  inboundChanges = $state(0);
  #leaving = new Leaving(() => this.session?.person?.account ?? null, (problem) => (this.failure = problem));
  /** What events were heard while the state was on its way: they are newer. */
  #hearing = new Set<Set<DeskEvent["type"]>>();
  /** Puts the cursor into the search; set by the toolbar. */
  focusSearch: () => void = () => {};
  /** Puts the focus on the reading state; set by the study panel. */
  focusState: () => void = () => {};
  /** Puts the focus on the priority; set by the study panel. */
  focusPriority: () => void = () => {};
  /** Puts the cursor into the list; set by the list. */
  focusList: () => void = () => {};

  /** Reads the state once and listens from then on. What an event said meanwhile is newer than the state that was read. */
  async open(): Promise<void> {
    await onDeskEvent((event) => {
      for (const heard of this.#hearing) heard.add(event.type);
      this.#hear(event);
    });
    const { state, heard } = await this.#state();
    if (!heard.has("settings")) this.#settle(state.settings);
    if (!heard.has("session")) this.session = state.session;
    if (!heard.has("notice")) this.notice = state.notice;
    this.version = state.version;
    if (!heard.has("start")) this.#started(state.start);
  }

  /** The state, and what events have said while it was on its way. What a locked window is not told is taken from it here. */
  async #state(): Promise<{ state: DeskState; heard: Set<DeskEvent["type"]> }> {
    const heard = new Set<DeskEvent["type"]>();
    this.#hearing.add(heard);
    try {
      const state = await commands.deskState();
      if (!heard.has("light_box")) this.lightBox = state.lightBox;
      if (!heard.has("import")) this.importing = state.import;
      if (!heard.has("retrievals")) this.retrievals = state.retrievals;
      if (!heard.has("listener")) this.listener = state.listener;
      if (!heard.has("sync")) this.sync = state.sync;
      return { state, heard };
    } finally {
      this.#hearing.delete(heard);
    }
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
    await this.perform({ do: "open_study", with: { studyUid: uid, nextUid: this.worklist.below(uid) } });
  }

  /** Shows the report of the selected study, or of the one named. */
  openReport(uid: string | null = this.worklist.selectedUid): void {
    if (uid === null) return;
    this.reportUid = uid;
    this.page = "report";
  }

  /** Has the desk do a command; what undo takes back is offered for a while. True when it is done. */
  async perform(command: WindowCommand): Promise<boolean> {
    // What was typed a moment ago is kept in the name of who typed it, before the session is another's or nobody's. The lock
    // waits for nobody: what can't be kept now is here for the same person behind it.
    if (command.do === "sign_out" && !(await this.#leaving.may())) return false;
    if (command.do === "lock") await this.#leaving.locks();
    const done = await this.try(() => commands.perform(command));
    if (done === undefined) return false;
    if (command.do === "delete_studies") this.worklist.removed(command.with.studyUids);
    this.done = done.undoable || done.redoable ? done : null;
    return true;
  }

  /** "I am reading this": the selected study, or the one named; also from somebody else where that is said. */
  async claim(uid: string | null = this.worklist.selectedUid, over = false): Promise<void> {
    if (uid !== null) await this.perform({ do: "claim", with: { studyUid: uid, over } });
  }

  /** "I am not reading this any more." */
  async release(uid: string | null = this.worklist.selectedUid): Promise<void> {
    if (uid !== null) await this.perform({ do: "release", with: { studyUid: uid } });
  }

  /** Changes one setting. */
  async change(change: SettingsChange): Promise<void> {
    await this.perform({ do: "change_setting", with: change });
  }

  /** As `change`, for a form that stays open, and says why itself, when it is refused. */
  async set(change: SettingsChange): Promise<void> {
    const done = await commands.perform({ do: "change_setting", with: change });
    this.done = done.undoable || done.redoable ? done : null;
  }

  /** Asks before a study is deleted, by name. */
  askToDelete(): void {
    const row = this.worklist.row(this.worklist.selectedIndex);
    if (row && row.uid === this.worklist.selectedUid) this.overlay = { deleting: row };
  }

  /** Whether who is signed in has a right now. */
  may(right: string): boolean {
    return may(this.session, right);
  }

  /** Whether a command is offered to who is signed in. */
  offers(id: string): boolean {
    return offers(this.session, id);
  }

  /** Does what a command id says; false when the desk has no such command now. */
  run(command: string): boolean {
    // One entry for each command of the desk: a new one does not compile before it is here.
    const deeds: Record<DeskCommandId, () => unknown> = {
      "desk.open_study": () => this.openStudy(this.#study),
      "desk.report": () => this.openReport(this.#study),
      "desk.import": () => (this.overlay = "import"),
      "desk.find_on_server": () => (this.overlay = "find"),
      "desk.cancel_import": () => this.perform({ do: "cancel_import" }),
      "desk.search": () => {
        this.page = "worklist";
        // The toolbar may only just have come back.
        setTimeout(() => this.focusSearch());
      },
      "desk.worklist": () => (this.page = "worklist"),
      "desk.sync": () => (this.page = "sync"),
      "desk.audit": () => (this.page = "audit"),
      "desk.settings": () => (this.page = "settings"),
      "desk.toggle_theme": () => this.perform({ do: "toggle_theme" }),
      "record.set_read_state": () => this.focusState(),
      "record.set_priority": () => this.focusPriority(),
      "record.claim": () => this.claim(this.#study),
      "record.release": () => this.release(this.#study),
      "edit.undo": () => this.perform({ do: "undo" }),
      "edit.redo": () => this.perform({ do: "redo" }),
      "record.delete_studies": () => this.askToDelete(),
      "app.palette": () => (this.overlay = "palette"),
      "app.help": () => (this.overlay = "help"),
      "desk.lock": () => this.perform({ do: "lock" }),
      "desk.sign_out": () => this.perform({ do: "sign_out" }),
      "desk.break_glass": () => (this.overlay = "glass"),
    };
    if (!(command in deeds)) return false;
    if (!this.offers(command)) {
      this.failure = refusal(command);
      return true;
    }
    if (ON_A_STUDY.has(command) && !this.#isInSight(command)) {
      // Nothing is done to a study that nobody sees: it is shown first.
      this.page = "worklist";
      this.expected.shown = false;
      return true;
    }
    deeds[command as DeskCommandId]();
    return true;
  }

  /** Whether the study that a command would be about is the one that a person looks at. */
  #isInSight(command: string): boolean {
    if (this.page === "worklist") return !this.expected.shown;
    // What has a field or a question of its own on the worklist needs it; the rest is about the study of the page.
    const isOfPage = ["desk.open_study", "desk.report", "record.claim", "record.release"].includes(command);
    return this.page === "report" && isOfPage;
  }

  /** The study that a person looks at. */
  get #study(): string | null {
    return this.page === "report" ? this.reportUid : this.worklist.selectedUid;
  }

  /** Runs something that can fail, and says so where the person sees it. */
  async try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.failure = null;
      return done;
    } catch (error) {
      this.failure = problemOf(error);
      this.openingUid = null;
      return undefined;
    }
  }

  /** Reads something that nobody asked for: it says when that fails, and takes no other failure away. */
  async read<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failure = problemOf(error);
      return undefined;
    }
  }

  /** The page of a report was left: what could not be kept of it is said, and is there when it is opened again. */
  left(editor: Editor): Promise<void> {
    return this.#leaving.left(editor, () => this.session?.standing === "active");
  }

  /** The window is asked to close: what is being written is kept first. When that fails the desk says whether it stays. */
  async #close(): Promise<void> {
    await this.try(async () => {
      await commands.mayClose({ step: "keeping" });
      await commands.mayClose({ step: (await this.#leaving.keep()) ? "kept" : "not_kept" });
    });
  }

  #started(start: StartState): void {
    const before = this.start.state;
    this.start = start;
    if (start.state === "ready" && before !== "ready" && this.may("see")) void this.worklist.ask();
  }

  /** Somebody came, went or was locked out: what the window holds of studies goes with them. */
  #enter(session: SessionView): void {
    const before = this.session;
    const [was, is] = [before?.standing === "active", session.standing === "active"];
    const other = before?.person?.account !== session.person?.account;
    const sees = may(session, "see");
    const changed = sees !== may(before, "see");
    this.session = session;
    if (was && (!is || other)) {
      this.overlay = null;
      this.failure = null;
      this.done = null;
      this.openingUid = null;
      this.studyChanges = {};
      this.importing = { state: "idle" };
      this.retrievals = [];
      this.listener = { state: "off" };
      this.sync = null;
    }
    if (other) {
      this.page = "worklist";
      this.worklist.reset();
      this.expected.reset();
    } else if (!is || !sees) {
      this.worklist.hide();
      this.expected.reset();
    }
    if (is && (!was || other || changed)) void this.read(() => this.#readAgain(sees));
  }

  /** Reads what a locked window is not told. */
  async #readAgain(sees: boolean): Promise<void> {
    await this.#state();
    if (sees && this.start.state === "ready") await this.worklist.ask();
  }

  #changed(uid: string): void {
    this.studyChanges[uid] = (this.studyChanges[uid] ?? 0) + 1;
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
      case "session":
        return this.#enter(event.body);
      case "worklist_changed":
        return this.worklist.changed();
      case "study_changed":
        this.#changed(event.body.studyUid);
        return this.worklist.changed();
      case "studies_changed": {
        const looked = new Set([this.worklist.selectedUid, this.reportUid]);
        for (const uid of event.body.studyUids) if (looked.has(uid)) this.#changed(uid);
        return this.worklist.changed();
      }
      case "study_shown":
        if (this.openingUid === event.body.studyUid) this.openingUid = null;
        return;
      case "import":
        this.importing = event.body;
        return;
      case "retrievals":
        this.retrievals = event.body;
        return;
      case "listener":
        this.listener = event.body;
        return;
      case "sync":
        this.sync = event.body;
        return;
      case "inbound":
        this.inboundChanges += 1;
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
      case "closing":
        return void this.#close();
      case "failure":
        this.failure = event.body;
        this.openingUid = null;
    }
  }
}

/** The desk of this window. */
export const desk = new Desk();
