// What a controlling terminal's device number says about it: (major, minor) -> class. Pure; numbers from the kernel's
// Documentation/admin-guide/devices.txt. Called by the enricher (interactive) and by the entry leader.

export type TtyClass = 'pts' | 'serial' | 'console';

const PTS_FIRST = 136;
const PTS_LAST = 143;
const TTY_MAJOR = 4;
const LAST_CONSOLE_MINOR = 63;
const LAST_TTY_MINOR = 255;

/** ttyACM, ttyUSB, the low-density serial ports (ttyAMA, ttySAC, ...), hvc. */
const SERIAL_MAJORS: ReadonlySet<number> = new Set([166, 188, 204, 229]);

/** in: device numbers, 0,0 for none; out: the class, undefined for none or another kind. */
export function ttyClass(major: number, minor: number): TtyClass | undefined {
  if (major >= PTS_FIRST && major <= PTS_LAST) return 'pts';
  if (major === TTY_MAJOR && minor <= LAST_CONSOLE_MINOR) return 'console';
  if (isUart(major, minor) || SERIAL_MAJORS.has(major)) return 'serial';
  return undefined;
}

/** ttyS: the only serial terminals that Elastic's published entry leader knows. */
export function isUart(major: number, minor: number): boolean {
  return major === TTY_MAJOR && minor > LAST_CONSOLE_MINOR && minor <= LAST_TTY_MINOR;
}
