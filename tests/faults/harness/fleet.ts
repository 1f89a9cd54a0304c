import { startService } from '../../helpers/process.ts';
import type { ServiceName, TestService } from '../../helpers/process.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** The processes of one service, which are killed, stopped and replaced. */
export class Fleet implements AsyncDisposable {
  readonly #name: ServiceName;
  readonly #env: Record<string, string>;
  readonly #timeline: Timeline;
  readonly #all: TestService[] = [];
  readonly #stopped = new Set<TestService>();
  #starting: Promise<unknown>[] = [];
  #isDisposed = false;

  constructor(name: ServiceName, env: Record<string, string>, timeline: Timeline) {
    this.#name = name;
    this.#env = env;
    this.#timeline = timeline;
  }

  /** Those that run and are not stopped. */
  get running(): TestService[] {
    return this.#all.filter((service) => isAlive(service) && !this.#stopped.has(service));
  }

  /** Starts some and waits until they are ready. */
  async start(count = 1): Promise<void> {
    const starting = Array.from({ length: count }, async () => {
      const service = await startService(this.#name, this.#env);
      this.#all.push(service);
      if (this.#isDisposed) await service.kill();
    });
    this.#starting.push(...starting);
    await Promise.all(starting);
  }

  /** Kills one with SIGKILL. Gives the time. */
  async kill(random: Random): Promise<number> {
    const victim = random.pick(this.running);
    const at = this.#timeline.note(`SIGKILL ${this.#name} ${victim.process.pid}`);
    await victim.kill();
    return at;
  }

  /** Stops one with SIGSTOP. Gives what lets it go on. */
  stop(random: Random): () => void {
    const victim = random.pick(this.running);
    this.#stopped.add(victim);
    this.#timeline.note(`SIGSTOP ${this.#name} ${victim.process.pid}`);
    victim.process.kill('SIGSTOP');
    return () => {
      this.#timeline.note(`SIGCONT ${this.#name} ${victim.process.pid}`);
      victim.process.kill('SIGCONT');
      this.#stopped.delete(victim);
    };
  }

  /** What all of them wrote of something, also those that are gone. */
  linesAbout(text: string): string[] {
    return this.#all.flatMap((service) =>
      service
        .logs()
        .split('\n')
        .filter((line) => line.includes(text))
        .map((line) => `${this.#name} ${service.process.pid}: ${line}`),
    );
  }

  /** Processes that ended by themselves, with the last of what they wrote. */
  crashes(): string[] {
    return this.#all
      .filter(({ process }) => process.exitCode !== null)
      .map((service) => {
        const { pid, exitCode } = service.process;
        return `${this.#name} ${pid} exit ${exitCode}: ${service.logs().slice(-4_000)}`;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.allSettled(this.#starting);
    await Promise.all(this.#all.map((service) => service.kill()));
  }
}

function isAlive({ process }: TestService): boolean {
  return process.exitCode === null && process.signalCode === null;
}
