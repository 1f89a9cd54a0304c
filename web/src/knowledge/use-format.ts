import { onMounted, onUnmounted, ref } from 'vue';
import { languageTag } from '../i18n/index.ts';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatScore,
  formatTime,
} from './format.ts';

/** Ages are told by the minute. */
const TICK_MS = 15_000;

/** Numbers, sizes and times in the language of the page, which change when it does; ages grow by themselves. */
export function useFormat() {
  const now = ref(new Date());
  let timer: ReturnType<typeof setInterval> | undefined;
  onMounted(() => (timer = setInterval(() => (now.value = new Date()), TICK_MS)));
  onUnmounted(() => clearInterval(timer));
  return {
    bytes: (amount: number) => formatBytes(amount, languageTag.value),
    count: (amount: number) => formatCount(amount, languageTag.value),
    duration: (seconds: number) => formatDuration(seconds, languageTag.value),
    percent: (share: number) => formatPercent(share, languageTag.value),
    rate: (perSecond: number) => formatRate(perSecond, languageTag.value),
    score: (score: number) => formatScore(score, languageTag.value),
    time: (date: string) => formatTime(date, languageTag.value),
    age: (date: string) => formatAge(date, now.value, languageTag.value),
  };
}
