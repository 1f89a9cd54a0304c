import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { writeEpub } from '../../../../tests/helpers/office.ts';
import { extractEpub } from './epub.ts';

async function extract(epub: Buffer): Promise<string> {
  const { text, syntax } = await extractEpub(new Uint8Array(epub));
  assert.equal(syntax, 'markdown');
  return text;
}

const NCX =
  '<ncx><navMap><navPoint><navLabel><text>Prologue</text></navLabel><content src="text/c0.xhtml#top"/></navPoint><navPoint><navLabel><text>Not used</text></navLabel><content src="text/c1.xhtml"/></navPoint></navMap></ncx>';

describe('extractEpub', () => {
  test('gives chapters in reading order, with the titles that the table of contents has', async () => {
    const epub = writeEpub(
      ['<p>It<a id="x"/> began.</p>', '<h1>第一章</h1><p>从前。</p>', '<img src="x.png"/>'],
      {
        'OEBPS/toc.ncx': NCX,
      },
    );
    assert.equal(await extract(epub), '# Prologue\n\nIt began.\n\n# 第一章\n\n从前。');
  });

  test('reads the table of contents of EPUB 3, and leaves the page with it out', async () => {
    const nav =
      '<html><body><nav><ol><li><a href="text/c0.xhtml">One <b>two</b></a></li></ol></nav></body></html>';
    const opf =
      '<package><manifest><item id="n" href="nav.xhtml" properties="nav"/><item id="c" href="text/c0.xhtml"/></manifest><spine><itemref idref="n"/><itemref idref="c"/></spine></package>';
    const epub = writeEpub(['<p>Text</p>'], { 'OEBPS/nav.xhtml': nav, 'OEBPS/book.opf': opf });
    assert.equal(await extract(epub), '# One two\n\nText');
  });

  const spine = (href: string): string =>
    `<package><manifest><item id="c" href="${href}"/></manifest><spine><itemref idref="c"/></spine></package>`;
  const cipher = (path: string): string =>
    `<encryption><EncryptedData><CipherData><CipherReference URI="${path}"/></CipherData></EncryptedData></encryption>`;
  test('reads a book whose fonts are obfuscated', async () => {
    const epub = writeEpub(['<p>Text</p>'], { 'META-INF/encryption.xml': cipher('OEBPS/a.otf') });
    assert.equal(await extract(epub), 'Text');
  });

  const refused: Record<string, [epub: Buffer, code: string]> = {
    'rights management': [
      writeEpub(['<p>Text</p>'], { 'META-INF/encryption.xml': cipher('OEBPS/text/c0.xhtml') }),
      'encrypted',
    ],
    'pictures only': [writeEpub(['<img src="1.png"/>']), 'no_text'],
    'no container': [writeEpub(['<p>x</p>'], { 'META-INF/container.xml': '' }), 'corrupt'],
    'chapters outside of the book': [
      writeEpub(['<p>x</p>'], { 'OEBPS/book.opf': spine('../../../../../etc/passwd') }),
      'corrupt',
    ],
    'chapters on the network': [
      writeEpub(['<p>x</p>'], { 'OEBPS/book.opf': spine('http://127.0.0.1/x.xhtml') }),
      'corrupt',
    ],
    'an external entity': [
      writeEpub(['<p>x</p>'], {
        'OEBPS/text/c0.xhtml': '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><html>&e;</html>',
      }),
      'corrupt',
    ],
  };
  for (const [name, [epub, code]] of Object.entries(refused)) {
    test(`refuses ${name}`, () => assert.rejects(extract(epub), { code, message: /^[A-Z].*\.$/ }));
  }
});
