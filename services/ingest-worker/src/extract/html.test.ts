import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extractHtml } from './html.ts';

function extract(html: string): string {
  return extractHtml(Buffer.from(html)).text;
}

describe('extractHtml', () => {
  const cases: Record<string, [html: string, markdown: string]> = {
    'the title where there is no heading': [
      '<head><title>A &amp;\nB</title></head><h2>c</h2>d',
      '# A & B\n\n## c\n\nd',
    ],
    'the heading of the page rather than its title': ['<title>Site</title><h1>Page</h1>x', '# Page\n\nx'],
    'the main part': ['<header>Menu</header><main><p>Text</p></main><footer>Imprint</footer>', 'Text'],
    'all of a page whose main part is empty': ['<main> </main><p>Text</p>', 'Text'],
    'what a reader sees': [
      '<script>a()</script><style>b{}</style><nav>c</nav><template>d</template><noscript>e</noscript><p hidden>f</p><p style="color:red; display : none">g<b>h</b></p><p aria-hidden="true">i</p><svg><title>j</title></svg><select><option>k</select><!-- l --><p>text</p>',
      'text',
    ],
    'paragraphs of other elements': [
      '<div>a<section>b</section></div><dl><dt>c<dd>d</dl>e',
      'a\n\nb\n\nc\n\nd\n\ne',
    ],
    'preformatted text': ['<pre>\n  a\n\n   ```b\n</pre>', '````\n  a\n\n   ```b\n````'],
    'a table with a caption': [
      '<table><caption>T</caption><thead><tr><th>a<th>b</thead><tbody><tr><td>1<td>2</table>',
      'T\n\n| a | b |\n| --- | --- |\n| 1 | 2 |',
    ],
    'tables for layout': [
      '<table><tr><td>Logo<td><h1>Page</h1>text</table><table role="presentation"><tr><td>more</table>',
      'Logo\n\n# Page\n\ntext\n\nmore',
    ],
    'a column that claims to be endless': ['<table><tr><td colspan="1e9">a</table>', '| a |\n| --- |'],
    'broken mark-up': ['<p>a</div></b><li>b<p>c<td>d', 'a\n- b\n  c\n  d'],
  };
  for (const [name, [html, markdown]] of Object.entries(cases)) {
    test(`gives ${name}`, () => assert.equal(extract(html), markdown));
  }

  test('decodes as the page declares itself, unless its bytes are UTF-8', () => {
    const gbk = Buffer.concat([Buffer.from('<meta charset="gbk"><p>'), Buffer.from('bbf9', 'hex')]);
    assert.deepEqual([extractHtml(gbk).text, extractHtml(gbk).encoding], ['基', 'gb18030']);
    const western = Buffer.from(
      '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">\u00cf\u00f0\u00e8',
      'latin1',
    );
    assert.equal(extractHtml(western).text, 'При');
    assert.equal(extract('<meta charset="gbk"><p>基本</p>'), '基本');
    assert.equal(extract('<meta charset="no-such-thing"><p>基本</p>'), '基本');
  });

  test('refuses what has no text, and what makes no sense', () => {
    assert.throws(() => extract('<div id="app"></div><script>render()</script>'), { code: 'no_text' });
    assert.throws(() => extract('<div>'.repeat(1e6)), { code: 'corrupt' });
  });
});
