import { Refusal } from './refusal.mjs';
import { ManagedProcess, type ProcessSpec } from './managed-process.ts';
import { waitFor } from './wait-for.ts';

/** Processes that start and end together; those of a later layer depend on the earlier ones. */
export interface Layer {
  readonly specs: readonly ProcessSpec[];
  /** Whether the next layer waits until this one is up. */
  readonly isAwaited: boolean;
}

/** Where a {@link Stack} reports. */
export interface StackOutput {
  /** A line that a process wrote. */
  write(name: string, line: string): void;
  /** A sentence of the supervisor itself. */
  say(sentence: string): void;
  /** A process runs under a new id. */
  started(member: { spec: ProcessSpec; layer: number; pid: number }): void;
}

interface Member {
  readonly process: ManagedProcess;
  isUp: boolean;
  hasGivenUp: boolean;
  /** What it wrote (to stderr) before it was up: shown if it dies, told as one when it is about the configuration. */
  heldLines: string[];
  missing: string;
}

/** How long the other processes may take to report their own problems after the first one did. */
const CONFIGURATION_SETTLE_MS = 3_000;

/** A set of processes that is started in order, kept running, and stopped in the opposite order. */
export class Stack {
  /** Rejects with a {@link Refusal} when the stack cannot go on. */
  readonly failed: Promise<never>;
  readonly #layers: { members: Member[]; isAwaited: boolean }[];
  readonly #output: StackOutput;
  readonly #fail: (reason: Refusal) => void;
  #isStopping = false;

  constructor(layers: readonly Layer[], output: StackOutput) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.failed.catch(() => undefined);
    this.#fail = reject;
    this.#output = output;
    this.#layers = layers.map(({ specs, isAwaited }, layer) => ({
      members: specs.map((spec) => this.#addMember(spec, layer)),
      isAwaited,
    }));
  }

  /**
   * Starts every process and waits until all are up.
   *
   * @returns false when the stack was stopped before that
   * @throws {Refusal} when one is not up after `timeoutMs`, or the stack has failed
   */
  async start(timeoutMs: number): Promise<boolean> {
    const waits: Promise<void>[] = [];
    for (const { members, isAwaited } of this.#layers) {
      if (this.#isStopping) return false;
      for (const { process } of members) process.start();
      const layerUp = Promise.all(members.map((member) => this.#waitUntilUp(member, timeoutMs))).then(
        () => undefined,
      );
      layerUp.catch(() => undefined);
      waits.push(layerUp);
      if (isAwaited) await Promise.race([layerUp, this.failed]);
    }
    await Promise.race([Promise.all(waits), this.failed]);
    return !this.#isStopping;
  }

  /** Stops every process, the last layer first, and resolves when all are gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const { members } of this.#layers.toReversed()) {
      await Promise.all(members.map(({ process }) => process.stop()));
    }
  }

  /** Ends every process at once; what {@link stop} waits for comes to its end too. */
  kill(): void {
    this.#isStopping = true;
    for (const { process } of this.#members()) process.kill();
  }

  #members(): Member[] {
    return this.#layers.flatMap(({ members }) => members);
  }

  #addMember(spec: ProcessSpec, layer: number): Member {
    const { name } = spec;
    const member: Member = {
      isUp: false,
      hasGivenUp: false,
      heldLines: [],
      missing: 'it has not started',
      process: new ManagedProcess(spec, {
        started: (pid) => this.#output.started({ spec, layer, pid }),
        wrote: (line, stream) => {
          const isHeld = member.isUp ? spec.isQuiet && this.#isStopping : spec.isQuiet || stream === 'stderr';
          if (isHeld) member.heldLines.push(line);
          else this.#output.write(name, line);
        },
        restarting: (how, delayMs) => {
          this.#releaseLines(member);
          this.#output.say(`${name} ${how}; starting it again in ${delayMs / 1_000} s.`);
        },
        gaveUp: (how, reason) => {
          member.hasGivenUp = true;
          if (reason === 'configuration') return void this.#failForConfiguration();
          this.#releaseLines(member);
          this.#fail(
            new Refusal(`${name} ${how} again and again (its messages are above): stopping everything.`),
          );
        },
      }),
    };
    return member;
  }

  async #waitUntilUp(member: Member, timeoutMs: number): Promise<void> {
    const { name, probe } = member.process.spec;
    const isUp = async () => {
      if (this.#isStopping) return true;
      const missing = await probe();
      if (missing !== undefined) member.missing = missing;
      return missing === undefined;
    };
    await waitFor(isUp, { timeoutMs, what: name }).catch(() => {
      this.#releaseLines(member);
      throw new Refusal(
        `${name} was not ready after ${timeoutMs / 1_000} s (${member.missing}): see its messages above.`,
      );
    });
    member.isUp = true;
    if (member.process.spec.isQuiet) member.heldLines.length = 0;
    this.#releaseLines(member);
  }

  #releaseLines(member: Member): void {
    for (const line of member.heldLines.splice(0)) this.#output.write(member.process.spec.name, line);
  }

  /** Several processes read the same variables, so each line of their complaints is told once. */
  async #failForConfiguration(): Promise<void> {
    const members = this.#members();
    const haveSettled = () => members.every(({ isUp, hasGivenUp }) => isUp || hasGivenUp);
    await waitFor(haveSettled, { timeoutMs: CONFIGURATION_SETTLE_MS, what: 'the other processes' }).catch(
      () => undefined,
    );
    const lines = members
      .filter(({ hasGivenUp }) => hasGivenUp)
      .flatMap(({ heldLines }) => heldLines.splice(0));
    this.#fail(new Refusal(joinProblems(lines)));
  }
}

/** The services write a heading and then one `  - ` line for each problem. */
function joinProblems(lines: string[]): string {
  const problems = [...new Set(lines.filter((line) => line.startsWith('  - ')))];
  if (problems.length === 0) return [...new Set(lines)].join('\n');
  return ['The configuration cannot be used; correct these variables and start again:', ...problems].join(
    '\n',
  );
}
