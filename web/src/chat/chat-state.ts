import { sluice } from '../api.ts';
import { isUnfinished } from './answer.ts';
import { openRecords } from './conversation-records.ts';
import { createConversationStore, openTabChannel } from './conversation-store.ts';
import { createAnswerRunner } from './run-answers.ts';

/** A page that was hidden for longer may have had its connections cut unseen. */
const ASLEEP_MS = 15_000;

/** The conversations, and what fetches their answers: one of each, which outlives the page that shows them. */
export const store = createConversationStore(await openRecords(), openTabChannel(), (conversation) =>
  conversation.turns.some((turn) => runner.isRunning(turn)),
);
export const runner = createAnswerRunner(sluice.chat, store);

await store.load();
resumeAll();

/** Goes on with every answer that is not complete. */
function resumeAll(): void {
  for (const { id } of store.list.value.filter((summary) => summary.isUnfinished)) void resume(id);
}

async function resume(id: string): Promise<void> {
  const conversation = await store.get(id);
  for (const turn of conversation?.turns ?? [])
    if (conversation && isUnfinished(turn.answer)) void runner.run(conversation, turn, false);
}

window.addEventListener('online', () => {
  runner.renew();
  resumeAll();
});
window.addEventListener('pagehide', store.flush);

let hiddenAt = 0;
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') {
    store.flush();
    hiddenAt = Date.now();
    return;
  }
  if (Date.now() - hiddenAt > ASLEEP_MS) runner.renew();
  resumeAll();
});
