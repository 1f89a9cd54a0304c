/** How old a conversation is, as the list has it. */
export type Age = 'today' | 'yesterday' | 'week' | 'older';

const DAY_MS = 86_400_000;

/** Groups what is sorted, newest first, by the calendar days of the reader. */
export function groupByAge<T extends { updatedAt: string }>(
  items: readonly T[],
  now: Date,
): { age: Age; items: T[] }[] {
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const ageOf = ({ updatedAt }: T): Age => {
    const at = Date.parse(updatedAt);
    if (at >= today) return 'today';
    if (at >= today - DAY_MS) return 'yesterday';
    return at >= today - 7 * DAY_MS ? 'week' : 'older';
  };
  const groups = new Map<Age, T[]>();
  for (const item of items) groups.set(ageOf(item), [...(groups.get(ageOf(item)) ?? []), item]);
  return [...groups].map(([age, members]) => ({ age, items: members }));
}
