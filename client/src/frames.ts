import { createParser } from 'eventsource-parser';
import type { EventSourceMessage } from 'eventsource-parser';
import type { Connection } from './connection.ts';
import { unexpectedResponse } from './request.ts';

/** One frame of Server-Sent Events. */
export type Frame = EventSourceMessage;

/** Who wants to know what else comes between the frames. */
export interface FrameListener {
  /** Bytes came, be it a heartbeat. */
  onBytes: () => void;
  /** The server's `retry:`, in milliseconds. */
  onRetry: (delayMs: number) => void;
}

/**
 * Reads Server-Sent Events. A frame that the end of the connection cut off is dropped, as the standard has it.
 *
 * @returns the frames of each read together, never an empty list
 */
export async function* readFrames(
  connection: Pick<Connection, 'read'>,
  { onBytes, onRetry }: FrameListener,
): AsyncGenerator<Frame[], void, void> {
  let frames: Frame[] = [];
  const parser = createParser({ onEvent: (frame) => frames.push(frame), onRetry });
  const decoder = new TextDecoder();
  for (;;) {
    const bytes = await connection.read();
    if (bytes === undefined) return;
    onBytes();
    parser.feed(decoder.decode(bytes, { stream: true }));
    if (frames.length === 0) continue;
    yield frames;
    frames = [];
  }
}

/** Whether a frame's id is at or before a cursor: both are `<attempt>-<seq>`. */
export function isBehind(id: string | undefined, cursor: string | undefined): boolean {
  if (id === undefined || cursor === undefined) return false;
  const [attempt = NaN, seq = NaN] = id.split('-').map(Number);
  const [lastAttempt = NaN, lastSeq = NaN] = cursor.split('-').map(Number);
  return attempt < lastAttempt || (attempt === lastAttempt && seq <= lastSeq);
}

/** The JSON of a frame. */
export function parseData(frame: Frame): Record<string, unknown> {
  try {
    return JSON.parse(frame.data) as Record<string, unknown>;
  } catch (cause) {
    throw unexpectedResponse('An event of the stream is not JSON.', cause);
  }
}

/** The event of a frame that has a name. Its `content`, always empty, is there for clients that know no names. */
export function decodeNamed<E>(frame: Frame): E {
  const { content: _content, ...data } = parseData(frame);
  return { type: frame.event, cursor: frame.id, ...data } as E;
}
