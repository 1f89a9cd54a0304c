import type { ops as en } from '../en/ops.ts';
import type { Translation } from '../translation.ts';

export const ops: Translation<typeof en> = {
  title: '运维',
};
