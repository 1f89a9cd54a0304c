import DOMPurify from 'dompurify';

const TAGS =
  'a blockquote br button code del div em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong table tbody td th thead tr ul';
/** Those that hold no address; `href` is the one that does. */
const ATTRIBUTES =
  'aria-label class data-copy data-source rel role start style tabindex target title type'.split(' ');

/** The second line of defence behind the renderer, which escapes all marks of the text. */
export function sanitize(html: string): string {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS.split(' '),
    ALLOWED_ATTR: ['href', ...ATTRIBUTES],
    ADD_URI_SAFE_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
  });
}
