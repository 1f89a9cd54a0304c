import type { knowledge as en } from '../en/knowledge.ts';
import type { Translation } from '../translation.ts';

export const knowledge: Translation<typeof en> = {
  title: '知识库',
};
