import { setTimeout as delay } from 'node:timers/promises';
import type { FaultQuestion } from '../../helpers/fault-model.ts';
import { checkStreams } from './checker.ts';
import type { AllowedEnd, Kept, Violation } from './checker.ts';
import type { Figures } from './figures.ts';
import type { Random } from './random.ts';
import { watch } from './watchers.ts';
import type { WatchOptions, Watched } from './watchers.ts';
import type { World, WorldOptions } from './world.ts';

/** One kind of trouble. */
export interface Scenario {
  name: string;
  world: WorldOptions;
  /** Seconds that it takes at full scale, about; of a run that has less time it gets its share. */
  seconds: number;
  run(context: ScenarioContext): Promise<void>;
}

/** What a scenario has to work with. */
export class ScenarioContext {
  readonly world: World;
  readonly random: Random;
  readonly figures: Figures;
  readonly violations: Violation[] = [];
  readonly #scale: number;
  readonly #until: number;
  readonly #name: string;
  #questions = 0;

  constructor(options: {
    name: string;
    world: World;
    random: Random;
    figures: Figures;
    scale: number;
    /** `performance.now()` from which on no new round begins. */
    until: number;
  }) {
    this.world = options.world;
    this.random = options.random;
    this.figures = options.figures;
    this.#name = options.name;
    this.#scale = options.scale;
    this.#until = options.until;
  }

  /** Of a number at full scale, what this run is to do; at least one. */
  scaled(full: number): number {
    return Math.max(1, Math.round(full * this.#scale));
  }

  /** Of a duration in seconds at full scale, what it is here; at least one. */
  shortened(seconds: number): number {
    return this.scaled(seconds);
  }

  /** Not before something was asked: where the start takes all of the time, a scenario would find nothing wrong. */
  get isTimeOver(): boolean {
    return this.#questions > 0 && performance.now() > this.#until;
  }

  /** Asks a question of its own and watches the answer. */
  ask(
    question: Omit<FaultQuestion, 'name'>,
    options: Partial<WatchOptions> & { deadlineMs: number },
  ): Watched {
    const name = `${this.random.seed} ${this.#name} ${this.#questions++}`;
    this.figures.count('streams');
    return watch({ name, ...question }, { url: this.world.url, random: this.random.fork(name), ...options });
  }

  /** Asks many, a little apart. */
  async askMany(count: number, ask: (n: number) => Watched, apartMs = 5): Promise<Watched[]> {
    const streams: Watched[] = [];
    for (let n = 0; n < count; n += 1) {
      streams.push(ask(n));
      await delay(apartMs);
    }
    return streams;
  }

  /** Keeps `count` chats under way until `faults` is done. Gives all of them, when all have ended. */
  async whileAsking(count: number, ask: () => Watched, faults: () => Promise<void>): Promise<Watched[]> {
    const streams: Watched[] = [];
    let isDone = false;
    const keepOne = async () => {
      while (!isDone) {
        const stream = ask();
        streams.push(stream);
        await stream.ended;
      }
    };
    const keeping = Array.from({ length: count }, async (_, n) => {
      await delay(20 * n);
      await keepOne();
    });
    try {
      await faults();
    } finally {
      isDone = true;
    }
    await Promise.all(keeping);
    return streams;
  }

  /** Waits for the end of chats, and checks them. */
  async check(streams: readonly Watched[], allowed: AllowedEnd, kept?: Kept): Promise<void> {
    await Promise.all(streams.map(({ ended }) => ended));
    const observations = streams.flatMap((stream) => stream.observations);
    this.figures.count(
      'reconnects',
      observations.reduce((sum, { connections }) => sum + connections - 1, 0),
    );
    this.figures.count(
      'records compared',
      observations.reduce((sum, { seen }) => sum + seen.length, 0),
    );
    for (const { end } of observations) this.figures.count(`ended as ${end}`);
    this.violations.push(...(await checkStreams(this.world, streams, allowed, kept)));
  }

  /** Notes something that must not be. */
  readonly violate = (what: string, story = ''): void => {
    this.violations.push({ what, story });
  };
}
