// Leaving what is being written: it is kept first, in the name of who wrote it; who can't is held back once, the lock is not.
import type { Problem } from "../generated/types";
import type { Editor } from "../report/editor.svelte";
import { unkept } from "../report/unkept";

/** A second try to leave within this time goes, whatever is lost; later it is a new wish. */
const SOON_MS = 30_000;
/** The lock does not wait longer than this, milliseconds. */
const LOCK_MS = 1000;

/** What is told to somebody who wants to leave words that could not be kept. */
const notKept = (): Problem => ({ code: "report.not-kept", values: {}, detail: "" });

export class Leaving {
  /** When somebody who wanted to sign out was told so. */
  #warnedMs: number | null = null;

  /** `account`: who is here now. `tell` says what went wrong. */
  constructor(
    private readonly account: () => string | null,
    private readonly tell: (problem: Problem) => void,
  ) {}

  /** Keeps what is being written; true when nothing is left. */
  keep(): Promise<boolean> {
    return unkept.keep(this.account());
  }

  /** As `keep`, for somebody who goes now: what can't be kept is here for them behind the lock. */
  async locks(): Promise<void> {
    await Promise.race([this.keep(), new Promise((done) => setTimeout(done, LOCK_MS))]);
  }

  /** Whether somebody may sign out: when all is kept, or when they were told that it is not, and try again soon. */
  async may(): Promise<boolean> {
    if (await this.keep()) {
      this.#warnedMs = null;
      return true;
    }
    const may = this.#warnedMs !== null && Date.now() - this.#warnedMs < SOON_MS;
    this.#warnedMs = may ? null : Date.now();
    if (!may) this.tell(notKept());
    return may;
  }

  /** The page of a report was left: what could not be kept of it is said where somebody is, and is there when it is opened again. */
  async left(editor: Editor, isHere: () => boolean): Promise<void> {
    const kept = await unkept.leave(editor, this.account());
    if (!kept && isHere()) this.tell(editor.failure ?? notKept());
  }
}
