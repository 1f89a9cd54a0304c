import { DocumentError } from '@sluice/shared/errors';
import { Parser } from 'htmlparser2';

/** Hears about XML. Tags come without their namespace prefix, attributes as they are written. */
export interface XmlHandlers {
  open?(tag: string, attributes: Record<string, string>): void;
  /** Text with the five entities of XML and numeric ones decoded; one text may come in several pieces. */
  text?(text: string): void;
  close?(tag: string): void;
}

/** Office nests some dozens of elements, web pages some hundreds at worst; browsers stop at 512. */
const MAX_DEPTH = 5000;

/**
 * Reads XML without building a tree, in time linear in its length. Broken XML is read as far as it makes sense, other
 * entities are left as they are written, and nothing outside is ever loaded.
 *
 * @throws DocumentError `corrupt` for elements nested deeper than {@link MAX_DEPTH}.
 */
export function readXml(xml: string, handlers: XmlHandlers): void {
  let depth = 0;
  const parser = new Parser(
    {
      onopentag(tag, attributes) {
        assertDepth(++depth);
        handlers.open?.(localName(tag), attributes);
      },
      ontext: (text) => handlers.text?.(text),
      onclosetag(tag) {
        depth--;
        handlers.close?.(localName(tag));
      },
    },
    { xmlMode: true },
  );
  parser.end(xml);
}

/** htmlparser2 shifts a list of the open elements, so that their depth counts twice. */
export function assertDepth(depth: number): void {
  if (depth <= MAX_DEPTH) return;
  throw new DocumentError(
    'corrupt',
    `The document nests its parts more than ${MAX_DEPTH} levels deep, which makes no sense. Save it again in its own program, and upload the new file.`,
  );
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
