/** Where the words for a queue are, by the name that the server has for it. */
const KEYS: Record<string, string> = {
  chat: 'ops.queue_name.interactive',
  'chat-background': 'ops.queue_name.background',
  ingest: 'ops.queue_name.ingest',
};

/** A queue in the language of the page; one that the page does not know keeps its name. */
export function nameQueue(name: string, t: (key: string) => string): string {
  const key = KEYS[name];
  return key === undefined ? name : t(key);
}
