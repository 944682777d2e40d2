/** Clients that ask all the time while something goes wrong elsewhere, and judge every answer by its seal. */
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { curl } from '../fixture/curl.ts';
import { BrokenSealError, openSealed } from '../fixture/sealed-body.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';

/** Who asks whom for what. */
export interface SteadyLoadOptions {
  readonly upstream: SealedUpstream;
  /** Asked at random, by `random`. */
  readonly targets: readonly string[];
  readonly proxyUrls: readonly string[];
  readonly clients: number;
  /** Between 0 and 1, as Math.random. */
  readonly random: () => number;
}

/** What the clients have seen so far. */
export interface SteadyReport {
  readonly good: number;
  /** Short, mixed or foreign bodies that passed for whole: what must never be. */
  readonly wrong: readonly string[];
  /** Answers that broke off visibly, statuses and refused connections: what a direct call would not have had. */
  readonly failures: Readonly<Record<string, number>>;
}

/** A pause between the requests of a client, so that many clients are a light load. */
const PAUSE_MS = 20;
const PROGRESS_TIMEOUT_MS = 45_000;

/** The load; it runs from the start until it is stopped. */
export class SteadyLoad implements AsyncDisposable {
  readonly #options: SteadyLoadOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #clients: readonly Promise<void>[];
  #isOver = false;
  #good = 0;
  #wrong: string[] = [];
  #failures: Record<string, number> = {};

  constructor(options: SteadyLoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, async () => await this.#run());
  }

  get report(): SteadyReport {
    return { good: this.#good, wrong: this.#wrong, failures: this.#failures };
  }

  /** Waits until so many more answers have come, good or not. */
  async moreAnswers(count: number): Promise<void> {
    const answers = (): number =>
      this.#good +
      this.#wrong.length +
      Object.values(this.#failures).reduce((sum, failures) => sum + failures, 0);
    const enough = answers() + count;
    const deadlineMs = performance.now() + PROGRESS_TIMEOUT_MS;
    while (answers() < enough) {
      if (performance.now() > deadlineMs)
        throw new Error(`the clients stand still: ${JSON.stringify(this.report)}`);
      await delay(20);
    }
  }

  /** Forgets what was seen so far. */
  reset(): void {
    this.#good = 0;
    this.#wrong = [];
    this.#failures = {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#ask();
      await delay(PAUSE_MS);
    }
  }

  async #ask(): Promise<void> {
    const { upstream, targets, proxyUrls } = this.#options;
    const target = this.#pick(targets);
    try {
      const { status, body } = await curl(`${upstream.url}${target}`, this.#pick(proxyUrls), {
        agent: this.#agent,
      });
      if (status !== 200) throw new Error(`status ${status}: ${body.toString('utf8', 0, 200)}`);
      openSealed(target, body);
      this.#good += 1;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof BrokenSealError) this.#wrong.push(message);
      else this.#failures[message] = (this.#failures[message] ?? 0) + 1;
    }
  }

  #pick(among: readonly string[]): string {
    return among[Math.floor(this.#options.random() * among.length)] ?? '';
  }
}
