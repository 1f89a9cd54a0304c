import { styleText } from 'node:util';

const LEVELS: Record<string, 'gray' | 'cyan' | 'yellow' | 'red' | 'magenta'> = {
  trace: 'gray',
  debug: 'gray',
  info: 'cyan',
  warn: 'yellow',
  error: 'red',
  fatal: 'magenta',
};
const NAME_WIDTH = 'ingest-worker'.length;
/** Fields of a pino line that the readable form shows in another way or leaves out. */
const SHOWN_ELSEWHERE = new Set(['level', 'time', 'pid', 'hostname', 'name', 'service', 'msg', 'err']);

/** Turns one line that a process wrote into what the terminal shows. */
export type LineFormatter = (name: string, line: string) => string;

/**
 * Makes the formatter of the processes' output: pino's JSON becomes one short line, anything else gets the process's
 * name in front.
 *
 * @param options.raw passes every line as it is (`LOG_FORMAT=json`)
 * @param options.color whether the terminal shows colours
 */
export function createLineFormatter({ raw, color }: { raw: boolean; color: boolean }): LineFormatter {
  if (raw) return (_name, line) => line;
  const paint: typeof styleText = (style, text) =>
    color && text ? styleText(style, text, { validateStream: false }) : text;
  return (name, line) => {
    const label = paint('bold', name.padEnd(NAME_WIDTH));
    const record = parseRecord(line);
    if (!record) return `${label}  ${line}`;
    const level = String(record['level']);
    const fields = Object.entries(record).filter(([key]) => !SHOWN_ELSEWHERE.has(key));
    const parts = [
      paint('gray', formatTime(record['time'])),
      label,
      paint(LEVELS[level] ?? 'gray', level.toUpperCase().padEnd(5)),
      typeof record['msg'] === 'string' ? record['msg'] : '',
      paint('gray', fields.map(([key, value]) => `${key}=${formatValue(value)}`).join(' ')),
      formatError(record['err']),
    ];
    return parts.filter(Boolean).join(' ');
  };
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null && 'level' in record ? { ...record } : undefined;
  } catch {
    return undefined;
  }
}

function formatTime(time: unknown): string {
  const date = new Date(typeof time === 'string' || typeof time === 'number' ? time : Number.NaN);
  return Number.isNaN(date.getTime()) ? '' : date.toTimeString().slice(0, 8);
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}

function formatError(error: unknown): string {
  if (error === undefined) return '';
  const { stack, message } = (error ?? {}) as { stack?: unknown; message?: unknown };
  const text = [stack, message].find((part) => typeof part === 'string') ?? JSON.stringify(error);
  return `\n${text.replace(/^/gm, '    ')}`;
}
