import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface CpuProfile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
    hitCount?: number;
  }[];
  samples: number[];
  timeDeltas: number[];
}

/** A function's own share of the time that a process was busy. */
export interface SelfTime {
  share: number;
  where: string;
}

/** `CPU.<date>.<time>.<pid>.<thread>.<sequence>.cpuprofile`; other threads are 1 and up. */
const MAIN_THREAD = /\.0\.\d+\.cpuprofile$/;
const NOT_BUSY = new Set(['(idle)', '(program)', '(root)']);

/** The functions that cost most by themselves, of the main thread of each process that wrote a `.cpuprofile` to a folder. */
export function readProfiles(dir: string, count = 25): { file: string; functions: SelfTime[] }[] {
  const files = readdirSync(dir).filter((file) => MAIN_THREAD.test(file));
  return files.map((file) => {
    const profile = JSON.parse(readFileSync(join(dir, file), 'utf8')) as CpuProfile;
    return { file, functions: rankSelfTimes(profile).slice(0, count) };
  });
}

function rankSelfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  let busy = 0;
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id);
    if (!frame || NOT_BUSY.has(frame.functionName)) continue;
    const where = `${frame.functionName || '(anonymous)'} ${shorten(frame.url)}:${frame.lineNumber + 1}`;
    const time = timeDeltas[i] ?? 0;
    times.set(where, (times.get(where) ?? 0) + time);
    busy += time;
  }
  return [...times]
    .map(([where, time]) => ({ where, share: time / busy }))
    .toSorted((a, b) => b.share - a.share);
}

/** A file from its package or its folder in the repository on. */
function shorten(url: string): string {
  return url.replace(/^.*\/node_modules\//, '').replace(/^file:\/\/.*\/(shared|services|bench)\//, '$1/');
}
