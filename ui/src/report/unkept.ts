// Reports that are being written, by who writes them: words that can't be kept now outlive their page and the lock, until
// the same person comes back to them. In memory only: what a program that ends takes with it is asked about before.
import { Editor } from "./editor.svelte";

interface Writing {
  account: string;
  editor: Editor;
  /** Pages that show it. */
  pages: number;
}

export class Unkept {
  #writing = new Map<string, Writing>();

  constructor(private readonly begin: (studyUid: string) => Editor = (studyUid) => new Editor(studyUid)) {}

  /** What a person writes about a study: with the words that are not on the disk yet, where there are any. */
  open(account: string, studyUid: string): Editor {
    const key = `${account}\n${studyUid}`;
    const writing = this.#writing.get(key) ?? { account, editor: this.begin(studyUid), pages: 0 };
    writing.pages += 1;
    this.#writing.set(key, writing);
    return writing.editor;
  }

  /** The page of an editor was left. `account` is who is here now: words are kept in nobody else's name. True when nothing is left. */
  async leave(editor: Editor, account: string | null): Promise<boolean> {
    const found = [...this.#writing].find(([, writing]) => writing.editor === editor);
    if (!found) return true;
    const [key, writing] = found;
    writing.pages -= 1;
    const kept = await this.#kept(writing, account);
    if (kept && writing.pages === 0) this.#writing.delete(key);
    return kept;
  }

  /** Keeps all that is being written. False when words are left that are not on the disk, whosever they are. */
  async keep(account: string | null): Promise<boolean> {
    let kept = true;
    for (const [key, writing] of [...this.#writing]) {
      const done = await this.#kept(writing, account);
      if (done && writing.pages === 0) this.#writing.delete(key);
      kept &&= done;
    }
    return kept;
  }

  async #kept(writing: Writing, account: string | null): Promise<boolean> {
    if (writing.account === account) return writing.editor.flush();
    writing.editor.rest();
    return !writing.editor.dirty;
  }
}

/** What is being written in this window. */
export const unkept = new Unkept();
