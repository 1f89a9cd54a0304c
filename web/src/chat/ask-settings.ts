import type { KnowledgeChoice } from './answer.ts';

/** How the next question is asked. */
export interface AskSettings {
  /** Undefined for the server's default. */
  model: string | undefined;
  knowledge: KnowledgeChoice;
}

const KEY = 'sluice.ask';

/** What was chosen last; undefined on the first visit, or when what is kept is of no use. */
export function recallSettings(storage: Pick<Storage, 'getItem'>): AskSettings | undefined {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? 'null') as Partial<AskSettings> | null;
    const kind = kept?.knowledge?.kind;
    if (kept?.knowledge === undefined || !['off', 'all', 'collections', 'documents'].includes(kind ?? ''))
      return undefined;
    return { model: typeof kept.model === 'string' ? kept.model : undefined, knowledge: kept.knowledge };
  } catch {
    return undefined;
  }
}

/** Keeps the choice for the next visit. */
export function rememberSettings(storage: Pick<Storage, 'setItem'>, settings: AskSettings): void {
  storage.setItem(KEY, JSON.stringify(settings));
}
