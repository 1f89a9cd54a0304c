import assert from 'node:assert/strict';

/** One line of a scrape: a metric with its labels, and its value. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** What a process shows under `/metrics`. */
export interface Scrape {
  samples: Sample[];
  /**
   * The sum of the samples of a name whose labels include those given; 0 when there is none, as of a counter that has not
   * counted yet.
   */
  sum(name: string, labels?: Record<string, string>): number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Scrapes a process. */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`, { headers });
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
  const samples = readSamples(await response.text());
  const sum = (name: string, labels: Record<string, string> = {}) =>
    samples
      .filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
      )
      .reduce((total, { value }) => total + value, 0);
  return { samples, sum };
}

/** Reads Prometheus's text format. */
export function readSamples(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    assert.ok(name, `not a sample: ${line}`);
    samples.push({
      name,
      labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key = '', label = '']) => [key, label])),
      value: Number(value),
    });
  }
  return samples;
}
