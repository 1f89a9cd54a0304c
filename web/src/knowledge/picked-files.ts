/** A file that the user gave. */
export interface PickedFile {
  file: File;
  /** Its path within the folder that was given, the folder's name first; the name of a file given by itself. */
  path: string;
  /** Given by itself, not found in a folder. */
  isNamed: boolean;
}

/** What archivers and file managers leave in folders. */
const LITTER = /^(?:Thumbs\.db|desktop\.ini|__MACOSX)$/i;
const isHidden = (path: string) => path.split('/').some((part) => part.startsWith('.') || LITTER.test(part));

/** The files of an `<input type="file">`, with `webkitdirectory` or without. */
export function readInput(files: Iterable<File>): PickedFile[] {
  return [...files]
    .map((file) => {
      const isNamed = file.webkitRelativePath === '';
      return { file, path: isNamed ? file.name : file.webkitRelativePath, isNamed };
    })
    .filter(({ path, isNamed }) => isNamed || !isHidden(path));
}

/** What of an item of a drop is read. */
export type DroppedItem = Pick<DataTransferItem, 'kind' | 'getAsFile' | 'webkitGetAsEntry'>;

/**
 * The files of a drop, and of the folders in it to the bottom, but hidden ones. Has to be called in the drop's own event:
 * the browser empties the list after it.
 *
 * @throws what reading a folder throws
 */
export async function readDrop(items: Iterable<DroppedItem>): Promise<PickedFile[]> {
  const roots = [...items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found = await Promise.all(
    roots.map(async ({ entry, file }): Promise<PickedFile[]> => {
      if (entry?.isDirectory) return readFolder(entry as FileSystemDirectoryEntry);
      return file ? [{ file, path: file.name, isNamed: true }] : [];
    }),
  );
  return found.flat();
}

async function readFolder(folder: FileSystemDirectoryEntry): Promise<PickedFile[]> {
  const picked: PickedFile[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next; next = folders.pop()) {
    for (const entry of await listFolder(next)) {
      if (isHidden(entry.name)) continue;
      if (entry.isDirectory) folders.push(entry as FileSystemDirectoryEntry);
      else
        picked.push({
          file: await openEntry(entry as FileSystemFileEntry),
          path: pathOf(entry),
          isNamed: false,
        });
    }
  }
  return picked.toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

/** Chromium gives at most 100 entries at a time, and an empty list at the end. */
async function listFolder(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return entries;
    entries.push(...some);
  }
}

function openEntry(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function pathOf({ fullPath }: FileSystemEntry): string {
  return fullPath.replace(/^\//, '');
}
