import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { convertHtmlToMarkdown } from './html-to-markdown.ts';

describe('convertHtmlToMarkdown', () => {
  const cases: Record<string, [html: string, markdown: string]> = {
    headings: ['<h1>One</h1><h3>Three <em>x</em></h3>', '# One\n\n### Three x'],
    'paragraphs and entities': ['<p>a &amp; b</p><p>c<br/>d</p>', 'a & b\n\nc\nd'],
    'words of links and emphasis': ['<p><a href="http://x">a <strong>link</strong></a>.</p>', 'a link.'],
    'nested lists': [
      '<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul>',
      '- a\n  1. b\n  2. c\n- d',
    ],
    'a table with merged cells': [
      '<table><tr><td colspan="2"><p>a</p></td></tr><tr><td><p>b</p><p>c</p></td><td></td></tr></table>',
      '| a | |\n| --- | --- |\n| b c |  |',
    ],
    'a table in a table': [
      '<table><tr><td><p>x</p><table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table></td></tr></table>',
      '| x 1 2 3 4 |\n| --- |',
    ],
    'a pipe in a cell': ['<table><tr><td>a|b</td><td>c</td></tr></table>', '| a\\|b | c |\n| --- | --- |'],
    'text that looks like structure': ['<p># a</p><p>```</p><p>x<br/>| y</p>', '\\# a\n\n\\```\n\nx\n\\| y'],
    'notes with several paragraphs': [
      '<p>a<sup><a href="#endnote-7" id="endnote-ref-7">[1]</a></sup></p><ol><li id="endnote-7"><p>b</p><p>c <a href="#endnote-ref-7">↑</a></p></li></ol>',
      'a[^1]\n\n[^1]: b\n    c',
    ],
    'check boxes': ['<p><input type="checkbox" checked="checked"/>done</p>', '[x] done'],
    nothing: ['<p></p><ul><li></li></ul><table></table>', ''],
  };
  for (const [name, [html, markdown]] of Object.entries(cases)) {
    test(name, () => assert.equal(convertHtmlToMarkdown(html), markdown));
  }
});
