// What somebody else did at the server meanwhile, while a person looks at it: read, and settled once.
import type { Problem } from "../generated/types";
import { desk } from "../lib/desk.svelte";
import { moment } from "../lib/format";
import { problemOf } from "../lib/words.svelte";

export class Met<T> {
  seen = $state.raw<T | null>(null);
  failure = $state.raw<Problem | null>(null);
  busy = $state(false);

  /** For the beginning of a component: asked again when what `ask` names is another. */
  constructor(ask: () => Promise<T>) {
    $effect(() => {
      ask().then((answer) => (this.seen = answer), (error) => (this.failure = problemOf(error)));
    });
  }

  /** Does what the person decided, and closes the dialog when it is done. */
  async settle(act: () => Promise<void>): Promise<void> {
    this.busy = true;
    try {
      await act();
      desk.overlay = null;
    } catch (error) {
      this.failure = problemOf(error);
    } finally {
      this.busy = false;
    }
  }
}

/** A server's moment, or a dash where it tells none. */
export const momentOf = (text: string | null): string => (text === null || Number.isNaN(Date.parse(text)) ? "—" : moment(Date.parse(text)));
