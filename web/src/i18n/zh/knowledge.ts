import type { knowledge as en } from '../en/knowledge.ts';
import type { Translation } from '../translation.ts';
import { knowledgeErrors, knowledgeFaults } from './knowledge-errors.ts';

export const knowledge: Translation<typeof en> = {
  title: '知识库',
  error: knowledgeErrors,
  fault: knowledgeFaults,
  passage: {
    title: '文档',
    page: '第 {page} 页',
    pages: '第 {first}–{last} 页',
    version: '版本 {version}',
    characters: '{count} 个字符',
    headings: '所在章节',
    outdated: '这份文档已有更新的版本。下面的段落来自旧版本，旧版本的全文已不再保留：',
    open_current: '打开当前版本',
    more_before: '显示前面的内容',
    more_after: '显示后面的内容',
  },
};
