import { SluiceApiError, SluiceConnectionError } from '@sluice/client';
import { i18n } from './i18n/index.ts';

/** An error as a person is told about it. */
export interface ExplainedError {
  /** What happened and what to do, in the language of the page. */
  text: string;
  /** The stable code, for whoever asks for help. */
  code: string | undefined;
  requestId: string | undefined;
  /** Seconds after which another try makes sense. */
  retryAfter: number | undefined;
}

/** Where the texts of codes are; a page adds its own group, `<page>.error`. */
const GROUPS = ['common.error.code', 'chat.error', 'knowledge.error', 'ops.error'];

/** The text of a code; undefined when the app has none in this language and the server's own sentence has to do. */
export function explainCode(code: string, message = ''): string | undefined {
  const key = GROUPS.map((group) => `${group}.${code}`).find((name) => i18n.global.te(name));
  return key === undefined ? undefined : i18n.global.t(key, { message });
}

/** Explains whatever was thrown. */
export function explainError(error: unknown): ExplainedError {
  const nothing = { code: undefined, requestId: undefined, retryAfter: undefined };
  if (error instanceof SluiceApiError) {
    const { code, requestId, retryAfter } = error;
    return {
      text: explainCode(code, error.message) ?? error.message,
      code,
      requestId,
      retryAfter: retryAfter === undefined ? undefined : Math.ceil(retryAfter),
    };
  }
  if (error instanceof SluiceConnectionError) {
    const key = navigator.onLine ? 'common.error.unreachable' : 'common.error.offline';
    return { ...nothing, text: i18n.global.t(key) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { ...nothing, text: i18n.global.t('common.error.unknown', { message }) };
}
