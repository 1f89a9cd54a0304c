/** Letters of 5 by 7 dots, a row of hexadecimal digits each, the highest bit on the left. */
const LETTERS: Record<string, string> = {
  A: '0e11111f111111',
  C: '0e11101010110e',
  D: '1e11111111111e',
  E: '1f10101e10101f',
  G: '0e11101711110f',
  H: '1111111f111111',
  I: '0e04040404040e',
  K: '11121418141211',
  L: '1010101010101f',
  N: '11191513111111',
  O: '0e11111111110e',
  P: '1e11111e101010',
  R: '1e11111e141211',
  S: '0f10100e01011e',
  T: '1f040404040404',
  U: '1111111111110e',
  W: '11111115151b11',
};
const DOT = 4;

/** The neighbours of a dot that a pen reaches from it, without going back. */
const NEIGHBOURS = [
  [1, 0],
  [0, 1],
  [1, 1],
  [-1, 1],
] as const;

/** Content of a PDF page with lines of capital letters that are drawn with a pen, so that it holds no text. */
export function drawText(...lines: string[]): string {
  const strokes: string[] = [];
  for (const [row, line] of lines.entries()) {
    for (const [column, letter] of line.split('').entries()) {
      strokes.push(...drawLetter(letter, 60 + column * 6.5 * DOT, 700 - row * 60));
    }
  }
  return `4 w 1 J 1 j\n${strokes.join('\n')}\n`;
}

function drawLetter(letter: string, x: number, y: number): string[] {
  const rows = (LETTERS[letter] ?? '').match(/../g) ?? [];
  const isDot = (column: number, row: number): boolean =>
    column >= 0 && (Number.parseInt(rows[row] ?? '0', 16) & (0x10 >> column)) !== 0;
  const strokes: string[] = [];
  for (const row of rows.keys()) {
    for (const column of [0, 1, 2, 3, 4]) {
      if (!isDot(column, row)) continue;
      for (const [right, down] of NEIGHBOURS) {
        const isCorner =
          right !== 0 && down !== 0 && (isDot(column + right, row) || isDot(column, row + down));
        if (!isDot(column + right, row + down) || isCorner) continue;
        const place = (c: number, r: number): string => `${x + c * DOT} ${y - r * DOT * 1.2}`;
        strokes.push(`${place(column, row)} m ${place(column + right, row + down)} l S`);
      }
    }
  }
  return strokes;
}
