import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { z } from 'zod';
import {
  chatAnswerSchema,
  chatRequestSchema,
  chatStateSchema,
  type knowledgeSchema,
  type modelsSchema,
} from '@sluice/shared/contracts/chat';
import type {
  batchItemSchema,
  batchSchema,
  createBatchSchema,
  knownHashSchema,
} from '@sluice/shared/contracts/batches';
import { recordSchema, type LogRecord, type sourceSchema } from '@sluice/shared/contracts/events';
import {
  acceptedUploadSchema,
  collectionSchema,
  type collectionSettingsSchema,
  documentSchema,
  indexedUploadSchema,
  knowledgeSettingsSchema,
  refusedUploadSchema,
  searchAnswerSchema,
  searchRequestSchema,
} from '@sluice/shared/contracts/knowledge';
import type { opsSessionSchema, opsSnapshotSchema } from '@sluice/shared/contracts/ops';
import { renderChatEntry, renderDocumentEntry } from '../../services/gateway/src/renderers/native.ts';
import { createClient } from './index.ts';
import type {
  Batch,
  BatchItem,
  ChatAnswer,
  ChatEvent,
  ChatRequest,
  ChatState,
  Collection,
  CollectionSettings,
  CreateBatchRequest,
  DocumentEvent,
  KnowledgeDocument,
  KnowledgeOptions,
  KnowledgeSettings,
  KnownDocument,
  Models,
  OpsSession,
  OpsSnapshot,
  RefusedFile,
  SearchAnswer,
  SearchRequest,
  SearchResult,
  Source,
  UploadedFile,
} from './index.ts';

/** A type with all its intersections and Omits worked out. */
type Flat<T> = T extends (infer U)[] ? Flat<U>[] : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Equal<A, B> =
  (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : false;
type Event<E, T> = Omit<Extract<E, { type: T }>, 'type' | 'cursor'>;
type Logged<T> = Omit<Extract<LogRecord, { type: T }>, 'type'>;
type Delta = Logged<'delta'>;

/** Does not compile unless every type that is written by hand is the one of the gateway's schemas. */
const sameTypes: true[] = [
  true satisfies Equal<ChatRequest, Omit<z.input<typeof chatRequestSchema>, 'stream'>>,
  true satisfies Equal<boolean | KnowledgeOptions, z.input<typeof knowledgeSchema>>,
  true satisfies Equal<ChatState, z.infer<typeof chatStateSchema>>,
  true satisfies Equal<ChatAnswer, z.infer<typeof chatAnswerSchema>>,
  true satisfies Equal<Models, z.infer<typeof modelsSchema>>,
  true satisfies Equal<Source, z.infer<typeof sourceSchema>>,
  true satisfies Equal<KnowledgeDocument, z.infer<typeof documentSchema>>,
  true satisfies Equal<Omit<UploadedFile, 'chunks'>, z.infer<typeof acceptedUploadSchema>>,
  true satisfies Equal<
    Omit<UploadedFile, 'chunks'> & { chunks: number },
    z.infer<typeof indexedUploadSchema>
  >,
  true satisfies Equal<RefusedFile, z.infer<typeof refusedUploadSchema>>,
  true satisfies Equal<Batch, z.infer<typeof batchSchema>>,
  true satisfies Equal<BatchItem, z.infer<typeof batchItemSchema>>,
  true satisfies Equal<CreateBatchRequest, z.input<typeof createBatchSchema>>,
  true satisfies Equal<OpsSnapshot, z.infer<typeof opsSnapshotSchema>>,
  true satisfies Equal<OpsSession, z.infer<typeof opsSessionSchema>>,
  true satisfies Equal<KnownDocument, z.infer<typeof knownHashSchema>>,
  true satisfies Equal<SearchRequest, z.input<typeof searchRequestSchema>>,
  true satisfies Equal<SearchAnswer, z.infer<typeof searchAnswerSchema>>,
  true satisfies Equal<KnowledgeSettings, z.infer<typeof knowledgeSettingsSchema>>,
  true satisfies Equal<CollectionSettings, z.input<typeof collectionSettingsSchema>>,
  true satisfies Equal<Collection, z.input<typeof collectionSchema>>,
  true satisfies Equal<Event<ChatEvent, 'queued'>, Logged<'queued'>>,
  true satisfies Equal<Event<ChatEvent, 'started'>, Logged<'started'>>,
  true satisfies Equal<Event<ChatEvent, 'sources'>, Logged<'sources'>>,
  true satisfies Equal<Event<ChatEvent, 'continued'>, Logged<'continued'>>,
  true satisfies Equal<Event<ChatEvent, 'reset'>, Logged<'reset'>>,
  true satisfies Equal<Event<ChatEvent, 'usage'>, Logged<'usage'>>,
  true satisfies Equal<Event<ChatEvent, 'content'>, { content: NonNullable<Delta['content']> }>,
  true satisfies Equal<Event<ChatEvent, 'reasoning'>, { reasoning: NonNullable<Delta['reasoning']> }>,
  true satisfies Equal<Event<ChatEvent, 'tool_calls'>, { tool_calls: NonNullable<Delta['tool_calls']> }>,
  true satisfies Equal<Event<DocumentEvent, 'progress'>, Logged<'progress'>>,
  true satisfies Equal<Event<DocumentEvent, 'done'>, Logged<'done'>>,
  true satisfies Equal<
    ChatEvent['type'] | DocumentEvent['type'],
    'accepted' | 'content' | 'reasoning' | 'tool_calls' | Exclude<LogRecord['type'], 'delta' | 'failed'>
  >,
];

const source: Source = {
  n: 1,
  document_id: 'doc_1',
  filename: 'a.pdf',
  version: 1,
  chunk_index: 0,
  page: 2,
  page_end: 3,
  headings: ['A'],
  start: 0,
  end: 4,
  score: 0.5,
  text: 'Text',
};
const usage = { prompt_tokens: 1, completion_tokens: 2, estimated: true, dropped_citations: 1 };

/** Reads frames of the gateway's renderer through the client. */
function readBack(frames: string) {
  const headers = { 'content-type': 'text/event-stream' };
  return createClient({ baseUrl: '', fetch: async () => new Response(frames, { headers }) });
}

describe('contract', () => {
  it('has the types of the schemas', () => {
    assert.ok(sameTypes.every(Boolean));
  });

  it('writes what the schemas take, and has all that they know', () => {
    const request: Required<ChatRequest> = {
      messages: [{ role: 'user', content: 'Hello?' }],
      model: 'm',
      temperature: 1,
      max_tokens: 5,
      knowledge: {
        documents: ['doc_1'],
        collections: ['c'],
        metadata: { year: ['2026'] },
        top_k: 3,
        min_score: 0.1,
      } satisfies Required<KnowledgeOptions>,
      user: 'u',
      priority: 'background',
    };
    assert.deepEqual(chatRequestSchema.parse({ ...request, stream: true }), { ...request, stream: true });
    const search: Required<SearchRequest> = {
      query: 'q',
      top_k: 1,
      min_score: 0,
      documents: ['doc_1'],
      collections: ['c'],
      metadata: { year: 2026, team: ['a', 'b'] },
      mode: 'hybrid',
      rerank: true,
      neighbours: false,
    };
    assert.deepEqual(searchRequestSchema.parse(search), search);
    const result: SearchResult = { ...source, scores: { dense: 0.5, lexical: 7, fused: 0.5, rerank: 0.9 } };
    const dropped = { min_score: 1, near_duplicate: 2, token_budget: 3 };
    const found: SearchAnswer = { results: [result], reranked: true, dropped };
    assert.deepEqual(searchAnswerSchema.parse(found), found);
    const settings: Required<KnowledgeSettings> = {
      endings: { '.pdf': 'pdf' },
      file_bytes: 1,
      upload_files: 2,
      batch_upload_files: 3,
      archive_bytes: 4,
      archive_unpacked_bytes: 5,
      archive_entries: 6,
      rerank: true,
    };
    assert.deepEqual(knowledgeSettingsSchema.parse(settings), settings);
    const chunking = { size: 100, overlap: 10, unit: 'tokens' as const };
    const collection: Required<Collection> = {
      name: 'c',
      documents: 1,
      description: 'd',
      chunking,
      formats: { pdf: chunking },
    };
    assert.deepEqual(collectionSchema.parse(collection), collection);
    const answer: Required<ChatAnswer> = {
      id: 'chat_1',
      content: 'c',
      finish_reason: 'stop',
      usage,
      sources: [source],
    };
    assert.deepEqual(chatAnswerSchema.parse(answer), answer);
    const error = { code: 'c', message: 'm', retry_after: 1 };
    const state: Required<ChatState> = { ...answer, status: 'done', error };
    assert.deepEqual(chatStateSchema.parse(state), state);
    const file: Required<UploadedFile> = {
      id: 'doc_1',
      filename: 'a.pdf',
      hash: 'h',
      status: 'ready',
      duplicate: true,
      version: 1,
      chunks: 1,
    };
    assert.deepEqual(indexedUploadSchema.parse(file), file);
    const { chunks: _chunks, ...accepted } = file;
    assert.deepEqual(acceptedUploadSchema.parse(accepted), accepted);
    const refused: RefusedFile = { filename: 'a.exe', error: { code: 'c', message: 'm' } };
    assert.deepEqual(refusedUploadSchema.parse(refused), refused);
    const document: Required<KnowledgeDocument> = {
      id: 'doc_1',
      tenant: 't',
      filename: 'a.pdf',
      collection: 'default',
      external_id: 'x',
      replace: 'external_id',
      metadata: { year: 2026, team: ['a'], final: true },
      batch: 'batch_1',
      type: 'pdf',
      bytes: 1,
      hash: 'h',
      version: 2,
      indexed_version: 1,
      status: 'failed',
      chunks: 1,
      pages: 1,
      characters: 1,
      error: { code: 'c', message: 'm' },
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
    };
    assert.deepEqual(documentSchema.parse(document), document);
  });

  it('reads every record of a chat as the gateway renders it', async () => {
    const records: LogRecord[] = [
      { type: 'queued', position: 1, estimated_wait_ms: 10 },
      { type: 'started', attempt: 1, model: 'm' },
      { type: 'sources', sources: [source] },
      { type: 'continued', attempt: 2 },
      { type: 'reset', attempt: 3 },
      { type: 'usage', ...usage },
      { type: 'cancelled' },
    ];
    const frames = records.map((record, i) => renderChatEntry({ id: `1-${i + 1}`, record }));
    const read: unknown[] = [];
    for await (const { cursor, ...record } of readBack(frames.join('')).chat.resume('chat_1')) {
      assert.equal(cursor, `1-${read.length + 1}`);
      read.push(recordSchema.parse(record));
    }
    assert.deepEqual(read, records);
    const deltas = [{ content: 'a' }, { reasoning: 'b' }, { tool_calls: [{ id: 'c' }] }];
    const rest = [
      ...deltas.map((delta, i) => renderChatEntry({ id: `1-${i}`, record: { type: 'delta', ...delta } })),
      renderChatEntry({ id: '1-9', record: { type: 'done', finish_reason: 'stop' } }),
    ];
    const events: unknown[] = [];
    for await (const event of readBack(rest.join('')).chat.resume('chat_1')) events.push(event);
    assert.deepEqual(events, [
      { type: 'content', cursor: '1-0', content: 'a' },
      { type: 'reasoning', cursor: '1-1', reasoning: 'b' },
      { type: 'tool_calls', cursor: '1-2', tool_calls: [{ id: 'c' }] },
      { type: 'done', cursor: '1-9' },
    ]);
  });

  it('reads the progress of a document as the gateway renders it', async () => {
    const records: LogRecord[] = [
      { type: 'started', attempt: 1 },
      { type: 'progress', stage: 'embed', done: 1, total: 2 },
      { type: 'done', finish_reason: 'indexed', chunks: 7 },
    ];
    const frames = records.map((record, i) => renderDocumentEntry({ id: `1-${i + 1}`, record }));
    const read: unknown[] = [];
    for await (const { cursor: _cursor, ...record } of readBack(frames.join('')).knowledge.events('doc_1'))
      read.push(recordSchema.parse(record));
    assert.deepEqual(read, records);
    const failed = renderDocumentEntry({
      id: '1-2',
      record: { type: 'failed', error: 'E.', code: 'no_text' },
    });
    await assert.rejects(readBack(failed).knowledge.events('doc_1').next(), {
      code: 'no_text',
      message: 'E.',
    });
  });
});
