/** The path that `target` means in the part of an archive at `base`; '' when it leads out of it. */
export function resolvePath(target: string, base: string): string {
  const from = base.split('/').map(encodeURIComponent).join('/');
  const url = URL.parse(target, `zip://archive/${from}`);
  if (url?.protocol !== 'zip:' || url.host !== 'archive') return '';
  try {
    return decodeURIComponent(url.pathname.slice(1));
  } catch {
    return '';
  }
}
