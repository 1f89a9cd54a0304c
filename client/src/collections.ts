import type { CallOptions } from './chat.ts';
import type { Settings } from './connection.ts';
import { requestData, requestText, sendJson } from './request.ts';
import type { Collection, CollectionSettings } from './types.ts';

/** Named groups of documents. `default` is always there. */
export interface CollectionsApi {
  /** All of them, by name. */
  list(options?: CallOptions): Promise<Collection[]>;
  /** @throws {SluiceApiError} 404 `unknown_collection` */
  get(name: string, options?: CallOptions): Promise<Collection>;
  /** Creates a collection, or replaces the settings of one; documents that are there stay as they are. */
  put(name: string, settings?: CollectionSettings, options?: CallOptions): Promise<Collection>;
  /** @throws {SluiceApiError} 409 `collection_not_empty`, 404 `unknown_collection` */
  delete(name: string, options?: CallOptions): Promise<void>;
}

const COLLECTIONS = '/api/knowledge/collections';
const collectionPath = (name: string) => `${COLLECTIONS}/${encodeURIComponent(name)}`;

/** Builds the collections' part of a client. */
export function createCollectionsApi(settings: Settings): CollectionsApi {
  return {
    async list({ signal } = {}) {
      const listed = await requestData<{ collections: Collection[] }>(settings, {
        path: COLLECTIONS,
        signal,
      });
      return listed.collections;
    },
    get: (name, { signal } = {}) => requestData<Collection>(settings, { path: collectionPath(name), signal }),
    put: (name, body = {}, { signal } = {}) =>
      requestData<Collection>(settings, sendJson('PUT', collectionPath(name), body, signal)),
    async delete(name, { signal } = {}) {
      await requestText(settings, { method: 'DELETE', path: collectionPath(name), signal });
    },
  };
}
