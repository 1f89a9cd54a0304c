/**
 * What travels between client and gateway, written by hand so that the package stands alone; contract.test.ts proves
 * that it matches the gateway's own schemas.
 */

/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** Retrieval over your documents, with options. */
export interface KnowledgeOptions {
  /** Only these document ids, 1 to 100. */
  documents?: string[] | undefined;
  /** Only documents of these collections, 1 to 20. */
  collections?: string[] | undefined;
  /** Only documents whose metadata fits: every key, by any of its values. */
  metadata?: Metadata | undefined;
  /** Most sources to give to the model, 1 to 50. */
  top_k?: number | undefined;
  /** Least cosine similarity of a source to the question, 0 to 1. */
  min_score?: number | undefined;
}

/** A question. */
export interface ChatRequest {
  /** The conversation, oldest first, with at least one message of the user. */
  messages: ChatMessage[];
  /** The server's `CHAT_MODEL` unless given. */
  model?: string | undefined;
  /** 0 to 2; 0.7 unless given. */
  temperature?: number | undefined;
  /** 1 to 4,096 tokens; 2,000 unless given. */
  max_tokens?: number | undefined;
  /** Whether to look the answer up in your documents; false unless given. */
  knowledge?: boolean | KnowledgeOptions | undefined;
  /** Who asks, for fair sharing of the queue; the address of the caller unless given. */
  user?: string | undefined;
  /** Background chats never delay interactive ones; `interactive` unless given. */
  priority?: 'interactive' | 'background' | undefined;
}

/** The models to choose from. */
export interface Models {
  /** The one that answers when a request names none. */
  default: string;
  /** The default first. */
  models: string[];
}

/**
 * A passage that an answer may cite as `[n]`. `start` and `end` are offsets in UTF-16 code units into the document's
 * text, so that `text === documentText.slice(start, end)`.
 */
export interface Source {
  n: number;
  document_id: string;
  filename: string;
  version: number;
  chunk_index: number;
  page?: number | undefined;
  page_end?: number | undefined;
  /** The headings above the passage, outermost first. */
  headings: string[];
  start: number;
  end: number;
  score: number;
  text: string;
}

/** What an answer cost, in tokens. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  /** True when Sluice counted, because the model sent no figures. */
  estimated?: boolean | undefined;
  /** Citations of sources that do not exist, taken out of the answer; absent when there were none. */
  dropped_citations?: number | undefined;
}

/** Where a chat is in its life. */
export type ChatStatus = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

/** A stable snake_case code, and a sentence for a person. */
export interface Failure {
  code: string;
  message: string;
}

/** A chat as the server has it: its state, and its text so far. */
export interface ChatState {
  id: string;
  status: ChatStatus;
  content: string;
  /** The model's own word, such as `stop` or `length`, once the chat is done. */
  finish_reason?: string | undefined;
  usage?: Usage | undefined;
  sources?: Source[] | undefined;
  error?: (Failure & { retry_after?: number | undefined }) | undefined;
}

/** A finished answer. */
export interface ChatAnswer {
  id: string;
  content: string;
  /** The model's own word, such as `stop` or `length`. */
  finish_reason: string;
  usage?: Usage | undefined;
  sources?: Source[] | undefined;
}

/** Where a document is in its life. */
export type DocumentStatus = 'queued' | 'processing' | 'ready' | 'failed';

/** What a caller knows of a document; each value can be filtered by. */
export type Metadata = Record<string, string | number | boolean | string[]>;

/** A document of the knowledge base. */
export interface KnowledgeDocument {
  id: string;
  tenant: string;
  filename: string;
  collection: string;
  /** The caller's own name for the document. */
  external_id?: string | undefined;
  /** By what later uploads become versions of this document. */
  replace: 'external_id' | 'filename' | 'none';
  metadata: Metadata;
  batch?: string | undefined;
  type: 'pdf' | 'docx' | 'pptx' | 'xlsx' | 'epub' | 'html' | 'csv' | 'markdown' | 'text';
  bytes: number;
  /** SHA-256 of the bytes, hex. */
  hash: string;
  /** The newest; `status` and `error` speak of it. */
  version: number;
  /** The version that search sees; `chunks`, `pages` and `characters` speak of it. */
  indexed_version?: number | undefined;
  status: DocumentStatus;
  chunks?: number | undefined;
  pages?: number | undefined;
  /** Length of the extracted text in UTF-16 code units. */
  characters?: number | undefined;
  error?: Failure | undefined;
  /** ISO 8601. */
  created_at: string;
  /** ISO 8601. */
  updated_at: string;
}

/** One page of documents, newest first. */
export interface DocumentPage {
  documents: KnowledgeDocument[];
  /** Of all pages. */
  total: number;
  /** Where the next page begins; absent on the last. */
  next_cursor?: string | undefined;
}

/** A file that was taken. */
export interface UploadedFile {
  id: string;
  filename: string;
  /** SHA-256 of the bytes, hex. */
  hash: string;
  status: DocumentStatus;
  /** True when the same bytes were uploaded before; nothing is done again. */
  duplicate?: boolean | undefined;
  /** Above 1 when the file replaces an earlier version once it is indexed. */
  version: number;
  /** Passages in the index, when the upload waited for them. */
  chunks?: number | undefined;
}

/** A file that was not taken, or could not be read. */
export interface RefusedFile {
  filename: string;
  error: Failure;
}

/** A search without an answer. */
export interface SearchRequest {
  /** 1 to 4,000 characters. */
  query: string;
  /** Most results, 1 to 50; 5 unless given. */
  top_k?: number | undefined;
  /** Least cosine similarity, 0 to 1. */
  min_score?: number | undefined;
  /** Only these document ids, 1 to 100. */
  documents?: string[] | undefined;
  /** Only documents of these collections, 1 to 20. */
  collections?: string[] | undefined;
  /** Only documents whose metadata fits: every key, by any of its values. */
  metadata?: Metadata | undefined;
  /** By meaning and words unless given, by meaning alone, or by words alone. */
  mode?: 'hybrid' | 'dense' | 'lexical' | undefined;
  /** Whether the server's reranker orders the results; as the server is configured unless given. */
  rerank?: boolean | undefined;
  /** Whether results take in the chunks around those that were found; true unless given. */
  neighbours?: boolean | undefined;
}

/** A passage found, with the score of each stage of retrieval. */
export interface SearchResult extends Source {
  /** Cosine similarity, BM25, the fusion of both, and the reranker's relevance, of its best chunk. */
  scores: {
    dense?: number | undefined;
    lexical?: number | undefined;
    fused: number;
    rerank?: number | undefined;
  };
}

/** What a search found, and what it left out. */
export interface SearchAnswer {
  /** Best first. */
  results: SearchResult[];
  /** Whether the order is the reranker's. */
  reranked: boolean;
  /** Chunks that were found and left out, by the reason. */
  dropped: { min_score: number; near_duplicate: number; token_budget: number };
}

/** What a server takes, and whether it has a reranker. */
export interface KnowledgeSettings {
  /** What file names may end in, in any case (`.pdf`), and what each stands for. */
  endings: Record<string, KnowledgeDocument['type']>;
  /** Most bytes of one file. */
  file_bytes: number;
  /** Most files of one upload. */
  upload_files: number;
  /** Most files of one request that adds to a batch. */
  batch_upload_files: number;
  /** Most bytes of one zip archive, as it is sent; of what it unpacks to; and its most entries. */
  archive_bytes: number;
  archive_unpacked_bytes: number;
  archive_entries: number;
  rerank: boolean;
}

/** How documents are split into chunks. */
export interface Chunking {
  /** 50 to 20,000. */
  size: number;
  /** 0 to half of `size`. */
  overlap: number;
  /** `characters` unless given. */
  unit?: 'characters' | 'tokens' | undefined;
}

/** What a collection is set to. */
export interface CollectionSettings {
  /** Up to 1,000 characters. */
  description?: string | undefined;
  /** Of documents ingested from now on; the server's unless given. */
  chunking?: Chunking | undefined;
  /** In place of `chunking`, for documents of a format. */
  formats?: Partial<Record<KnowledgeDocument['type'], Chunking>> | undefined;
}

/** A named group of documents. */
export interface Collection extends CollectionSettings {
  name: string;
  /** How many there are. */
  documents: number;
}

/** A document whose bytes were asked for. */
export interface KnownDocument {
  /** SHA-256 of the bytes, hex. */
  hash: string;
  id: string;
  filename: string;
  external_id?: string | undefined;
  version: number;
  status: DocumentStatus;
  /** The batch that it came with. */
  batch?: string | undefined;
}
