import { knowledgeErrors, knowledgeFaults } from './knowledge-errors.ts';

export const knowledge = {
  title: 'Knowledge',
  error: knowledgeErrors,
  fault: knowledgeFaults,
  passage: {
    title: 'Document',
    page: 'Page {page}',
    pages: 'Pages {first}–{last}',
    version: 'Version {version}',
    characters: '{count} character | {count} characters',
    headings: 'Headings above the passage',
    outdated:
      'The document has a newer version since then. This passage is from the earlier one, whose text is no longer kept:',
    open_current: 'Open the version of now',
    more_before: 'Show what comes before',
    more_after: 'Show what comes after',
  },
} as const;
