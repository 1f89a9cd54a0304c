import type { HLJSApi } from 'highlight.js';
import { ref } from 'vue';

/** Longer code stays plain: highlighting takes time that grows with it. */
const MOST_CHARACTERS = 40_000;
const MOST_KEPT = 200;

let highlighter: HLJSApi | undefined;
let loading: Promise<void> | undefined;
const kept = new Map<string, string>();

/** Whether code is coloured: what was rendered before that is to be rendered again. */
export const canHighlight = ref(false);

/** Fetches the highlighter, a third of the app's size, when there is code to show. */
export function loadHighlighter(): Promise<void> {
  loading ??= import('highlight.js/lib/common').then((module) => {
    highlighter = module.default;
    canHighlight.value = true;
  });
  return loading;
}

/** The HTML of code in colours; undefined where it is to stay plain. */
export function highlight(code: string, language: string): string | undefined {
  if (!highlighter?.getLanguage(language) || code.length > MOST_CHARACTERS) return undefined;
  const key = `${language}\0${code}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const { value } = highlighter.highlight(code, { language, ignoreIllegals: true });
  if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value ?? '');
  kept.set(key, value);
  return value;
}
