import { ref, watchEffect } from 'vue';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'sluice.theme';
const saved = localStorage.getItem(KEY);

/** What the user wants. */
export const theme = ref<Theme>(THEMES.find((name) => name === saved) ?? 'system');
/** What that comes to: for canvases, which have to be painted again. */
export const shownTheme = ref<'light' | 'dark'>('light');

/** Keeps `<html data-theme>` what the user, or the system, wants. */
export function followTheme(): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const systemIsDark = ref(dark.matches);
  dark.addEventListener('change', () => (systemIsDark.value = dark.matches));
  watchEffect(() => {
    const isDark = theme.value === 'dark' || (theme.value === 'system' && systemIsDark.value);
    shownTheme.value = isDark ? 'dark' : 'light';
    document.documentElement.dataset['theme'] = shownTheme.value;
    localStorage.setItem(KEY, theme.value);
  });
}
