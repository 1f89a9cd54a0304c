import type { KnowledgeSettings } from '@sluice/client';
import type { PickedFile } from './picked-files.ts';

/** A file that is not worth sending: the server would refuse it. */
export interface RefusedPick {
  picked: PickedFile;
  /** As the server would call it. */
  code: 'unsupported_type' | 'too_large' | 'empty';
}

/** What there is to send. */
export interface CheckedFiles {
  taken: PickedFile[];
  refused: RefusedPick[];
  /** Files of folders that are of other types, by their ending; the user did not choose them one by one. */
  leftOut: Map<string, number>;
}

/** Files that are uploaded one by one, each with its own progress; more make a batch. */
export const MOST_SINGLE_UPLOADS = 20;

/** Sorts out what the server would refuse for its name or size, so that it is said at once. */
export function checkFiles(picks: readonly PickedFile[], settings: KnowledgeSettings): CheckedFiles {
  const checked: CheckedFiles = { taken: [], refused: [], leftOut: new Map() };
  for (const picked of picks) {
    const code = refusalOf(picked, settings);
    if (code === undefined) checked.taken.push(picked);
    else if (code === 'unsupported_type' && !picked.isNamed) {
      const ending = endingOf(picked.path) || '?';
      checked.leftOut.set(ending, (checked.leftOut.get(ending) ?? 0) + 1);
    } else checked.refused.push({ picked, code });
  }
  return checked;
}

/** Whether the files go as a batch: archives are unpacked in batches only. */
export function isForBatch(picks: readonly PickedFile[]): boolean {
  return picks.length > MOST_SINGLE_UPLOADS || picks.some(({ path }) => isArchive(path));
}

function refusalOf(
  { file, path }: PickedFile,
  { endings, file_bytes, archive_bytes }: KnowledgeSettings,
): RefusedPick['code'] | undefined {
  if (!isArchive(path) && !Object.hasOwn(endings, endingOf(path))) return 'unsupported_type';
  if (file.size === 0) return 'empty';
  return file.size > (isArchive(path) ? archive_bytes : file_bytes) ? 'too_large' : undefined;
}

function isArchive(path: string): boolean {
  return endingOf(path) === '.zip';
}

/** With its dot, in lower case; '' for a name without one. A dot that begins a name is none. */
export function endingOf(path: string): string {
  const name = path.trim().split('/').at(-1) ?? '';
  const dot = name.lastIndexOf('.');
  return dot > 0 ? name.slice(dot).toLowerCase() : '';
}
