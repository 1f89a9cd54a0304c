/** What a UTF-16 code unit means to the splitter. */
export const CharClass = {
  ordinary: 0,
  /** What `String.prototype.trim` removes. */
  space: 1,
  /** Written without spaces between words, so a word may end at any character. */
  ideographic: 2,
  /** Ends a sentence without a space after it, as `。` does. */
  ideographicStop: 3,
  /** Ends a clause without a space after it, as `，` does. */
  ideographicComma: 4,
  /** Closing brackets and quotes, and other characters that must not begin a line. */
  closing: 5,
  /** Opening brackets and quotes, which must not end a line. */
  opening: 6,
} as const;

const CLASS_MEMBERS: [number, string][] = [
  [CharClass.ideographicStop, '。！？；…｡'],
  [CharClass.ideographicComma, '，、：､'],
  [
    CharClass.closing,
    '）】」』”’》〉〕］｝〗〙〛｣～·・ー々〻ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％％﹚﹜﹞．',
  ],
  [CharClass.opening, '（【「『“‘《〈〔［｛〖〘〚｢﹙﹛﹝'],
];

const IDEOGRAPHIC_RANGES: [number, number][] = [
  [0x2e80, 0x2fdf],
  [0x3005, 0x30ff],
  [0x3100, 0x312f],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
  // High surrogates of the planes 2 and 3, where the rarer ideographs are.
  [0xd840, 0xd888],
];

/** One class for each of the 65,536 code units: a look-up costs less than any comparison chain. */
const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(0x10000);
  for (let code = 0; code < classes.length; code++) {
    if (String.fromCharCode(code).trim() === '') classes[code] = CharClass.space;
  }
  for (const [first, last] of IDEOGRAPHIC_RANGES) classes.fill(CharClass.ideographic, first, last + 1);
  for (const [charClass, members] of CLASS_MEMBERS) {
    for (const member of members) classes[member.charCodeAt(0)] = charClass;
  }
  return classes;
}

/** The class of the code unit at `at`; `space` beyond either end of the text. */
export function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code === code ? (CLASSES[code] ?? CharClass.ordinary) : CharClass.space;
}

/** The first position from `from` on, at most `end`, that holds no white space. */
export function skipSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && classAt(text, at) === CharClass.space) at++;
  return at;
}

/** The last position back from `from`, at least `start`, that has no white space before it. */
export function skipSpaceBack(text: string, from: number, start: number): number {
  let at = from;
  while (at > start && classAt(text, at - 1) === CharClass.space) at--;
  return at;
}

/** Whether the two halves of a surrogate pair lie on either side of `at`. */
export function isInsidePair(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const CLUSTER_WINDOW = 48;
const ZERO_WIDTH_JOINER = 0x200d;

/**
 * Where the grapheme cluster that `at` lies inside begins; `at` itself between two clusters. Exact for clusters of up
 * to 48 code units, save in long runs of flags, whose pairs it may confuse. The segmenter is asked only about characters
 * that can continue a cluster.
 */
export function findClusterStart(text: string, at: number): number {
  const next = text.charCodeAt(at);
  const isHan = next >= 0x3400 && next <= 0x9fff;
  const isKana = next >= 0x3041 && next <= 0x3098;
  const isPunctuation = next >= 0x3001 && next <= 0x3029;
  const standsAlone = next < 0x300 || isHan || isKana || isPunctuation;
  if (standsAlone && text.charCodeAt(at - 1) !== ZERO_WIDTH_JOINER) return at;
  const from = Math.max(0, at - CLUSTER_WINDOW);
  const cluster = graphemes.segment(text.slice(from, at + 2)).containing(at - from);
  return from + (cluster?.index ?? 0);
}
