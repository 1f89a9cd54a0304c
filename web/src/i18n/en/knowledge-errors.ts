/** What is wrong with a file, in two or three words: for badges, and for groups of files. */
export const knowledgeFaults = {
  unsupported_type: 'Unknown type of file',
  type_mismatch: 'Not what its name says',
  too_large: 'Too large',
  empty: 'Empty',
  encrypted: 'Password-protected',
  no_text: 'No text in it',
  corrupt: 'Damaged',
  too_large_uncompressed: 'Unpacks to too much',
  resource_limit: 'Too much to read',
  unsafe_path: 'Unsafe path in the archive',
  symbolic_link: 'A link, not a file',
  too_many_files: 'Too many files',
  unreadable: 'Not readable here',
  unknown_hash: 'Not on the server',
  upload_lost: 'Upload broke off',
  upload_timeout: 'Upload took too long',
  storage_unavailable: 'Could not be stored',
  blob_store_unavailable: 'File store away',
  worker_lost: 'Reading was interrupted',
  no_worker: 'No worker running',
  extractor_closed: 'Reading was interrupted',
  log_lost: 'Progress was lost',
  model_unavailable: 'Embedding model away',
  model_timeout: 'Embedding model too slow',
  model_rate_limited: 'Embedding model at its limit',
  model_auth_failed: 'Embedding model refused the key',
  model_rejected_request: 'Embedding model refused it',
  embedding_dimensions_mismatch: 'Wrong embedding size',
  wrong_vector_length: 'Wrong embedding size',
  invalid_vector: 'Unusable embedding',
  vector_store_unavailable: 'Search index away',
  vector_store_mismatch: 'Search index of another model',
  superseded: 'A newer version came',
  deleted: 'Deleted meanwhile',
  cancelled: 'Cancelled',
  internal_error: 'Fault of the server',
} as const;

/** What happened and what to do, by the stable code of an error. Those of every page are in `common.error.code`. */
export const knowledgeErrors = {
  unsupported_type:
    'Files of this type cannot be read. Save it as a PDF, a Word, PowerPoint or Excel file, an EPUB, HTML, CSV, Markdown or plain text, and upload that. Archives have to be plain zip files.',
  type_mismatch:
    'What is in the file is not what its name says. Give it the ending that fits its content, or export it anew from the program that it comes from.',
  too_large:
    'The file is larger than this server takes. Split it, or have UPLOAD_MAX_BYTES raised by whoever runs the server.',
  empty:
    'The file has no content at all. Check the original; it may not have been saved or downloaded completely.',
  encrypted:
    'The file is protected by a password, so that its text cannot be read. Save a copy without the password and upload that.',
  no_text:
    'There is no text in the file. If it is a scan, its pages are pictures: run text recognition (OCR) over it first, or have OCR switched on at the server.',
  corrupt: 'The file is damaged. Open it in its own program, save it again, and upload the new file.',
  too_large_uncompressed:
    'Unpacked, the file is far larger than it may be. Split it into smaller parts, or take out what is not text.',
  resource_limit:
    'Reading the file took more time or memory than one file may have. Split it into smaller parts and upload those.',
  unsafe_path: 'Its path leads out of the archive. Pack the archive again from a normal folder.',
  symbolic_link: 'This is only a link to a file. Put the file itself into the archive.',
  too_many_files:
    'There are more files than the server takes at once. Split the archive, or send the files in several parts.',
  unreadable:
    'Your browser cannot read this file any more: it was moved, changed or deleted since you chose it, or you may not read it. Choose it again.',
  unknown_hash: 'The server does not have the bytes of this file any more. Upload it.',
  upload_lost: 'The upload broke off before the whole file was there. Upload it again.',
  upload_timeout:
    'The upload took longer than the server waits. What came is kept; send the rest again, in smaller parts.',
  storage_unavailable:
    'The server could not store the file: its disk may be full. Once that is mended, upload the file again.',
  blob_store_unavailable:
    'The server cannot reach the store of its files at the moment. Try again in a moment.',
  worker_lost:
    'The programs that tried to read this file stopped each time. Try again; if it happens again, split the file.',
  no_worker:
    'No worker that reads documents is running. Whoever runs the server has to start an ingest-worker; then try again.',
  extractor_closed: 'The reading was interrupted because the server was being restarted. Try again.',
  log_lost: 'The server lost its notes of the progress. Try again.',
  model_unavailable: 'The embedding model cannot be reached. Once it runs again, try again.',
  model_timeout: 'The embedding model took too long to answer. Try again in a moment.',
  model_rate_limited:
    'The embedding model takes no more requests for now: its rate limit or its balance is used up. Try again later.',
  model_auth_failed:
    'The embedding model does not take the key of this server. Whoever runs the server has to correct it.',
  model_rejected_request:
    'The embedding model refused the request. Whoever runs the server finds the reason in its log.',
  embedding_dimensions_mismatch:
    'The embedding model gives vectors of another size than is configured. Whoever runs the server has to set EMBEDDING_DIMENSIONS.',
  wrong_vector_length:
    'The embedding has another size than the index. Whoever runs the server has to check EMBEDDING_DIMENSIONS.',
  invalid_vector:
    'The embedding model gave something that is no vector. Whoever runs the server has to look at the model.',
  vector_store_unavailable: 'The search index cannot be reached at the moment. Try again in a moment.',
  vector_store_mismatch:
    'The search index belongs to another embedding model. Whoever runs the server has to look at it.',
  superseded: 'A newer version of the same document came before this one was ready. There is nothing to do.',
  deleted: 'The document was deleted before it was ready. Upload it again if you want it back.',
  cancelled: 'This was cancelled before it was ready. Upload it again if you want it.',
  no_file: 'No file came with the request. Choose a file and try again.',
  invalid_form:
    'The upload was cut off or changed on its way. Try again; if it happens again, look at the proxy before the server.',
  bad_request: 'The server could not read the request. Reload the page and try again.',
  invalid_json: 'The server could not read the request. Reload the page and try again.',
  unsupported_encoding: 'The server could not read the request. Reload the page and try again.',
  body_too_large: 'There is too much in the request. Make it shorter and try again.',
  field_too_large: 'One of the fields is too long. Make it shorter and try again.',
  unexpected_field:
    'The server does not know this kind of upload; the page may be of another version. Reload it.',
  late_field: 'The server does not know this kind of upload; the page may be of another version. Reload it.',
  unknown_route: 'The server does not know this; the page may be of another version. Reload it.',
  unknown_collection: 'This collection is no longer there. Choose another one, or create it again.',
  collection_not_empty:
    'There are documents in this collection. Delete them first; then the collection can go.',
  batch_closed: 'This import takes no more files. Drop them again to begin another one.',
  batch_ended: 'This import is over; nothing can be changed about it any more.',
  not_settled: 'The document is being ingested already. Wait until it is done.',
  not_ready: 'The text can be shown once the document is ready.',
  version_gone: 'The document has a newer version; the text of this one is no longer kept.',
  no_reranker: 'This server has no reranker. Search without it.',
  invalid_limit: 'That is more than can be asked for at once.',
  invalid_cursor: 'The list has changed too much to go on from here. Load it again.',
  unknown_cursor: 'The progress cannot be followed from here any more. Reload the page.',
  invalid_idempotency_key: 'The request could not be told apart from another one. Try again.',
  idempotency_key_reused: 'The request could not be told apart from another one. Try again.',
  overloaded: 'Too many documents are waiting already. Try again in a few minutes.',
} as const;
