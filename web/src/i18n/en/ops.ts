export const ops = {
  title: 'Operations',
} as const;
