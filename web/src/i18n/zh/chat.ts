import type { chat as en } from '../en/chat.ts';
import type { Translation } from '../translation.ts';

export const chat: Translation<typeof en> = {
  title: '对话',
};
