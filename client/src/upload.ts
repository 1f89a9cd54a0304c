import type { CallOptions, ResumeOptions } from './chat.ts';
import type { Settings } from './connection.ts';
import { SluiceApiError } from './errors.ts';
import type { DocumentEvent, ProgressEvent } from './events.ts';
import { requestData } from './request.ts';
import type { KnowledgeDocument, Metadata, RefusedFile, UploadedFile } from './types.ts';

/** A file to upload: a `File`, such as an `<input type="file">` gives, or a name with its content. */
export type FileInput = File | { name: string; content: string | Blob | Uint8Array<ArrayBuffer> };

/** Progress of one file of an upload. */
export interface UploadProgress extends Omit<ProgressEvent, 'type' | 'cursor'> {
  id: string;
  filename: string;
}

/** How files are uploaded. */
export interface UploadOptions extends CallOptions {
  /** `default` unless given. */
  collection?: string | undefined;
  /** The caller's own name for the document, of one file only; a later upload under it becomes a new version. */
  externalId?: string | undefined;
  metadata?: Metadata | undefined;
  /** By what the upload is a new version of a document: the external id where there is one, unless given. */
  replace?: 'external_id' | 'filename' | 'none' | undefined;
  /** Whether to wait until the files are indexed; false unless given. */
  wait?: boolean | undefined;
  /** Called for every step of a file while {@link UploadOptions.wait} waits. */
  onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** What waiting needs of the knowledge base. */
interface DocumentCalls {
  get(id: string, options: CallOptions): Promise<KnowledgeDocument>;
  events(id: string, options: ResumeOptions): AsyncIterable<DocumentEvent>;
}

/** Documents that are watched at a time: a browser has six connections to a server, the rest of the page wants some. */
const WATCHED_AT_ONCE = 3;

/** Uploads one file; see `KnowledgeApi.upload`. */
export async function uploadOne(
  settings: Settings,
  calls: DocumentCalls,
  file: FileInput,
  options: UploadOptions,
): Promise<UploadedFile> {
  return settle(calls, await send<UploadedFile>(settings, [file], options), options);
}

/** Uploads files together; see `KnowledgeApi.upload`. */
export async function uploadMany(
  settings: Settings,
  calls: DocumentCalls,
  files: readonly FileInput[],
  options: UploadOptions,
): Promise<(UploadedFile | RefusedFile)[]> {
  const [first] = files;
  if (!first) return [];
  // The server answers a form with one file as if it had been sent alone.
  if (files.length === 1)
    return [await uploadOne(settings, calls, first, options).catch((error) => refused(first.name, error))];
  const outcomes = await send<(UploadedFile | RefusedFile)[]>(settings, files, options);
  const unsettled = outcomes.entries();
  const settleNext = async () => {
    for (const [index, outcome] of unsettled) {
      if ('error' in outcome) continue;
      outcomes[index] = await settle(calls, outcome, options).catch((error) =>
        refused(outcome.filename, error),
      );
    }
  };
  await Promise.all(Array.from({ length: WATCHED_AT_ONCE }, settleNext));
  return outcomes;
}

/** Sending again is safe: the server knows files by their bytes. */
function send<T>(
  settings: Settings,
  files: readonly FileInput[],
  { collection, externalId, metadata, replace, signal }: UploadOptions,
): Promise<T> {
  const body = new FormData();
  const fields = {
    collection,
    external_id: externalId,
    metadata: metadata && JSON.stringify(metadata),
    replace,
  };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.append(name, value);
  appendFiles(body, files);
  return requestData<T>(settings, { method: 'POST', path: '/api/knowledge/upload', body, signal });
}

/** Puts files into a form. */
export function appendFiles(form: FormData, files: readonly FileInput[]): FormData {
  for (const file of files) {
    const content = 'content' in file ? file.content : file;
    form.append('file', content instanceof Blob ? content : new Blob([content]), file.name);
  }
  return form;
}

async function settle(
  calls: DocumentCalls,
  uploaded: UploadedFile,
  { wait, onProgress, signal }: UploadOptions,
): Promise<UploadedFile> {
  if (!wait) return uploaded;
  const { id, filename } = uploaded;
  if (uploaded.status !== 'ready') {
    for await (const event of calls.events(id, { signal })) {
      if (event.type !== 'progress') continue;
      const { stage, done, total } = event;
      onProgress?.({ id, filename, stage, done, total });
    }
  }
  const { status, chunks, error } = await calls.get(id, { signal });
  if (error) throw new SluiceApiError(error);
  return { ...uploaded, status, chunks };
}

/** What the server, or the reading of the document, has against a file; other failures concern the whole upload. */
function refused(filename: string, error: unknown): RefusedFile {
  const isAboutTheFile = error instanceof SluiceApiError && [undefined, 413, 415, 422].includes(error.status);
  if (!isAboutTheFile) throw error;
  return { filename, error: { code: error.code, message: error.message } };
}
