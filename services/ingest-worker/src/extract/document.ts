/** Where a page lies in the extracted text: UTF-16 offsets, `end` exclusive. */
export interface PageSpan {
  page: number;
  start: number;
  end: number;
}

/** The text of a document as it is chunked, stored and cited. */
export interface ExtractedDocument {
  /** Normalized: `\n` line ends, no NUL or other control characters but tab and newline, NFC. Never blank. */
  text: string;
  /**
   * `markdown` when `#` headings, fences and tables in the text are structure; `records` when `#` headings are and each
   * paragraph is one row of a table; `plain` otherwise.
   */
  syntax: 'markdown' | 'records' | 'plain';
  /** In order; empty where the format has no pages. */
  pages: PageSpan[];
  /** Pages of the source, also those without text; absent where the format has no pages. */
  pageCount?: number;
  /** IANA-like lower-case name of the encoding that a text file was decoded from, such as `gb18030`. */
  encoding?: string;
}
