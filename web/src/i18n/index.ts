import { computed, watch } from 'vue';
import { createI18n } from 'vue-i18n';
import { chat as enChat } from './en/chat.ts';
import { common as enCommon } from './en/common.ts';
import { knowledge as enKnowledge } from './en/knowledge.ts';
import { ops as enOps } from './en/ops.ts';
import { chat as zhChat } from './zh/chat.ts';
import { common as zhCommon } from './zh/common.ts';
import { knowledge as zhKnowledge } from './zh/knowledge.ts';
import { ops as zhOps } from './zh/ops.ts';

export const LOCALES = ['en', 'zh'] as const;
export type Locale = (typeof LOCALES)[number];

const KEY = 'sluice.locale';
const TAGS: Record<Locale, string> = { en: 'en', zh: 'zh-CN' };

function chooseLocale(): Locale {
  const saved = localStorage.getItem(KEY);
  return LOCALES.find((name) => name === saved) ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');
}

export const i18n = createI18n({
  legacy: false,
  locale: chooseLocale(),
  fallbackLocale: 'en',
  messages: {
    en: { common: enCommon, chat: enChat, knowledge: enKnowledge, ops: enOps },
    zh: { common: zhCommon, chat: zhChat, knowledge: zhKnowledge, ops: zhOps },
  },
});

/** The language of the page; setting it changes it, for the next visit too. */
export const locale = computed<Locale>({
  get: () => i18n.global.locale.value,
  set: (value) => {
    i18n.global.locale.value = value;
    localStorage.setItem(KEY, value);
  },
});

/** The language of the page as `Intl` takes it. */
export const languageTag = computed(() => TAGS[locale.value]);

watch(languageTag, (tag) => (document.documentElement.lang = tag), { immediate: true });
