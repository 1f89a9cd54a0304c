import type { Admission, Applicant } from '@sluice/shared/admission/admission';
import { ingestedBy } from '@sluice/shared/contracts/jobs';
import { failUnsettled } from '@sluice/shared/documents';
import { closeLog } from '@sluice/shared/event-log/log';
import type { JobState } from '@sluice/shared/queues';
import type { GatewayDeps } from './context.ts';

export const LOST = 'The job was lost before it ended. Try again.';

/** One kind of job, and how one that nobody has is given up. */
export interface Ward {
  /** What the ids of its jobs begin with. */
  prefix: 'chat_' | 'doc_';
  admission: Admission;
  queue: {
    state(id: string): Promise<JobState>;
    remove(id: string): Promise<unknown>;
    workers(): Promise<number>;
  };
  /** Whether a gateway may still be keeping the bytes of a job that was admitted so long ago and has no log. */
  isBeingKept(job: Address, ageMs: number): Promise<boolean>;
  giveUp(job: Address, code: string, message: string): Promise<void>;
}

/** To keep the bytes of one file, which have been received, never takes longer. */
export const RECEIPT_MS = 600_000;

/** Which job. */
type Address = Pick<Applicant, 'tenant' | 'id'>;

/** All kinds of jobs. */
export function listWards(deps: GatewayDeps): Ward[] {
  const { commands, documents } = deps;
  const endLog = async ({ tenant, id }: Address, code: string, error: string) => {
    const closed = await closeLog(commands, { tenant, jobId: id }, { type: 'failed', code, error });
    if (closed) deps.logger.warn({ tenant, job_id: id, code }, 'ended the log of a job that nobody has');
  };
  const chats = Object.values(deps.lanes).map((lane) => ({
    prefix: 'chat_' as const,
    ...lane,
    isBeingKept: async () => false,
    giveUp: endLog,
  }));
  const failDocument: Ward['giveUp'] = async (job, code, message) => {
    await failUnsettled(documents, job.tenant, job.id, { code, message });
    await endLog(job, code, message);
  };
  const isBeingKept: Ward['isBeingKept'] = async ({ tenant, id }, ageMs) => {
    if (ageMs >= RECEIPT_MS) return false;
    const { documentId, version } = ingestedBy(id);
    // Nobody waits for the bytes of what was deleted or replaced meanwhile.
    return (await documents.find(tenant, documentId))?.version === version;
  };
  return [...chats, { prefix: 'doc_', ...deps.ingest, isBeingKept, giveUp: failDocument }];
}
