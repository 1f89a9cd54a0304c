/** Beyond it, reading the file twice costs more than sending what is there already. */
const MOST_BYTES = 64 * 1024 ** 2;

/**
 * SHA-256 of a file in hex, as the server names bytes; undefined where that is not to be had: for large files, and for pages
 * that come by plain HTTP from another machine, which browsers give no cryptography.
 *
 * @throws {DOMException} `NotReadableError`, `NotFoundError`: the file is not there any more
 */
export async function hashFile(file: Blob): Promise<string | undefined> {
  if (file.size > MOST_BYTES || (globalThis.crypto.subtle as SubtleCrypto | undefined) === undefined)
    return undefined;
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
