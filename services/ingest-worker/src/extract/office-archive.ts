import { DocumentError } from '@sluice/shared/errors';
import { type Archive, openArchive } from './archive.ts';
import { resolvePath } from './paths.ts';
import { readXml } from './xml.ts';

/** One of the formats of ECMA-376. */
export interface OfficeFormat {
  /** As in "the file is ...". */
  name: string;
  /** The program that saves it again. */
  program: string;
  ending: string;
  /** In the content type of the main part. */
  mainType: string;
  /** Where the main part is when the archive does not say. */
  mainPath: string;
  maxMarkupBytes: number;
}

/** A relationship of a part: `target` is the path of a part, or an address outside the file, which nothing reads. */
export interface Relationship {
  id: string;
  /** The last word of its type, such as `slide`. */
  kind: string;
  target: string;
}

/** The archive of an Office document. */
export interface OfficeArchive extends Archive {
  /** The path of the main part, such as `ppt/presentation.xml`. */
  mainPath: string;
  /** The relationships of a part. */
  relationsOf(path: string): Promise<Relationship[]>;
}

/** The other formats that share the container. */
const OTHER_TYPES: Record<string, string> = {
  macroEnabled: 'a document with macros',
  'wordprocessingml.document.main': 'a Word document',
  'spreadsheetml.sheet.main': 'an Excel workbook',
  'presentationml.presentation.main': 'a PowerPoint presentation',
};

/**
 * Opens a .docx, .pptx or .xlsx under the limits of {@link openArchive}.
 *
 * @throws DocumentError `encrypted`, `type_mismatch` (another Office format, or one with macros), `corrupt`,
 * `too_large_uncompressed`.
 */
export async function openOfficeArchive(bytes: Uint8Array, format: OfficeFormat): Promise<OfficeArchive> {
  const { name, program, ending, maxMarkupBytes } = format;
  const repair = `Open it in ${program}, save it again as ${ending}, and upload the new file.`;
  const archive = await openArchive(bytes, { name, repair, maxMarkupBytes });
  assertContentType(await archive.read('[Content_Types].xml'), archive, format);
  const relationsOf = async (path: string): Promise<Relationship[]> =>
    readRelations(await archive.read(relationsPathOf(path)), path);
  const main = (await relationsOf('')).find(({ kind }) => kind === 'officeDocument');
  const mainPath = main?.target ?? format.mainPath;
  if (!archive.has(mainPath)) throw archive.corrupt(new Error(`no ${mainPath}`));
  return { ...archive, mainPath, relationsOf };
}

function assertContentType(types: string, archive: Archive, { ending, mainType }: OfficeFormat): void {
  if (!types) throw archive.corrupt(new Error('no content types'));
  const found = Object.entries(OTHER_TYPES).find(([type]) => types.includes(type))?.[1];
  if (types.includes(mainType) || !found) return;
  throw new DocumentError(
    'type_mismatch',
    `The name ends in ${ending}, but the file is ${found}. Save it as ${ending} and upload that.`,
  );
}

/** `_rels/.rels` for the archive itself, `ppt/_rels/presentation.xml.rels` for `ppt/presentation.xml`. */
function relationsPathOf(path: string): string {
  const cut = path.lastIndexOf('/') + 1;
  return `${path.slice(0, cut)}_rels/${path.slice(cut)}.rels`;
}

function readRelations(xml: string, base: string): Relationship[] {
  const relations: Relationship[] = [];
  readXml(xml, {
    open(tag, { Id = '', Type = '', Target = '', TargetMode }) {
      if (tag !== 'Relationship' || TargetMode === 'External') return;
      relations.push({
        id: Id,
        kind: Type.slice(Type.lastIndexOf('/') + 1),
        target: resolvePath(Target, base),
      });
    },
  });
  return relations;
}
