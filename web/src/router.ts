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

function nameTab(): void {
  const page = router.currentRoute.value.name;
  if (page !== undefined) document.title = `${i18n.global.t(`common.nav.${String(page)}`)} · Sluice`;
}

router.afterEach((to, from) => {
  nameTab();
  // A screen reader notices no new page by itself; the first one has its own heading.
  if (from.name !== undefined && to.name !== from.name)
    void nextTick(() => document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true }));
});
watch(i18n.global.locale, nameTab);
