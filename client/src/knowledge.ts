import type { CallOptions, ResumeOptions } from './chat.ts';
import type { Settings } from './connection.ts';
import type { DocumentEvent } from './events.ts';
import { follow } from './follow.ts';
import { decodeNamed } from './frames.ts';
import type { Frame } from './frames.ts';
import { eventsRequest, postJson, requestData, requestText, sendJson } from './request.ts';
import type {
  DocumentPage,
  KnowledgeDocument,
  KnowledgeSettings,
  KnownDocument,
  Metadata,
  RefusedFile,
  SearchAnswer,
  SearchRequest,
  SearchResult,
  UploadedFile,
} from './types.ts';
import { uploadMany, uploadOne } from './upload.ts';
import type { FileInput, UploadOptions } from './upload.ts';

/** Which page of the documents. */
export interface PageOptions extends CallOptions {
  /** Documents a page, 1 to 200; 50 unless given. */
  limit?: number | undefined;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
}

/** Which page of which documents. */
export interface DocumentPageOptions extends PageOptions {
  /** Those of all collections unless given. */
  collection?: string | undefined;
}

/** Which text. */
export interface TextOptions extends CallOptions {
  /** Of the source whose offsets are to be used; 410 `version_gone` when another version is searched now. */
  version?: number | undefined;
}

/** The knowledge base. Every method throws {@link SluiceApiError} and {@link SluiceConnectionError}. */
export interface KnowledgeApi {
  /**
   * Uploads a file: PDF, DOCX, PPTX, XLSX, EPUB, HTML, CSV, Markdown or text. The same bytes again change nothing.
   *
   * @throws {SluiceApiError} when it is refused, or with `wait` when it cannot be read; `code` says why
   */
  upload(file: FileInput, options?: UploadOptions): Promise<UploadedFile>;
  /** Uploads up to 100 files. What is wrong with one of them is told in its place and does not touch the others. */
  upload(files: readonly FileInput[], options?: UploadOptions): Promise<(UploadedFile | RefusedFile)[]>;
  /** One page of the documents, newest first. */
  list(options?: DocumentPageOptions): Promise<DocumentPage>;
  /** All documents, newest first, page by page as they are asked for. */
  listAll(options?: Omit<DocumentPageOptions, 'cursor'>): AsyncGenerator<KnowledgeDocument, void, void>;
  /** One document. */
  get(id: string, options?: CallOptions): Promise<KnowledgeDocument>;
  /**
   * Ingests the kept bytes again, as the next version: after its collection's settings have changed, or when it failed for a
   * reason that has passed. The version before is found until then. 409 `not_settled` while it is being ingested.
   */
  reingest(id: string, options?: CallOptions): Promise<KnowledgeDocument>;
  /** Replaces the metadata of a document; searches see it at once. */
  describe(id: string, metadata: Metadata, options?: CallOptions): Promise<KnowledgeDocument>;
  /** Deletes a document, its text and its vectors. */
  delete(id: string, options?: CallOptions): Promise<void>;
  /** The extracted text, which the offsets of sources point into. 409 `not_ready` until the document is indexed. */
  text(id: string, options?: TextOptions): Promise<string>;
  /** The progress of a document, to its end, over as many connections as it takes. A failure is thrown. */
  events(id: string, options?: ResumeOptions): AsyncGenerator<DocumentEvent, void, void>;
  /** The documents of a collection (`default` unless given) that have some of these bytes, named by SHA-256 in hex. */
  lookup(
    hashes: readonly string[],
    options?: CallOptions & { collection?: string | undefined },
  ): Promise<KnownDocument[]>;
  /** The passages that fit a query, best first. */
  search(request: SearchRequest, options?: CallOptions): Promise<SearchResult[]>;
  /** Like {@link KnowledgeApi.search}, with what was left out, and whether a reranker made the order. */
  retrieve(request: SearchRequest, options?: CallOptions): Promise<SearchAnswer>;
  /** What the server takes: types, sizes and numbers of files. */
  settings(options?: CallOptions): Promise<KnowledgeSettings>;
}

/** Hashes of one request. */
const LOOKUP_PAGE = 1_000;
const DOCUMENTS = '/api/knowledge/documents';
const documentPath = (id: string) => `${DOCUMENTS}/${encodeURIComponent(id)}`;

/** Builds the knowledge base's part of a client. */
export function createKnowledgeApi(settings: Settings): KnowledgeApi {
  const get = (id: string, { signal }: CallOptions = {}) =>
    requestData<KnowledgeDocument>(settings, { path: documentPath(id), signal });

  const list = ({ limit, cursor, collection, signal }: DocumentPageOptions = {}) => {
    const query = new URLSearchParams();
    if (limit !== undefined) query.set('limit', String(limit));
    if (cursor !== undefined) query.set('cursor', cursor);
    if (collection !== undefined) query.set('collection', collection);
    return requestData<DocumentPage>(settings, { path: `${DOCUMENTS}?${query.toString()}`, signal });
  };

  async function* listAll(options: Omit<DocumentPageOptions, 'cursor'> = {}) {
    let cursor: string | undefined;
    do {
      const page = await list({ ...options, cursor });
      yield* page.documents;
      cursor = page.next_cursor;
    } while (cursor !== undefined);
  }

  async function* events(id: string, { after, signal }: ResumeOptions = {}) {
    const path = `${documentPath(id)}/events`;
    const request = (cursor: string | undefined) => eventsRequest(path, cursor);
    for await (const batch of follow(settings, { request, decode: decodeDocumentFrame, after, signal }))
      yield* batch;
  }

  const retrieve = (request: SearchRequest, { signal }: CallOptions = {}) =>
    requestData<SearchAnswer>(settings, postJson('/api/knowledge/search', request, signal));

  function upload(file: FileInput, options?: UploadOptions): Promise<UploadedFile>;
  function upload(
    files: readonly FileInput[],
    options?: UploadOptions,
  ): Promise<(UploadedFile | RefusedFile)[]>;
  function upload(files: FileInput | readonly FileInput[], options: UploadOptions = {}) {
    const calls = { get, events };
    return 'name' in files
      ? uploadOne(settings, calls, files, options)
      : uploadMany(settings, calls, files, options);
  }

  return {
    upload,
    list,
    listAll,
    get,
    events,
    reingest: (id, { signal } = {}) =>
      requestData<KnowledgeDocument>(settings, {
        method: 'POST',
        path: `${documentPath(id)}/reingest`,
        signal,
      }),
    describe: (id, metadata, { signal } = {}) =>
      requestData<KnowledgeDocument>(settings, sendJson('PATCH', documentPath(id), { metadata }, signal)),
    async delete(id, { signal } = {}) {
      await requestText(settings, { method: 'DELETE', path: documentPath(id), signal });
    },
    text: (id, { version, signal } = {}) =>
      requestText(settings, {
        path: `${documentPath(id)}/text${version === undefined ? '' : `?version=${version}`}`,
        signal,
      }),
    async lookup(hashes, { collection, signal } = {}) {
      const known: KnownDocument[] = [];
      for (let i = 0; i < hashes.length; i += LOOKUP_PAGE) {
        const body = { hashes: hashes.slice(i, i + LOOKUP_PAGE), collection };
        const post = postJson('/api/knowledge/lookup', body, signal);
        known.push(...(await requestData<{ documents: KnownDocument[] }>(settings, post)).documents);
      }
      return known;
    },
    search: async (request, options) => (await retrieve(request, options)).results,
    retrieve,
    settings: ({ signal } = {}) =>
      requestData<KnowledgeSettings>(settings, { path: '/api/knowledge/settings', signal }),
  };
}

const NAMED: ReadonlySet<string> = new Set<DocumentEvent['type']>([
  'queued',
  'started',
  'progress',
  'continued',
  'reset',
  'done',
  'cancelled',
]);

function decodeDocumentFrame(frame: Frame): DocumentEvent | undefined {
  if (frame.event === undefined || !NAMED.has(frame.event)) return undefined;
  return decodeNamed<DocumentEvent>(frame);
}
