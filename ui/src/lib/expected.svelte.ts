// Orders that no study here answers yet: how many, and the first of them while they are looked at.
import { commands } from "../generated/commands";
import type { ExpectedOrders, OrderTime, OrderView, Problem } from "../generated/types";
import { moment } from "./format";
import { problemOf } from "./words.svelte";

/** Pause in typing before the desk is asked, in milliseconds. */
const REST_MS = 60;
/** While only their number is shown it need not follow each study of an import, in milliseconds. */
const NUMBER_REST_MS = 1000;

export class Expected {
  /** They stand in the place of the worklist. */
  shown = $state(false);
  isSetUp = $state(false);
  /** A source of orders is asked again and again. */
  asksByItself = $state(false);
  total = $state(0);
  orders = $state.raw<OrderView[]>([]);
  loaded = $state(false);
  failure = $state.raw<Problem | null>(null);
  #question = 0;
  #resting: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: (request: { text: string }) => Promise<ExpectedOrders> = commands.expectedOrders) {}

  /** Asks when the fingers rest; an answer to an older question is dropped. */
  ask(text: string): void {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => void this.askNow(text), this.shown || !this.loaded ? REST_MS : NUMBER_REST_MS);
  }

  async askNow(text: string): Promise<void> {
    const question = ++this.#question;
    try {
      const answer = await this.source({ text });
      if (question !== this.#question) return;
      [this.isSetUp, this.asksByItself, this.total, this.orders] = [answer.isSetUp, answer.asksByItself, answer.total, answer.orders];
      [this.loaded, this.failure] = [true, null];
    } catch (error) {
      if (question === this.#question) this.failure = problemOf(error);
    }
  }

  /** Somebody else is here: what the last one saw goes. */
  reset(): void {
    this.#question += 1;
    clearTimeout(this.#resting);
    [this.shown, this.total, this.orders, this.loaded, this.failure] = [false, 0, [], false, null];
  }
}

/** A time as another system tells it: on this computer's clock where that can be said. */
export const orderTime = (time: OrderTime | null): string => (time === null ? "" : time.atMs === null ? time.local : moment(time.atMs));
