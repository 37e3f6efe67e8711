// What a process, a user, a file or a rule may be called to fool whoever reads of it, and what is asked of everything printed.

/** Text as the decoder gives it: U+DCNN is a byte that is not UTF-8. */
export const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ['OSC 52, the clipboard', '\u001b]52;c;cm0gLXJmIC8=\u0007'],
  ['OSC 8, a link', '\u001b]8;;file:///etc/shadow\u001b\\ok\u001b]8;;\u001b\\'],
  ['clearing the screen', '\u001b[2J\u001b[H\u001b[31m'],
  ['a title that answers', '\u001b[21t\u001b]0;x\u0007'],
  ['C1 as characters', '\u009b31m\u0090q\u009c\u0085'],
  ['C1 as bytes', '\udc9b31m\udc90q\udc9c'],
  ['right-to-left override', 'invoice\u202efdp.exe\u2066\u2069'],
  ['zero width, BOM, tags, format characters', 'a\u200b\ufeffb\u{e0041}\u3164\ufff9\u0600'],
  ['line breaks', 'a\n2026-01-01 00:00:00  critical  Fake  root@host\r\nb\u2028c\u2029d'],
  ['backspaces', 'safe\b\b\b\b\u007fevil'],
  ['bytes that are not UTF-8', 'x\udcff\udcfe\udcc3'],
  ['an overlong slash', '..\udcc0\udcaf..'],
  ['surrogates as bytes', '\udced\udca0\udc80\udced\udcb0\udc80'],
  ['half a character', 'caf\udcc3'],
  ['a prototype', '__proto__'],
  ['a constructor', 'constructor'],
  ['JSON', '"},{"kibana":{"alert":{"uuid":"0"}},"a":"\\'],
  ['CSI in one of two', 'x\u001b'],
  ['wildcards', '*?[a-z]\\*'],
  ['a format', '%s%n{}$x'],
  ['32 KiB', 'A'.repeat(32_000)],
  ['32 KiB of escapes', '\u001b\udcff'.repeat(8000)],
];

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
/** What terminal.ts paints with. */
const COLORS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]+m`, 'g');

/** in: what was written to a terminal or a pipe; out: the first character that does more than show itself; undefined: none. */
export function unsafeIn(output: string, painted = false): string | undefined {
  const text = (painted ? output.replace(COLORS, '') : output).replaceAll('\n', '');
  const found = UNSAFE.exec(text);
  if (found === null) return undefined;
  const code = found[0].codePointAt(0)!.toString(16);
  return `U+${code} in ${JSON.stringify(text.slice(Math.max(0, found.index - 40), found.index + 40))}`;
}
