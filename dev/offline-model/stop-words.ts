import { tokenize } from '@sluice/shared/text/tokenize';

const ENGLISH =
  'a about all also am an and any are as at be been but by can could did do does for from give had has have how i if in into is it its me my no not of on or our please should so some such tell than that the their them then there these they this those to us was we were what when where which who whom whose why will with would you your';
/** A bigram with one of them says nothing about the topic of a question. */
const CHINESE = /[的了是吗呢啊么吧呀和与在有也都就很请您你我他她它们这那哪怎谁几该]/;

const words = new Set(tokenize(ENGLISH));

/** Whether a token of `tokenize` is too common to say what a text is about. */
export function isStopWord(token: string): boolean {
  return words.has(token) || CHINESE.test(token);
}
