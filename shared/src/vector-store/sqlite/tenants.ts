import type { DatabaseSync } from 'node:sqlite';

/** Prepares the look-up from a tenant's name to its number; undefined when the tenant never wrote anything. */
export function createTenantLookup(db: DatabaseSync): (name: string) => number | undefined {
  const select = db.prepare('select id from tenants where name = ?');
  return (name) => {
    const row = select.get(name);
    return row && Number(row['id']);
  };
}
