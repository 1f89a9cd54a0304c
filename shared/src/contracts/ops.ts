import { z } from 'zod';

/** What a key may be for; `admin` includes all others. */
export const SCOPES = ['chat', 'knowledge', 'ops', 'admin'] as const;

export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

/** `data` of `POST /api/ops/session`. */
export const opsSessionSchema = z.object({
  scopes: z.array(scopeSchema).meta({ description: 'What the caller may do' }),
  expires_at: z.iso
    .datetime()
    .optional()
    .meta({ description: 'Until when the cookie opens `/ops/queues`; absent where no key is asked for' }),
});
