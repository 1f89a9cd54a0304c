const LINE_SEPARATORS = /\r\n?|[\u0085\u2028\u2029]/g;
/**
 * What shows nothing, or shows other than what is there: control characters, marks that turn the direction of writing,
 * zero-width characters, the tags that mirror ASCII. Joiners and variation selectors are another matter.
 */
const HIDDEN =
  /[[\p{Cc}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]--[\t\n\p{Join_Control}\p{Variation_Selector}]]/gv;
/** Persian, Indic scripts and emoji need joiners; ASCII, its full-width forms and Han do not. */
const NEEDLESS_JOINERS =
  /(?<=[\p{ASCII}\uff00-\uffef\p{sc=Han}])\p{Join_Control}|\p{Join_Control}(?=[\p{ASCII}\uff00-\uffef\p{sc=Han}])/gv;
/** Of ASCII only keycaps (1️⃣) have selectors. */
const NEEDLESS_SELECTORS = /(?<=[\p{ASCII}--[#*0-9]])\p{Variation_Selector}/gv;
const JOINER_RUNS = /(\p{Join_Control})\p{Join_Control}+/gu;
/** One selector chooses a glyph; a run of them holds hidden bytes. */
const SELECTOR_RUNS = /(\p{Variation_Selector})\p{Variation_Selector}+/gu;

/**
 * Tags that delimit sources, turns, thoughts and tool calls, in the prompts and chat templates of today's models. A
 * server may take them for its own special tokens even within quoted text.
 */
const TAGS = [
  'source',
  'document',
  'context',
  'system',
  'user',
  'assistant',
  'human',
  'developer',
  'instructions?',
  'prompt',
  'tools?',
  'tool_\\w+',
  'function_\\w+',
  'functions?',
  'invoke',
  'parameter',
  'think(?:ing)?',
  'start_of_\\w+',
  'end_of_\\w+',
  'im_\\w+',
  'sys',
  's',
  'bos',
  'eos',
  'sop',
  'eop',
].join('|');
const TAG = new RegExp(`[<＜](?=\\s{0,8}[/／]?\\s{0,8}(?:antml:)?(?:${TAGS})(?![\\w-]))`, 'gi');
const DOUBLE_TAG = /<(?=<\s{0,8}\/?\s{0,8}sys\s{0,8}>>)/gi;
/** `<|im_start|>`, `<|eot_id|>`, and DeepSeek's `<｜User｜>`. */
const SPECIAL_TOKEN = /[<＜](?=\s{0,8}[|｜])/g;
/** Mistral's and Llama 2's `[INST]`, `[TOOL_CALLS]`; ChatGLM's `[gMASK]`. */
const BRACKET_TOKEN =
  /\[(\/?(?:INST|SYSTEM_PROMPT|SYSTEM|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|IMG|THINK|gMASK|sMASK|MASK))\]/g;

/** A line that pretends to begin another turn. */
const ROLE = String.raw`system(?: (?:prompt|message))?|user|human|assistant|ai|developer|tool|function|系统(?:提示词?|消息)?|系統|用户|用戶|使用者|人类|人類|助手|助理|开发者|開發者`;
/** Common words that pretend it only as a heading. */
const HEADED = String.raw`instructions?|response|input|output|指令|指示|回答|输入|输出`;
const LEAD = String.raw`^[ \t\u3000>*_+-]*`;
const END = String.raw`(?=[ \t]{0,8}[*_]{0,3}[ \t]{0,8}[:：])`;
const ROLE_LINE = new RegExp(String.raw`(${LEAD}(?:#{1,6}[ \t]*[*_]*)?)(${ROLE})${END}`, 'gimu');
const HEADED_LINE = new RegExp(String.raw`(${LEAD}#{1,6}[ \t]*[*_]*)(${HEADED})${END}`, 'gimu');

/**
 * What a model is shown of a document's text: without characters that nobody sees, and with everything defused that
 * could pass for a delimiter, a special token or the turn of another speaker. It reads the same. Offsets do not hold.
 */
export function neutralize(text: string): string {
  return removeHidden(text)
    .replace(SPECIAL_TOKEN, '&lt;')
    .replace(DOUBLE_TAG, '&lt;')
    .replace(TAG, '&lt;')
    .replace(BRACKET_TOKEN, '($1)')
    .replace(ROLE_LINE, '$1"$2"')
    .replace(HEADED_LINE, '$1"$2"');
}

/** Of a file name or a path of headings, in UTF-16 code units. */
const LONGEST_ATTRIBUTE = 200;

/** A file name or heading as the value of an attribute: one line, without quotation marks or angle brackets. */
export function toAttribute(text: string): string {
  const line = removeHidden(text).replaceAll(/\s+/g, ' ').trim();
  return neutralize(line)
    .slice(0, LONGEST_ATTRIBUTE)
    .replace(/[\ud800-\udbff]$/, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function removeHidden(text: string): string {
  return text
    .toWellFormed()
    .replace(LINE_SEPARATORS, '\n')
    .replace(HIDDEN, '')
    .replace(SELECTOR_RUNS, '$1')
    .replace(JOINER_RUNS, '$1')
    .replace(NEEDLESS_JOINERS, '')
    .replace(NEEDLESS_SELECTORS, '');
}
