import type { Request, Response } from 'express';
import { uploadFieldsSchema } from '@sluice/shared/contracts/knowledge';
import { RequestError, SluiceError } from '@sluice/shared/errors';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { requestIdOf, tenantOf } from '../middleware/request-context.ts';
import type { ReceivedFile } from '../receive-files.ts';
import { clientGone } from '../sse.ts';
import { acceptUpload } from '../uploads.ts';
import type { Uploader, UploadOptions } from '../uploads.ts';
import { parseInput } from '../validate.ts';
import { waitUntilIndexed } from '../wait-until-indexed.ts';

const MAX_WAIT_SECONDS = 300;

/** How long a client waits for its documents. */
interface Wait {
  seconds: number;
  gone: AbortSignal;
}

/** What became of one file. */
interface Outcome {
  status: 200 | 202;
  data: object;
}

/**
 * Answers an upload. One file: its result, or its error as the response's error. Several: a list, in which a refused
 * file has an `error` and does not touch the others.
 */
export async function answerUpload(
  deps: GatewayDeps,
  request: Request,
  response: Response,
  files: ReceivedFile[],
): Promise<void> {
  const uploader = uploaderOf(request, response);
  const wait = { seconds: preferredWait(request), gone: clientGone(response) };
  const options = readOptions(request, files);
  const [first] = files;
  if (files.length === 1 && first) {
    const { status, data } = await takeFile(deps, uploader, first, options, wait);
    return void response.status(status).json(envelope(data, status));
  }
  const outcomes = await Promise.all(
    files.map((file) =>
      takeFile(deps, uploader, file, options, wait).catch((error: unknown) => refused(file, error)),
    ),
  );
  const status = outcomes.every((outcome) => outcome.status === 200) ? 200 : 202;
  response.status(status).json(
    envelope(
      outcomes.map(({ data }) => data),
      status,
    ),
  );
}

async function takeFile(
  deps: GatewayDeps,
  uploader: Uploader,
  file: ReceivedFile,
  options: UploadOptions,
  wait: Wait,
): Promise<Outcome> {
  const { document, duplicate } = await acceptUpload(deps, uploader, file, options);
  const { id, hash, version } = document;
  // As it was uploaded, so that the client knows which of its files this is.
  const known = { id, filename: file.filename, hash, version, ...(duplicate && { duplicate }) };
  const indexed =
    wait.seconds > 0 ? await waitUntilIndexed(deps, document, wait.seconds, wait.gone) : document;
  if (wait.seconds > 0 && indexed.status === 'ready')
    return { status: 200, data: { ...known, status: 'ready', chunks: indexed.chunks ?? 0 } };
  return { status: 202, data: { ...known, status: indexed.status } };
}

/** Who sends a request. */
export function uploaderOf(request: Request, response: Response): Uploader {
  return { tenant: tenantOf(response), requestId: requestIdOf(response), address: request.ip ?? '' };
}

/** @throws {RequestError} 400 `invalid_request` */
function readOptions(request: Request, files: readonly ReceivedFile[]): UploadOptions {
  const { replace, ...fields } = parseInput(uploadFieldsSchema, request.body ?? {});
  if (fields.external_id !== undefined && files.length > 1)
    throw new RequestError(
      400,
      'invalid_request',
      'An external_id names one document. Send each file that has one in a request of its own.',
    );
  return { ...fields, replace: replace ?? (fields.external_id === undefined ? 'none' : 'external_id') };
}

function refused(file: ReceivedFile, error: unknown): Outcome {
  if (!(error instanceof SluiceError) || error.code === 'redis_unavailable') throw error;
  return {
    status: 200,
    data: { filename: file.filename, error: { code: error.code, message: error.message } },
  };
}

/** Seconds that the client wants to wait, from `Prefer: wait=30` (RFC 7240); 0 when it does not. */
function preferredWait(request: Request): number {
  const seconds = /(?:^|[,;\s])wait\s*=\s*"?(\d+)/i.exec(request.get('prefer') ?? '')?.[1];
  return Math.min(Number(seconds ?? 0), MAX_WAIT_SECONDS);
}
