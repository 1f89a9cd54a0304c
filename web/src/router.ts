import { nextTick, watch } from 'vue';
import { createRouter, createWebHistory } from 'vue-router';
import { i18n } from './i18n/index.ts';

/** The pages, each in a file of its own. The gateway serves the app at exactly these paths (services/gateway/src/routes/web.ts). */
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'chat', component: () => import('./chat/ChatPage.vue') },
    { path: '/knowledge', name: 'knowledge', component: () => import('./knowledge/KnowledgePage.vue') },
    { path: '/ops', name: 'ops', component: () => import('./ops/OpsPage.vue') },
    { path: '/:path(.*)*', redirect: '/' },
  ],
});

// The page was opened before the server was updated, and the part it asks for now has another name: once, a new page helps.
const RELOADED = 'sluice.reloaded-at';
const RELOAD_ONCE_MS = 60_000;
window.addEventListener('vite:preloadError', (event) => {
  if (Date.now() - Number(sessionStorage.getItem(RELOADED)) < RELOAD_ONCE_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  event.preventDefault();
  location.reload();
});

function nameTab(): void {
  const page = router.currentRoute.value.name;
  if (page !== undefined) document.title = `${i18n.global.t(`common.nav.${String(page)}`)} · Sluice`;
}

router.afterEach((to, from) => {
  if (to.name !== from.name) nameTab();
  // A screen reader notices no new page by itself; the first one has its own heading.
  if (from.name !== undefined && to.name !== from.name)
    void nextTick(() => document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
});
watch(i18n.global.locale, nameTab);
